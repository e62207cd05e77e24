"""Who may write where: lanes, ownership, access control lists; applied and checked.

May import: core, disk.
"""
