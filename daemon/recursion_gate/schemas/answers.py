"""The JSON Schemas of the ``--json`` answers that are no pydantic models."""

from __future__ import annotations

from typing import Any

from ..audit.findings import SEVERITIES
from ..core.model import Candidate
from ..core.paths import STATES
from ..core.receipt import IF_THERE, OF_ENTRY, Receipt
from ..reading.hints import Hint

__all__ = [
    "analysed",
    "correct",
    "doctor",
    "fed",
    "forget",
    "forms",
    "imported",
    "pending",
    "people",
    "receipts",
    "show",
    "status",
    "tokens",
    "undo",
    "verify",
]

_Json = dict[str, Any]
_TEXT: _Json = {"type": "string"}
_COUNT: _Json = {"type": "integer", "minimum": 0}
_YES: _Json = {"type": "boolean"}
_STATE: _Json = {"enum": list(STATES[:3]), "description": "The folder that the card is in."}
_CARD: _Json = {
    "type": ["string", "null"],
    "description": "From the root on; null where the daemon has not made it yet.",
}


def _object(fields: _Json, *, maybe: tuple[str, ...] = ()) -> _Json:
    needed = [name for name in fields if name not in maybe]
    return {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}


def _list(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _by_name(values: _Json) -> _Json:
    return {"type": "object", "additionalProperties": values}


def _with(made: _Json, fields: _Json, *, maybe: tuple[str, ...] = ()) -> _Json:
    """The schema of a model, all of which is printed but for `maybe`, with `fields` beside its own."""
    properties = {**fields, **made["properties"]}
    return made | {"properties": properties, "required": [name for name in properties if name not in maybe]}


def _rejected_before() -> _Json:
    rejection = _object({"id": _TEXT, "when": _TEXT, "reason": {"type": ["string", "null"]}})
    return {"anyOf": [rejection, {"type": "null"}], "description": "The last rejection of the same words, if any."}


def pending() -> _Json:
    """The waiting entries, as their cards are now."""
    fields = {"user": _TEXT, "card": _CARD, "state": _STATE, "edited": _YES, "problem": _TEXT}
    fields |= {"rejected_before": _rejected_before()}
    candidate = Candidate.model_json_schema()
    always = ("mind_category", "suggested_ix_section")
    left_out = [k for k, v in candidate["properties"].items() if "null" in str(v.get("anyOf")) and k not in always]
    made = _with(candidate, fields, maybe=("problem", *left_out))
    return {"title": "PendingAnswer", "description": "What waits, each as its card says now.", **_list(made)}


def show() -> _Json:
    candidate = Candidate.model_json_schema()
    line = _object({"file": _TEXT, "heading": _TEXT, "line": _TEXT})
    fields = {
        "user": _TEXT,
        "candidate": candidate | {"description": "As it was staged."},
        "edited": {"anyOf": [candidate, {"type": "null"}], "description": "As its card was edited."},
        "adds": _list(line) | {"description": "The lines that approving it adds to the Record."},
        "goes": _list(line) | {"description": "The lines that approving it takes out."},
        "gone": _list(line) | {"description": "Lines of the entry that is to go which the Record no longer has."},
        "card": _CARD,
        "state": _STATE,
        "hints": _list(Hint.model_json_schema()) | {"description": "What to know before deciding; advisory."},
        "rejected_before": _rejected_before(),
        "taken_back": {
            "type": ["string", "null"],
            "description": "When its last decision was taken back; null where there is none.",
        },
    }
    return {"title": "ShowAnswer", "description": "One candidate that waits.", **_object(fields)}


def receipts() -> _Json:
    made = _with(Receipt.model_json_schema(), {"user": _TEXT}, maybe=(*IF_THERE, *OF_ENTRY))
    parts = made.pop("$defs", {})
    about = {"title": "ReceiptsAnswer", "description": "Decisions that were carried out, oldest first."}
    return {**about, **_list(made), "$defs": parts}


def _findings() -> _Json:
    return _list(
        _object(
            {
                "severity": {"enum": list(SEVERITIES)},
                "code": _TEXT | {"description": "A short, lasting name: docs/verify.md."},
                "user": {"type": ["string", "null"]},
                "where": _TEXT | {"description": "PATH or PATH:LINE, from the root on."},
                "problem": _TEXT,
                "remedy": _TEXT,
            }
        )
    )


def verify() -> _Json:
    names = ("receipts", "approved", "rejected", "undone", "forgotten", "lines", "seq")
    user = {
        "holds": _YES,
        "user": _TEXT,
        **dict.fromkeys(names, _COUNT),
        "pending": {"type": ["integer", "null"], "description": "null where the gate does not parse."},
        "head": _TEXT | {"description": "The hash of the last receipt."},
    }
    fields = {"holds": _YES, "users": _list(_object(user)), "findings": _findings()}
    return {"title": "VerifyAnswer", "description": "Whether it holds, and what was found.", **_object(fields)}


def doctor() -> _Json:
    fields = {"healthy": _YES, "findings": _findings(), "mended": _findings()}
    return {"title": "DoctorAnswer", "description": "What is wrong, and what --fix has mended.", **_object(fields)}


def analysed() -> _Json:
    """The answer of `analyse`."""
    candidate = Candidate.model_json_schema()
    fields = {
        "file": _TEXT,
        "form": _TEXT,
        "user": _TEXT,
        "dry_run": _YES,
        "exchanges": _COUNT | {"description": "How many were new."},
        "pieces": _COUNT | {"description": "In how many pieces they were read."},
        "asked_again": _COUNT | {"description": "How many answers were sent back."},
        "staged": _COUNT | {"description": "With dry_run: how many would be."},
        "waits": _COUNT | {"description": "Exchanges whose proposal waits already."},
        "approved": _COUNT,
        "rejected": _COUNT,
        "left_out": _list(_object({"why": _TEXT, "count": _COUNT})),
        "drops": _list(_TEXT) | {"description": "The files that were written into the inbox."},
        "candidates": _list(candidate) | {"description": "What was found, at most 10,000."},
    }
    return {"title": "AnalyseAnswer", "description": "What was found in conversations.", **_object(fields)}


def forms() -> _Json:
    """The answer of `import --forms`."""
    items = _list(_object({"form": _TEXT, "about": _TEXT}))
    return {"title": "FormsAnswer", "description": "The forms of file that can be imported.", **items}


def imported() -> _Json:
    """The answer of `import`."""
    left_out = _object({"why": _TEXT, "count": _COUNT, "first": _TEXT | {"description": "The first such place."}})
    entry = _object(
        {
            "outcome": {"enum": ["new", "waits", "approved", "rejected", "left out"]},
            "where": _TEXT | {"description": "The place in the file."},
            "why": _TEXT,
            "candidate": {"anyOf": [Candidate.model_json_schema(), {"type": "null"}]},
        }
    )
    fields = {
        "file": _TEXT,
        "form": _TEXT,
        "user": _TEXT,
        "dry_run": _YES,
        "staged": _COUNT | {"description": "With dry_run: how many would be."},
        "suggested": _COUNT | {"description": "Lines that these suggest beside themselves."},
        "waits": _COUNT | {"description": "How many entries of the file wait already."},
        "approved": _COUNT,
        "rejected": _COUNT,
        "left_out": _list(left_out),
        "stopped": _TEXT | {"description": "Why not all of the file was taken; empty where it was."},
        "drops": _list(_TEXT) | {"description": "The files that were written into the inbox."},
        "entries": _list(entry) | {"description": "With dry_run: the places in the file, at most 10,000."},
    }
    return {"title": "ImportAnswer", "description": "What became of a file's entries.", **_object(fields)}


def fed() -> _Json:
    """The answer of `feed`."""
    fields = {
        "taken": _COUNT | {"description": "Entries whose drops are on disk."},
        "refused": _COUNT | {"description": "Entries that went to the stream's problems."},
        "claimed": _COUNT | {"description": "Entries that other consumers had not acknowledged."},
        "waits": _COUNT | {"description": "How often server, disk or door was not there."},
        "unacknowledged": {"type": ["integer", "null"], "description": "What the group still has; null: not known."},
        "stopped": _TEXT | {"description": "Why not all was taken; empty where it was."},
    }
    return {"title": "FeedAnswer", "description": "What a feed has done.", **_object(fields)}


def status() -> _Json:
    fields = {
        "root": _TEXT,
        "alive": {"type": ["boolean", "null"], "description": "null where this account cannot tell."},
        "stuck": _TEXT | {"description": "Why a daemon that is there does no work here; empty where it does."},
        "pid": {"type": ["integer", "null"]},
        "daemon": {"type": "object", "description": "What the daemon said of itself last; it may grow."},
        "disk": _TEXT | {"description": "What is wrong with the disk; empty where nothing is."},
        "waiting": _by_name(_by_name({"type": ["integer", "null"]})),
        "parked": _by_name(_TEXT),
        "resting": _by_name(_by_name({"type": "number"}))
        | {"description": "For how many seconds yet a decision can be taken back."},
        "unknown": _list(_TEXT) | {"description": "Inbox folders of no user."},
        "last": _list(_object({"at": _TEXT, "what": _TEXT, "user": _TEXT, "id": _TEXT})),
    }
    made = _object(fields) | {"additionalProperties": True}
    return {"title": "StatusAnswer", "description": "Whether the daemon runs, what waits, what was done last.", **made}


def tokens() -> _Json:
    fields = {
        "name": _TEXT,
        "users": _list(_TEXT),
        "source": _TEXT | {"description": "The source that it stages under."},
        "stage": _YES,
        "read": _YES,
        "plans": _YES,
        "created_at": _TEXT,
    }
    about = "Who may call the doors, without the tokens."
    return {"title": "TokensAnswer", "description": about, **_list(_object(fields))}


def people() -> _Json:
    fields = {"name": _TEXT | {"description": "As it stands in receipts."}, "created_at": _TEXT}
    about = "Who may sign in to the people's page, without the passphrases."
    return {"title": "PeopleAnswer", "description": about, **_list(_object(fields))}


_DONE: _Json = _YES | {"description": "false: it was asked for, and the daemon has not done it yet."}
_ACT: _Json = {"type": ["string", "null"], "description": "The ACT id."}


def undo() -> _Json:
    fields = {
        "user": _TEXT,
        "id": _TEXT | {"description": "The candidate."},
        "evidence_id": _ACT,
        "decision": {"enum": ["approved", "rejected"]},
        "at": {"type": ["string", "null"], "description": "When; null where it was not carried out yet."},
        "text": _TEXT,
        "diff": _list(_TEXT) | {"description": "What changes in the Record: a unified diff, line by line."},
        "done": _DONE,
    }
    return {"title": "UndoAnswer", "description": "The decision that was taken back.", **_object(fields)}


def correct() -> _Json:
    """The answer of `correct` and of `retract`."""
    fields = {
        "user": _TEXT,
        "id": _TEXT | {"description": "The candidate that corrects or retracts."},
        "about": _TEXT | {"description": "The ACT id of the entry that it is about."},
        "evidence_id": _ACT | {"description": "The ACT id of the correction; null for a retraction, and until done."},
        "state": {"enum": ["dropped", "pending", "approved"], "description": "dropped: the daemon has not staged it."},
        "diff": _list(_TEXT) | {"description": "What changes in the Record: a unified diff, line by line."},
        "done": _DONE,
    }
    return {"title": "CorrectAnswer", "description": "A correction or a retraction.", **_object(fields)}


def forget() -> _Json:
    fields = {
        "user": _TEXT,
        "id": _TEXT | {"description": "The candidate."},
        "evidence_id": _ACT,
        "goes": _list(_TEXT) | {"description": "What goes, in words."},
        "stays": _list(_TEXT) | {"description": "What is out of reach, in words."},
        "done": _DONE,
    }
    return {"title": "ForgetAnswer", "description": "What was forgotten, without its text.", **_object(fields)}
