"""What is seen of a cluster moves rows by the law, and a list that errs moves none."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.core import absences, plan
from pools.core.pods import COUNTED, TABLE, PodEvent, PodFailure, PodState
from pools.core.ports import BUSY_LABEL, POD_LABEL, ContainerSeen, PodSeen
from pools.core.sightings import KnownPod, Memory, Observed, Rules
from tests.builders import NOON, seconds

POOL = UUID(int=7)
RULES = Rules()
NO_MEMORY = Memory()
S, E = PodState, PodEvent
RUNNING = ContainerSeen(running=True)


def row(nth: int = 1, state: PodState = S.READY, **facts: object) -> KnownPod:
    defaults = {"has_connected": state in (S.READY, S.DRAINING)}
    if state is not S.CREATING:
        defaults["uid"] = f"uid-{nth}"
    return KnownPod(
        id=UUID(int=nth),
        pool_id=POOL,
        name=f"pod-{nth}",
        state=state,
        created_at=NOON - seconds(30),
        **{**defaults, **facts},
    )


def pod_of(known: KnownPod, **facts: object) -> PodSeen:
    usual = {
        "phase": "Running",
        "ready": True,
        "container": RUNNING,
        "node": known.node,
        "uid": known.uid or f"uid-{known.id.int}",
        "labels": {POD_LABEL: str(known.id)},
        "created_at": NOON - seconds(30),
    }
    return PodSeen(name=known.name, **{**usual, **facts})


def made(known, pods, *, asked=None, memory=NO_MEMORY, now=NOON, uid="c1", nodes=None):
    observed = Observed(cluster_uid=uid, pods=pods, asked=asked or {}, nodes=nodes or {})
    return plan.make(known, observed, memory, now=now, rules=RULES)


def event(known: KnownPod, seen: PodSeen, **also: object) -> PodEvent | None:
    events = made([known], [seen], **also).events
    return next(iter(events), None)


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        (S.CREATING, {}, E.CREATED),
        (S.CREATING, {"is_here": True}, E.CONNECTED),
        (S.STARTING, {}, None),
        (S.STARTING, {"is_here": True}, E.CONNECTED),
        (S.READY, {}, None),
        (S.UNKNOWN, {}, E.CREATED),
        (S.UNKNOWN, {"has_connected": True}, E.CONNECTED),
        (S.UNKNOWN, {"has_connected": True, "is_draining": True}, E.DRAIN),
        (S.DRAINING, {}, None),
        (S.DELETING, {}, None),
        (S.FAILED, {}, None),
    ],
)
def test_a_pod_that_is_well_brings_its_row_to_where_it_belongs(state, facts, expected):
    known = row(state=state, **facts)
    assert event(known, pod_of(known)) == expected


@pytest.mark.parametrize("state", [S.READY, S.DRAINING])
def test_a_node_that_does_not_answer_makes_pods_unknown_and_never_gone(state):
    known = row(state=state, node="n1")
    silent = pod_of(known, ready=False)
    decided = made([known], [silent], nodes={"n1": False})
    assert decided.events == {E.OUT_OF_SIGHT: [known.id]}
    assert decided.notes[0].failure is PodFailure.NODE_LOST
    assert event(replace(known, state=S.UNKNOWN), silent) is None


def test_a_pod_with_another_uid_is_not_ours_any_more():
    known = row()
    decided = made([known], [pod_of(known, uid="other")])
    assert decided.events == {E.GONE: [known.id]}
    assert decided.strays == []


def test_a_missing_pod_is_gone_only_when_it_was_asked_for_by_name():
    known = row()
    assert made([known], []).events == {E.OUT_OF_SIGHT: [known.id]}
    assert made([known], [], asked={known.name: None}).events == {E.GONE: [known.id]}
    found = made([known], [], asked={known.name: pod_of(known)})
    assert found.events == {}


def test_a_pod_that_was_never_made_is_not_missing():
    known = row(state=S.CREATING)
    decided = made([known], [])
    assert (decided.events, decided.create) == ({}, [known.id])


def test_what_ended_is_failed_with_its_reason_or_gone():
    known = row()
    assert event(known, pod_of(known, phase="Failed", ready=False)) is E.FAILED
    assert event(known, pod_of(known, phase="Succeeded", ready=False)) is E.GONE


def test_trouble_is_noted_before_it_is_final_and_forgotten_when_it_is_over():
    known = row(state=S.STARTING)
    pulling = pod_of(
        known, phase="Pending", ready=False, container=ContainerSeen(waiting="ErrImagePull")
    )
    decided = made([known], [pulling])
    assert (decided.events, decided.notes[0].failure) == ({}, PodFailure.IMAGE_PULL)
    over = made([replace(known, failure=PodFailure.IMAGE_PULL, message="no")], [pod_of(known)])
    assert (over.notes[0].failure, over.notes[0].message) == (PodFailure.NONE, "")


def test_the_shield_is_what_the_cluster_says_it_is():
    known = row(shielded=True)
    assert made([known], [pod_of(known)]).notes[0].shielded is False
    busy = pod_of(known, labels={POD_LABEL: str(known.id), BUSY_LABEL: "true"})
    assert made([known], [busy]).notes == []


def test_a_pod_to_be_deleted_that_nobody_deletes_is_asked_for_again():
    known = row(state=S.DELETING)
    assert made([known], [pod_of(known)]).delete == [known.id]
    assert made([known], [pod_of(known, deleting=True)]).delete == []


# What an empty or a wrong list may not do.


def fleet(count: int, state: PodState = S.READY) -> list[KnownPod]:
    return [row(nth, state) for nth in range(1, count + 1)]


def nobody(known: list[KnownPod]) -> dict[str, None]:
    return {one.name: None for one in known}


def test_an_empty_list_is_held_and_alarmed_until_a_later_one_agrees():
    known = fleet(10)
    first = made(known, [], asked=nobody(known))
    assert (first.events, set(first.held)) == ({}, {one.id for one in known})
    assert first.alarm.startswith("pods_missing: 10 of 10 pods")
    at_once = made(known, [], asked=nobody(known), memory=first.memory, now=NOON + seconds(1))
    assert at_once.events == {}
    later = made(known, [], asked=nobody(known), memory=at_once.memory, now=NOON + seconds(11))
    assert (later.events, later.alarm) == ({E.GONE: [one.id for one in known]}, "")


def test_a_later_list_that_has_them_again_leaves_everything_as_it_was():
    known = fleet(10)
    first = made(known, [], asked=nobody(known))
    later = made(known, [pod_of(one) for one in known], memory=first.memory, now=NOON + seconds(30))
    assert (later.events, later.alarm, later.memory.odd) == ({}, "", frozenset())


@pytest.mark.parametrize(
    ("total", "missing", "is_held"), [(4, 3, False), (20, 6, False), (20, 7, True), (4, 4, True)]
)
def test_more_than_three_and_more_than_30_percent_is_too_much_at_once(total, missing, is_held):
    known = fleet(total)
    decided = made(known, [pod_of(one) for one in known[missing:]], asked=nobody(known[:missing]))
    assert bool(decided.alarm) == is_held
    assert bool(decided.events) != is_held


def test_pods_that_are_to_go_are_not_missed():
    known = fleet(10, S.DELETING)
    decided = made(known, [], asked=nobody(known))
    assert (len(decided.events[E.GONE]), decided.alarm) == (10, "")


def test_nothing_is_believed_of_another_cluster():
    known = fleet(2)
    memory = Memory(cluster_uid="c1")
    decided = made(known, [pod_of(known[0], phase="Failed")], memory=memory, uid="c2")
    assert decided.alarm.startswith(absences.OTHER_CLUSTER)
    assert (decided.events, decided.notes, decided.strays) == ({}, (), ())
    assert decided.memory.cluster_uid == "c1"


# Pods without a row.


def stray(age: timedelta = timedelta(hours=1), **facts: object) -> PodSeen:
    ghost = row(99)
    return pod_of(ghost, created_at=NOON - age, **facts)


def test_a_pod_without_a_row_goes_when_a_later_list_still_has_it():
    first = made([], [stray()])
    assert first.strays == []
    assert made([], [stray()], memory=first.memory, now=NOON + seconds(5)).strays == []
    assert made([], [stray()], memory=first.memory, now=NOON + seconds(11)).strays == [stray()]


def test_a_pod_without_a_row_stays_at_first_sight_whatever_others_were_seen_before():
    first, new = made([], [stray()]), pod_of(row(98), created_at=NOON - timedelta(hours=1))
    later = made([], [stray(), new], memory=first.memory, now=NOON + seconds(11))
    assert later.strays == [stray()]


def test_a_young_pod_without_a_row_may_have_been_made_meanwhile():
    young = stray(age=timedelta(seconds=1))
    first = made([], [young])
    assert made([], [young], memory=first.memory, now=NOON + seconds(30)).strays == []


def test_a_stray_that_is_being_deleted_is_left_to_end():
    first = made([], [stray(deleting=True)])
    later = made([], [stray(deleting=True)], memory=first.memory, now=NOON + seconds(30))
    assert later.strays == []


# Whatever is seen.

STATES = st.sampled_from(sorted(COUNTED))
CONTAINERS = st.builds(
    ContainerSeen,
    waiting=st.sampled_from(["", "ErrImagePull", "CrashLoopBackOff"]),
    running=st.booleans(),
    restarts=st.integers(0, 5),
)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[KnownPod], list[PodSeen], dict[str, None], Memory]:
    known = [
        row(nth, draw(STATES), is_here=draw(st.booleans()), has_connected=draw(st.booleans()))
        for nth in range(1, draw(st.integers(1, 12)))
    ]
    pods, asked = [], {}
    for one in known:
        if draw(st.booleans()):
            phase = draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]))
            pods.append(
                pod_of(one, phase=phase, ready=draw(st.booleans()), container=draw(CONTAINERS))
            )
        elif draw(st.booleans()):
            asked[one.name] = None
    odd = frozenset(str(one.id) for one in known if draw(st.booleans()))
    since = draw(st.sampled_from([None, NOON - seconds(5), NOON - seconds(60)]))
    return known, pods, asked, Memory(odd=odd, since=since)


@given(scenes())
def test_every_row_has_one_fate_at_most_and_the_law_knows_it(scene):
    known, pods, asked, memory = scene
    decided = made(known, pods, asked=asked, memory=memory)
    moved = [pod_id for ids in decided.events.values() for pod_id in ids]
    assert len(moved) == len(set(moved))
    states = {one.id: one.state for one in known}
    assert all(
        (states[one], event) in TABLE for event, ids in decided.events.items() for one in ids
    )


@given(scenes())
def test_gone_is_only_what_kubernetes_said_is_gone(scene):
    known, pods, asked, memory = scene
    decided = made(known, pods, asked=asked, memory=memory)
    ended = {seen.name for seen in pods if seen.phase in ("Succeeded", "Failed")}
    named = {one.id: one.name for one in known}
    for pod_id in decided.events.get(E.GONE, ()):
        assert named[pod_id] in ended | set(asked)
        assert pod_id not in decided.held


@given(scenes())
def test_an_equal_scene_leads_to_an_equal_plan(scene):
    known, pods, asked, memory = scene
    assert made(known, pods, asked=asked, memory=memory) == made(
        known, pods, asked=asked, memory=memory
    )
