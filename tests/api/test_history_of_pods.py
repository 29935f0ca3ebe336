"""What became of a pod, in order, and what the history of its pool names."""

import pytest

from pools.models import PodAction
from tests.api.test_history import sentences
from tests.builders import (
    NOON,
    a_k8s_config,
    a_pod_pool,
    a_pool,
    a_project,
    a_ready_pod,
    seconds,
)


@pytest.fixture
def fast(api):
    """Return a pool of agents."""
    return a_pool(name="fast")


def test_a_pool_tells_of_projects_and_clusters_by_their_names(api, fast):
    a_project("web")
    config = a_k8s_config("prod", project=fast.project)
    shared = {"shared_with": ["web"], "weights": {"web": 2.5}}
    api.patch(f"agent-pools/{fast.pk}", shared)
    api.patch(f"agent-pools/{fast.pk}", {"k8s": {"config": "prod"}})
    newest, before = sentences(api.get(f"history/pool/{fast.pk}"))[:2]
    assert "k8s_config_id none -> prod" in newest
    assert 'shared_with [] -> ["web"], weights.web none -> 2.5' in before
    assert str(config.pk) not in newest


def test_a_pod_tells_what_became_of_it_and_what_its_cluster_was_asked_to_do(api):
    pod = a_ready_pod(a_pod_pool(), now=NOON)
    PodAction.objects.filter(pod=pod, kind="create").update(state="done", done_at=NOON + seconds(1))
    PodAction.objects.create(
        pod=pod, kind="delete", created_at=NOON + seconds(5), not_before=NOON, tries=3,
        error="forbidden",
    )  # fmt: skip
    told = api.get(f"history/pod/{pod.pk}")
    assert [one for one in sentences(told) if "its cluster" in one] == [
        "its cluster was asked to delete it; not done after 3 tries: forbidden",
        "its cluster is done: create",
        "its cluster was asked to create it",
    ]
    assert any("creating -> ready" in one for one in sentences(told))
    one_by_one, cursor = [], ""
    while cursor is not None:
        answer = api.get(f"history/pod/{pod.pk}?limit=1&cursor={cursor}".removesuffix("&cursor="))
        one_by_one += sentences(answer)
        cursor = answer.json()["next"]
    assert one_by_one == sentences(told)
