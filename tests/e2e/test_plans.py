"""Plan, decision and apply through the real server and the real agent, which dies at each step.

What was really applied stands in a file that the applies themselves write, one line for each.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from executors.models import Attempt
from k8s4r.access.models import TokenKind
from tests.agent.harness import Agent
from tests.agent.words import until_there
from tests.builders import a_member, a_pool, a_project
from tests.serving import Served, a_token, an_enrolment_token, served
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


class Machine(Agent):
    """The real agent, enrolled with the real server."""

    def __init__(self, url: str, folder: Path, pool_id: UUID) -> None:
        self.url, self.folder, self.spool = url, folder, folder / "spool"
        self.options, self.variables = ["--slots", "2"], {}
        self.process, self._log = None, folder / "agent.log"
        secret = folder / "enrolment"
        secret.write_text(an_enrolment_token(pool_id=pool_id))
        secret.chmod(0o600)
        self.credentials = ["--enrolment-token-file", str(secret)]

    @property
    def server(self) -> Any:
        return self

    def kill(self) -> None:
        """Kill the runner and its link at once, as a machine that loses power."""
        family = psutil.Process(self.pid).children(recursive=True)
        self.kill_runner()
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


class Shop:
    """People at the served gateway: ann submits, ben approves."""

    def __init__(self, gateway: Served, folder: Path) -> None:
        self.gateway = gateway
        self._tokens = {
            name: a_token(TokenKind.PERSON, user=a_member(name, role, project=a_project()))
            for name, role in (("ann", "operator"), ("ben", "approver"))
        }
        self.applied = folder / "applied"

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        with self.gateway.client(self._tokens[who]) as client:
            answer = client.request(method, f"/api/v1/{path}", json=body)
        return answer.json() | {"status": answer.status_code}

    def submit(self, plan: str = "", apply: str = "true") -> str:
        """Submit a plan that leaves a file and a warm folder, and an apply that reads both."""
        make = f'{plan or "true"}; echo warm > cache; date +%s%N > "$K8S4R_PLAN_FILE"'
        use = f'cat cache && cat "$K8S4R_PLAN_FILE" >> {self.applied} && {apply}'
        spec = {phase: {"argv": ["/bin/sh", "-c", text]} for phase, text in
                (("plan", make), ("apply", use))}  # fmt: skip
        body = {"kind": "plan_and_apply", "spec": spec}
        return str(self.ask("ann", "POST", "tasks", body)["id"])

    def task(self, identity: str) -> Any:
        return self.ask("ann", "GET", f"tasks/{identity}")

    def reaches(self, identity: str, state: str) -> Any:
        """Wait until the task is in a state; it says otherwise how it stands."""
        try:
            wait_until(lambda: self.task(identity)["state"] == state, timeout_s=60)
        except AssertionError:
            raise AssertionError(self.task(identity)) from None
        return self.task(identity)

    def lines(self) -> list[str]:
        return self.applied.read_text().splitlines() if self.applied.exists() else []


@pytest.fixture
def shop(transactional_db: None, tmp_path: Path) -> Iterator[Shop]:
    with served() as gateway:
        yield Shop(gateway, tmp_path)


@pytest.fixture
def machine(shop: Shop, tmp_path: Path) -> Iterator[Machine]:
    one = Machine(shop.gateway.url, tmp_path, a_pool(name="default").pk)
    one.start()
    yield one
    one.close()
    sys.stderr.write(one.log())


def test_what_was_planned_is_approved_by_somebody_else_and_applied_once_where_it_was_planned(
    shop: Shop, machine: Machine
):
    identity = shop.submit()
    waiting = shop.reaches(identity, "apply_pending")
    plan = waiting["plan"]
    assert plan["waits"]
    assert plan["size_bytes"] == 20
    assert plan["reserved_until"] is not None
    assert shop.ask("ann", "POST", f"tasks/{identity}/approve", {})["status"] == 403
    decision = {"comment": "as discussed", "attempt": plan["attempt_id"]}
    assert shop.ask("ben", "POST", f"tasks/{identity}/approve", decision)["status"] == 200
    done = shop.reaches(identity, "completed")
    assert shop.ask("ben", "POST", f"tasks/{identity}/approve", decision)["status"] == 409
    first, second = done["attempts"]
    assert (first["state"], second["state"]) == ("succeeded", "succeeded")
    assert first["slot_id"] == second["slot_id"]
    (said,) = done["decisions"]
    assert (said["person"], said["comment"], said["sha256"]) == (
        "ben", "as discussed", plan["sha256"],
    )  # fmt: skip
    assert len(shop.lines()) == 1


def test_a_machine_that_dies_at_any_step_applies_nothing_twice_and_nothing_unapproved(
    shop: Shop, machine: Machine, tmp_path: Path
):
    # While it plans: another plan is made.
    go = tmp_path / "go"
    identity = shop.submit(plan=until_there(go))
    shop.reaches(identity, "running")
    machine.kill()
    go.touch()
    machine.start()
    shop.reaches(identity, "apply_pending")
    assert [one["state"] for one in shop.task(identity)["attempts"]] == ["stopped", "held"]

    # While its plan is held: it still has it.
    machine.kill()
    machine.start()
    sessions = Attempt.objects.get(task=identity, number=2).session_id
    wait_until(lambda: Attempt.objects.get(task=identity, number=2).session_id != sessions)
    assert shop.task(identity)["state"] == "apply_pending"

    # Approved in the moment in which it dies: it gets the order when it is back, once.
    machine.signal(signal.SIGSTOP)
    assert shop.ask("ben", "POST", f"tasks/{identity}/approve", {})["status"] == 200
    machine.kill()
    machine.start()
    shop.reaches(identity, "completed")
    assert len(shop.lines()) == 1


def test_an_apply_that_dies_with_its_machine_is_for_a_person_to_judge(
    shop: Shop, machine: Machine, tmp_path: Path
):
    identity = shop.submit(apply=until_there(tmp_path / "never"))
    shop.reaches(identity, "apply_pending")
    shop.ask("ben", "POST", f"tasks/{identity}/approve", {})
    wait_until(lambda: len(shop.lines()) == 1)
    machine.kill()
    machine.start()
    shop.reaches(identity, "unknown")
    body = {"outcome": "failed", "reason": "looked at it"}
    assert shop.ask("ann", "POST", f"tasks/{identity}/resolve", body)["state"] == "failed"
    assert len(shop.lines()) == 1

    # A machine whose disk is gone has no plan either: what waited is planned again.
    other = shop.submit()
    shop.reaches(other, "apply_pending")
    machine.kill()
    for journal in (machine.spool / "journal").iterdir():
        journal.unlink()
    machine.start()
    wait_until(lambda: len(shop.task(other)["attempts"]) == 2, timeout_s=60)
    assert shop.task(other)["attempts"][0]["state"] == "lost"
    again = shop.reaches(other, "apply_pending")
    assert again["plan"]["attempt"] == 2
    old = {"attempt": again["attempts"][0]["id"]}
    assert shop.ask("ben", "POST", f"tasks/{other}/approve", old)["status"] == 409
    rejection = shop.ask("ben", "POST", f"tasks/{other}/reject", {"comment": "not today"})
    assert (rejection["state"], rejection["message"]) == ("cancelled", "not today")
    assert len(shop.lines()) == 1
    wait_until(lambda: not list((machine.spool / "attempts").iterdir()))
