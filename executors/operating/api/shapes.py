"""What do targets and messages look like in JSON? Addresses are never among it."""

from typing import Any

from executors.operating.models import Notification, NotificationTarget


def target(row: NotificationTarget) -> dict[str, Any]:
    """Return a target."""
    return {
        "id": row.pk,
        "name": row.name,
        "url_shown": row.url_shown,
        "project": row.project.name if row.project else None,
        "pool": row.pool.name if row.pool else None,
        "events": row.events,
        "labels": row.labels,
        "min_severity": row.min_severity,
        "queue_age_s": row.queue_age_s,
        "paused": row.paused,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def notification(row: Notification) -> dict[str, Any]:
    """Return a message and what became of it."""
    return {
        "id": row.pk,
        "target": row.target.name,
        "target_id": row.target_id,
        "event": row.event,
        "kind": row.kind,
        "severity": row.severity,
        "subject": row.subject,
        "title": row.title,
        "body": row.body,
        "state": row.state,
        "tries": row.tries,
        "next_try_at": row.next_try_at if row.state == "waiting" else None,
        "last_error": row.last_error,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "over_at": row.over_at,
    }
