"""Gate, Record and receipts of one user, read by somebody else: written from the contract's words alone.

Nothing of `recursion_gate` is imported here, and nothing was looked up in it. Where the program and this reading of the
contract differ, one of the two is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: "A merge", 1 to 3: where lines go.
EVIDENCE = ("self-evidence.md", "Activity Log")
DIMENSIONS = {
    "IX-A": ("self-knowledge.md", "Topics / Understanding"),
    "IX-B": ("self-curiosity.md", "Interests"),
    "IX-C": ("self-personality.md", "Observed Voice / Expression"),
}
SKILLS = {skill: (f"self-skill-{skill.lower()}.md", "Activity") for skill in ("THINK", "WRITE", "WORK", "STEWARD")}
#: "A drop": what a section is.
CATEGORIES = {"IX-A": "knowledge", "IX-B": "curiosity", "IX-C": "personality", None: None}

_ACT = r"ACT-[A-Za-z0-9._-]+"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ENTRY = re.compile(rf"- • (?P<text>.+) — (?P<id>{_ACT})")
_LOGGED = re.compile(rf"- (?P<id>{_ACT}) — (?P<summary>.+) — (?P<day>{_DAY}) — (?P<skill>{'|'.join(SKILLS)})")


#: A correction or a retraction strikes the old evidence: it no longer counts.
_STRUCK = re.compile(rf"- {_ACT} — ~~.*~~ \((?:superseded by {_ACT}|retracted {_DAY})\)(?: — .*)?")


class Broken(Exception):
    """What stands on disk is not what the contract promises."""


@dataclass(frozen=True)
class Entry:
    """``- • <text> — <ACT id>``"""

    text: str
    evidence_id: str


@dataclass(frozen=True)
class Logged:
    """``- <ACT id> — <summary> — <YYYY-MM-DD> — <SKILL>``"""

    evidence_id: str
    summary: str
    day: str
    skill: str


@dataclass(frozen=True)
class Reading:
    """All that stands on disk of one user."""

    gate: list[dict[str, Any]]
    receipts: list[dict[str, Any]]
    evidence: list[Logged]
    #: By section (IX-A, ...) and by skill (THINK, ...).
    entries: dict[str, list[Entry]]


def read(root: Path, user: str) -> Reading:
    """One user of a root. Raises Broken."""
    home = root / "users" / user
    evidence, entries = record(home)
    return Reading(
        gate(home / "recursion-gate.json"),
        receipts(root / "receipts" / user / "merge-receipts.jsonl"),
        evidence,
        entries,
    )


# -- "The gate" -------------------------------------------------------------------------------------------------------


def gate(file: Path) -> list[dict[str, Any]]:
    """The candidates that wait, in the order they were staged."""
    if not file.exists():
        return []
    try:
        found = json.loads(file.read_bytes().decode("utf-8"))
    except ValueError as err:
        raise Broken(f"the gate: {err}") from err
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Broken("the gate is not an array of objects")
    for each in found:
        needed = {"id", "raw_text", "skill_tag", "mind_category", "suggested_ix_section", "created_at", "status"}
        if needed - each.keys():
            raise Broken(f"a candidate without {needed - each.keys()}")
        if each["status"] != "pending" or each["skill_tag"] not in SKILLS:
            raise Broken(f"a candidate that is no candidate: {each}")
    if len({each["id"] for each in found}) < len(found):
        raise Broken("a candidate is at the gate twice")
    return found


# -- "A receipt" ------------------------------------------------------------------------------------------------------


def receipts(file: Path) -> list[dict[str, Any]]:
    """The decisions, in their order; the chain is followed."""
    if not file.exists():
        return []
    data = file.read_bytes()
    if data and not data.endswith(b"\n"):
        raise Broken("the last receipt is not whole")
    found: list[dict[str, Any]] = [json.loads(line) for line in data.split(b"\n")[:-1]]
    for number, receipt in enumerate(found, 1):
        if _hash(receipt) != receipt["hash"]:
            raise Broken(f"receipt {number}: the hash is another")
        if receipt["seq"] != number or (number > 1 and receipt["prev_hash"] != found[number - 2]["hash"]):
            raise Broken(f"receipt {number} does not follow the one before")
    decided: set[str] = set()
    for receipt in found:
        candidate_id, action = receipt["candidate_id"], receipt["action"]
        if action == "undone":
            decided.discard(candidate_id)
        elif action != "forgotten" and candidate_id in decided:
            raise Broken("a candidate was decided twice")
        else:
            decided.add(candidate_id)
    return found


_SAID = ("reason", "source", "raw_text", "lines", "removed", "candidate", "approved", "sha256", "card")


def _hash(receipt: dict[str, Any]) -> str:
    """ "A receipt's hash covers salted digests of its personal fields": docs/after-approval.md says which, and how."""
    apart = {"hash", "salt", "old", "old_salt", "erased", "padding", *_SAID}
    rest = {name: value for name, value in receipt.items() if name not in apart and value is not None}
    rest |= {name: value for name, value in receipt.get("erased", {}).items() if name != "bytes"}
    if "salt" in receipt:
        rest["entry"] = _digest(receipt["salt"], {name: receipt[name] for name in _SAID if receipt.get(name)})
    if "old_salt" in receipt and receipt.get("old"):
        rest["old"] = _digest(receipt["old_salt"], receipt["old"])
    return hashlib.sha256(_canonical(rest)).hexdigest()


def _digest(salt: str, said: dict[str, Any]) -> str:
    return hmac.new(salt.encode(), _canonical(said), "sha256").hexdigest()


def _canonical(data: dict[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def counting(receipts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The decisions that were not taken back, and whose words are still there."""
    taken_back = {receipt["undoes"] for receipt in receipts if receipt["action"] == "undone"}
    decided = [r for r in receipts if r["action"] in ("approved", "rejected") and "salt" in r]
    return [receipt for receipt in decided if receipt["seq"] not in taken_back]


