"""What do answers about targets and messages look like? `executors.operating.api.shapes`."""

from uuid import UUID

from executors.operating.core.notices import Event, Kind, Severity, State
from k8s4r.api.answers import Moment, Shape


class Target(Shape, frozen=True):
    """Whom to tell, of what. ``url_shown`` tells no secret; ``project`` null: of everything."""

    id: UUID
    name: str
    url_shown: str
    project: str | None
    pool: str | None
    events: list[Event]
    labels: dict[str, str]
    min_severity: Severity
    queue_age_s: int
    paused: bool
    created_at: Moment
    changed_at: Moment


class Notification(Shape, frozen=True):
    """A message to one target, and what became of it."""

    id: UUID
    target: str
    target_id: UUID
    event: Event
    kind: Kind
    severity: Severity
    subject: str
    title: str
    body: str
    state: State
    tries: int
    next_try_at: Moment | None
    last_error: str
    created_at: Moment
    ended_at: Moment | None
    over_at: Moment | None
