"""How does a project come to be? Its default pool is the pools app's to add."""

from datetime import datetime

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
