"""Files that attempts leave: whose they are, and what happens when one comes twice."""

import pytest

from executors.models import Artifact, Attempt
from executors.services import artifacts
from executors.services.artifacts import Arrival
from k8s4r import clock
from k8s4r.core.errors import Conflict, NotFound, Superseded
from tests.builders import NOON, a_pool, a_task, an_agent, an_attempt
from tests.services.agentside import token_of

pytestmark = pytest.mark.django_db
HASH = "ab" * 32


def work():
    agent = an_agent()
    return an_attempt(a_task(a_pool(agent)), agent, state="running")


def store(attempt, *, agent=None, token=None, sha256=HASH, name="plan.bin", identity=None):
    arrival = Arrival(
        attempt_id=attempt.pk,
        attempt_token=token or token_of(attempt),
        name=name,
        sha256=sha256,
        size_bytes=5,
        artifact_id=identity or clock.new_id(),
    )
    return artifacts.store(arrival, agent_id=(agent or attempt.agent).pk, now=NOON)


def test_a_file_is_kept_once_and_the_same_again_is_a_success():
    attempt = work()
    first, second = store(attempt), store(attempt)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.stored == second.stored
    assert Artifact.objects.get(attempt=attempt).sha256 == HASH


def test_an_arrival_whose_commit_was_not_heard_of_keeps_its_bytes():
    attempt, identity = work(), clock.new_id()
    assert store(attempt, identity=identity).is_new
    again = store(attempt, identity=identity)
    assert (again.is_new, again.artifact_id) == (True, identity)


def test_another_file_of_the_same_name_is_a_conflict():
    attempt = work()
    store(attempt)
    with pytest.raises(Conflict):
        store(attempt, sha256="cd" * 32)
    assert store(attempt, sha256="cd" * 32, name="other").is_new


def test_nobody_leaves_files_for_another_agents_attempt():
    with pytest.raises(NotFound):
        store(work(), agent=an_agent())


def test_the_token_of_the_attempt_is_needed():
    with pytest.raises(Superseded):
        store(work(), token="att_guessed")


def test_an_ended_attempt_leaves_nothing():
    attempt = work()
    Attempt.objects.filter(pk=attempt.pk).update(state="lost", ended_at=NOON)
    with pytest.raises(Superseded):
        store(attempt)
