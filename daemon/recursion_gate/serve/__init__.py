"""The HTTP door: agents propose, readers read, each with a token; people decide on their page (docs/doors.md).

    app         `create_app`: the parts that were asked for, behind the guard
    door        what all parts share: root, tokens, keys, limits
    guard       who calls: Host, Origin, token, rate, the size and the pace of a body
    agents      propose entries
    hooks       webhooks; their signatures are checked in `signature`
    fates       what became of one's proposals
    readers     record, edge, export, gate
    problems    errors as problem details (RFC 9457)
    openapi     the description of the routes, from the models
    listen      sockets, and uvicorn
    people/     the page for people: the only part that decides (docs/page.md)

Starlette and uvicorn come with the extra ``serve``.

May import: core, disk, permissions, formats, store, clients,
reading, service, schemas, sources, admin, audit, doctor, plans.
"""
