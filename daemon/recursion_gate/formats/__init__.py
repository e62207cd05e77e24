"""The formats as pure functions, bytes in and a decision out: drops, cards, front matter, Record files.

May import: core.
"""
