"""What do the rows say that a pod looks like? They give the values of `pools.core.manifests`."""

from typing import Any

from pools.core import manifests, templates
from pools.core.manifests import Ground, Identity, Platform
from pools.core.pods import PodMode
from pools.models import Pod, Pool


def ground(pool: Pool, *, platform: Platform) -> Ground:
    """Return what all pods of a pool share; reads its config and its project."""
    config = pool.k8s_config
    assert config is not None, "the pool has a config"
    return Ground(
        config=str(config.pk),
        namespace=config.namespace,
        pool=str(pool.pk),
        pool_name=pool.name,
        project=pool.project.name,
        mode=PodMode(pool.pod_mode),
        platform=platform,
        template=templates.laid_over(
            templates.kept(config.pod_template), templates.kept(pool.pod_template)
        ),
        service_account=config.service_account_name,
        pull_secrets=tuple(config.image_pull_secrets),
    )


def manifest_of(pod: Pod, *, platform: Platform) -> dict[str, Any]:
    """Return the manifest of a pod, and so its name: equal rows give equal manifests."""
    return manifests.manifest(ground(pod.pool, platform=platform), identity(pod))


def identity(pod: Pod) -> Identity:
    """Return what is a pod's own."""
    return Identity(
        pod=str(pod.pk), name=pod.name, task="" if pod.task_id is None else str(pod.task_id)
    )
