"""The daemon around the engine: events, run queue, timers, signals, status file.

May import: core, disk, engine, store.
"""
