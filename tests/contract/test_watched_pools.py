"""Pools are watched like tasks: settings, who is listed, and with whom they are shared."""

import pytest

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import TokenKind
from pools.services import joining, pools
from tests.builders import a_member, a_pool, a_project, an_admin, an_agent
from tests.contract.listening import watching
from tests.serving import a_persons_token, a_token

pytestmark = pytest.mark.django_db(transaction=True)


def changed(pool, **columns):
    pools.change(pool.pk, columns, principal=selectors.person(an_admin()), now=clock.now())


def archived(pool):
    pools.archive(pool.pk, principal=selectors.person(an_admin()), now=clock.now())


def viewer_of(project, name="vera"):
    return a_token(TokenKind.PERSON, user=a_member(name, "viewer", project=project))


def test_pools_are_told_as_the_list_shows_them_from_the_first_to_the_last(gateway):
    default = a_pool(name="default")
    token = a_persons_token()
    with watching(gateway, token, "agent-pools?watch=1") as stream, gateway.client(token) as client:
        (first, _) = stream.until("bookmark")
        assert (first.event, first.data["name"]) == ("added", "default")
        assert [first.data] == client.get("/api/v1/agent-pools").json()["items"]
        night = a_pool(name="night")
        (added, _) = stream.until("bookmark")
        assert (added.event, added.data["id"]) == ("added", str(night.pk))
        changed(night, paused=True, paused_reason="inventory")
        (modified, _) = stream.until("bookmark")
        assert (modified.event, modified.data["paused_reason"]) == ("modified", "inventory")
        assert modified.data["held_by"][0]["rule"] == "paused"
        archived(night)
        (gone, _) = stream.until("bookmark")
        assert (gone.event, gone.data) == ("deleted", {"id": str(night.pk)})
        assert modified.data["id"] != str(default.pk)


def test_who_is_listed_in_a_pool_is_told_as_a_change_of_it(gateway):
    pool, agent = a_pool(an_agent("one"), name="static"), an_agent("two")
    with watching(gateway, a_persons_token(), "agent-pools?watch=1") as stream:
        stream.until("bookmark")
        joining.join(pool.pk, agent.pk, now=clock.now())
        (told, _) = stream.until("bookmark")
        assert (told.event, told.data["id"]) == ("modified", str(pool.pk))
        assert str(agent.pk) in told.data["agent_ids"]


def test_pools_are_watched_in_one_project_alone(gateway):
    a_pool(name="default")
    red = a_pool(name="mine", project=a_project("red"))
    with watching(gateway, a_persons_token(), "agent-pools?watch=1&project=red") as stream:
        assert [one.data.get("id") for one in stream.until("bookmark")[:-1]] == [str(red.pk)]
        a_pool(name="elsewhere")
        a_pool(name="more", project=a_project("red"))
        assert stream.next().data["name"] == "more"


def test_nothing_of_foreign_pools_is_told(gateway):
    red = a_pool(name="secret", project=a_project("red"))
    viewer = viewer_of(a_pool(name="default").project)
    with watching(gateway, viewer, "agent-pools?watch=1&since=now") as stream:
        assert [one.event for one in stream.until("bookmark")] == ["bookmark"]
        changed(red, description="still secret")
        archived(red)
        own = a_pool(name="own")
        told = []
        while not told or told[-1].data.get("id") != str(own.pk):
            told += stream.until("bookmark")[:-1]
        assert [one.data["name"] for one in told] == ["own"]


def test_a_pool_that_is_no_longer_shared_is_gone_for_those_who_borrowed_it(gateway):
    blue = a_project("blue")
    lent = a_pool(name="lent", project=a_project("red"), shared_with=[str(blue.pk)])
    borrower, stranger = viewer_of(blue), viewer_of(a_project("green"), "gina")
    with (
        watching(gateway, borrower, "agent-pools?watch=1") as stream,
        watching(gateway, stranger, "agent-pools?watch=1") as other,
    ):
        (seen, bookmark) = stream.until("bookmark")
        assert seen.data["id"] == str(lent.pk)
        other.until("bookmark")
        changed(lent, shared_with=[])
        (gone, _) = stream.until("bookmark")
        assert (gone.event, gone.data) == ("deleted", {"id": str(lent.pk)})
        # What follows is no longer theirs, not even that it happened.
        changed(lent, description="private")
        own = a_pool(name="own", project=blue)
        told = []
        while not told or told[-1].data["id"] != str(own.pk):
            told += stream.until("bookmark")[:-1]
        assert [one.event for one in told] == ["added"]
        a_pool(name="green", project=a_project("green"))
        heard = other.until("added")
        assert [one.event for one in heard if one.event != "bookmark"] == ["added"]
    with watching(gateway, borrower, f"agent-pools?watch=1&since={bookmark.id}") as again:
        told = {one.data["id"]: one.event for one in again.until("bookmark")[:-1]}
        assert told[str(lent.pk)] == "deleted"


def test_a_pool_that_is_shared_anew_is_told_whole(gateway):
    blue = a_project("blue")
    lent = a_pool(name="lent", project=a_project("red"))
    with watching(gateway, viewer_of(blue), "agent-pools?watch=1") as stream:
        assert [one.event for one in stream.until("bookmark")] == ["bookmark"]
        changed(lent, shared_with=[str(blue.pk)])
        assert stream.next().data["name"] == "lent"
