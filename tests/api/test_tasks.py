import pytest

from executors.models import Task
from tests.builders import a_pool, a_task, an_agent, an_attempt

TRUE = {"spec": {"argv": ["/bin/true"]}}


def test_a_task_is_accepted_with_its_place_and_what_was_left_out(api, pool):
    answer = api.post("tasks", {"name": "first", **TRUE})
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/tasks/{task['id']}"
    assert task["state"] == "pending"
    assert task["owner"] == "alice"
    assert task["project"] == "default"
    assert task["pool_id"] == str(pool.pk)
    assert task["lost_after_s"] == 120
    assert task["disconnect"] == "replace"
    assert task["waiting"]["code"] is None
    assert api.get(f"tasks/{task['id']}").json() | {"attempts": []} == task | {"attempts": []}
