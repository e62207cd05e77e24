"""What an account that may only drop tries in order to read, change, write, merge, forge, replay or disturb, and what
denies it. docs/security.md has the same list; test_lanes.py makes each attempt and holds the list against the page."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATTEMPTS", "DROPS", "Attempt", "Denied", "Drop"]


@dataclass(frozen=True)
class Denied:
    """One line of the page's table."""

    kind: str
    what: str
    #: What denies it.
    by: str


@dataclass(frozen=True)
class Attempt(Denied):
    """Something that the system itself denies. The script gets $1 the root, $2 alex's inbox, $3 the name of a card
    that waits, $4 its id, $5 the daemon's pid, $6 a Python, $7 how to start recursion-gate."""

    script: str
    #: What it says when it is denied.
    says: str = "ermission denied"
    #: Which account tries.
    who: str = "agent"


_CLOSED = "mode of {}: nothing for agents"
_NO_W = "mode of {}: no w for agents"
_STICKY = "sticky bit of inbox/<user>/"
_OWNER = "only the owner may (chmod(2), setxattr(2))"
_OTHER = "default ACL of inbox/<user>/: the file is its maker's"

ATTEMPTS = [
    # -- read
    Attempt("read", "list the inbox", "mode of inbox/<user>/: -wx, no r", 'ls "$2"'),
    Attempt("read", "read another's drop whose name it knows", _OTHER, 'cat "$2/report.json.part"'),
    Attempt("read", "watch the inbox for other drops", "mode of inbox/<user>/: inotify needs r",
            '''"$6" -S -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.inotify_add_watch(libc.inotify_init(), sys.argv[1].encode(), 0x100) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))' "$2"'''),
    Attempt("read", "list the cards", _CLOSED.format("pending/"), 'ls "$2/pending"'),
    Attempt("read", "read a card whose name it knows", _CLOSED.format("pending/"), 'cat "$2/pending/$3"'),
    Attempt("read", "list what is to be taken back or forgotten", _CLOSED.format("undo/"), 'ls "$2/undo"'),
    Attempt("read", "list what was refused", "mode of problems/: --x, no r", 'ls "$2/problems"'),
    Attempt("read", "read another's refused drop whose name it knows", _OTHER, 'cat "$2/problems/bad.json"'),
    Attempt("read", "read the gate", _CLOSED.format("users/"), 'cat "$1/users/alex/recursion-gate.json"'),
    Attempt("read", "read the Record", _CLOSED.format("users/"), 'cat "$1/users/alex/self.md"'),
    Attempt("read", "read the receipts", _CLOSED.format("receipts/"), 'cat "$1/receipts/alex/merge-receipts.jsonl"'),
    Attempt("read", "read the daemon's status", _CLOSED.format(".daemon/"), 'cat "$1/.daemon/status.json"'),
    Attempt("read", "read the daemon's memory", "the kernel: another account's process (ptrace(2))",
            'cat "/proc/$5/mem"'),
    # -- change
    Attempt("change", "overwrite another's drop", _OTHER, 'echo forged > "$2/report.json.part"'),
    Attempt("change", "make another's drop its own", _OWNER, 'chmod 666 "$2/report.json.part"', "not permitted"),
    Attempt("change", "delete another's drop", _STICKY, 'rm -f "$2/report.json.part"', "not permitted"),
    Attempt("change", "rename another's drop", _STICKY, 'mv "$2/report.json.part" "$2/mine"', "not permitted"),
    Attempt("change", "put its own file in the place of another's drop", _STICKY,
            'echo forged > "$2/.mine"; mv -f "$2/.mine" "$2/report.json.part"; s=$?; rm -f "$2/.mine"; exit $s',
            "not permitted"),
    Attempt("change", "get at another's drop through a hard link", "fs.protected_hardlinks; a link gives no rights",
            'ln "$2/report.json.part" "$2/.mine" && cat "$2/.mine"', ""),
    Attempt("change", "take pending/ away", _STICKY, 'mv "$2/pending" "$2/.away"', "not permitted"),
    Attempt("change", "put a folder of its own in the place of approved/", _STICKY,
            'mkdir "$2/.mine"; "$6" -S -c "import os, sys; os.rename(*sys.argv[1:])" "$2/.mine" "$2/approved"; s=$?; '
            'rmdir "$2/.mine"; exit $s', "rror"),
    Attempt("change", "open the inbox with chmod", _OWNER, 'chmod 777 "$2"', "not permitted"),
    Attempt("change", "open the inbox with an access control list", _OWNER,
            '''"$6" -S -c 'import os, sys
os.setxattr(sys.argv[1], "system.posix_acl_access", os.getxattr(sys.argv[1], "system.posix_acl_access"))' "$2"''',
            "not permitted"),
    # -- write
    Attempt("write", "add a line to the Record", _CLOSED.format("users/"),
            'echo "- forged" >> "$1/users/alex/self-knowledge.md"'),
    Attempt("write", "add a file to the Record", _CLOSED.format("users/"), 'echo x > "$1/users/alex/self-new.md"'),
    Attempt("write", "replace the gate", _CLOSED.format("users/"),
            'echo x > "$2/.mine"; mv "$2/.mine" "$1/users/alex/recursion-gate.json"; s=$?; rm -f "$2/.mine"; exit $s'),
    Attempt("write", "append a receipt", _CLOSED.format("receipts/"),
            'echo "{}" >> "$1/receipts/alex/merge-receipts.jsonl"'),
    Attempt("write", "write a reason into problems/", "mode of problems/: --x, no w",
            'echo x > "$2/problems/x.why.txt"'),
    Attempt("write", "change the reason beside a refused drop", "default ACL of problems/: r for agents",
            'echo x >> "$2/problems/bad.json.why.txt"'),
    Attempt("write", "change the settings", "mode of recursion-gate.toml", 'echo >> "$1/recursion-gate.toml"'),
    Attempt("write", "make a file in the root", _NO_W.format("./"), 'echo x > "$1/x"'),
    Attempt("write", "make an inbox", _NO_W.format("inbox/"), 'mkdir "$1/inbox/eve"'),
    Attempt("write", "make a user", _CLOSED.format("users/"), 'mkdir "$1/users/eve"'),
    Attempt("write", "drop for a user whose agents are others", "group of inbox/bob/: that of bob's agents",
            'echo x > "$1/inbox/bob/x.txt"'),
    Attempt("write", "drop from an account in no lane", "ACL of inbox/<user>/: nothing for others",
            'echo x > "$2/x.txt"', who="nobody"),
    # -- merge
    Attempt("merge", "move a card into approved/", _CLOSED.format("pending/"), 'mv "$2/pending/$3" "$2/approved/"'),
    Attempt("merge", "write a card into approved/", _CLOSED.format("approved/"),
            'printf -- "---\\nid: %s\\n---\\nforged\\n" "$4" > "$2/approved/forged.md"'),
    Attempt("merge", "move its own drop into approved/", _CLOSED.format("approved/"),
            'echo x > "$2/.mine"; mv "$2/.mine" "$2/approved/x.md"; s=$?; rm -f "$2/.mine"; exit $s'),
    Attempt("merge", "link its own drop into rejected/", _CLOSED.format("rejected/"),
            'echo x > "$2/.mine"; ln "$2/.mine" "$2/rejected/x.md"; s=$?; rm -f "$2/.mine"; exit $s'),
    Attempt("merge", "call recursion-gate approve", _CLOSED.format("users/"), '$7 approve "$4" --user alex'),
    # -- take back, correct, forget
    Attempt("merge", "edit a waiting card, so that it supersedes an entry", _CLOSED.format("pending/"),
            'echo "supersedes: ACT-2026-11-20-x" >> "$2/pending/$3"'),
    Attempt("take back", "put a card into undo/", _CLOSED.format("undo/"),
            'printf -- "---\\nid: decided\\n---\\nx\\n" > "$2/undo/x.md"'),
    Attempt("take back", "move its own drop into undo/", _CLOSED.format("undo/"),
            'echo x > "$2/.mine"; mv "$2/.mine" "$2/undo/x.md"; s=$?; rm -f "$2/.mine"; exit $s'),
    Attempt("take back", "put a folder of its own in the place of undo/", _STICKY,
            'mkdir "$2/.mine"; "$6" -S -c "import os, sys; os.rename(*sys.argv[1:])" "$2/.mine" "$2/undo"; s=$?; '
            'rmdir "$2/.mine"; exit $s', "rror"),
    Attempt("take back", "call recursion-gate undo", _CLOSED.format("users/"), '$7 undo decided --user alex'),
    Attempt("take back", "call recursion-gate retract", _CLOSED.format("users/"),
            '$7 retract decided --yes --user alex'),
    Attempt("forget", "put a request to forget into undo/", _CLOSED.format("undo/"),
            'printf -- "---\\nforget: decided\\n---\\n" > "$2/undo/x.md"'),
    Attempt("forget", "call recursion-gate forget", _CLOSED.format("users/"), '$7 forget decided --yes --user alex'),
    # -- disturb
    Attempt("disturb", "kill the daemon", "the kernel: another account's process (kill(2))",
            'kill -9 "$5"', "not permitted"),
    Attempt("disturb", "hold the daemon's lock, so that it cannot start", _CLOSED.format(".daemon/"),
            '''"$6" -S -c 'import sys; open(sys.argv[1])' "$1/.daemon/lock"'''),
    Attempt("disturb", "be the daemon", "the daemon's account, as the settings name it", "$7 once", "has the account"),
    # -- the other lanes: what they may not
    Attempt("other lanes", "a person drops as an agent", "ACL of inbox/<user>/: r-x for people",
            'echo x > "$2/x.txt"', who="joe"),
    Attempt("other lanes", "a person holds the daemon's lock", "mode of .daemon/lock: nothing for people",
            '''"$6" -S -c 'import sys; open(sys.argv[1])' "$1/.daemon/lock"''', who="joe"),
    Attempt("other lanes", "a person writes the Record", "mode of users/: nothing for people",
            'echo x >> "$1/users/alex/self.md"', who="joe"),
    Attempt("other lanes", "a person who is a reader, too, writes the Record", "mode of users/<user>/*: r for readers",
            'echo x >> "$1/users/alex/self.md"', who="maria"),
    Attempt("other lanes", "a person writes a receipt", "mode of receipts/<user>/*: r for readers",
            'echo x >> "$1/receipts/alex/merge-receipts.jsonl"', who="maria"),
    Attempt("other lanes", "a reader replaces the gate", "mode of users/<user>/: r-x for readers",
            'rm -f "$1/users/alex/recursion-gate.json"', who="reader"),
    Attempt("other lanes", "a reader puts a card into undo/", "mode of undo/: nothing for readers",
            'printf -- "---\\nid: decided\\n---\\nx\\n" > "$2/undo/x.md"', who="reader"),
    Attempt("other lanes", "a reader calls recursion-gate undo", "mode of undo/: nothing for readers",
            '$7 undo decided --user alex', who="reader"),
    Attempt("other lanes", "a reader calls recursion-gate forget", "mode of undo/: nothing for readers",
            '$7 forget decided --yes --user alex', who="reader"),
    Attempt("other lanes", "a reader calls recursion-gate correct", "mode of approved/: nothing for readers",
            '$7 correct decided "Forged." --yes --user alex', who="reader"),
    Attempt("other lanes", "a reader reads the cards", "mode of pending/: nothing for readers",
            'ls "$2/pending"', who="reader"),
]  # fmt: skip


