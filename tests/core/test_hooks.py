"""[hooks.NAME] in recursion-gate.toml."""

from __future__ import annotations

import pytest
from recursion_gate.core.errors import BadSettings
from recursion_gate.core.hooks import Hook
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import load_settings

WHOLE = """[hooks.chores]
user = "alex"
text = "Did {data.chore}"
secret_env = "S"
"""


def _load(root: Root, text: str) -> dict[str, Hook]:
    root.settings.write_text(text)
    return dict(load_settings(root).hooks)


def test_a_hook_has_what_is_written_and_defaults(root: Root) -> None:
    hook = _load(root, WHOLE + 'id = "a.b"\nonly = { "x.y" = true }\nfields = { topic = "=Home", score = "a?" }')[
        "chores"
    ]
    assert (hook.user, hook.text, hook.id, hook.only) == ("alex", "Did {data.chore}", ("a.b",), {"x.y": True})
    assert hook.fields == {"topic": "=Home", "score": "a?"}
    assert (hook.secret_header, hook.skill, hook.created_at, hook.day_first) == (None, None, None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hooks = 1", "'hooks' must be a table: [hooks.chores]"),
        ("[hooks]\nchores = 1", "[hooks.chores] must be a table with user, text and a secret"),
        ('[hooks."a b"]\n' + WHOLE.partition("\n")[2], "[hooks.a b]: a hook's name is 1 to 64 letters"),
        ("[hooks.chores]\n" + 'text = "x"\nsecret_env = "S"', "[hooks.chores] has no 'user'"),
        ('[hooks.chores]\nuser = "alex"\ntext = "x"', "[hooks.chores] must have a secret_file or a secret_env"),
        (WHOLE + 'secret_file = "/x"', "[hooks.chores] must have a secret_file or a secret_env, and not both"),
        (WHOLE + 'secret = "hunter2"', "does not belong into this file, which every account here may read"),
        (WHOLE + 'sorce = "x"', "unknown setting 'sorce' in [hooks.chores]; did you mean 'source'?"),
        (WHOLE + 'skill = "SING"', "'skill' in [hooks.chores] must be THINK, WRITE, WORK or STEWARD"),
        (WHOLE + 'section = "IX-D"', "'section' in [hooks.chores] must be IX-A, IX-B, IX-C or none"),
        (WHOLE + 'secret_header = "X Y"', "'secret_header' in [hooks.chores] must be the name of a header"),
        (WHOLE + 'created_at = "{x}"', "'created_at' in [hooks.chores] must be a path, such as data.title"),
        (WHOLE + "id = 3", "'id' in [hooks.chores] must be a path, or a list of up to five"),
        (WHOLE + "day_first = 1", "'day_first' in [hooks.chores] must be true or false"),
        (WHOLE + 'only = "x"', "'only' in [hooks.chores] must be a table of paths"),
        (WHOLE + 'fields = { topik = "x" }', "unknown field 'topik'; did you mean 'topic'?"),
        (WHOLE + 'fields = { id = "x" }', "has an unknown field 'id'"),
        (WHOLE + 'fields = { topic = "=" }', "must say where 'topic' is"),
        (WHOLE + "fields = { topic = 1 }", "'fields' in [hooks.chores] must be a table of texts"),
        (WHOLE + 'skill = "WORK"\nfields = { skill_tag = "x" }', "says 'skill_tag' twice"),
        (WHOLE.replace("{data.chore}", "{}"), "'text' in [hooks.chores] must be words, with paths in braces"),
        (WHOLE.replace("{data.chore}", "{data.chore"), "'text' in [hooks.chores] has a brace without its other one"),
        (WHOLE.replace("Did {data.chore}", ""), "'text' in [hooks.chores] must be text, of 1 to 1,000 characters"),
    ],
)
def test_what_cannot_be_used_is_said_with_the_hook_and_the_setting(root: Root, text: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        _load(root, text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
