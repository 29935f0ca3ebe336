"""A pool's pause, windows and sharing are changed on a page of their own."""

import pytest
from django.urls import reverse

from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import a_member, a_pool, a_project
from tests.console.conftest import browser_of
from tests.console.opening import page

pytestmark = pytest.mark.django_db
NIGHT = {"from": "22:00", "to": "04:00", "timezone": "Europe/Berlin", "note": "backups"}


@pytest.fixture
def keeper():
    """Return the browser of who looks after the pools of one project."""
    return browser_of(a_member("fay", "fleet_admin", project=a_project()))


def address(pool):
    return reverse("admin:pool_gate", args=[pool.pk])


def save(browser, pool, part, **fields):
    """Fill in one of the forms as it stands, with some fields changed, and submit it."""
    version = browser.get(address(pool)).context["versions"][part]
    return browser.post(address(pool), {"part": part, "version": version, **fields})


def window(number, days=(), **parts):
    fields = {f"windows-{number}-{part}": value for part, value in parts.items()}
    return {**fields, f"windows-{number}-days": list(days)}


def now(pool):
    return Pool.objects.get(pk=pool.pk)


def test_a_pause_says_why_and_until_when_and_who(keeper, pool):
    fields = {"paused": "on", "paused_reason": "disk swap", "paused_until": "2099-01-02T03:04"}
    answer = save(keeper, pool, "pause", **fields)
    assert answer["Location"] == reverse("admin:pools_pool_change", args=[pool.pk])
    row = now(pool)
    assert (row.paused, row.paused_reason, row.paused_by) == (True, "disk swap", "fay")
    assert row.paused_until.isoformat() == "2099-01-02T03:04:00+00:00"
    assert "Paused: disk swap" in page(keeper, "pools_pool_change", pool.pk)
    event = AuditEvent.objects.filter(object_id=pool.pk).first()
    assert (event.cause, event.detail["changes"]["paused"]) == ("change_pool", [False, True])


def test_a_pause_that_ends_takes_its_reason_along(keeper, pool):
    save(keeper, pool, "pause", paused="on", paused_reason="disk swap")
    save(keeper, pool, "pause", paused_reason="disk swap")
    row = now(pool)
    assert (row.paused, row.paused_reason, row.paused_until) == (False, "", None)


def test_windows_are_added_changed_and_removed(keeper, pool):
    save(keeper, pool, "windows", **window(0, ["mon", "tue"], **NIGHT))
    assert now(pool).windows == [{**NIGHT, "days": ["mon", "tue"], "mode": "no_new_work"}]
    noon = {"from": "12:00:00", "to": "13:00", "timezone": "", "note": ""}
    both = {**window(0, ["mon"], **NIGHT), **window(1, **noon)}
    save(keeper, pool, "windows", **both, open_until="2099-01-01T00:00")
    row = now(pool)
    assert [one["days"] for one in row.windows] == [["mon"], []]
    assert (row.windows[1]["from"], row.windows[1]["timezone"]) == ("12:00", "UTC")
    assert row.open_until.year == 2099
    save(keeper, pool, "windows", **both, **{"windows-0-gone": "on"})
    assert [one["from"] for one in now(pool).windows] == ["12:00"]
    assert now(pool).open_until is None


def test_a_window_that_breaks_a_rule_is_refused_where_it_stands_and_stays_typed(keeper, pool):
    wrong = {**NIGHT, "timezone": "Europe/Nowhere"}
    answer = save(keeper, pool, "windows", **window(0, **wrong))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "/windows/0/timezone: no timezone of the IANA list" in text
    assert 'value="Europe/Nowhere"' in text
    assert next(one.problems for one in answer.context["windows"])
    assert now(pool).windows == []


