"""What do the rows say that a pod looks like? They give the values of `pools.core.manifests`."""

from dataclasses import dataclass, replace

from pools.core import templates
from pools.core.manifests import Ground, Identity, Platform
from pools.core.pods import PodMode
from pools.models import K8sConfig, Pod, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class ForPool:
    """The pool that pods are for: one that there is, or one that somebody thinks of."""

    id: str
    name: str
    project: str
    mode: PodMode = PodMode.SLOTS


def ground(pool: Pool, *, platform: Platform) -> Ground:
    """Return what all pods of a pool share; reads its config and its project."""
    config = pool.k8s_config
    assert config is not None, "the pool has a config"
    whose = ForPool(
        id=str(pool.pk),
        name=pool.name,
        project=pool.project.name,
        mode=PodMode(pool.pod_mode),
    )
    shared = of_config(config, whose, platform=platform)
    return replace(
        shared,
        template=templates.laid_over(shared.template, templates.kept(pool.pod_template)),
    )


def of_config(config: K8sConfig, pool: ForPool, *, platform: Platform) -> Ground:
    """Return what pods share by their config alone, before their pool has a word."""
    return Ground(
        config=str(config.pk),
        namespace=config.namespace,
        pool=pool.id,
        pool_name=pool.name,
        project=pool.project,
        mode=pool.mode,
        platform=platform,
        template=templates.kept(config.pod_template),
        service_account=config.service_account_name,
        pull_secrets=tuple(config.image_pull_secrets),
    )


def identity(pod: Pod) -> Identity:
    """Return what is a pod's own."""
    return Identity(
        pod=str(pod.pk), name=pod.name, task="" if pod.task_id is None else str(pod.task_id)
    )
