"""``[notify]``: its defaults, its hours, and what is said of a wrong line."""

from __future__ import annotations

from datetime import time

import pytest
from recursion_gate.core.errors import BadSettings
from recursion_gate.core.notify_settings import Notify
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import load_settings


def _load(root: Root, text: str) -> Notify:
    root.settings.write_text(text)
    return load_settings(root).notify


def test_without_the_table_all_is_as_the_page_says(root: Root) -> None:
    assert _load(root, "") == Notify()
    assert Notify().quiet_hours is None


def test_quiet_hours_are_read(root: Root) -> None:
    made = _load(root, '[notify]\nquiet = "22:00-07:30"\nevery_minutes = 5\n')
    assert made.quiet_hours == (time(22), time(7, 30))
    assert made.every_minutes == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[notify]\nquiet = "at night"', "must be hours"),
        ('[notify]\nquiet = "22:00-25:00"', "must be hours"),
        ("[notify]\nevery_minutes = -1", "must be a number"),
        ("[notify]\nquite = 'x'", "did you mean 'quiet'"),
        ("[notify]\nfile = ''", "the name of a file"),
        ('[notify]\ninclude_text = "yes"', "must be true or false"),
        ("notify = 7", "must be a table"),
    ],
)
def test_a_wrong_line_is_said_in_words(root: Root, text: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        _load(root, text)
