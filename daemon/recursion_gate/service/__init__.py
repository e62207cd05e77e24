"""The daemon around the engine: loop, run queue, file events, signals, status file.

May import: core, disk, formats, engine, reading, store, plans.
"""
