"""The specification's texts, and the part of it that each role needs.

May import: core, formats, reading.
"""
