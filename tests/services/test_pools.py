from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from k8s4r import clock
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.audit import attribution
from k8s4r.core.errors import Conflict, NotFound
from k8s4r.core.roles import EVERYTHING
from pools import selectors
from pools.models import Pool
from pools.selectors import PoolName
from pools.services import founding, pools
from tests.builders import a_pool, a_project, an_agent

EVERYONE = Principal(
    kind=PrincipalKind.PERSON, id=clock.new_id(), token_id=clock.new_id(), rights=EVERYTHING
)

pytestmark = pytest.mark.django_db


def only_for(project):
    return Principal(
        kind=PrincipalKind.PERSON,
        id=clock.new_id(),
        token_id=clock.new_id(),
        rights=EVERYTHING.within(project.pk),
    )


def test_a_project_and_its_default_pool_are_made_together_or_not_at_all(now):
    founding.found("one", actor=attribution.SYSTEM, now=now)
    with pytest.raises(Conflict):
        founding.found("one", actor=attribution.SYSTEM, now=now)
    assert Project.objects.count() == Pool.objects.count() == 1


def test_a_pool_is_found_by_name_or_id_within_its_project():
    one, two = a_pool(name="x"), a_pool(name="x", project=a_project("second"))
    names = [
        PoolName("default", "x"),
        PoolName("second", "x"),
        PoolName(str(two.project_id), str(two.pk).upper()),
        PoolName("default", str(two.pk)),
        PoolName("third", "x"),
    ]
    found = selectors.pools_named(names, EVERYONE)
    assert [found[name].id if name in found else None for name in names] == [
        one.pk,
        two.pk,
        two.pk,
        None,
        None,
    ]


def test_a_pool_is_not_found_by_who_may_not_see_its_project(now):
    a_pool(name="x")
    a_pool(name="old", archived_at=now)
    stranger = only_for(a_project("second"))
    assert selectors.pools_named([PoolName("default", "x")], stranger) == {}
    assert selectors.pools_named([PoolName("default", "old")], EVERYONE) == {}


def test_a_pool_named_like_the_id_of_another_is_the_one_of_that_name():
    by_id = a_pool(name="x")
    by_name = a_pool(name=str(by_id.pk))
    name = PoolName("default", str(by_id.pk))
    assert selectors.pools_named([name], EVERYONE)[name].id == by_name.pk


def test_members_are_those_listed_or_those_with_the_labels(now):
    plain, gpu = an_agent("plain"), an_agent("gpu", labels={"gpu": "yes", "zone": "a"})
    an_agent("gone", labels={"gpu": "yes"}, archived_at=now)
    an_agent("foreign", labels={"gpu": "yes"}, project=a_project("second"))
    listed = a_pool(plain)
    labelled = a_pool(required_labels={"gpu": "yes"})
    assert list(selectors.members(listed)) == [plain]
    assert list(selectors.members(labelled)) == [gpu]


def test_a_pool_of_another_project_cannot_be_changed(now):
    pool = a_pool(name="x")
    stranger = only_for(a_project("second"))
    with pytest.raises(NotFound):
        pools.change(pool.pk, {"paused": True}, principal=stranger, now=now)
    with pytest.raises(NotFound):
        pools.archive(pool.pk, principal=stranger, now=now)
    assert not Pool.objects.get(pk=pool.pk).paused


def test_a_change_moves_the_time_of_change_only(now):
    pool = a_pool(name="x")
    later = clock.now()
    changed = pools.change(pool.pk, {"max_concurrent": 4}, principal=EVERYONE, now=later)
    row = Pool.objects.get(pk=pool.pk)
    assert changed.max_concurrent == row.max_concurrent == 4
    assert (row.changed_at, row.created_at) == (later, pool.created_at)


@pytest.mark.django_db(transaction=True)
def test_a_name_asked_for_by_two_at_once_is_given_once(now):
    project = a_project()
    gate = Barrier(2)

    def create(_):
        gate.wait(timeout=10)
        try:
            pools.create("x", project=project, now=now)
        except Conflict:
            return "conflict"
        finally:
            connections.close_all()
        return "made"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(create, range(2))) == ["conflict", "made"]
    assert Pool.objects.filter(name="x").count() == 1
