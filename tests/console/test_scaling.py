"""The pods of a pool are changed on a page of their own, by the rules of the API."""

import pytest
from django.urls import reverse

from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import a_k8s_config, a_member, a_pod_pool, a_pool, a_project, a_ready_pod
from tests.console.conftest import browser_of
from tests.console.opening import page

pytestmark = pytest.mark.django_db
FIELDS = {
    "mode": "slots", "min_pods": "1", "max_pods": "20", "warm_spares": "2", "cooldown_s": "60",
    "max_surge": "5", "keep_failed_s": "3600", "pod_template": "",
}  # fmt: skip


@pytest.fixture
def keeper():
    """Return the browser of who looks after the pools of one project."""
    return browser_of(a_member("fay", "fleet_admin", project=a_project()))


@pytest.fixture
def blue(keeper):
    """Return a pool of pods."""
    return a_pod_pool(name="blue")


def address(pool):
    return reverse("admin:pool_scaling", args=[pool.pk])


def save(browser, pool, **fields):
    """Fill in the form with some fields changed, and submit it."""
    version = browser.get(address(pool)).context["version"]
    config = str(pool.k8s_config_id or "")
    return browser.post(address(pool), {"version": version, "config": config, **FIELDS, **fields})


def now(pool):
    return Pool.objects.get(pk=pool.pk)


def test_bounds_times_and_the_template_are_changed_and_leave_an_event(keeper, blue):
    answer = save(keeper, blue, pod_template='{"env": [{"name": "TZ", "value": "UTC"}]}')
    assert answer["Location"] == reverse("admin:pools_pool_change", args=[blue.pk])
    row = now(blue)
    assert (row.min_pods, row.max_pods, row.warm_spares) == (1, 20, 2)
    assert (row.cooldown_s, row.max_surge, row.keep_failed_s) == (60, 5, 3600)
    assert row.pod_template == {"env": [{"name": "TZ", "value": "UTC"}]}
    event = AuditEvent.objects.filter(object_id=blue.pk).first()
    assert (event.cause, event.detail["changes"]["max_pods"]) == ("change_pool", [10, 20])
    text = page(keeper, "pool_scaling", blue.pk)
    assert 'name="max_pods" value="20"' in text
    assert "&quot;name&quot;: &quot;TZ&quot;" in text
    save(keeper, blue)
    assert now(blue).pod_template == {}


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"min_pods": "21"}, "min_pods", "at most max_pods, 20"),
        ({"max_pods": "many"}, "max_pods", "Expected `int`, got `str`"),
        ({"max_surge": "0"}, "max_surge", "Expected `int` &gt;= 1"),
        ({"mode": "heaps"}, "mode", "Invalid enum value"),
        ({"config": "nowhere"}, "config", "has no K8s config nowhere"),
        ({"pod_template": "{"}, "pod_template", "JSON"),
        ({"pod_template": '{"hostNetwork": true}'}, "pod_template", "hostNetwork: is not a field"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_said_at_its_field_and_stays_typed(keeper, blue, fields, at, said):
    answer = save(keeper, blue, **fields)
    text = answer.content.decode()
    assert answer.status_code in {400, 422}
    (field,) = [part for part in text.split('class="k-field"') if f'name="{at}"' in part]
    assert said in field
    assert "It was not taken" not in text
    assert answer.context["said"][at] == fields[at]
    assert now(blue).max_pods == 10


def test_a_pool_with_pods_does_not_move_and_says_what_to_do(keeper, blue):
    a_ready_pod(blue)
    answer = save(keeper, blue, mode="task")
    assert (answer.status_code, now(blue).pod_mode) == (409, "slots")
    assert "set min_pods and max_pods to 0, and wait for them" in answer.content.decode()


def test_a_pool_of_agents_gets_pods_and_lets_them_go_again(keeper):
    pool, config = a_pool(name="plans"), a_k8s_config("prod")
    a_k8s_config("elsewhere", project=a_project("other"))
    text = page(keeper, "pool_scaling", pool.pk)
    assert "elsewhere" not in text
    save(keeper, pool, config=str(config.pk), mode="task")
    row = now(pool)
    assert (row.k8s_config_id, row.pod_mode, row.max_pods) == (config.pk, "task", 20)
    save(keeper, row, config="")
    assert (now(pool).k8s_config_id, now(pool).pod_mode) == (None, "")


def test_who_looks_or_comes_too_late_changes_nothing(keeper, blue):
    guest = browser_of(a_member("vic", "viewer", project=a_project()))
    assert guest.get(address(blue)).status_code == 403
    assert address(blue) not in page(guest, "pools_pool_change", blue.pk)
    assert address(blue) in page(keeper, "pools_pool_change", blue.pk)
    version = keeper.get(address(blue)).context["version"]
    save(keeper, blue, max_pods="30")
    late = {"version": version, "config": str(blue.k8s_config_id), **FIELDS}
    answer = keeper.post(address(blue), late)
    assert (answer.status_code, now(blue).max_pods) == (412, 30)
    assert "somebody changed it since you read it" in answer.content.decode()


def test_a_default_pool_and_one_of_listed_agents_offer_no_pods(keeper):
    for pool in (a_pool(name="default"), a_pool(name="listed", type="static")):
        assert address(pool) not in page(keeper, "pools_pool_change", pool.pk)
