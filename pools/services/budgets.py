"""Which PodDisruptionBudget is of use to nobody any more? That of an archived pool without pods.

What may be there is remembered before it is made (`reach`): our account may not list budgets.
"""

import logging
from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef

from pools.core import manifests
from pools.core.pods import PodState
from pools.core.ports import ClusterPort, ClusterRefused
from pools.models import Pod, Pool
from pools.services import reach
from pools.services.reach import Lease

logger = logging.getLogger(__name__)


def clear(lease: Lease, port: ClusterPort) -> None:
    """Delete the budgets that are of no use any more; what is refused is tried again next time.

    Raises:
        ClusterUnreachable: it does not answer.
    """
    over = [pool_id for pool_id in _unused(lease.budgets) if _delete(pool_id, port)]
    reach.forget_budgets(lease.config_id, over)


def _unused(pool_ids: Collection[UUID]) -> list[UUID]:
    if not pool_ids:
        return []
    left = Pod.objects.filter(pool=OuterRef("pk")).exclude(state=PodState.GONE)
    rows = Pool.objects.filter(~Exists(left), pk__in=pool_ids, archived_at__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _delete(pool_id: UUID, port: ClusterPort) -> bool:
    try:
        port.delete_budget(manifests.budget_name(str(pool_id)))
    except ClusterRefused as error:
        facts = {"pool": str(pool_id), "error": error.message}
        logger.warning("budget_stays", extra=facts)
        return False
    return True
