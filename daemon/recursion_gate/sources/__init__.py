"""Sources: files of other programs as drops, and conversations as proposals. One form a module.

May import: core, disk, formats, store, clients, spec, plans.

An importer is a module, or any object, with `ABOUT`, `identify(file)` and `extract(file, options)`
(`entry.Importer`). It knows nothing of users, gates or inboxes: `run` makes ids, leaves out what is known, and writes
the drops through `clients.stage`. Others' importers are found through the entry point group
``recursion_gate.sources``.
"""
