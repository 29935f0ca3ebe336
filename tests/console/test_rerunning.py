"""A task runs again from its page: as it was, or with what a person changed in the form."""

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Task
from tests.builders import (
    a_requirement,
    a_task,
)


def again(browser, task, **changes):
    """Submit the form of a task with some fields changed; return the answer."""
    address = reverse("admin:task_again", args=[task.pk])
    form = {one.name: one.value for one in browser.get(address).context["fields"]}
    return browser.post(address, {**form, **changes}, follow=True)


def an_exec_task(pool, **fields):
    spec = {"argv": ["make", "it all"], "env": {"MODE": "quick"}, "cwd": "/srv"}
    return a_task(pool, driver="exec", spec=spec, state=TaskState.FAILED, **fields)


def test_a_task_runs_again_as_it_was_when_nothing_is_changed(browser, pool):
    labelled = {"labels": {"batch": "7"}, "requirement": a_requirement(pool, labels={"gpu": "a"})}
    task = an_exec_task(pool, priority=7, run_timeout_s=60, name="build", **labelled)
    again(browser, task)
    child = Task.objects.get(parent=task)
    for name in (
        "spec",
        "priority",
        "run_timeout_s",
        "name",
        "labels",
        "required_labels",
        "pool_id",
        "driver",
    ):
        assert getattr(child, name) == getattr(task, name), name


def test_a_task_runs_again_with_what_was_changed(browser, pool):
    task = an_exec_task(pool)
    again(browser, task, env="MODE=full\nLEVEL=2", command="make 'it now'", priority="9")
    child = Task.objects.get(parent=task)
    assert child.spec["env"] == {"MODE": "full", "LEVEL": "2"}
    assert (child.spec["argv"], child.spec["cwd"]) == (["make", "it now"], "/srv")
    assert child.priority == 9


def a_planning_task(pool, **fields):
    spec = {
        "plan": {"argv": ["make", "the plan"], "env": {"MODE": "quick"}, "cwd": "/srv"},
        "apply": {"argv": ["make", "it"], "env": {}},
    }
    asked = {"kind": "plan_and_apply", "phase": "plan", "driver": "exec", "spec": spec, **fields}
    return a_task(pool, state=TaskState.FAILED, **asked)


def test_a_task_that_plans_runs_again_as_it_was_and_with_another_command_of_each_phase(
    browser, pool
):
    task = a_planning_task(pool)
    again(browser, task)
    child = Task.objects.get(parent=task)
    assert (child.kind, child.spec) == (task.kind, task.spec)
    changed = {"plan_command": "make another", "apply_env": "MODE=full"}
    again(browser, child, **changed)
    spec = Task.objects.get(parent=child).spec
    assert spec["plan"] == {"argv": ["make", "another"], "env": {"MODE": "quick"}, "cwd": "/srv"}
    assert spec["apply"] == {"argv": ["make", "it"], "env": {"MODE": "full"}}


def test_a_task_whose_phases_run_no_command_runs_again_too(browser, pool):
    task = a_planning_task(pool, driver="noop", spec={"plan": {}, "apply": {}})
    again(browser, task)
    assert Task.objects.get(parent=task).spec == task.spec


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("plan_command", "make 'it", "cannot be read"), ("apply_env", "MODE", "has no ="),
        ("apply_env", "K8S4R_X=1", "is ours"), ("further", '{"spec": {"plan": 1}}', "object"),
        ("further", '{"spec": 1}', "object"),
        ("further", '{"kind": "plan_and_apply", "spec": {"x": {}}}', "has plan and apply"),
    ],
)  # fmt: skip
def test_what_a_phase_may_not_say_is_said_beside_its_field(browser, pool, field, value, words):
    task = a_planning_task(pool)
    answer = again(browser, task, **{field: value})
    assert answer.status_code == 422
    problems = answer.context["problems"]
    assert list(problems) == [field]
    assert words in problems[field]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("command", "make 'it", "cannot be read"), ("env", "MODE", "has no ="),
        ("priority", "high", "whole number"), ("priority", "101", "100"),
        ("further", "{", "not JSON"), ("further", "[]", "object"),
        ("pool", "nowhere", "no pool"), ("env", "K8S4R_X=1", "is ours"),
        ("labels", "bad key!=1", ""), ("required_labels", "bad key!=1", ""),
        ("further", '{"nonsense": 1}', ""),
    ],
)  # fmt: skip
def test_what_may_not_be_asked_for_is_said_beside_its_field(browser, pool, field, value, words):
    task = an_exec_task(pool)
    answer = again(browser, task, **{field: value})
    assert answer.status_code == 422
    problems = answer.context["problems"]
    assert list(problems) == [field]
    assert words in problems[field]
    assert not Task.objects.filter(parent=task).exists()
