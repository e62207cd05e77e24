"""The lanes outside the daemon: stage a drop, move a card; and what all doors share: tokens, keys, fates.

May import: core, disk, formats, permissions, store.
"""
