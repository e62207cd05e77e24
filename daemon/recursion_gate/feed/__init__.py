"""The queue's door: entries of a Redis Stream become drops, and nothing else (docs/doors.md, "A queue").

    entry     one entry to the JSON of a drop, and its identity; pure
    stream    the consumer group: read, claim, acknowledge, tell problems
    inbox     where drops go: an inbox on this computer
    over_http where drops go: the HTTP door of a root that is elsewhere
    loop      take, then acknowledge; wait while something is not there

redis and httpx come with the extra ``redis``.

May import: core, formats, clients, service.
"""
