"""The lanes outside the daemon: stage a drop, move a card.

May import: core, disk, formats, permissions, store.
"""
