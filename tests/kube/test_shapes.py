"""What a cluster says of pods is read leniently, and what is no answer is none."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from pools.core.ports import ClusterUnreachable, ContainerSeen
from pools.kube import observe, shapes
from pools.kube.api import Api


class Answering:
    """A client whose every call is answered by this."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def param_serialize(self, **_said):
        return ()

    def call_api(self, *_call, **_options):
        response = SimpleNamespace(read=lambda _most: self._body, release_conn=lambda: None)
        return SimpleNamespace(status=200, response=response)


def seen(**found):
    return shapes.pod_seen(msgspec.json.decode(json.dumps(found), type=shapes.Pod))


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"metadata": None, "spec": None, "status": None},
        {"metadata": {"labels": None}, "status": {"containerStatuses": None, "conditions": None}},
        {"status": {"containerStatuses": [{"state": None, "lastState": {"terminated": None}}]}},
    ],
)
def test_what_is_missing_or_null_is_not_said(found):
    pod = seen(**found)
    assert (pod.name, pod.phase, pod.labels, pod.node, pod.ready) == ("", "Unknown", {}, "", False)
    assert (pod.container, pod.deleting, pod.created_at) == (ContainerSeen(), False, None)


def test_the_last_words_of_a_container_are_kept_without_what_a_row_cannot_hold():
    ended = {"reason": "Error", "exitCode": 7, "message": "a\x00b"}
    pod = seen(status={"containerStatuses": [{"state": {"terminated": ended}}]})
    assert (pod.container.message, pod.container.exit_code) == ("a\N{REPLACEMENT CHARACTER}b", 7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"\xff",
        b'{"kind": "Status"}',
        b'{"kind": "PodList"}',
        b'{"kind": "PodList", "items": {}}',
        b'{"kind": "PodList", "items": [{"metadata": {"name": "\xff"}}]}',
        b'{"kind": "PodList", "items": [{"metadata": {"name": 7}}]}',
    ],
)
def test_an_answer_that_is_no_list_of_pods_says_nothing(body):
    with pytest.raises(ClusterUnreachable):
        observe.list_pods(Api(Answering(body)), "here", "c")
