"""A problem is told once to each target that wants it, and once that it is over."""

import pytest

from agents.models import Agent
from executors.models import Attempt, Task
from executors.operating.core import notices
from executors.operating.models import Notification
from executors.operating.services import keeping, noticing, rekeying, targets
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.audit.attribution import SYSTEM
from k8s4r.core.errors import Unavailable
from k8s4r.core.networks import allowed_from
from k8s4r.core.roles import EVERYTHING
from k8s4r.secrets import vault
from k8s4r.secrets.envelope import CannotDecrypt
from tests.builders import (
    NOON,
    a_held_plan,
    a_pool,
    a_project,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    seconds,
)

pytestmark = pytest.mark.django_db
HOOK = "jsons://hooks.example.org/token"
KEY = "k" * 40
SOON = NOON + seconds(1)
EVERYBODY = Principal(
    kind=PrincipalKind.PERSON, id=clock.new_id(), token_id=clock.new_id(), rights=EVERYTHING
)


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = KEY


def a_target(name="night", url=HOOK, *, now=NOON, **columns):
    everything = {"events": [str(one) for one in notices.CHOSEN], **columns}
    row = {"name": name, **everything}
    return targets.create(url=url, actor=SYSTEM, columns=row, allowed=allowed_from(""), now=now)


def failed(pool=None, *, at=SOON, count=1, **fields):
    return a_tasks(
        pool or a_pool(name="jobs"), count,
        **{"state": "failed", "ended_at": at, "reason": "exit_code", **fields},
    )  # fmt: skip


def titles():
    return list(
        Notification.objects.order_by("created_at", "title").values_list("title", flat=True)
    )


def look(at_s=10):
    return noticing.look(site="https://k8s4r.example", now=NOON + seconds(at_s))


def test_a_failed_task_is_told_once_to_each_target():
    a_target("one")
    a_target("two")
    failed(name="nightly")
    assert look() == 2
    assert look(15) == 0
    assert look(70) == 0
    assert titles() == ["nightly failed", "nightly failed"]
    row = Notification.objects.first()
    assert (row.state, row.severity, row.next_try_at) == ("waiting", "warning", NOON + seconds(10))
    assert "reason exit_code" in row.body


def test_what_failed_before_the_target_was_made_is_not_told():
    failed(at=NOON - seconds(1))
    a_target()
    assert look() == 0


def test_a_target_hears_only_of_its_project_pool_labels_events_and_severity():
    other = a_project("other")
    pool, elsewhere = a_pool(name="jobs"), a_pool(name="jobs", project=other)
    a_target("project", project=other)
    a_target("pool", pool=pool, project=pool.project)
    a_target("labels", labels={"team": "a"})
    a_target("events", events=["agent_offline"])
    a_target("severe", min_severity="critical")
    a_target("paused", paused=True)
    failed(pool, name="here", labels={"team": "b"})
    failed(elsewhere, name="there", labels={"team": "a", "more": "1"})
    look()
    told = Notification.objects.values_list("target__name", "title")
    assert sorted(told) == [
        ("labels", "there failed"), ("pool", "here failed"), ("project", "there failed"),
    ]  # fmt: skip


def test_an_agent_is_told_of_once_an_episode_with_its_return():
    a_target(events=["agent_offline"])
    agent = an_agent("builder", observed="offline")
    an_agent("resting", observed="offline", desired="paused")
    assert look(59) == 0, "a link that broke off is no news"
    for at_s in (60, 65):
        look(at_s)
    Agent.objects.filter(pk=agent.pk).update(changed_at=NOON + seconds(66))
    assert look(67) == 0, "whoever edits it does not bring it back"
    Agent.objects.filter(pk=agent.pk).update(observed="online")
    for at_s in (70, 75):
        look(at_s)
    Agent.objects.filter(pk=agent.pk).update(observed="error", observed_reason="disk full")
    look(130)
    rows = Notification.objects.order_by("created_at").values_list("kind", "severity", "title")
    assert list(rows) == [
        ("problem", "critical", "Agent builder is offline"),
        ("recovery", "info", "Over: Agent builder is offline"),
        ("problem", "critical", "Agent builder is error"),
    ]


def test_what_is_no_longer_wanted_is_not_said_to_be_over():
    target = a_target(events=["agent_offline"])
    an_agent("builder", observed="offline")
    assert look(60) == 1
    changes = {"events": ["task_failed"]}
    targets.change(
        target.pk, changes, principal=EVERYBODY, allowed=allowed_from(""), now=NOON + seconds(61)
    )
    assert look(65) == 0
    assert Notification.objects.get().over_at is not None


