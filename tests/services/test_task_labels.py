"""Tasks are found by labels of their own through an index that tasks without any do not pay for."""

import pytest
from django.db import connection

from executors import selectors
from executors.models import Task
from tests.builders import a_pool, a_tasks

pytestmark = pytest.mark.django_db


def steps(rows):
    """Return the plan of a query, for a table that is too long to be read from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return rows.explain()


def test_tasks_are_found_by_label_through_the_index():
    a_tasks(a_pool(name="default"), 3, labels={"batch": "7"})
    found = selectors.labelled(Task.objects.order_by(), {"batch": "7"})
    assert "task_by_label" in steps(found)
    assert found.count() == 3


def test_a_task_without_labels_is_in_no_index_of_labels():
    a_tasks(a_pool(name="default"), 3)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index"
            " WHERE indexrelid = 'task_by_label'::regclass"
        )
        ((condition,),) = cursor.fetchall()
    assert Task.objects.extra(where=[condition]).count() == 0


def test_every_label_asked_for_must_be_there():
    pool = a_pool()
    a_tasks(pool, 1, labels={"batch": "7", "team": "red"})
    a_tasks(pool, 1, labels={"batch": "7"})
    both = selectors.labelled(Task.objects.all(), {"batch": "7", "team": "red"})
    assert [task.labels for task in both] == [{"batch": "7", "team": "red"}]
