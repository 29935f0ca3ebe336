"""People with a second factor, and the codes that their apps show."""

from datetime import datetime

from k8s4r import clock
from k8s4r.access.models import SecondFactor, User
from k8s4r.access.services import second_factor
from k8s4r.core import second_factor as rules
from tests.builders import a_user

PASSWORD = "a long one for tests"
ENCRYPTION_KEY = "k" * 40


def a_person(name: str = "olga", *, is_superuser: bool = True) -> User:
    """Return a person who signs in to the pages with `PASSWORD`."""
    user = a_user(name, is_staff=True, is_superuser=is_superuser)
    user.set_password(PASSWORD)
    user.save()
    return user


def with_factor(user: User, *, now: datetime) -> list[str]:
    """Turn on the second factor of a person as they would, and return the recovery codes."""
    second_factor.begin(user.pk, now=now)
    return second_factor.confirm(user.pk, code_of(user, now=now), now=now)


def code_of(user: User, *, now: datetime, away: int = 0) -> str:
    """Return what the app of a person shows, ``away`` steps from that moment."""
    secret = second_factor.secret(SecondFactor.objects.get(user=user))
    return rules.code_at(secret, rules.step_of(now) + away)


def bad_code_of(user: User) -> str:
    """Return six digits that are no code of this person today."""
    secret, now = second_factor.secret(SecondFactor.objects.get(user=user)), clock.now()
    current = rules.step_of(now)
    good = {rules.code_at(secret, step) for step in range(current - 20, current + 20)}
    return next(code for code in map("{:06}".format, range(100)) if code not in good)


def later(user: User) -> None:
    """Let the codes that were taken be those of an hour ago."""
    SecondFactor.objects.filter(user=user).update(last_step=rules.step_of(clock.now()) - 120)
