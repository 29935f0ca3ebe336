"""How is one action done in a cluster, and what does its answer mean? Values in and out, no rows.

Each may be done again: a create finds the pod that it made before, by its name and our label; a
delete and a patch name the uid that they are meant for.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from threading import Event, Lock
from typing import Final
from uuid import UUID

from k8s4r import failpoints
from k8s4r.core.backoff import Backoff, delay_s
from k8s4r.core.errors import Conflict, DomainError, Unavailable
from pools.core.failures import MESSAGE_CHARACTERS
from pools.core.pods import ActionKind, PodEvent, PodFailure
from pools.core.ports import (
    BUSY_LABEL,
    POD_LABEL,
    SAFE_TO_EVICT,
    AlreadyExists,
    ClusterPort,
    ClusterRefused,
    Manifest,
    QuotaExceeded,
)
from pools.core.sightings import Note

THREADS: Final = 8
LOG_BYTES: Final = 64 << 10
# What the cluster refuses now it refuses in a second too: quota and policies change slowly.
REFUSED: Final = Backoff(base_s=5.0, cap_s=300.0, jitter=0.1)
AGAIN: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The pod that something is done to, as its row has it."""

    id: UUID
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One action that was taken, with all that it needs.

    ``tries`` counts this one too; ``budget`` has to be there before a shield is.
    """

    action_id: int
    kind: ActionKind
    tries: int
    pod: Target
    manifest: Manifest | None = None
    template_hash: str = ""
    budget: Manifest | None = None
    wants_log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a job: done, or to be done again after ``wait``.

    ``note`` and ``event`` are for the pod's row; ``silence`` is why nothing is known.
    """

    action_id: int
    pod_id: UUID
    is_done: bool = True
    wait: timedelta = timedelta(0)
    error: str = ""
    event: PodEvent | None = None
    note: Note | None = None
    template_hash: str = ""
    log: str = ""
    silence: Unavailable | None = field(default=None, compare=False)


def do(jobs: Sequence[Job], port: ClusterPort) -> list[Result]:
    """Do the jobs, some at a time; after the first without an answer the rest is left for later."""
    silent, budgets = Event(), _Budgets(port)

    def one(job: Job) -> Result:
        if silent.is_set():
            return _later(job, "the cluster does not answer", AGAIN)
        result = _done(job, port, budgets)
        if result.silence is not None:
            silent.set()
        return result

    with ThreadPoolExecutor(min(THREADS, len(jobs))) as threads:
        return list(threads.map(one, jobs))


class _Budgets:
    """The budgets of one batch: whoever comes first asks for one, the others wait until it is."""

    def __init__(self, port: ClusterPort) -> None:
        self._port = port
        self._there: set[str] = set()
        self._lock = Lock()

    def ensure(self, budget: Manifest) -> None:
        name = budget["metadata"]["name"]
        with self._lock:
            if name not in self._there:
                self._port.ensure_budget(budget)
                self._there.add(name)


def _done(job: Job, port: ClusterPort, budgets: _Budgets) -> Result:
    try:
        if job.budget is not None:
            budgets.ensure(job.budget)
        return _WAYS[job.kind](job, port)
    except Unavailable as error:
        again = _later(job, error.message, max(AGAIN, timedelta(seconds=error.retry_after_s)))
        return replace(again, silence=error)
    except (ClusterRefused, Conflict) as error:
        return _refused(job, error)


def _create(job: Job, port: ClusterPort) -> Result:
    assert job.manifest is not None, "a create has a manifest"
    failpoints.reach("before_k8s_create")
    try:
        seen = port.create_pod(job.manifest)
    except AlreadyExists as error:
        # Made by a call whose answer was lost, or gone again meanwhile, or somebody else's.
        found = port.pod(job.pod.name)
        if found is None:
            return _later(job, "there was a pod of this name, and it is gone", AGAIN)
        if found.labels.get(POD_LABEL) != str(job.pod.id):
            return _refused(job, error)
        seen = found
    failpoints.reach("after_k8s_create")
    note = Note(
        pod_id=job.pod.id, uid=seen.uid, node=seen.node, failure=PodFailure.NONE, message=""
    )
    return Result(
        action_id=job.action_id,
        pod_id=job.pod.id,
        event=PodEvent.CREATED,
        note=note,
        template_hash=job.template_hash,
    )


