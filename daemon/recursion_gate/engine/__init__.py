"""One turn of the daemon's work on one user: observe the folders, decide, apply.

`reconcile` gives a user a turn, `turn` is its order. `observe_drops`, `observe_cards` and `pending` read; `decide` and
`links` are pure: observations in, actions out; `apply` performs actions, with `merge`, `record_files`, `filing` and
`refuse`; `recover` finishes what a stop left. `user_state` holds what stays in memory between turns, `settle` which
files have rested.

May import: core, disk, formats, permissions, store.
"""
