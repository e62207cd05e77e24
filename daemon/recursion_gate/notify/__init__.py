"""Tell people that something waits: a digest by mail, phone, chat or desktop, from a process of its own (docs/page.md).

    digest    what is new, when to say so, and in which words: pure
    sender    the loop: look, decide, send by Apprise, try again

Apprise comes with the extra ``notify``.

May import: core, disk, formats.
"""
