"""A pod proves who it is: its agent gets a token, nobody else does."""

from dataclasses import replace

import pytest

from agents.core.tokens import POD_TOKEN_LIFETIME, POD_TOKEN_RENEWED_AFTER
from agents.models import Agent, Session, Slot
from agents.services import editing
from agents.wire.messages import Heartbeat
from executors.services import heartbeats
from executors.services.heartbeats import Beat
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.access.principals import PrincipalKind
from k8s4r.access.services import tokens
from k8s4r.api import authentication
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Unauthenticated
from pools.core.identity import Mismatch
from pools.core.pods import PodEvent, PodMode
from pools.core.ports import CONFIG_LABEL, POD_LABEL, PodSeen, Reviewed
from pools.kube.fake import FakeCluster
from pools.services import identifying, pods
from pools.services.identifying import NotThisPod
from tests.builders import NOON, a_pod, a_pod_pool, seconds
from tests.services.test_sessions import hello

pytestmark = pytest.mark.django_db
UID = "7d9f4a52-0000-4000-8000-000000000001"


AUDIENCE = "k8s4r.example"


def a_cluster(pod, *, said="jwt", seen=None):
    """Return a cluster that vouches for a token of the pod, and shows it as ``seen``."""
    cluster = FakeCluster(tokens={(said, AUDIENCE): is_in(pod)})
    cluster.pods |= {pod.name: seen} if seen else {}
    return cluster


def is_in(pod, uid=UID):
    return Reviewed(
        namespace=pod.namespace,
        pod_name=pod.name,
        pod_uid=uid,
    )


def ask(pod, *, said="jwt", cluster, now=NOON):
    known = identifying.asking(pod.config_id, pod.pk)
    uid = identifying.vouched(known, said, port=cluster, audience=AUDIENCE)
    return identifying.admit(known, uid, now=now)


@pytest.fixture
def pod():
    return a_pod(a_pod_pool(), state="starting", uid=UID)


@pytest.fixture
def cluster(pod):
    return a_cluster(pod)


def test_the_agent_of_the_pod_gets_a_token_of_two_hours(pod, cluster):
    given = ask(pod, cluster=cluster)
    assert (given.id, given.token_expires_at) == (pod.agent_id, NOON + POD_TOKEN_LIFETIME)
    assert cluster.calls == ["review_token"]
    known = authentication.authenticate(given.token, now=NOON)
    assert (known.kind, known.id) == (PrincipalKind.AGENT, pod.agent_id)
    assert given.token.startswith("pod_")


def test_asking_again_ends_the_token_before(pod, cluster):
    first, second = ask(pod, cluster=cluster), ask(pod, cluster=cluster)
    assert authentication.authenticate(first.token, now=NOON) is None
    assert authentication.authenticate(second.token, now=NOON) is not None


def test_what_the_cluster_does_not_know_gets_nothing(pod, cluster):
    with pytest.raises(Unauthenticated):
        ask(pod, said="forged", cluster=cluster)
    assert not Token.objects.filter(subject=pod.agent_id).exists()


def test_the_token_of_another_pod_is_refused_and_told(pod, cluster):
    cluster.tokens["other", AUDIENCE] = replace(is_in(pod), pod_uid="another")
    known = identifying.asking(pod.config_id, pod.pk)
    with pytest.raises(NotThisPod) as refused:
        identifying.vouched(known, "other", port=cluster, audience=AUDIENCE)
    identifying.refuse(known, refused.value, now=NOON)
    event = AuditEvent.objects.filter(object_id=pod.pk).latest("id")
    assert (event.cause, event.actor_kind, event.detail) == (
        "pod_refused",
        "pod",
        {"refused": str(Mismatch.OTHER_UID)},
    )
    assert (event.from_state, event.to_state) == ("starting", "starting")
    assert event.project_id == pod.pool.project_id


@pytest.mark.parametrize("state", ["deleting", "failed", "gone"])
def test_a_pod_that_is_over_is_not_even_asked_about(pod, state):
    type(pod).objects.filter(pk=pod.pk).update(state=state)
    with pytest.raises(Unauthenticated):
        identifying.asking(pod.config_id, pod.pk)


def test_a_pod_is_known_by_its_own_config_alone(pod):
    other = a_pod_pool().k8s_config
    for config, one in ((other.pk, pod.pk), (pod.config_id, clock.new_id())):
        with pytest.raises(Unauthenticated):
            identifying.asking(config, one)


