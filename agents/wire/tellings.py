"""What may the work of an attempt tell of itself, and what is it answered?"""

from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta

from agents.wire.fields import Message

PROGRESS_CHARACTERS: Final = 200
NOTE_BYTES: Final = 16 * 1024
NOTES: Final = 10
CONTEXT: Final = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
CONTEXT_RULE: Final = (
    "up to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
)

Style: TypeAlias = Literal["info", "success", "warning", "error"]
Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class ToldProgress(Message, frozen=True):
    """``PUT attempts/{id}/progress``: how much of the work is done, and at what it is."""

    fraction: Fraction
    text: Annotated[str, Meta(max_length=PROGRESS_CHARACTERS)] = ""


class ToldAnnotation(Message, frozen=True):
    """``PUT attempts/{id}/annotations/{context}``: Markdown for the task's page."""

    text: Annotated[str, Meta(min_length=1, max_length=NOTE_BYTES)]
    style: Style = "info"


class Heard(Message, frozen=True):
    """What was told is stored; ``is_new``: it was not said before in the same words."""

    attempt: UUID
    is_new: bool
