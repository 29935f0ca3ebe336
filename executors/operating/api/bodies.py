"""What do people send about notification targets?"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from executors.operating.core.notices import CHOSEN, Event, Severity

Slug: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
]
Address: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2048)]
Reference: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63)]
Seconds: TypeAlias = Annotated[int, Meta(ge=60, le=86_400 * 30)]
Events: TypeAlias = Annotated[list[Event], Meta(min_length=1, max_length=8)]


class NewTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST notification-targets``. ``project`` None: whatever happens anywhere."""

    name: Slug
    url: Address
    project: Reference | None = None
    events: Events = msgspec.field(default_factory=lambda: list(CHOSEN))
    pool: Reference | None = None
    labels: dict[str, str] = {}
    min_severity: Severity = Severity.INFO
    queue_age_s: Seconds = 900
    paused: bool = False


class ChangedTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PATCH notification-targets/{id}``: what is left out stays, the address as well."""

    name: Slug | UnsetType = UNSET
    url: Address | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    min_severity: Severity | UnsetType = UNSET
    queue_age_s: Seconds | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
