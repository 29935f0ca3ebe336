"""`k8s4r get --watch`: each row again when it changed, as it changes, whatever the network does."""

import json
import signal

import pytest

from agents.core.states import Desired
from agents.services import wishes
from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.audit.attribution import SYSTEM
from pools.services import pools
from tests.builders import a_pool, a_project, a_task, an_admin, seconds


def later_task(pool, name):
    """Make a task that no dispatch pass looks at yet: none writes a reason, which is a change."""
    return a_task(pool, name=name, run_after=clock.now() + seconds(86_400))


def changed(pool, **columns):
    pools.change(pool.pk, columns, principal=selectors.person(an_admin()), now=clock.now())


def heard(process):
    return json.loads(process.stdout.readline())


def interrupted(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, ""), err


@pytest.fixture
def watch(cli):
    """Return what starts a watch of a kind."""
    return lambda *words: cli.start("get", *words, "--watch", "-o", "jsonl")


def test_a_watched_list_of_tasks_shows_what_changes(cli, pool, watch):
    task = later_task(pool, "x")
    process = watch("tasks")
    assert heard(process)["state"] == "pending"
    cli("cancel", "x")
    said = heard(process)
    assert (said["id"], said["state"]) == (str(task.pk), "cancelled")
    interrupted(process)


def test_pools_are_watched_one_object_a_line(pool, watch):
    process = watch("pools")
    assert heard(process)["name"] == pool.name
    a_pool(name="night")
    assert heard(process)["name"] == "night"
    changed(pool, paused=True, paused_reason="inventory")
    said = heard(process)
    assert (said["name"], said["paused_reason"]) == (pool.name, "inventory")
    interrupted(process)


def test_pools_are_watched_in_a_table_too(cli, pool):
    process = cli.start("get", "pools", "--watch")
    assert process.stdout.readline().startswith("NAME")
    assert process.stdout.readline().split()[:2] == [pool.name, "active"]
    changed(pool, paused=True)
    assert process.stdout.readline().split()[:2] == [pool.name, "paused"]
    interrupted(process)


def test_agents_are_watched_by_what_people_want_of_them(agent, watch):
    process = watch("agents")
    assert heard(process)["desired"] == "active"
    wishes.set_desired(agent.pk, Desired.PAUSED, actor=SYSTEM, now=clock.now())
    assert heard(process)["desired"] == "paused"
    interrupted(process)


def test_what_the_flags_leave_out_is_not_told(pool, watch):
    process = watch("pools", "--project", "red", "--field-selector", "paused=true")
    own = a_pool(name="own", project=a_project("red"))
    changed(pool, paused=True)
    changed(own, paused=True)
    assert heard(process)["name"] == "own"
    interrupted(process)


def test_a_watch_goes_on_where_it_was_cut(cli, cable, pool):
    process = cli.start("--url", cable.url, "get", "tasks", "--watch", "-o", "jsonl")
    later_task(pool, "first")
    assert heard(process)["name"] == "first"
    for number in range(3):
        cable.cut()
        later_task(pool, f"while cut {number}")
        assert heard(process)["name"] == f"while cut {number}"
    interrupted(process)


def test_a_kind_without_a_stream_is_read_again_and_again(cli, watch):
    a_project("red")
    process = watch("projects")
    assert heard(process)["name"] in {"default", "red"}
    a_project("zebra")
    while heard(process)["name"] != "zebra":
        pass
    interrupted(process)