def test_a_queue_is_told_of_when_its_oldest_task_is_too_old_and_when_it_is_not():
    a_target(events=["queue_too_old"], queue_age_s=600)
    pool = a_pool(name="jobs")
    a_task(pool)
    a_task(pool, run_after=NOON)
    assert look(599) == 0
    assert look(600) == 1
    Task.objects.update(state="running")
    assert look(605) == 1
    assert titles() == ["Tasks wait in pool jobs", "Over: Tasks wait in pool jobs"]


def test_a_plan_is_told_of_once_while_it_waits_for_a_decision():
    a_target()
    plan = a_held_plan(a_pool(name="jobs"), an_agent(), name="rollout", owner=a_user("ann"))
    assert look() == 1
    assert look(15) == 0
    assert look(700) == 0
    row = Notification.objects.get()
    assert (row.event, row.severity, row.title) == (
        "approval_required", "warning", "rollout waits for approval",
    )  # fmt: skip
    assert row.body == (
        "Pool jobs, its slot is kept until 2026-11-22 12:00 UTC. Somebody else than ann decides: "
        f"k8s4r approve {plan.task_id}, k8s4r reject {plan.task_id}, or "
        f"https://k8s4r.example/admin/executors/task/{plan.task_id}/change/"
    )
    Attempt.objects.filter(pk=plan.pk).update(state="succeeded", ended_at=NOON)
    Task.objects.filter(pk=plan.task_id).update(state="dispatching")
    assert look(705) == 1
    assert titles()[-1] == "Over: rollout waits for approval"


def test_plans_are_told_of_to_who_asked_for_theirs_and_not_all_at_once():
    pool, other = a_pool(name="jobs"), a_pool(name="jobs", project=a_project("other"))
    a_target("pool", pool=pool, project=pool.project)
    a_target("labels", labels={"team": "a"})
    a_target("events", events=["task_failed", "agent_offline", "queue_too_old"])
    a_held_plan(other, an_agent("there"), name="theirs", labels={"team": "a"})
    for number in range(notices.MOST_PLANS_A_WINDOW + 5):
        a_held_plan(pool, an_agent(f"here-{number}"), name="ours")
    assert look() == notices.MOST_PLANS_A_WINDOW + 1
    told = Notification.objects.values_list("target__name", "title")
    assert set(told) == {
        ("pool", "ours waits for approval"), ("labels", "theirs waits for approval"),
    }  # fmt: skip
    assert look(15) == 0
    assert look(611) == 5


def test_a_flood_of_failures_is_cut_to_one_message_that_says_so():
    a_target(events=["task_failed"])
    pool = a_pool(name="jobs")
    failed(pool, count=100)
    look()
    assert Notification.objects.count() == notices.MOST_FAILURES_A_WINDOW + 1
    assert titles().count("Many tasks fail") == 1
    failed(pool, count=5, at=NOON + seconds(12))
    look(15)
    assert Notification.objects.count() == notices.MOST_FAILURES_A_WINDOW + 1


def test_what_happens_during_a_pause_is_not_told_after_it():
    target = a_target(paused=True)
    failed()
    resumed = {"paused": False}
    targets.change(
        target.pk, resumed, principal=EVERYBODY, allowed=allowed_from(""), now=NOON + seconds(100)
    )
    assert look(101) == 0


def test_old_messages_go_and_those_of_what_goes_on_stay():
    a_target()
    an_agent("builder", observed="offline")
    failed()
    look(60)
    Notification.objects.update(state="delivered", ended_at=NOON)
    month = seconds(30 * 86_400)
    keep = month - seconds(60)
    assert keeping.delete_old(now=NOON + month - seconds(1), limit=9, keep=keep) == 0
    assert keeping.delete_old(now=NOON + month, limit=9, keep=keep) == 1
    assert titles() == ["Agent builder is offline"]


def test_an_address_is_encrypted_in_its_row_and_moves_to_a_new_key(settings):
    target, other = a_target(), a_target("other", url="slack://a/b/c")
    assert "token" not in target.encrypted_url
    assert vault.envelope().decrypt(target.encrypted_url, targets.place(target.pk)) == HOOK
    with pytest.raises(CannotDecrypt):
        vault.envelope().decrypt(target.encrypted_url, targets.place(other.pk))
    settings.ENCRYPTION_KEY = f"{'n' * 40}\n{KEY}"
    assert list(rekeying.rekey().values()) == [2]
    settings.ENCRYPTION_KEY = "n" * 40
    target.refresh_from_db()
    assert vault.envelope().decrypt(target.encrypted_url, targets.place(target.pk)) == HOOK
    settings.ENCRYPTION_KEY = "z" * 40
    with pytest.raises(CannotDecrypt):
        rekeying.rekey()


@pytest.mark.parametrize("key", ["", "short"])
def test_without_a_good_key_no_address_is_taken(settings, key):
    settings.ENCRYPTION_KEY = key
    with pytest.raises(Unavailable, match="K8S4R_ENCRYPTION_KEY"):
        a_target()
