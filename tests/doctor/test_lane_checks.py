"""`doctor` on who may write where."""

from __future__ import annotations

from recursion_gate.core.paths import Root
from recursion_gate.doctor import doctor

from ..support.audited import codes, found


def test_the_doctor_tells_that_one_account_for_all_is_only_a_convention(healthy: Root) -> None:
    finding = found(healthy, "one-account")
    assert finding.severity == "note"
    assert "convention" in finding.problem
    healthy.place("alex").inbox.chmod(0o1777)
    assert "one-account" not in codes(doctor(healthy))
