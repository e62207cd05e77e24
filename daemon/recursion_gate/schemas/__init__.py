"""The JSON Schemas of every file and every --json answer.

May import: core, formats, audit, reading, plans, spec.
"""
