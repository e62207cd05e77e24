"""The picture of a plan: every task, behind those that it needs, with its state and worker."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from recursion_gate.plans.book import read_plan
from recursion_gate.plans.overview import task_rows
from recursion_gate.plans.picture import svg

from ..support.plans import Plans, codebase, reading


def test_each_task_is_drawn_once_behind_what_it_needs_with_who_has_it(plans: Plans) -> None:
    folder = plans.add(
        "p", codebase("b", needs=["a"]), codebase("a", title="A <b>&amp;"), reading("r", ["a", "b"]), goal="x"
    )
    plans.claim("ada")
    made = svg("p", "x", task_rows(folder, read_plan(folder)))
    tree = ElementTree.fromstring(made)
    texts = [element.text or "" for element in tree.iter() if element.tag.endswith("text")]
    assert {"a", "b", "r", "A <b>&amp;"} <= set(texts)
    assert any(re.fullmatch(r"claimed · ada since \d\d:\d\d", text) for text in texts)
    x = {text: float(e.get("x", 0)) for e in tree.iter() if e.tag.endswith("text") and (text := e.text or "") in "abr"}
    assert x["a"] < x["b"] < x["r"]
    assert made.count("<path") == 2 * 3