@pytest.mark.parametrize(
    ("part", "fields", "words"),
    [("windows", window(0, **{"from": "00:00", "to": "00:00"}), "leave no time"),
     ("windows", window(0, **{"from": "22:00", "to": ""}), "/windows/0/to"),
     ("windows", {"open_until": "2001-01-01T00:00"}, "/open_until: a time to come"),
     ("windows", {"open_until": "soon"}, "/open_until"),
     ("pause", {"paused": "on", "paused_until": "2001-01-01T00:00"}, "/paused_until"),
     ("pause", {"paused": "on", "paused_reason": "x" * 4097}, "/paused_reason")],
)  # fmt: skip
def test_what_breaks_a_rule_changes_nothing_and_is_named(keeper, pool, part, fields, words):
    answer = save(keeper, pool, part, **fields)
    assert answer.status_code >= 400
    assert words in " ".join(answer.context["refused"][part])
    row = now(pool)
    assert (row.paused, row.windows, row.open_until) == (False, [], None)


class TestSharing:
    @pytest.fixture
    def web(self):
        web = a_project("web")
        a_member("fay", "viewer", project=web)
        return web

    def test_a_project_is_let_in_with_its_weight(self, keeper, pool, web):
        save(keeper, pool, "sharing", shared_with=[str(web.pk)], **{f"weight-{web.pk}": "0.5"})
        row = now(pool)
        assert (row.shared_with, row.weights) == ([str(web.pk)], {str(web.pk): 0.5})
        save(keeper, pool, "sharing")
        row = now(pool)
        assert (row.shared_with, row.weights) == ([], {})

    @pytest.mark.parametrize("weight", ["0", "-1", "much", "nan", "1e9"])
    def test_a_weight_that_is_none_is_refused_beside_its_project(self, keeper, pool, web, weight):
        answer = save(keeper, pool, "sharing", **{f"weight-{web.pk}": weight})
        assert answer.status_code >= 400
        assert answer.context["refused"]["sharing"]
        assert now(pool).weights == {}

    def test_what_is_shared_with_a_project_that_one_does_not_see_stays(self, keeper, pool, web):
        hidden = str(a_project("unseen-one").pk)
        Pool.objects.filter(pk=pool.pk).update(shared_with=[hidden], weights={hidden: 3.0})
        assert "unseen-one" not in page(keeper, "pool_gate", pool.pk)
        save(keeper, pool, "sharing", shared_with=[str(web.pk)])
        row = now(pool)
        assert (row.shared_with, row.weights) == (sorted([hidden, str(web.pk)]), {hidden: 3.0})

    def test_a_project_that_one_does_not_see_is_not_let_in_by_its_id(self, keeper, pool, web):
        hidden = str(a_project("unseen-one").pk)
        save(keeper, pool, "sharing", shared_with=[hidden], **{f"weight-{hidden}": "5"})
        assert (now(pool).shared_with, now(pool).weights) == ([], {})


def test_what_somebody_else_changed_meanwhile_is_not_undone_unseen(keeper, pool):
    seen = keeper.get(address(pool)).context["versions"]
    Pool.objects.filter(pk=pool.pk).update(paused=True, paused_reason="theirs")
    answer = keeper.post(address(pool), {"part": "pause", "version": seen["pause"]})
    assert answer.status_code == 412
    assert "somebody changed it" in answer.content.decode()
    assert now(pool).paused_reason == "theirs"
    # The other forms show nothing of a pause.
    fields = {"part": "windows", "version": seen["windows"], **window(0, **NIGHT)}
    assert keeper.post(address(pool), fields).status_code == 302


def test_who_may_only_look_is_told_so_and_changes_nothing(visitor, pool):
    text = page(visitor, "pools_pool_change", pool.pk)
    assert address(pool) not in text
    assert "ask for the role fleet_admin in project default" in text
    assert visitor.get(address(pool)).status_code == 403
    fields = {"part": "pause", "paused": "on", "version": ""}
    assert visitor.post(address(pool), fields).status_code == 403
    assert not now(pool).paused


def test_a_foreign_pool_is_not_there(keeper):
    theirs = a_pool(name="theirs", project=a_project("theirs"))
    assert keeper.get(address(theirs)).status_code == 404
    assert keeper.post(address(theirs), {"part": "pause", "paused": "on"}).status_code == 404
    assert not now(theirs).paused
