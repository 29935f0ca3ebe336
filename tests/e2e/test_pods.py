"""A pool of pods from nothing to nothing, on a real Kubernetes with the real agent in each pod."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from agents.models import Agent
from executors.models import Attempt, LogChunk
from k8s4r.access.models import Token, TokenKind
from pools.core.ports import BUSY_LABEL
from pools.models import Pod
from tests.builders import a_member, a_project, state_of
from tests.cluster.namespaces import Access, Namespace
from tests.e2e.podland import control_plane
from tests.ports import held_port
from tests.serving import a_persons_token, a_token
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240, func_only=True)]

Json = dict[str, Any]
FINAL = {"completed", "failed", "cancelled", "timed_out"}


@dataclass
class Land:
    """A control plane and its one cluster, as a person sees them."""

    namespace: Namespace
    port: int
    token: str
    stack: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> None:
        """Start a control plane that knows what the rows say and nothing else."""
        self.stack.enter_context(control_plane(self.port))

    def end(self) -> None:
        self.stack.close()

    def connect(self, access: Access) -> None:
        """Make the cluster known, by what an operator is told of the product's own account."""
        self.call("POST", "k8s-configs", access.config)

    def pool(self, name: str, **pods: Any) -> str:
        """Make a pool of pods, none while nothing is to be done; return its name."""
        shape = {"min_pods": 0, "max_pods": 2, "cooldown_s": 2, **pods}
        self.call("POST", "agent-pools", {"name": name, "k8s": shape})
        return name

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def decide(self, task_id: UUID, word: str) -> Json:
        """Have another person decide about the plan of a task."""
        ben = a_token(TokenKind.PERSON, user=a_member("ben", "approver", project=a_project()))
        other = replace(self, token=ben)
        found: Json = other.call("POST", f"tasks/{task_id}/{word}", {"comment": "looked at"})
        return found

    def waits(self, task_id: UUID) -> Attempt:
        """Wait until a plan of the task waits for a decision; return its attempt."""
        wait_until(lambda: self.task(task_id)["state"] == "apply_pending", timeout_s=60)
        return Attempt.objects.get(task=task_id, state="held")

    def lose(self, attempt: Attempt) -> None:
        """Take away the pod of an attempt at once, as an eviction with no grace does."""
        pod = Pod.objects.get(agent=attempt.agent_id)
        path = f"{self.namespace.path}/pods/{pod.name}"
        self.namespace.admin.delete(path, {"gracePeriodSeconds": 0})

    def submit(self, pool: str, **fields: Any) -> UUID:
        return UUID(self.call("POST", "tasks", {"pool": pool, **fields})["id"])

    def task(self, task_id: UUID) -> Json:
        found: Json = self.call("GET", f"tasks/{task_id}")
        return found

    def ended(self, task_id: UUID, *, timeout_s: float = 60) -> Json:
        def over() -> Json | None:
            found = self.task(task_id)
            return found if found["state"] in FINAL else None

        return wait_until(over, timeout_s=timeout_s, every_s=0.2)

    def log(self, task_id: UUID) -> str:
        """Return what a task said."""
        rows = LogChunk.objects.filter(attempt__task=task_id).order_by("attempt", "seq")
        return b"".join(bytes(row.data) for row in rows).decode()

    def pods(self) -> list[Json]:
        return self.namespace.pods()

    def running(self, *task_ids: UUID) -> None:
        for task_id in task_ids:
            wait_until(lambda one=task_id: self.task(one)["state"] == "running", timeout_s=60)

    def empty(self) -> None:
        """Wait until the pool has let every pod go, and Kubernetes too."""
        wait_until(lambda: not self.pods(), timeout_s=60)
        live = Pod.objects.exclude(state="gone")
        wait_until(lambda: not live.exists(), timeout_s=60)


