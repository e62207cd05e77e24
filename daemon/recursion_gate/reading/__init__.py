"""The read-only lane: a snapshot without a lock, and the readers, each of which turns it into one answer.

May import: core, disk, formats, store.

========  =====================================================================================
record    the whole Record, in the shape of the companion-self app's ``GET /api/record``
edge      the next focus for THINK, WRITE, WORK and STEWARD
export    the curriculum profile
brief     what a person wants to know before going through the gate
voice     a prompt that keeps an assistant within the Record; the lines that answer a question
========  =====================================================================================

An answer is a pydantic model: `as_json` gives it as it is printed, `recursion-gate schema NAME` its JSON Schema.
"""
