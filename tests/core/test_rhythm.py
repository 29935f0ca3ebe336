"""A cluster that changes all the time is looked at often, and not all the time."""

from math import inf

from executors.core.rhythm import Rhythm


def looks_in(seconds: int, *, heard_every_s: float) -> list[float]:
    """Return when looks are made, when there is word so often; time goes on in tenths."""
    rhythm, found = Rhythm(), []
    for tenth in range(seconds * 10):
        at = tenth / 10
        if tenth % round(heard_every_s * 10) == 0:
            rhythm.heard(at)
        if rhythm.wait_s(at) == 0:
            rhythm.looks(at)
            found.append(at)
    return found


def test_word_ten_times_a_second_leads_to_twelve_looks_a_minute():
    looks = looks_in(60, heard_every_s=0.1)
    assert looks[:3] == [1.0, 6.0, 11.0]
    assert len(looks) == 12


def test_word_after_a_rest_is_followed_by_a_look_a_second_later():
    assert looks_in(60, heard_every_s=20.0) == [1.0, 21.0, 41.0]


def test_without_word_there_is_no_look_to_wait_for():
    assert Rhythm().wait_s(1000.0) == inf


def test_what_is_heard_while_a_look_is_made_leads_to_another():
    rhythm = Rhythm()
    assert rhythm.heard(0.0)
    assert not rhythm.heard(0.5), "the look that it waits for sees this too"
    rhythm.looks(1.0)
    assert rhythm.heard(1.2)
    assert rhythm.wait_s(1.2) == 4.8
