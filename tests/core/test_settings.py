"""recursion-gate.toml."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from recursion_gate.core.errors import BadSettings
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings, load_settings


def _load(root: Root, text: str | bytes) -> Settings:
    root.settings.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(root)


def test_every_setting_has_a_default(root: Root) -> None:
    assert load_settings(root) == Settings() == _load(root, "") == _load(root, "# nothing\n")
    assert Settings().grace_seconds == 0


def test_what_is_set_is_set_and_the_rest_stays(root: Root) -> None:
    made = _load(root, b"\xef\xbb\xbfgrace_seconds = 10\r\nmax_text_chars = 500.0\n")
    assert made == Settings(grace_seconds=10.0, max_text_chars=500)
    assert isinstance(made.grace_seconds, float)
    assert isinstance(made.max_text_chars, int)


@pytest.mark.parametrize(
    "name",
    [
        f.name
        for f in fields(Settings)
        if f.name not in ("lanes", "card_hints", "triggers", "page_account", "notify", "hooks")
    ],
)
def test_each_number_can_be_set(root: Root, name: str) -> None:
    assert getattr(_load(root, f"{name} = 7\n"), name) == 7


def test_the_account_of_the_page_is_a_name(root: Root) -> None:
    assert Settings().page_account == ""
    assert _load(root, 'page_account = "rg-page"\n').page_account == "rg-page"


def test_hints_on_cards_can_be_turned_off(root: Root) -> None:
    assert Settings().card_hints
    assert not _load(root, "card_hints = false\n").card_hints


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("grace_second = 1", "unknown setting 'grace_second'; did you mean 'grace_seconds'?"),
        ("zzz = 1", "unknown setting 'zzz'"),
        ("[daemon]\nlook_seconds = 1", "unknown setting 'daemon'"),
        ("grace_seconds = '1'", "'grace_seconds' must be a number"),
        ("grace_seconds = true", "'grace_seconds' must be a number"),
        ("grace_seconds = -1", "'grace_seconds' must be a number"),
        ("grace_seconds = nan", "'grace_seconds' must be a number"),
        ("grace_seconds = inf", "'grace_seconds' must be a number"),
        ("max_lines = inf", "'max_lines' must be a number"),
        ("max_lines = nan", "'max_lines' must be a number"),
        ("max_lines = 1.5", "'max_lines' must be a whole number"),
        ("max_lines = 1" + "0" * 30, "'max_lines' must be a number from 0 to 1,000,000,000"),
        ("look_seconds = 0", "'look_seconds' must be a number from 0.01"),
        ("poll_seconds = 0.0", "'poll_seconds' must be a number from 0.01"),
        ("grace_seconds", "not valid TOML"),
        ("grace_seconds = 1\ngrace_seconds = 2", "not valid TOML"),
        ("x = " + "[" * 100_000, "not valid TOML"),
        ("x = " + "9" * 5_000, "not valid TOML"),
        (b"\xff", "not valid TOML"),
        (b"grace_seconds = 1\n\0", "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_said_with_the_file_and_the_setting(root: Root, text: str | bytes, problem: str) -> None:
    with pytest.raises(BadSettings) as caught:
        _load(root, text)
    assert str(caught.value).startswith("recursion-gate.toml: ")
    assert problem in str(caught.value)


def test_a_settings_file_that_cannot_be_read_is_said(root: Root) -> None:
    root.settings.mkdir()
    with pytest.raises(BadSettings, match="cannot be read"):
        load_settings(root)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text("[]{}=.'\"\n#0123456789-:T_ax").map(str.encode)))
def test_any_bytes_are_settings_or_an_error_in_words(root: Root, data: bytes) -> None:
    try:
        made = _load(root, data)
    except BadSettings as err:
        problem = str(err)
    else:
        problem = ""
        assert made == Settings()
    assert not problem or problem.startswith("recursion-gate.toml: ")
