"""`doctor` on what lies in an inbox: what waits too long, was refused, or cannot be moved."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold
from recursion_gate.doctor import doctor

from ..support.accounts import as_nobody, as_root
from ..support.audited import codes, copy, found
from ..support.world import World


def test_what_waits_long_for_a_daemon_that_runs_is_named(healthy: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    place = healthy.place("alex")
    drop = place.inbox / "drop.json"
    drop.write_text("{}")
    drop.chmod(0o600)
    (place.approved / "card.md").write_text("card")
    place.undo.mkdir(exist_ok=True)
    (place.undo / "request.md").write_text("card")
    with hold(healthy):
        assert "drop-waits" not in codes(doctor(healthy))
        later = datetime.now(UTC) + timedelta(hours=1)  # nobody can set a file's ctime back
        monkeypatch.setattr("recursion_gate.doctor.context.datetime", _Fixed(later))
        assert "chmod 644" in found(healthy, "drop-waits").remedy
        assert found(healthy, "decision-waits").path == "inbox/alex/approved/card.md"
        assert found(healthy, "undo-waits").path == "inbox/alex/undo/request.md"


class _Fixed:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self, tz: object = None) -> datetime:
        return self._moment


def _given_to(path: Path, uid: int) -> None:
    for here, _, names in os.walk(path):
        for name in ("", *names):
            os.chown(os.path.join(here, name), uid, uid)


_DAEMON, _AGENT = 60_001, 60_002


@as_root
@pytest.mark.parametrize("by", [0, _DAEMON])
def test_what_the_daemon_may_not_move_is_named_at_once(whole: Root, by: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        world = copy(whole, Path(folder) / "root")
        _given_to(world.root.path, _DAEMON)
        place = world.place
        place.inbox.chmod(0o1777)
        for name in ("closed", "open", "own"):
            (place.inbox / name).mkdir()
            os.chown(place.inbox / name, _DAEMON if name == "own" else _AGENT, _AGENT)
        (place.inbox / "open").chmod(0o777)
        (place.inbox / ".hidden").mkdir()
        (place.inbox / "drop.json").write_text("{}")
        (place.approved / "card.md").write_text("card")
        os.chown(place.inbox / "drop.json", _AGENT, _AGENT)

        def named() -> list[list[str]]:
            return [[f.path, f.problem] for f in doctor(world.root) if f.code == "cannot-move"]

        def seen() -> Any:
            return as_nobody(named, by) if by else named()

        told = f"the daemon may not move this folder, which belongs to '{_AGENT}'"
        assert seen() == [["inbox/alex/closed", told]]
        os.chown(place.inbox, _AGENT, _AGENT)  # then the sticky bit is for the daemon, too
        assert [path for path, _ in seen()] == [f"inbox/alex/{name}" for name in ("closed", "drop.json", "open")]
        place.inbox.chmod(0o755)
        told = f"the daemon's account, '{_DAEMON}', may not take anything out of this folder"
        assert seen() == [["inbox/alex", told]]


def test_what_was_refused_is_counted_and_the_newest_explained(world: World) -> None:
    world.drop("first.json", {"raw_text": "x", "skilltag": "WORK"})
    world.drop("second.json", "{}")
    world.reconcile()
    finding = found(world.root, "problems")
    assert "2 files were refused, the last one" in finding.problem
    assert "raw_text is missing" in finding.problem or "did you mean" in finding.problem
