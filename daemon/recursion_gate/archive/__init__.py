"""A user as one file, to take elsewhere: pack, unpack, restore.

May import: core, disk, formats, permissions, store, reading, audit, admin, schemas.
"""
