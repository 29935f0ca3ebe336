from uuid import UUID

import msgspec
import pytest
from django.db import transaction

from executors import wakeups
from executors.core.requests import TaskRequest
from executors.models import Requirement, Task
from executors.services import submission
from executors.services.submission import Submission
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.core.errors import Invalid
from k8s4r.core.roles import EVERYTHING
from tests.builders import a_pool, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool():
    return a_pool(name="default")


@pytest.fixture
def terms(now):
    user = a_user()
    principal = Principal(
        kind=PrincipalKind.PERSON,
        id=user.pk,
        token_id=user.pk,
        name=user.username,
        rights=EVERYTHING,
    )
    return Submission(principal=principal, now=now, aging_weight_s=60.0)


def asked(**fields):
    return TaskRequest(driver="noop", **fields)


def test_the_record_that_is_answered_is_the_row_that_was_stored(pool, terms):
    (record,) = submission.submit([asked(name="x", priority=5)], terms)
    row = Task.objects.get()
    assert row.pk == record.id
    for field in ("name", "state", "priority", "submitted_at", "changed_at", "spec", "labels"):
        assert getattr(row, field) == getattr(record, field)


def test_priority_is_worth_seconds_of_waiting(pool, terms, now):
    submission.submit([asked(priority=3)], terms)
    assert Task.objects.get().sort_key == now.timestamp() - 180


def test_ids_of_a_list_sort_in_its_order_whatever_chance_does(pool, terms):
    records = submission.submit([asked() for _ in range(1000)], terms)
    ids = [record.id for record in records]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert {id.version for id in ids} == {7}


def test_nothing_stays_of_a_list_with_an_unknown_pool(pool, terms):
    listed = msgspec.structs.replace(asked(), pool="nowhere")
    with pytest.raises(Invalid), transaction.atomic():
        submission.submit([asked(), listed], terms)
    assert not Task.objects.exists()
    assert not Requirement.objects.exists()


def test_the_pools_are_told_after_the_commit_and_not_before(
    pool, terms, django_capture_on_commit_callbacks
):
    told = []
    wakeups.LISTENERS.add(told.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            submission.submit([asked()], terms)
            assert not told
    finally:
        wakeups.LISTENERS.remove(told.append)
    assert [news.pools for news in told] == [frozenset({pool.pk})]


def test_a_rollback_takes_everything_back(pool, terms):
    with transaction.atomic():
        submission.submit([asked()], terms)
        assert Task.objects.exists()
        transaction.set_rollback(True)
    assert not Task.objects.exists()


def test_the_same_requirement_of_two_pools_is_two_rows(pool, terms):
    a_pool(name="second")
    submission.submit([asked(), asked(pool="second"), asked()], terms)
    pools = {(row.pool.name, UUID(row.pk).hex) for row in Requirement.objects.all()}
    assert len(pools) == 2
