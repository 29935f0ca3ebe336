"""The call by which a pod gets its token, as a stranger on the network may try it."""

import json

import pytest
from rest_framework.test import APIRequestFactory

from executors.api.pod_identity import PodIdentityView
from executors.api.reviewers import AT_ONCE, AWAY_S, Reviewers
from k8s4r import clock
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Unavailable
from pools.core.ports import ClusterUnreachable, Reviewed
from pools.kube.fake import FakeCluster
from tests.builders import a_pod, a_pod_pool
from tests.floods import FEW, start_afresh
from tests.ports import held_port

UID = "7d9f4a52-0000-4000-8000-000000000001"
NAMESPACE = "k8s4r"


@pytest.fixture
def pod(db):
    return a_pod(a_pod_pool(), state="starting", uid=UID)


@pytest.fixture
def cluster(pod, settings):
    """Return the pod's cluster, which vouches for one token of it and one of another pod."""
    mine = Reviewed(namespace=NAMESPACE, pod_name=pod.name, pod_uid=UID)
    other = Reviewed(namespace=NAMESPACE, pod_name="other", pod_uid="u-2")
    audience = settings.POD_AUDIENCE
    return FakeCluster(tokens={("a.b.c", audience): mine, ("x.y.z", audience): other})


@pytest.fixture
def ask(pod, cluster):
    """Return how to ask for the pod's token, or with another proof, or of another pod."""
    view = PodIdentityView.as_view(cluster=staticmethod(lambda _: cluster))

    def asked(proof="a.b.c", **body):
        request = APIRequestFactory().post(
            "/api/v1/agents/pods",
            {"config": str(pod.config_id), "pod": str(pod.pk), **body},
            format="json",
            headers={"Authorization": f"Bearer {proof}"} if proof else {},
        )
        response = view(request)
        if hasattr(response, "render"):
            response.render()
        return response

    return asked


def problem(response):
    return response.status_code, json.loads(response.content)["code"]


def test_the_pod_gets_the_token_of_its_agent(ask, pod):
    answer = ask()
    assert answer.status_code == 201
    said = json.loads(answer.content)
    assert said["id"] == str(pod.agent_id)
    assert said["token"].startswith("pod_")


def test_a_refusal_does_not_say_why(ask, pod):
    forged = ask("forged.to.ken")
    assert problem(forged) == (401, "unauthenticated")
    for wrong in ({"pod": str(clock.new_id())}, {"config": str(clock.new_id())}):
        refused = ask(**wrong)
        assert problem(refused) == (401, "unauthenticated")
        assert json.loads(refused.content)["detail"] == json.loads(forged.content)["detail"]
    assert problem(ask("")) == (401, "unauthenticated")


def test_another_pod_is_refused_and_that_is_on_record(ask, pod):
    assert problem(ask("x.y.z")) == (403, "not_this_pod")
    event = AuditEvent.objects.filter(object_id=pod.pk).latest("id")
    assert (event.cause, event.detail) == ("pod_refused", {"refused": "other_name"})


def test_a_cluster_that_is_away_means_later_and_not_never(ask, cluster):
    cluster.is_away = True
    answer = ask()
    assert problem(answer) == (503, "cluster_unreachable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_nobody_is_asked_about_a_pod_that_is_let_go(ask, pod, cluster):
    type(pod).objects.filter(pk=pod.pk).update(state="deleting")
    assert problem(ask()) == (401, "unauthenticated")
    assert cluster.calls == []


def test_a_body_with_a_mistake_is_named(ask):
    assert problem(ask(pod="x")) == (422, "invalid")


@pytest.fixture
def low(settings):
    settings.BAD_CREDENTIALS = FEW
    start_afresh(settings.REDIS_URL)
    yield
    start_afresh(settings.REDIS_URL)


def test_bad_proofs_of_a_pod_cost_its_cluster_no_more_than_a_few_calls(low, ask, cluster):
    found = [ask("forged.to.ken").status_code for _ in range(FEW + 3)]
    assert found == [401] * FEW + [429] * 3
    assert len(cluster.calls) == FEW + 1
    assert ask().status_code == 429


@pytest.fixture
def away(settings):
    settings.BAD_CREDENTIALS = FEW
    settings.REDIS_URL = f"redis://127.0.0.1:{held_port()}/0"


def test_nobody_is_let_in_while_nobody_counts(away, ask, cluster):
    assert problem(ask()) == (503, "unavailable")
    assert cluster.calls == []


class Watch:
    """Seconds that a test moves."""

    now = 100.0

    def __call__(self):
        return self.now


def test_a_cluster_that_is_away_holds_no_thread_for_a_while():
    watch = Watch()
    reviewers = Reviewers(monotonic=watch)
    here, there = clock.new_id(), clock.new_id()
    with pytest.raises(ClusterUnreachable), reviewers.turn(here):
        raise ClusterUnreachable("no answer in 3 s")
    with pytest.raises(Unavailable, match="does not answer"), reviewers.turn(here):
        pass
    with reviewers.turn(there):
        pass
    watch.now += AWAY_S
    with reviewers.turn(here):
        pass


def test_only_a_few_ask_one_cluster_at_once():
    reviewers = Reviewers()
    config = clock.new_id()
    turns = [reviewers.turn(config) for _ in range(AT_ONCE)]
    for turn in turns:
        turn.__enter__()
    with pytest.raises(Unavailable, match="too many"), reviewers.turn(config):
        pass
    for turn in turns:
        turn.__exit__(None, None, None)
    with reviewers.turn(config):
        pass
