"""Seals beside writers: nothing that a running transaction may still add is sealed away."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from k8s4r import clock
from k8s4r.audit import sealing, verifying
from k8s4r.audit.models import AuditEvent, AuditSeal
from tests.builders import a_project
from tests.sealed import seal_everything, sealed_up_to

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, EACH = 6, 25


def newest_id():
    return AuditEvent.objects.order_by("-id").values_list("id", flat=True).first()


def test_a_low_id_that_is_committed_late_is_in_its_seal():
    seal_everything()
    written, may_commit = Event(), Event()

    def slow():
        try:
            with transaction.atomic():
                a_project("slow")
                written.set()
                assert may_commit.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        slowly = threads.submit(slow)
        assert written.wait(20)
        before = sealed_up_to()
        a_project("fast")
        fast = newest_id()
        for _ in range(3):
            sealing.seal(now=clock.now())
        assert before <= sealed_up_to() < fast, "the slow one's id is below the fast one's"
        may_commit.set()
        slowly.result(20)

    seal_everything()
    assert sealed_up_to() >= fast
    assert verifying.verify().broken is None


def write(gate, number):
    """Make projects, some in one transaction with others, some undone, so that ids have gaps."""
    try:
        gate.wait(20)
        for nth in range(EACH):
            with transaction.atomic():
                a_project(f"w{number}-{nth}")
                a_project(f"x{number}-{nth}")
                transaction.set_rollback(nth % 5 == 4)
    finally:
        connection.close()


def seal_until(over):
    try:
        while not over.is_set():
            sealing.seal(now=clock.now(), limit=7)
    finally:
        connection.close()


def test_every_event_of_many_writers_is_sealed_once_by_many_sealers():
    seal_everything()
    before, gate, over = sealed_up_to(), Barrier(WRITERS), Event()

    with ThreadPoolExecutor(WRITERS + 2) as threads:
        sealers = [threads.submit(seal_until, over) for _ in range(2)]
        writers = [threads.submit(write, gate, number) for number in range(WRITERS)]
        for writer in writers:
            writer.result(60)
        over.set()
        for sealer in sealers:
            sealer.result(60)

    seal_everything()
    sealed = AuditSeal.objects.filter(first_id__gt=before)
    kept = WRITERS * EACH * 2 * 4 // 5
    assert sum(seal.events for seal in sealed) == kept
    assert AuditEvent.objects.filter(id__gt=before).count() == kept
    assert verifying.verify().broken is None
