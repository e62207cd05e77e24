"""Plans and workers: plans as files, tasks whose folder is their state, claims by one rename (docs/plans.md).

May import: core, disk, formats, permissions, store, reading.

`model`, `scopes`, `check`, `schedule` and `render` are pure. `keeper` is the daemon's part: it alone moves tasks back
and makes them ready. `claims` is the workers' part: it only moves tasks forward (ready, claimed, done or failed), so
that a listing in this order misses none, and needs no lock.
"""
