"""A worker's connection to the database: kept between tasks, replaced when it broke."""

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from executors import tasks
from executors.models import Pulse
from k8s4r import celery

pytestmark = pytest.mark.django_db(transaction=True)


def run_as_a_worker_does():
    fixup = DjangoWorkerFixup(celery.app)
    fixup.on_task_prerun(sender=tasks.canary)
    celery.renew_connections(sender=tasks.canary)
    tasks.canary.apply(args=("sweeps",), throw=True)
    fixup.on_task_postrun(sender=tasks.canary)


def test_a_worker_signs_in_once_for_many_tasks():
    run_as_a_worker_does()
    first = connection.connection
    run_as_a_worker_does()
    assert first is not None
    assert connection.connection is first


def test_a_connection_that_broke_is_replaced_before_the_next_task():
    run_as_a_worker_does()
    broken = connection.connection
    with psycopg.connect(**connection.get_connection_params() | {"autocommit": True}) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [broken.info.backend_pid])
    run_as_a_worker_does()
    assert connection.connection is not broken
    assert Pulse.objects.filter(source="queue.sweeps").exists()
