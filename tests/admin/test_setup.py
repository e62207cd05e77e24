"""A user who comes from another instance, with the Record that they have there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from recursion_gate.admin import setup
from recursion_gate.audit.verify import verify
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot

from ..support.roots import installed
from ..support.world import World

KNOWLEDGE = b"# self-knowledge\r\n\r\n## Topics / Understanding\r\n\r\n- \xe2\x80\xa2 dragons \xe2\x80\x94 seed\r\n"
EVIDENCE = "# self-evidence\n\n## Activity Log\n\n- ACT--p436yg2 — We drew a dragon — 2026-02-27 — WORK\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user of companion-self."""
    home = tmp_path / "companion-self" / "users" / "demo"
    home.mkdir(parents=True)
    (home / "self-knowledge.md").write_bytes(KNOWLEDGE)
    (home / "self-evidence.md").write_text(EVIDENCE)
    (home / "recursion-gate.json").write_text(
        '[{"id": "cand-1", "raw_text": "Read two chapters.", "status": "pending"}]'
    )
    return home


def test_a_user_starts_with_the_record_of_another_instance_and_goes_on(tmp_path: Path, home: Path) -> None:
    root = installed(tmp_path / "root")
    run = CliRunner().invoke
    said = run(main, ["--root", str(root.path), "user", "add", "alex", "--record", str(home)])
    assert said.exit_code == 0
    assert "alex: 1 entry in 1 drop" in said.output
    assert "left out" not in said.output
    place = root.place("alex")
    assert (place.home / "self-knowledge.md").read_bytes() == KNOWLEDGE
    assert (place.home / "self-skill-work.md").is_file()  # from the template
    assert not place.gate.exists()
    again = run(main, ["--root", str(root.path), "import", str(home), "--user", "alex"])
    assert "1 wait already" in again.output
    world = World(root)
    world.reconcile()
    world.approve("cand-1")
    record = snapshot.snapshot(root, "alex").record
    assert [entry.text for entry in record.knowledge] == ["dragons", "Read two chapters."]
    assert record.find("ACT--p436yg2")
    assert not [
        finding for proof in verify(root, ["alex"]) for finding in proof.findings if finding.severity == "fault"
    ]


def test_history_and_import_know_what_the_other_instance_has_decided(tmp_path: Path, home: Path) -> None:
    (home / "merge-receipts.jsonl").write_text(
        '{"candidate_id": "cand-0", "raw_text": "We drew a dragon", "merged_at": "2026-02-27T02:00:39.931Z"}\n'
    )
    root = installed(tmp_path / "root")
    run = CliRunner().invoke
    said = run(main, ["--root", str(root.path), "user", "add", "alex", "--record", str(home)])
    assert "'history' knows 1 entry from the receipts there" in said.output
    for given in ("ACT--p436yg2", "cand-0"):
        told = run(main, ["--root", str(root.path), "history", given, "--user", "alex"]).output
        assert "2026-02-27T02:00:39.931Z  merged as cand-0, where the Record was brought from" in told
        assert "self-evidence.md:5: - ACT--p436yg2 — We drew a dragon" in told
        assert "It waits" not in told
    other = tmp_path / "copy.json"  # the app's own page can give its candidates once more
    other.write_text('[{"id": "cand-0", "text": "We drew a dragon"}]')
    dry = run(main, ["--root", str(root.path), "import", str(other), "--user", "alex", "--map", "id=id", "--dry-run"])
    assert "would stage 0 entries" in dry.output, dry.output
    assert "merged on 2026-02-27, where the Record was brought from" in dry.output
    world = World(root)
    world.reconcile()
    world.approve("cand-1")
    assert not [
        finding for proof in verify(root, ["alex"]) for finding in proof.findings if finding.severity == "fault"
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda home: (home / "merge-receipts.jsonl").write_text("{"), "line 1 is no receipt"),
        (lambda home: [path.unlink() for path in home.iterdir()], "there is no Record in"),
        (lambda home: (home / "self.md").write_bytes(b"\xff\xfe\x00"), "is not UTF-8 text"),
        (lambda home: (home / "self.md").symlink_to("/etc/passwd"), "symbolic link"),
    ],
)
def test_what_is_no_record_is_refused_and_nothing_is_made(
    tmp_path: Path, home: Path, make: object, message: str
) -> None:
    root = installed(tmp_path / "root")
    make(home)  # type: ignore[operator]
    with pytest.raises(setup.BadUser, match=message):
        setup.add_user(root, "alex", record=home)
    assert Root(root.path).users() == []
