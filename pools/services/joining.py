"""How does a machine that enrolled for a pool come to work there?"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.models import Agent
from pools.models import Membership, Pool, PoolType


@transaction.atomic
def join(pool_id: UUID, agent_id: UUID, *, now: datetime) -> None:
    """Make an agent a member: listed in a static pool, labelled for a dynamic one.

    A pool that is gone, or that belongs to another project, is joined by nobody.

    Locks: the pool; then the agent.
    """
    pool = Pool.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=pool_id, archived_at=None
    ).first()  # fmt: skip
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).get(pk=agent_id)
    if pool is None or pool.project_id != agent.project_id:
        return
    if pool.type == PoolType.STATIC:
        Membership.objects.get_or_create(pool=pool, agent=agent, defaults={"added_at": now})
    elif not pool.required_labels.items() <= agent.labels.items():
        agent.labels = {**agent.labels, **pool.required_labels}
        agent.settings_version += 1
        agent.changed_at = now
        agent.save(update_fields=["labels", "settings_version", "changed_at"])
