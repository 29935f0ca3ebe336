"""Of many that show the same code at once one is let in, and guesses at once are all counted."""

import pytest

from k8s4r import clock
from k8s4r.access.models import SecondFactor
from k8s4r.access.services import second_factor
from k8s4r.core import second_factor as rules
from k8s4r.core.errors import Conflict, Invalid, TooMany
from tests.builders import NOON, a_user
from tests.concurrency.racing import race, times
from tests.factors import ENCRYPTION_KEY, bad_code_of, code_of, with_factor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    return a_user("ann")


def shown_at_once(user, code, *, count):
    """Return what each got of so many that show a code at once: a proof, None, or "waits"."""
    now = clock.now()

    def show(_):
        try:
            return second_factor.prove(user.pk, code, now=now)
        except TooMany:
            return "waits"

    return race(*times(count, show))


def proofs(answers):
    return [one for one in answers if one not in {None, "waits"}]


def test_of_eight_that_show_the_same_code_at_once_one_is_let_in(ann):
    with_factor(ann, now=NOON)
    answers = shown_at_once(ann, code_of(ann, now=clock.now()), count=8)
    assert len(proofs(answers)) == 1


def test_of_eight_that_show_the_same_recovery_code_at_once_one_is_let_in(ann):
    code = with_factor(ann, now=NOON)[0]
    answers = shown_at_once(ann, code, count=8)
    assert [one.codes_left for one in proofs(answers)] == [rules.RECOVERY_CODES - 1]


def test_guesses_that_come_at_once_get_no_more_tries_than_one_after_the_other(ann):
    with_factor(ann, now=NOON)
    answers = shown_at_once(ann, bad_code_of(ann), count=12)
    assert answers.count(None) == rules.FREE_TRIES
    assert SecondFactor.objects.get(user=ann).bad_codes == rules.FREE_TRIES


def test_of_two_that_turn_it_on_at_once_one_gets_recovery_codes_and_they_are_good(ann):
    second_factor.begin(ann.pk, now=NOON)
    code = code_of(ann, now=NOON)

    def confirm(_):
        try:
            return second_factor.confirm(ann.pk, code, now=NOON)
        except (Conflict, Invalid):
            return None

    (codes,) = [one for one in race(*times(4, confirm)) if one]
    assert second_factor.prove(ann.pk, codes[0], now=NOON) is not None


def test_set_up_twice_at_once_there_is_one_secret(ann):
    race(*times(4, lambda _: second_factor.begin(ann.pk, now=NOON)))
    assert SecondFactor.objects.filter(user=ann).count() == 1
    assert second_factor.confirm(ann.pk, code_of(ann, now=NOON), now=NOON)
