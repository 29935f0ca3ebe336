"""Did the person type what they are about to end? Asked where nothing brings it back."""

from typing import Final

from django.http import HttpRequest

FIELD: Final = "typed"


def problem(request: HttpRequest, wanted: str) -> str:
    """Return what is wrong with what was typed, empty when it is what was wanted.

    Case counts, spaces around it do not.
    """
    said = request.POST.get(FIELD, "").strip()
    if said == wanted:
        return ""
    return f"nothing was done: type {wanted}, not {said[:80]}" if said else f"type {wanted} first"
