"""The OpenAPI description: true of the door, as schemathesis finds by making requests from it."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from recursion_gate.core.paths import Root
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from ..support.door import Door
from ..support.world import World

_EXAMPLES = 20
#: That a token is for its own source and users, and that an id is taken once, no schema can say.
_LEFT = ("positive_data_acceptance",)


def test_the_description_is_one_and_names_every_route(door: Door, agent: httpx.Client) -> None:
    made = agent.get("/api/openapi.json").json()
    assert made["openapi"].startswith("3.1")
    assert set(made["paths"]) == {
        "/api/health",
        "/api/activity",
        "/api/candidates",
        "/api/candidates/{candidate_id}",
        "/api/record",
        "/api/edge",
        "/api/export",
        "/api/recursion-gate",
        "/api/openapi.json",
    }
    for name, schema in made["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("type") == "object", name
    open_ones = [path for path, item in made["paths"].items() for each in item.values() if not each["security"]]
    assert open_ones == ["/api/health"]
    body = made["paths"]["/api/activity"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "skill_tag" in body["properties"]


def test_requests_made_from_the_description_are_answered_as_it_says(door: Door, root: Root) -> None:
    token = door.token("all", read=True)
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{door.port}/api/openapi.json", headers=headers)
    load_all_checks()
    checks = [check for check in CHECKS.get_all() if check.__name__ not in _LEFT]
    assert len(checks) > 8
    for result in schema.get_all_operations():
        for mode in GenerationMode:
            assert isinstance(result, Ok)
            with suppress(Unsatisfiable) if mode.is_negative else nullcontext():  # nothing there can be wrong
                _try(result.ok(), mode, headers, checks)
    World(root).reconcile()
    assert World(root).names() == []


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str], checks: list[Any]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
    )
    def run(case: Any) -> None:
        # What is wrong with a case may be the token alone, which is put right here.
        query = {name for name, value in (case.query or {}).items() if value not in (None, [], {})}
        is_right = mode.is_negative and operation.method.lower() == "get" and query <= {"limit"}
        left = [check for check in checks if not (is_right and check.__name__ == "negative_data_rejection")]
        case.call_and_validate(headers=headers, checks=left)

    run()