def test_a_pod_whose_creation_nobody_confirmed_is_adopted_by_its_labels():
    pod = a_pod(a_pod_pool())
    labels = {CONFIG_LABEL: str(pod.config_id), POD_LABEL: str(pod.pk)}
    seen = PodSeen(name=pod.name, uid=UID, phase="Running", labels=labels)
    cluster = a_cluster(pod, seen=seen)
    ask(pod, cluster=cluster)
    pod.refresh_from_db()
    assert (pod.state, pod.uid) == ("starting", UID)


def test_a_stranger_of_the_same_name_is_not_adopted():
    pod = a_pod(a_pod_pool())
    seen = PodSeen(name=pod.name, uid=UID, phase="Running")
    with pytest.raises(NotThisPod):
        ask(pod, cluster=a_cluster(pod, seen=seen))
    pod.refresh_from_db()
    assert (pod.state, pod.uid) == ("creating", "")


def test_a_pod_that_is_let_go_while_its_cluster_thinks_gets_nothing(pod, cluster):
    known = identifying.asking(pod.config_id, pod.pk)
    uid = identifying.vouched(known, "jwt", port=cluster, audience=AUDIENCE)
    pods.move([pod.pk], PodEvent.FAILED, now=NOON)
    with pytest.raises(Unauthenticated):
        identifying.admit(known, uid, now=NOON)
    assert not Token.objects.filter(subject=pod.agent_id).exists()


@pytest.mark.parametrize("fields", [{"desired": "revoked"}, {"archived_at": NOON}])
def test_an_agent_that_was_let_go_gets_nothing(pod, cluster, fields):
    Agent.objects.filter(pk=pod.agent_id).update(**fields)
    with pytest.raises(Unauthenticated):
        ask(pod, cluster=cluster)


def test_a_heartbeat_renews_the_token_each_hour_for_two_more(pod, cluster):
    given = ask(pod, cluster=cluster)
    hello(pod.agent, slots=3, now=NOON)
    token = Token.objects.get(subject=pod.agent_id)
    later = NOON + POD_TOKEN_RENEWED_AFTER

    def beat(now):
        session = Session.objects.get(agent=pod.agent).pk
        message = Heartbeat(session=session, sent_at=9.0)
        return heartbeats.beat([Beat(pod.agent_id, token.pk, message)], now=now)[0]

    early = later - seconds(1)
    assert flagged(now=early) == 0
    assert beat(early).token is None
    assert flagged(now=later) == 1
    assert flagged(now=later) == 0
    renewed = beat(later)
    assert renewed.token_expires_at == later + POD_TOKEN_LIFETIME
    assert authentication.authenticate(renewed.token, now=later) is not None
    assert authentication.authenticate(given.token, now=later) is None


@pytest.mark.parametrize("make", [editing.replace_token, editing.renew_token])
def test_people_who_make_a_pods_agent_a_token_get_one_that_ends_like_the_pods_own(
    pod, cluster, make
):
    given = ask(pod, cluster=cluster)
    minted = make(pod.agent_id, actor=Actor("user", "alice"), now=NOON)
    assert (minted.token.kind, minted.token.expires_at) == ("pod", NOON + POD_TOKEN_LIFETIME)
    assert authentication.authenticate(minted.text, now=NOON) is not None
    assert authentication.authenticate(given.token, now=NOON) is None


def flagged(*, now):
    return tokens.flag_pods(made_before=now - POD_TOKEN_RENEWED_AFTER, now=now, limit=10)


def test_the_tokens_end_with_the_pod(pod, cluster):
    given = ask(pod, cluster=cluster)
    assert tokens.revoke_agent(pod.agent_id, now=NOON) == 1
    assert authentication.authenticate(given.token, now=NOON) is None


def lanes(agent):
    rows = Slot.objects.filter(agent=agent, retired_at=None).order_by("index")
    return list(rows.values_list("index", "lane"))


def test_a_session_makes_the_pod_ready_and_leaves_its_slots(pod):
    made = lanes(pod.agent)
    assert made == [(0, "main"), (1, "plan"), (2, "plan")]
    hello(pod.agent, slots=3, now=NOON)
    pod.refresh_from_db()
    assert (pod.state, pod.ready_at, lanes(pod.agent)) == ("ready", NOON, made)


def test_a_draining_agent_offers_no_slot_of_its_pod_and_they_come_back_in_their_lanes(pod):
    made, session = lanes(pod.agent), clock.new_id()
    hello(pod.agent, slots=0, session=session, now=NOON)
    assert lanes(pod.agent) == []
    hello(pod.agent, slots=3, now=NOON + seconds(1))
    assert lanes(pod.agent) == made


def test_a_pod_for_one_task_has_one_slot_for_everything():
    pod = a_pod(a_pod_pool(PodMode.TASK), state="starting", uid=UID)
    hello(pod.agent, slots=1, now=NOON)
    assert lanes(pod.agent) == [(0, "general")]
