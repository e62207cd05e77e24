"""The MCP door: agents that speak the Model Context Protocol propose, read, and, where they were given plans, plan and
work on tasks; nothing here decides (docs/doors.md).

    caller      who calls: for which users, under which source, and what for
    proposing   the tools that propose, and the one that tells what became of it
    reading     the tools that read the Record
    planning    the tools for plans and tasks, which write in plans/
    texts       instructions, resources, the prompt for the staging role
    words       errors as sentences for a model
    server      `create_server`: all of it as one server
    stdio       one caller, on standard input and output
    http        callers with tokens, at an address of the HTTP door
    late        that address, loaded by its first call

The SDK comes with the extra ``mcp``.

May import: core, disk, permissions, formats, store, clients, reading, spec, plans, schemas.
"""
