"""Where may a pod go from where it is, and what is it called?"""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.core import naming
from pools.core.pods import COUNTED, LIVE, TABLE, PodEvent, PodState


def test_every_event_leads_to_one_state_whatever_it_happened_in():
    targets = {event: {TABLE[pair] for pair in TABLE if pair[1] is event} for event in PodEvent}
    assert {event: len(found) for event, found in targets.items()} == dict.fromkeys(PodEvent, 1)


@pytest.mark.parametrize("event", PodEvent)
def test_nothing_happens_to_what_is_gone(event):
    assert (PodState.GONE, event) not in TABLE


@pytest.mark.parametrize("state", sorted(COUNTED))
def test_whatever_counts_may_turn_out_to_be_gone(state):
    assert TABLE[state, PodEvent.GONE] is PodState.GONE


@pytest.mark.parametrize("state", [PodState.READY, PodState.STARTING, PodState.CREATING])
def test_a_pod_is_never_deleted_before_it_was_drained(state):
    assert (state, PodEvent.DELETE) not in TABLE


@pytest.mark.parametrize("state", sorted(LIVE - {PodState.UNKNOWN}))
def test_what_is_out_of_sight_is_unknown_and_not_gone(state):
    assert TABLE[state, PodEvent.OUT_OF_SIGHT] is PodState.UNKNOWN


NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)


@given(NAMES, st.uuids())
def test_a_pod_has_the_name_of_a_host_for_any_pool(pool, pod_id):
    name = naming.slot_pod(pool, pod_id)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= naming.LONGEST
    assert name.endswith(pod_id.hex[-12:])


def test_a_pod_for_a_task_says_which_workspace_it_plans_and_which_try_it_is():
    task = UUID(int=1)
    assert naming.task_pod(task, 1) == f"task-{task}"
    assert naming.task_pod(task, 2) == f"task-{task}-2"
    assert naming.task_pod(task, 1, "net") == f"terraform-net-{task}"
    assert len(naming.task_pod(task, 12, "a-workspace-with-a-long-name")) <= naming.LONGEST