@pytest.fixture
def go() -> Iterator[Path]:
    """Return a file for which tasks wait; pods have a /tmp of their own, and write nowhere else."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder) / "go"


def until(go: Path) -> str:
    return f"while [ ! -e {go} ]; do sleep 0.1; done"


@pytest.fixture
def land(
    transactional_db: None, settings: Any, namespace: Namespace, product_access: Access
) -> Iterator[Land]:
    """Return a control plane with a config of the cluster, both as a person makes them."""
    settings.ENCRYPTION_KEY = "k" * 40
    settings.ENV = settings.ENV.model_copy(update={"cluster_allowed_networks": "127.0.0.0/8"})
    port = held_port()
    settings.POD_URL = f"http://127.0.0.1:{port}"
    a_project()
    made = Land(namespace, port, a_persons_token())
    made.begin()
    made.connect(product_access)
    yield made
    made.end()


def shell(script: str) -> Json:
    return {"argv": ["sh", "-c", script]}


def planned(script: str) -> Json:
    return {"plan": shell(script)}


def applied(script: str) -> Json:
    """Return a plan that leaves a file and a warm folder, and an apply that finds both."""
    plan = 'echo warm > cache; echo a-plan > "$K8S4R_PLAN_FILE"'
    return {"plan": shell(plan), "apply": shell(f'cat cache "$K8S4R_PLAN_FILE"; {script}')}


def pod_of(land: Land) -> Json:
    """Return the only pod as Kubernetes has it."""
    (pod,) = land.pods()
    return pod


def labels(land: Land) -> Json:
    found: Json = pod_of(land)["metadata"]["labels"]
    return found


def test_a_pool_grows_from_nothing_packs_its_pod_and_goes_back_to_nothing(
    land: Land, go: Path
) -> None:
    pool = land.pool("slots")
    assert land.pods() == []

    # Three at once in one pod: the one that can apply keeps its slot for what is no plan.
    wait = f"hostname; {until(go)}"
    tasks = [land.submit(pool, kind="plan", spec=planned(wait)) for _ in range(2)]
    tasks.append(land.submit(pool, spec=shell(wait)))
    land.running(*tasks)
    shielded = wait_until(lambda: labels(land).get(BUSY_LABEL))
    assert shielded == "true"
    row = Pod.objects.get()
    assert (row.state, row.uid) == ("ready", pod_of(land)["metadata"]["uid"])
    lanes = {one.slot.lane: one.task.kind for one in Attempt.objects.select_related("slot", "task")}
    assert lanes == {"main": "exec", "plan": "plan"}

    # Nothing secret stands in what the cluster keeps of the pod.
    stored = json.dumps(pod_of(land))
    identity = Token.objects.get(subject=row.agent_id)
    assert identity.key_id not in stored
    for canary in ("eyJ", "pod_", "agt_", "enr_", "pat_"):
        assert canary not in stored, canary

    go.touch()
    assert {land.ended(one)["state"] for one in tasks} == {"completed"}
    land.empty()
    # Its identity went with it.
    wait_until(lambda: Agent.objects.get(pk=row.agent_id).archived_at)
    identity.refresh_from_db()
    assert identity.revoked_at is not None


def test_everything_starts_again_while_all_slots_are_busy(land: Land, go: Path) -> None:
    pool = land.pool("slots")
    wait = f"echo began; {until(go)}; echo ended"
    tasks = [land.submit(pool, kind="plan", spec=planned(wait)) for _ in range(2)]
    tasks.append(land.submit(pool, spec=shell(wait)))
    land.running(*tasks)
    before = Pod.objects.get()
    land.end()
    land.begin()
    go.touch()
    assert {land.ended(one)["state"] for one in tasks} == {"completed"}
    assert {land.log(one) for one in tasks} == {"began\nended\n"}
    assert Attempt.objects.count() == len(tasks)
    assert Pod.objects.get().uid == before.uid
    land.empty()


def test_a_pod_for_one_task_is_named_by_it_and_goes_with_it(land: Land, go: Path) -> None:
    pool = land.pool("single", mode="task")
    task = land.submit(pool, spec=shell(f"{until(go)}; hostname"))
    land.running(task)
    pod = pod_of(land)
    assert pod["metadata"]["name"] == f"task-{task}"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert (labels(land)["app"], labels(land)["task-id"]) == ("k8s4r", str(task))
    go.touch()
    assert land.ended(task)["state"] == "completed"
    assert land.log(task) == f"task-{task}\n"
    land.empty()


def test_the_pod_of_a_task_that_failed_is_kept_when_asked(land: Land) -> None:
    pool = land.pool("single", mode="task", keep_failed_s=3)
    task = land.submit(pool, spec=shell("echo broken; exit 3"))
    assert land.ended(task)["state"] == "failed"
    kept = pod_of(land)["metadata"]
    assert kept["name"] == f"task-{task}"
    land.empty()


def test_a_plan_is_approved_and_applied_in_the_folder_of_its_pod_which_stays_for_it(
    land: Land,
) -> None:
    pool = land.pool("slots")
    task = land.submit(pool, kind="plan_and_apply", spec=applied("hostname"))
    plan, pod = land.waits(task), pod_of(land)["metadata"]
    # Idle pods go after two seconds; one that keeps a plan has something on it.
    wait_until(lambda: labels(land).get(BUSY_LABEL) == "true")
    assert land.decide(task, "approve")["state"] == "dispatching"
    assert land.ended(task)["state"] == "completed"
    assert land.log(task) == f"warm\na-plan\n{pod['name']}\n"
    made = Attempt.objects.filter(task=task).order_by("number")
    assert [(one.state, one.slot_id) for one in made] == [("succeeded", plan.slot_id)] * 2
    assert Pod.objects.get().uid == pod["uid"]
    land.empty()


def test_a_plan_goes_with_its_pod_and_is_made_anew_and_an_apply_that_goes_is_unknown(
    land: Land, go: Path
) -> None:
    pool = land.pool("slots")
    task = land.submit(pool, kind="plan_and_apply", spec=applied(until(go)))
    first = land.waits(task)
    land.lose(first)
    wait_until(lambda: state_of(first) == "lost", timeout_s=60)
    second = land.waits(task)
    assert (second.number, second.agent_id == first.agent_id) == (2, False)

    land.decide(task, "approve")
    wait_until(lambda: land.task(task)["state"] == "running", timeout_s=60)
    applying = Attempt.objects.get(task=task, number=3)
    land.lose(applying)
    wait_until(lambda: land.task(task)["state"] == "unknown", timeout_s=60)
    # Nobody starts it again: a person says how it ended.
    assert Attempt.objects.filter(task=task).count() == 3
    land.empty()
