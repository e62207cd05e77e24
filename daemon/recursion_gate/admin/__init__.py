"""Roots and users: made, listed, removed; and an overview of what waits.

May import: core, disk, formats, permissions, store.
"""