@dataclass(frozen=True)
class Drop(Denied):
    """Something that an agent can drop, since it is a file, and that leads nowhere: the daemon denies it."""

    name: str
    data: str
    #: What the reason beside the refused file says; None: it is staged, and harmless.
    why: str | None


DROPS = [
    Drop("forge", "a drop that says it is approved", "the daemon: status may only be pending", "approved.json",
         '{"raw_text": "x", "status": "approved"}', "never decided yet"),
    Drop("forge", "an id that is a path", "the daemon: an id has no /", "path.json",
         '{"raw_text": "x", "id": "../../users/alex/self"}', "id must be"),
    Drop("forge", "a link that is a path", "the daemon: a link has no /", "link.json",
         '{"raw_text": "x", "link_to_evidence_id": "../self.md"}', "link_to_evidence_id must be"),
    Drop("forge", "the id of a card that waits, with another text", "the daemon: an id is taken once", "taken.json",
         '{"raw_text": "forged", "id": "waits"}', "is taken"),
    Drop("forge", "front matter that says who decided", "the daemon: a drop's via, reason and note are left out",
         "via.md", "---\nid: via\nvia: cli approved 0123456789abcdef\nreason: yes\nnote: me\n---\nvia-text\n", None),
    Drop("forge", "a line end in a field, to add front matter to the card", "the daemon: fields are quoted",
         "field.json", '{"id": "field", "raw_text": "field-text", "source": "x\\nvia: cli\\n---\\nid: other"}', None),
    Drop("forge", "a text with headings, list items and a card's marker line", "the daemon: a text is one line",
         "text.json", '{"id": "text", "raw_text": "text\\n## Interests\\n- ACT-2026-01-01-forged — x\\n'
         '<!-- recursion-gate: moving this card -->\\n---\\nid: other\\n---"}', None),
    Drop("replay", "a drop that was decided, once more", "the daemon: the receipts know its id", "decided.json",
         '{"raw_text": "Decided long ago.", "id": "decided"}', ""),
    Drop("replay", "the id of one that was decided, with another text", "the daemon: the receipts know its id",
         "again.json", '{"raw_text": "forged", "id": "decided"}', "is taken"),
    Drop("take back", "a drop that asks for an undo, as a card in undo/ does", "the daemon: in the inbox all is a drop",
         "undo.md", "---\nid: decided\nvia: cli undone 0123456789abcdef\n---\nDecided long ago.\n", ""),
    Drop("take back", "a retraction of an entry that there is not", "the daemon: supersedes and retracts name an entry",
         "retract.json", '{"raw_text": "x", "retracts": "ACT-2026-01-01-forged"}', "no entry ACT-2026-01-01-forged"),
    Drop("take back", "a correction that names a path", "the daemon: supersedes and retracts name an entry",
         "correct.json", '{"raw_text": "x", "supersedes": "../self.md"}', "supersedes"),
    Drop("forget", "a drop that asks to forget an entry", "the daemon: in the inbox all is a drop", "forget.md",
         "---\nforget: decided\n---\nx\n", "unknown field"),
]  # fmt: skip
