"""What operators run beside the servers says what it did, and names what was typed wrong."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents.models import Generation
from executors.models import Pulse
from executors.operating.services import targets
from k8s4r import clock
from k8s4r.audit.attribution import SYSTEM
from k8s4r.core.networks import allowed_from
from tests.builders import NOON, a_pool, a_running_attempt, a_task, an_agent, seconds

pytestmark = pytest.mark.django_db


def run(*arguments):
    said = StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def test_a_backup_is_noted_and_an_older_one_changes_nothing():
    assert "noted" in run("note_backup", "--made-at", NOON.isoformat())
    run("note_backup", "--made-at", (NOON - seconds(60)).isoformat())
    assert Pulse.objects.get(source="backup").seen_at == NOON
    run("note_backup")
    assert Pulse.objects.get(source="backup").seen_at > NOON


def test_a_new_generation_says_what_a_person_has_to_look_at():
    agent = an_agent()
    pool = a_pool(agent, name="night")
    a_running_attempt(pool, agent)
    a_task(pool)
    said = run("begin_generation", "--backup-at", NOON.isoformat())
    assert "generation 2" in said
    assert "1 tasks are unknown" in said
    assert "default/night" in said
    assert Generation.objects.get().backup_at == NOON
    assert Pulse.objects.get(source="backup").seen_at == NOON


@pytest.mark.parametrize(
    ("text", "why"), [("yesterday", "Invalid isoformat"), ("2026-11-21T12:00:00", "needs a zone")]
)
@pytest.mark.parametrize("command", ["begin_generation --backup-at", "note_backup --made-at"])
def test_a_moment_that_is_none_is_refused_by_its_option(command, text, why):
    name, option = command.split()
    with pytest.raises(CommandError, match=f"{option}: .*{why}"):
        run(name, option, text)
    assert not Generation.objects.exists()


def test_secrets_come_under_a_new_key_and_what_cannot_changes_nothing(settings):
    settings.ENCRYPTION_KEY = "o" * 40
    assert "no secrets" in run("rekey")
    columns = {"name": "ops", "events": ["task_failed"]}
    url = "jsons://hooks.example.org/"
    targets.create(
        url=url, columns=columns, allowed=allowed_from(""), actor=SYSTEM, now=clock.now()
    )
    settings.ENCRYPTION_KEY = f"{'n' * 40}\n{'o' * 40}"
    assert ": 1 secrets" in run("rekey")
    settings.ENCRYPTION_KEY = "z" * 40
    with pytest.raises(CommandError, match="nothing has changed"):
        run("rekey")
