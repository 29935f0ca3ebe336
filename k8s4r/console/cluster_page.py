"""What stands on the page of one K8s config?"""

import json
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from executors import history
from executors.history import Span
from k8s4r.console import past
from k8s4r.pages import ago, chip
from pools import conf
from pools.core import health, manifests
from pools.core.manifests import Ground, Identity
from pools.models import K8sConfig, Pod, Pool, Reach
from pools.services import shaping
from pools.services.shaping import ForPool

_EXAMPLE = Identity(pod="(id of the pod)", name="k8s4r-(pool)-(id)")


def facts(row: K8sConfig, *, now: datetime) -> dict[str, Any]:
    """Return what the page's template shows; a constant number of queries."""
    reach = Reach.objects.get(config=row)
    pools = Pool.objects.filter(k8s_config=row, archived_at=None).order_by("name")
    events = history.of_object([row.pk], Span(limit=past.FEW))
    steps = reach.report.get("steps", [])
    return {
        "row": row,
        "original": row.name,
        "reach": reach,
        "chip": health_chip(row, reach.healthy),
        "until": until(row),
        "expiry": health.expiry(row.credential_expires_at, now=now),
        "version": reach.report.get("version", ""),
        "steps": [one for one in steps if not one["name"].startswith("may ")],
        "verbs": [one for one in steps if one["name"].startswith("may ")],
        "advice": list(dict.fromkeys(one["advice"] for one in steps if one["advice"])),
        "checked": ago(reach.checked_at, now) if reach.checked_at else "",
        "observed": ago(reach.observed_at, now) if reach.observed_at else "",
        "pools": pools,
        "pods": Pod.objects.filter(config=row, gone_at=None).count(),
        "template": json.dumps(row.pod_template, indent=2) if row.pod_template else "",
        "preview": json.dumps(manifests.manifest(_ground(row), _EXAMPLE), indent=2),
        "box": {"lines": past.lines(events, can_revert=False)},
        "cli": f"k8s4r describe k8s-config {row.name}",
        "json": f"/api/v1/k8s-configs/{row.pk}",
    }


def health_chip(row: K8sConfig, healthy: bool | None) -> SafeString:
    """Return the state of a config as a word with a colour."""
    if not row.active:
        return chip("paused", note="people switched it off")
    word = {None: "unknown", True: "healthy", False: "unhealthy"}[healthy]
    return chip(word, note="nobody has looked yet" if healthy is None else "")


def until(row: K8sConfig) -> str:
    """Return until when the credential is good, for a person."""
    moment = row.credential_expires_at
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "it does not say"


def _ground(row: K8sConfig) -> Ground:
    pool = ForPool(id="(id of the pool)", name="(pool)", project=row.project.name)
    return shaping.of_config(row, pool, platform=conf.platform())
