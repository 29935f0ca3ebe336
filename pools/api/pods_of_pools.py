"""What do people send about the pods of a pool, and how are they shown?"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from k8s4r.api.answers import Shape
from pools import conf
from pools.core import templates
from pools.core.templates import PodTemplate
from pools.models import Pool
from pools.services import podding

Pods: TypeAlias = Annotated[int, Meta(ge=0, le=5000)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=7 * 86_400)]
Mode: TypeAlias = Literal["slots", "task"]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63)]


class PodsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pods of a pool: ``config`` null is the project's default one.

    ``mode`` ``slots``: pods with three slots; ``task``: one pod for each task. ``max_surge``: how
    many are made at once; ``cooldown_s``: how long one stays idle; ``keep_failed_s``: how long a
    failed one is kept to look at. ``pod_template`` goes over the config's.
    """

    config: Name | None = None
    mode: Mode = "slots"
    min_pods: Pods = 0
    max_pods: Pods = 10
    warm_spares: Pods = 0
    cooldown_s: Seconds = 300
    max_surge: Annotated[int, Meta(ge=1, le=1000)] = 10
    keep_failed_s: Seconds = 0
    pod_template: PodTemplate = PodTemplate()


class ChangedPods(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some of it: what is left out stays, or becomes the default where there were no pods."""

    config: Name | UnsetType | None = UNSET
    mode: Mode | UnsetType = UNSET
    min_pods: Pods | UnsetType = UNSET
    max_pods: Pods | UnsetType = UNSET
    warm_spares: Pods | UnsetType = UNSET
    cooldown_s: Seconds | UnsetType = UNSET
    max_surge: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    keep_failed_s: Seconds | UnsetType = UNSET
    pod_template: PodTemplate | UnsetType = UNSET


class PodsOfPool(Shape, frozen=True):
    """The pods of a pool; ``config`` is the name of its K8s config."""

    config: str
    config_id: UUID
    mode: Mode
    min_pods: int
    max_pods: int
    warm_spares: int
    cooldown_s: int
    max_surge: int
    keep_failed_s: int
    pod_template: dict[str, Any]


def given(body: PodsBody | ChangedPods | None) -> Mapping[str, Any] | None:
    """Return what a body says, as `podding.settle` takes it.

    Raises:
        Invalid: the template says what it may not.
    """
    if body is None:
        return None
    said = {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }
    if "mode" in said:
        said[podding.MODE] = said.pop("mode")
    if "pod_template" in said:
        templates.check(said["pod_template"], conf.images(), at="/k8s/pod_template")
        said["pod_template"] = templates.stored(said["pod_template"])
    return said


def shape(row: Pool) -> dict[str, Any] | None:
    """Return the pods of a pool; ``None``: it has none."""
    if row.k8s_config is None:
        return None
    return {
        "config": row.k8s_config.name,
        "config_id": row.k8s_config_id,
        "mode": row.pod_mode,
        **{name: getattr(row, name) for name in podding.COLUMNS[2:]},
    }
