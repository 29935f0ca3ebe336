"""What has the work of a task told of itself, as its page shows it?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString

from executors import selectors
from executors.core import progress as progress_rules
from executors.models import Task
from k8s4r.markdown import rendered
from k8s4r.pages import ago

# The frame of each style; its word stands there too, because colour alone says nothing.
_FRAMES: Final = {
    "info": "",
    "success": "k-box-good",
    "warning": "k-box-wait",
    "error": "k-box-bad",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work says that it is."""

    percent: int
    text: str
    at: SafeString | str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text that an attempt pinned here, as HTML that does nothing."""

    context: str
    style: str
    frame: str
    attempt: int
    html: SafeString
    at: SafeString | str


def progress(task: Task, now: datetime) -> Progress | None:
    """Return how far the present attempt says that it is."""
    made, state = task.attempts_made, task.state
    if not progress_rules.is_present(task.progress_attempt, attempts_made=made, state=state):
        return None
    assert task.progress is not None, "whoever told it said how much"
    # A hundred only when it is all; 0.29 is 28.999... hundredths.
    percent = int(100 * task.progress + 1e-9)
    return Progress(percent, task.progress_text, ago(task.progress_at, now))


def annotations(task: Task, *, chosen: int, now: datetime) -> list[Annotation]:
    """Return what the chosen attempt pinned to the page, in the order of first telling."""
    return [
        Annotation(
            context=row.context,
            style=row.style,
            frame=_FRAMES[row.style],
            attempt=row.attempt.number,
            html=rendered(row.text),
            at=ago(row.told_at, now),
        )
        for row in selectors.annotations_of(task.pk).filter(attempt__number=chosen)
    ]
