"""Is whoever a cluster vouches for the pod that we mean?"""

from dataclasses import replace

import pytest

from pools.core.identity import Mismatch, is_ours, may_ask, mismatch
from pools.core.pods import PodState
from pools.core.ports import CONFIG_LABEL, POD_LABEL, PodSeen, Reviewed

POD = {"namespace": "work", "name": "k8s4r-slots-1", "uid": "u-1"}
SAID = Reviewed(
    namespace="work",
    pod_name="k8s4r-slots-1",
    pod_uid="u-1",
)
SEEN = PodSeen(
    name="k8s4r-slots-1",
    uid="u-1",
    phase="Running",
    labels={CONFIG_LABEL: "c-1", POD_LABEL: "p-1"},
)


def test_the_token_of_the_pod_is_that_of_the_pod():
    assert mismatch(SAID, **POD) is None
    assert mismatch(SAID, **POD | {"uid": ""}) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"pod_name": "", "pod_uid": ""}, Mismatch.NO_POD),
        ({"pod_uid": ""}, Mismatch.NO_POD),
        ({"namespace": "elsewhere"}, Mismatch.OTHER_NAMESPACE),
        ({"pod_name": "k8s4r-slots-2"}, Mismatch.OTHER_NAME),
        ({"pod_uid": "u-2"}, Mismatch.OTHER_UID),
    ],
)
def test_any_other_token_is_not(said, why):
    assert mismatch(replace(SAID, **said), **POD) is why


def test_a_pod_whose_uid_is_not_known_is_ours_by_its_labels():
    assert is_ours(SEEN, uid="u-1", config="c-1", pod="p-1")
    for seen in (None, replace(SEEN, uid="u-2"), replace(SEEN, labels={CONFIG_LABEL: "c-1"})):
        assert not is_ours(seen, uid="u-1", config="c-1", pod="p-1")


def test_only_a_pod_that_may_work_gets_a_token():
    with_uid = {state for state in PodState if may_ask(state, "u-1")}
    assert with_uid == set(PodState) - {PodState.DELETING, PodState.FAILED, PodState.GONE}
    assert {state for state in PodState if may_ask(state, "")} == {"creating", "unknown"}
