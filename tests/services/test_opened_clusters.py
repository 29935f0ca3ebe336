"""A cluster once opened is kept for a while, and opened anew when it may have moved."""

import pytest

from executors.clusters.opening import KEPT_S, OpenedClusters
from k8s4r.core.errors import NotFound
from pools.kube.fake import FakeCluster
from pools.models import K8sConfig
from pools.opening import Opened
from tests.builders import a_k8s_config, seconds

pytestmark = pytest.mark.django_db


class Opening:
    """Opens a new cluster each time, and counts which are closed again; time moves by hand."""

    def __init__(self) -> None:
        self.opened: list[FakeCluster] = []
        self.closed: list[FakeCluster] = []
        self.at_s = 0.0
        self.clusters = OpenedClusters(self.open, monotonic=lambda: self.at_s)

    def open(self, config: K8sConfig) -> Opened:
        port = FakeCluster()
        self.opened.append(port)
        return Opened(port, lambda: self.closed.append(port))


def test_a_cluster_is_opened_once_and_anew_after_a_minute():
    config, opening = a_k8s_config(), Opening()
    first = opening.clusters.open(config.pk)
    opening.at_s = KEPT_S - 1
    assert opening.clusters.open(config.pk) is first
    opening.at_s = KEPT_S
    second = opening.clusters.open(config.pk)
    assert opening.opened == [first, second]
    assert opening.closed == [first]


def test_a_config_that_changed_opens_its_own(now):
    config, opening = a_k8s_config(), Opening()
    first = opening.clusters.open(config.pk)
    K8sConfig.objects.filter(pk=config.pk).update(changed_at=now + seconds(1))
    assert opening.clusters.open(config.pk) is not first
    assert opening.closed == [first]


def test_one_that_ended_is_opened_for_nobody(now):
    config, opening = a_k8s_config(), Opening()
    K8sConfig.objects.filter(pk=config.pk).update(archived_at=now)
    with pytest.raises(NotFound):
        opening.clusters.open(config.pk)
    assert opening.opened == []
