"""The cases in fixtures/, run on this program: what `check` does.

May import: core, disk, formats, admin, service.
"""
