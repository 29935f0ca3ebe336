"""How does a project begin? With its default pool, which takes every agent of the project."""

from datetime import datetime

from django.db import transaction

from k8s4r.access.models import Project
from k8s4r.access.services import projects
from k8s4r.audit.attribution import Actor
from pools.selectors import DEFAULT
from pools.services import pools


@transaction.atomic
def found(
    name: str, *, actor: Actor, description: str = "", weight: float = 1.0, now: datetime
) -> Project:
    """Make a project and its default pool.

    Raises:
        Conflict: the name is taken.
    """
    project = projects.create(name, actor=actor, description=description, weight=weight, now=now)
    pools.create(DEFAULT, project=project, now=now)
    return project
