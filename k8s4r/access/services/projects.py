"""How does a project come to be and change? Its default pool is the pools app's to add."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from k8s4r.access.models import Project
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict


@transaction.atomic
def create(
    name: str, *, actor: Actor, description: str = "", weight: float = 1.0, now: datetime
) -> Project:
    """Make a project; inside the caller's transaction when there is one.

    Raises:
        Conflict: the name is taken.
    """
    attribution.attribute(actor, cause="create_project")
    try:
        with transaction.atomic():
            return Project.objects.create(
                name=name, description=description, weight=weight, created_at=now
            )
    except IntegrityError as error:
        raise Conflict(f"a project {name} exists") from error


@transaction.atomic
def change(
    project_id: UUID, changes: Mapping[str, Any], *, actor: Actor, cause: str = "change_project"
) -> Project:
    """Change columns of a project; ``cause`` is what its event names.

    Locks: the project.

    Raises:
        Conflict: another project has this name.
    """
    attribution.attribute(actor, cause=cause)
    row = locked(project_id)
    for column, value in changes.items():
        setattr(row, column, value)
    try:
        with transaction.atomic():
            row.save(update_fields=list(changes))
    except IntegrityError as error:
        raise Conflict(f"a project {row.name} exists") from error
    return row


def locked(project_id: UUID) -> Project:
    """Return a project, locked until the transaction ends."""
    return Project.objects.select_for_update(of=("self",), no_key=True).get(pk=project_id)
