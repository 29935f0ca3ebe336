"""What does a log line look like? One JSON object: event, facts, and the ids of its context.

Modules use `logging` with a fixed event name and facts in ``extra``. Ids that a whole request, call
or batch shares (``request_id``, ``trace_id``, ``task_id``, ``attempt_id``, ``agent_id``) are bound
once with structlog's context variables and stand on every line of it.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import structlog
from structlog.typing import Processor

LONGEST_TEXT: Final = 16 * 1024
_CUT: Final = "... (cut)"


def formatter() -> logging.Formatter:
    """Return the formatter for `dictConfig`."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_FACTS],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            cut,
            _as_json,
        ],
    )


def configuration(level: str) -> dict[str, Any]:
    """Return Django's ``LOGGING``: everything as JSON to stderr, our own loggers at ``level``."""
    ours = {"level": level}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "k8s4r.logs.formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "k8s4r": ours,
            "agents": ours,
            "pools": ours,
            "executors": ours,
            # Django's own handlers would say the same a second time, and not as JSON.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # A refused request is its caller's business; a defect is logged as django.request.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
        },
    }


def cut(
    logger: logging.Logger | None, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Shorten texts that would make a line too long to keep."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            event[key] = value[:LONGEST_TEXT] + _CUT
    return event


def _as_json(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """Write the line; orjson escapes line breaks and control characters."""
    return orjson.dumps(dict(event), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


_FACTS: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