def _delete(job: Job, port: ClusterPort) -> Result:
    uid = job.pod.uid or _own_uid(job, port)
    log = _log(job, port) if job.wants_log else ""
    failpoints.reach("before_k8s_delete")
    was_there = bool(uid) and port.delete_pod(job.pod.name, uid=uid)
    failpoints.reach("after_k8s_delete")
    return Result(
        action_id=job.action_id,
        pod_id=job.pod.id,
        event=None if was_there else PodEvent.GONE,
        note=Note(pod_id=job.pod.id, uid=uid) if uid else None,
        log=log,
    )


def _own_uid(job: Job, port: ClusterPort) -> str:
    """Return the uid of a pod whose creation nobody confirmed; empty when there is none of ours."""
    seen = port.pod(job.pod.name)
    return seen.uid if seen and seen.labels.get(POD_LABEL) == str(job.pod.id) else ""


def _log(job: Job, port: ClusterPort) -> str:
    """Return the end of the log: of the container that runs, or of the one before it."""
    try:
        return port.pod_log(job.pod.name, most_bytes=LOG_BYTES) or port.pod_log(
            job.pod.name, most_bytes=LOG_BYTES, previous=True
        )
    except DomainError:
        # A node that is away has no log for us; the pod has to go all the same.
        return ""


def _shield(job: Job, port: ClusterPort) -> Result:
    return _patched(job, port, {BUSY_LABEL: "true"}, {SAFE_TO_EVICT: "false"})


def _unshield(job: Job, port: ClusterPort) -> Result:
    return _patched(job, port, {BUSY_LABEL: None}, {SAFE_TO_EVICT: "true"})


def _patched(
    job: Job,
    port: ClusterPort,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str | None],
) -> Result:
    """Patch the pod; one that is not there any more is found by the next look."""
    failpoints.reach("before_k8s_patch")
    port.patch_pod(job.pod.name, uid=job.pod.uid, labels=labels, annotations=annotations)
    note = Note(pod_id=job.pod.id, shielded=job.kind is ActionKind.SHIELD)
    return Result(action_id=job.action_id, pod_id=job.pod.id, note=note)


def _refused(job: Job, error: DomainError) -> Result:
    """Try again after a while; what people read on the pod is why."""
    if job.kind is not ActionKind.CREATE and isinstance(error, Conflict):
        # Another uid: the pod that was meant is gone, as the next look finds.
        return Result(action_id=job.action_id, pod_id=job.pod.id, error=error.message)
    draw = Random(job.action_id)  # noqa: S311 - spreads retries, keeps no secret
    wait = timedelta(seconds=delay_s(REFUSED, job.tries, draw))
    again = _later(job, error.message, wait)
    if job.kind is not ActionKind.CREATE:
        return again
    failure = PodFailure.QUOTA if isinstance(error, QuotaExceeded) else PodFailure.NONE
    message = error.message[:MESSAGE_CHARACTERS]
    return replace(again, note=Note(pod_id=job.pod.id, failure=failure, message=message))


def _later(job: Job, why: str, wait: timedelta) -> Result:
    return Result(action_id=job.action_id, pod_id=job.pod.id, is_done=False, error=why, wait=wait)


_WAYS: Final[Mapping[ActionKind, Callable[[Job, ClusterPort], Result]]] = {
    ActionKind.CREATE: _create,
    ActionKind.DELETE: _delete,
    ActionKind.SHIELD: _shield,
    ActionKind.UNSHIELD: _unshield,
}