# -- "A merge" --------------------------------------------------------------------------------------------------------


def record(home: Path) -> tuple[list[Logged], dict[str, list[Entry]]]:
    """The evidence, and the entries by section and by skill."""
    logged = [
        Logged(m["id"], m["summary"], m["day"], m["skill"]) for m in _matches(_LOGGED, home / EVIDENCE[0], EVIDENCE[1])
    ]
    entries = {
        name: [Entry(m["text"], m["id"]) for m in _matches(_ENTRY, home / file, heading)]
        for name, (file, heading) in {**DIMENSIONS, **SKILLS}.items()
    }
    return logged, entries


def _matches(form: re.Pattern[str], file: Path, heading: str) -> Iterator[re.Match[str]]:
    for line in section(file, heading):
        if (found := form.fullmatch(line)) and not _STRUCK.fullmatch(line):
            yield found


def section(file: Path, heading: str) -> list[str]:
    """The lines of a file's section: it ends before the next heading of its level or above, or before a ``---`` rule
    that stands in front of one."""
    if not file.exists():
        return []
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise Broken(f"{file.name}: {err}") from err
    lines = text.replace("\r\n", "\n").split("\n")
    inside, found = False, []
    for number, line in enumerate(lines):
        if re.match(r"##?(\s|$)", line):
            inside = re.fullmatch(rf"## +{re.escape(heading)}\s*", line) is not None
        elif inside and re.fullmatch(r"---+\s*", line):
            after = next((later for later in lines[number + 1 :] if later.strip()), "")
            inside = not re.match(r"##?(\s|$)", after)
        elif inside:
            found.append(line)
    return found


def one_line(text: str) -> str:
    """ "Text is one line: white space folded, control characters dropped" (those of the writing direction are some)."""
    spaced = "".join(" " if c.isspace() else c for c in text)
    bidirectional = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    kept = (c for c in spaced if unicodedata.category(c) != "Cc" and unicodedata.bidirectional(c) not in bidirectional)
    return " ".join("".join(kept).split())


def owed(receipts: list[dict[str, Any]]) -> Reading:
    """What the Record must hold after these decisions, and no more, if it held nothing before them."""
    evidence: list[Logged] = []
    entries: dict[str, list[Entry]] = {name: [] for name in (*DIMENSIONS, *SKILLS)}
    whose: dict[str, dict[str, Any]] = {}  # by ACT id, or by candidate: what stands for it
    for receipt in counting(receipts):
        if receipt["action"] != "approved":
            if receipt["evidence_id"] is not None or receipt["lines"]:
                raise Broken("a rejection left lines")
            continue
        candidate = receipt.get("approved") or receipt["candidate"]
        text, skill, where = one_line(candidate["raw_text"]), candidate["skill_tag"], candidate["suggested_ix_section"]
        day, evidence_id = candidate["created_at"][:10], receipt["evidence_id"]
        gone = whose.pop(candidate.get("supersedes") or candidate.get("retracts") or "", {})
        if "logged" in gone:
            evidence.remove(gone["logged"])
        made: dict[str, Any] = {}
        if not candidate.get("retracts"):
            if not candidate.get("link_to_evidence_id"):
                if not evidence_id.startswith(f"ACT-{day}-"):
                    raise Broken(f"{evidence_id} is not of {day}")
                summary = one_line(candidate.get("evidence_summary") or "") or text
                made["logged"] = Logged(evidence_id, summary, day, skill)
                evidence.append(made["logged"])
            made["in"] = [name for name in (where, skill) if name is not None]
            made["entry"] = Entry(text, evidence_id)
        for name in made.get("in", []):
            at = entries[name].index(gone["entry"]) if name in gone.get("in", []) else len(entries[name])
            entries[name].insert(at, made["entry"])
        for name in gone.get("in", []):
            entries[name].remove(gone["entry"])
        whose[receipt["candidate_id"]] = made
        if "logged" in made:
            whose[evidence_id] = made
    return Reading([], receipts, evidence, entries)


def receipted(receipts: list[dict[str, Any]]) -> Reading:
    """The same, from the lines that the receipts themselves name."""
    lines: dict[str, list[str]] = {}
    for receipt in counting(receipts):
        old = receipt.get("old") or {"removed": {}, "lines": {}}
        for file, gone in old["removed"].items():
            at = lines[file].index(gone[-1])
            lines[file][at : at + 1] = old["lines"].get(file, [])
            if file != EVIDENCE[0] and file in receipt["lines"]:
                lines[file].insert(at, receipt["lines"][file][-1])
        for file, added in receipt["lines"].items():
            if file == EVIDENCE[0] or file not in old["removed"]:
                lines.setdefault(file, []).extend(added)
    evidence: list[Logged] = []
    entries: dict[str, list[Entry]] = {name: [] for name in (*DIMENSIONS, *SKILLS)}
    name_of = {file: name for name, (file, _) in {**DIMENSIONS, **SKILLS}.items()}
    for file, those in lines.items():
        for line in those:
            if file == EVIDENCE[0] and _STRUCK.fullmatch(line):
                continue
            if file == EVIDENCE[0] and (m := _LOGGED.fullmatch(line)):
                evidence.append(Logged(m["id"], m["summary"], m["day"], m["skill"]))
            elif file in name_of and (m := _ENTRY.fullmatch(line)):
                entries[name_of[file]].append(Entry(m["text"], m["id"]))
            elif line and not line.startswith("## "):  # a section that was missing is made, and listed
                raise Broken(f"a receipt names a line that is no entry: {line}")
    return Reading([], receipts, evidence, entries)
