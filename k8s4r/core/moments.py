"""Is a time that somebody gives still to come?"""

from datetime import datetime

from k8s4r.core.errors import FieldProblem, Invalid, pointer


def to_come(moment: datetime, name: str, *, now: datetime) -> datetime:
    """Return the time that a field of a body gives.

    Raises:
        Invalid: it is over, or says no offset.
    """
    if moment.tzinfo is None or moment <= now:
        problem = FieldProblem(pointer(name), "future", "a time to come, with its offset")
        raise Invalid(f"{name}: {problem.detail}", errors=[problem])
    return moment
