"""The rules about models and names that only Django and Celery know at run time."""

import pytest
from django.apps import apps
from django.db import models

from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState, StopReason, TaskState
from executors.models import Attempt, Task

OURS = ("audit", "access", "api", "agents", "pools", "executors")
# Higher may point to lower, never the other way round.
FLOORS = {label: floor for floor, label in enumerate(OURS)}


def _relations():
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.get_fields():
                if isinstance(field, models.ForeignKey | models.ManyToManyField):
                    yield model, field


@pytest.mark.parametrize(
    ("model", "field"),
    [
        pytest.param(model, field, id=f"{model.__name__}.{field.name}")
        for model, field in _relations()
    ],
)
def test_a_relation_points_downwards_and_hides_its_reverse_name(model, field):
    target = field.related_model._meta.app_label
    if target in FLOORS:
        assert FLOORS[target] <= FLOORS[model._meta.app_label]
    if target in OURS and not field.auto_created:
        inherited = field.name in {"groups", "user_permissions"}
        assert inherited or field.remote_field.hidden


def _check(model, name):
    return next(c for c in model._meta.constraints if c.name == name)


@pytest.mark.parametrize(
    ("model", "name", "enum"),
    [
        (Task, "task_state_known", TaskState),
        (Attempt, "attempt_state_known", AttemptState),
        (Attempt, "attempt_stop_reason_known", StopReason),
    ],
)
def test_the_check_constraint_lists_the_enum(model, name, enum):
    ((_, values),) = _check(model, name).condition.children
    assert set(values) == {state.value for state in enum}


@pytest.mark.parametrize("name", ["attempt_one_per_task", "attempt_one_per_slot"])
def test_one_current_attempt_means_the_current_states_of_the_table(name):
    ((_, values),) = _check(Attempt, name).condition.children
    assert set(values) == {str(state) for state in ATTEMPT_CURRENT}


def test_no_model_overrides_save():
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            assert "save" not in vars(model)
