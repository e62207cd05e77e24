"""The daemon around the engine: loop, run queue, file events, signals, status file.

May import: core, disk, engine, store.
"""
