"""Schemathesis as every role against the served application, on a world that has foreign things.

``make test`` makes some 2,500 requests over all roles, and 4,000 of coverage, each call once;
``make faults`` makes 10,000 more.
"""

from collections import Counter
from typing import Any

import orjson
import pytest

from k8s4r.core.roles import ALLOWED, Role
from tests.architecture import openapi
from tests.schema import run, world
from tests.schema.run import Plan
from tests.serving import served

ROLES = ["anonymous", *Role, "agent"]
LINKED = ("examples", "fuzzing", "stateful")


@pytest.fixture(autouse=True)
def _as_it_is_run(settings: Any) -> None:
    """Targets can be made, and whoever calls is not the one who scrapes."""
    settings.ENCRYPTION_KEY = "k" * 40
    settings.METRICS_TOKEN = "m" * 40


def able() -> dict[str, set[str]]:
    """Return for each role the calls that are covered in full by it: one that may make them."""
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    document = orjson.loads(openapi.FILE.read_bytes())
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            found[_covered_by(said["security"])].add(f"{method.upper()} {path}")
    return found


def _covered_by(security: list[dict[str, list[str]]]) -> str:
    if not security:
        return "anonymous"
    if "personToken" not in security[0]:
        return "agent"
    needs = security[0]["personToken"]
    # The most able first: who may only read is covered by who may do more.
    order = [Role.OPERATOR, Role.FLEET_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR, Role.APPROVER]
    return next(role for role in order if set(needs) <= ALLOWED[role])


def tried(role: str, *plans: Plan) -> int:
    """Run plans as a role and return how many requests were made; fails on what was found."""
    at = world.a_world(role)
    before = world.foreign_rows(at)
    statuses: Counter[int] = Counter()
    found: dict[str, str] = {}
    with served() as serving:
        for plan in plans:
            outcome = run.run(serving.url, at, plan)
            statuses.update(outcome.statuses)
            found |= outcome.failures
    assert found == {}, "\n\n".join(found.values())
    assert world.foreign_rows(at) == before
    assert statuses[429] == 0, "nobody was slowed while this ran"
    return statuses.total()


@pytest.mark.parametrize("role", ROLES)
def test_what_is_answered_to_each_role_is_what_the_document_says(
    transactional_db: None, role: str
) -> None:
    labels = frozenset(able()[role])
    plans = [Plan(LINKED, examples=3)]
    if labels:
        plans.append(Plan(("coverage",), labels))
    assert tried(role, *plans) >= 250


def test_a_run_sees_what_it_looks_for(transactional_db: None) -> None:
    at = world.a_world(Role.OPERATOR)
    with served() as serving:
        # As if its own things were foreign to the caller.
        plan = Plan(("fuzzing",), frozenset({"GET /api/v1/projects"}))
        outcome = run.run(serving.url, at._replace(foreign=at.own), plan)
    assert outcome.cases > 0
    assert set(outcome.failures) == {"GET /api/v1/projects shows_nothing_foreign"}


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", ROLES)
def test_ten_thousand_requests_find_nothing_else(transactional_db: None, role: str) -> None:
    assert tried(role, Plan(LINKED, examples=32, steps=12)) >= 10_000 / len(ROLES)
