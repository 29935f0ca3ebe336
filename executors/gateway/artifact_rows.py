"""Which file did an attempt leave under a name, for whoever may read it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from executors.gateway import readers
from executors.gateway.readers import Reader, Wanted
from executors.models import Artifact, Task
from k8s4r.audit import readings
from k8s4r.core.errors import DomainError


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants which file."""

    reader: Reader
    attempt_id: UUID
    name: str


def find(asked: Sequence[Asked]) -> list[Artifact | DomainError]:
    """Return each file that is asked for; who may not see its task is told that there is none."""
    named = Q()
    for one in asked:
        named |= Q(attempt=one.attempt_id, name=one.name)
    rows = Artifact.objects.filter(named).select_related("attempt__task")
    known = {(row.attempt_id, row.name): row for row in rows}
    files = [known.get((one.attempt_id, one.name)) for one in asked]
    wanted = [
        Wanted(
            one.reader,
            None if file is None else file.attempt.task,
            f"file {one.name!r} of attempt {one.attempt_id}",
        )
        for one, file in zip(asked, files, strict=True)
    ]
    found = readers.admitted(wanted, kind=readings.ARTIFACT)
    return [
        file if file is not None and isinstance(task, Task) else _refusal(task)
        for file, task in zip(files, found, strict=True)
    ]


def _refusal(found: Task | DomainError) -> DomainError:
    assert isinstance(found, DomainError), "a file that is not there is refused"
    return found
