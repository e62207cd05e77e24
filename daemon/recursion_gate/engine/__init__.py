"""One turn of the daemon's work on one user: observe the folders, decide, apply.

May import: core, disk, formats, permissions, store.
"""
