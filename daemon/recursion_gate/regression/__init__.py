"""The cases and the samples in fixtures/, run on this program: what `check` does.

May import: core, disk, formats, sources, admin, service.
"""
