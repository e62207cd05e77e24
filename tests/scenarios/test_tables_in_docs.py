"""What the tables in docs/ say of settings, triggers, forms and plans is what the program has."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

from recursion_gate.core.notify_settings import Notify
from recursion_gate.core.settings import Settings
from recursion_gate.formats.triggers import DEFAULTS
from recursion_gate.plans.model import Plan, Task
from recursion_gate.sources.registry import FORMS

from ..support.docs import blocks

DOCS = Path(__file__).parents[2] / "docs"
#: Settings that have a table of their own in the file, and so no row.
TABLES = {"hooks", "lanes", "notify", "triggers"}


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table of a page that begins with this head."""
    table = (DOCS / page).read_text("utf-8").partition(f"\n| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table, f"{page} has no table of '{head}'"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_setting_has_its_row_with_its_default() -> None:
    said = {names(row[0])[0]: row[1].strip("`").replace(",", "") for row in rows("settings.md", "setting")}
    default = Settings()
    of_the_program = {f.name: getattr(default, f.name) for f in fields(Settings) if f.name not in TABLES}
    shown = {
        name: {True: "true", False: "false"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
        for name, value in of_the_program.items()
    }
    assert said == shown


def test_each_trigger_has_its_row_with_its_section_and_line() -> None:
    said = {names(kind)[0]: (section, names(line)[0]) for kind, section, line in rows("settings.md", "`activity_type`")}
    assert said == {kind: (trigger.section, trigger.line) for kind, trigger in DEFAULTS.items()}


def test_the_page_gives_the_defaults_of_notify() -> None:
    (block,) = [b for b in blocks(DOCS / "page.md", "toml") if "[notify]" in b]
    said = tomllib.loads(block)["notify"]
    default = asdict(Notify())
    assert said.keys() == default.keys()
    assert {n: v for n, v in said.items() if n != "quiet"} == {n: v for n, v in default.items() if n != "quiet"}


def test_each_form_has_its_row() -> None:
    assert sorted(name for row in rows("sources.md", "form") for name in names(row[0])) == sorted(FORMS)


def test_each_field_of_a_task_has_its_row() -> None:
    said = [name for row in rows("plans.md", "field of a task") for name in names(row[0])]
    assert sorted(said) == sorted(Task.model_fields)
    page = (DOCS / "plans.md").read_text("utf-8")
    for name in Plan.model_fields:
        assert f"`{name}`" in page or f"\n{name}:" in page, name
