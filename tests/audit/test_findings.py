"""Findings as they are listed: few enough to read."""

from __future__ import annotations

from recursion_gate.audit.findings import Finding, Findings


def test_findings_of_one_sort_about_one_file_are_counted_beyond_a_hundred() -> None:
    found = Findings(limit=3)
    for line in range(1, 11):
        found.add(Finding("edit", "sort", "file", "so", line=line))
    found.add(Finding("fault", "other", "file", "so"))
    listed = found.listed()
    assert [f.line for f in listed] == [None, 1, 2, 3, None]
    assert listed[0].severity == "fault"
    assert "7 more" in listed[-1].problem
