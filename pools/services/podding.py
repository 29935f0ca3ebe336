"""What does a pool say about the pods it has, and does it fit the rest of the pool?"""

from collections.abc import Mapping
from typing import Any, Final

from k8s4r.core import ids
from k8s4r.core.errors import Conflict, FieldProblem, Invalid
from pools.core.pods import PodMode
from pools.models import K8sConfig, Pod, Pool, PoolType

# What is said as one: ``None``, no pods; else ``config`` (a name or an id) and columns of `Pool`.
K8S: Final = "k8s"
CONFIG: Final = "config"
MODE: Final = "pod_mode"
COLUMNS: Final = (
    "k8s_config", MODE, "min_pods", "max_pods", "warm_spares", "cooldown_s", "max_surge",
    "keep_failed_s", "pod_template",
)  # fmt: skip


def settle(row: Pool, given: Mapping[str, Any] | None) -> None:
    """Set a pool's columns about pods; ``given`` lacks what stays. Expects the pool locked.

    Raises:
        Invalid: the parts do not fit each other, or there is no such config.
        Conflict: the pool has pods that are not gone, which could not stay as they are.
    """
    if given is None:
        _check_movable(row, None, PodMode.NONE)
        row.k8s_config, row.pod_mode = None, PodMode.NONE
        return
    config = _config(row, given.get(CONFIG))
    mode = given.get(MODE) or row.pod_mode or PodMode.SLOTS
    _check_movable(row, config, PodMode(mode))
    row.k8s_config, row.pod_mode = config, mode
    for name in COLUMNS[2:]:
        if name in given:
            setattr(row, name, given[name])


def check(row: Pool, *, is_default: bool) -> None:
    """Refuse pods that do not fit the rest of the pool.

    Raises:
        Invalid: names each field, and the rule.
    """
    if row.k8s_config is None:
        return
    problems = []
    if is_default:
        detail = "the default pool takes the agents of its project: make another pool for pods"
        problems.append(FieldProblem("/k8s", "default_pool", detail))
    if row.type != PoolType.DYNAMIC:
        detail = "a pool with pods is dynamic: its members are the agents in them"
        problems.append(FieldProblem("/pool_type", "dynamic_only", detail))
    for name, most in (("min_pods", row.max_pods), ("warm_spares", row.max_pods)):
        if getattr(row, name) > most:
            problems.append(FieldProblem(f"/k8s/{name}", "bounds", f"at most max_pods, {most}"))
    if problems:
        raise Invalid(f"{problems[0].pointer}: {problems[0].detail}", errors=problems)


def _config(row: Pool, name: str | None) -> K8sConfig:
    """Return the config that is named; without a name the present one, or the default."""
    if name is None and row.k8s_config is not None:
        return row.k8s_config
    rows = K8sConfig.objects.filter(project_id=row.project_id, archived_at=None)
    if name is None:
        found = rows.filter(is_default=True).first()
        detail = "its project has no default K8s config: make one, or name one"
    else:
        identity = ids.as_uuid(name)
        by_id = rows.filter(pk=identity).first() if identity else None
        found = rows.filter(name=name).first() or by_id
        detail = f"its project has no K8s config {name}"
    if found is None:
        raise Invalid(detail, errors=[FieldProblem("/k8s/config", "unknown", detail)])
    return found


def _check_movable(row: Pool, config: K8sConfig | None, mode: PodMode) -> None:
    same = config is not None and config.pk == row.k8s_config_id and mode == row.pod_mode
    if row.k8s_config_id is None or same:
        return
    if Pod.objects.filter(pool=row, gone_at=None).exists():
        raise Conflict(f"{row.name} has pods: set min_pods and max_pods to 0, and wait for them")
