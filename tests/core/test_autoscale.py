"""How many pods a pool should have, and which may go, whatever the demand."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.core.autoscale import (
    Load,
    PodView,
    ScalingCode,
    ScalingPolicy,
    SlotDemand,
    TaskDemand,
    decide,
)
from pools.core.outlook import Failed, Outlook, delay, in_a_row, outlook
from pools.core.pods import SERVING, PodFailure, PodState
from tests.builders import NOON

S = PodState
LONG_AGO = NOON - timedelta(hours=5)
GOOD = Outlook()


def a_view(number=1, state=S.READY, **fields):
    given_ = {"created_at": LONG_AGO + timedelta(seconds=number), **fields}
    return PodView(agent_id=UUID(int=number), state=state, **given_)


def idle(number=1, since=LONG_AGO, **fields):
    return a_view(number, is_spare=True, idle_since=since, **fields)


def need(main=0, plan=0, **loads):
    return SlotDemand(Load(queued=main), Load(queued=plan, **loads))


NOTHING = need()


def look(demand=NOTHING, pods=(), outlook=GOOD, **policy):
    return decide(demand, list(pods), ScalingPolicy(**policy), outlook, now=NOON)


counts = st.integers(0, 40)
loads = st.builds(Load, busy=counts, held=counts, queued=counts)
demands = st.builds(SlotDemand, loads, loads) | st.builds(TaskDemand, loads)
views = st.lists(
    st.builds(
        PodView,
        agent_id=st.integers(0, 2**60).map(lambda n: UUID(int=n)),
        state=st.sampled_from([state for state in S if state is not S.GONE]),
        created_at=st.integers(0, 9_000).map(lambda s: LONG_AGO + timedelta(seconds=s)),
        idle_since=st.none() | st.just(LONG_AGO) | st.just(NOON),
        is_spare=st.booleans(),
        is_over=st.booleans(),
        is_outdated=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda pod: pod.agent_id,
)
policies = st.builds(
    lambda least, more, **rest: ScalingPolicy(least=least, most=least + more, **rest),
    least=st.integers(0, 5),
    more=st.integers(0, 20),
    spares=st.integers(0, 3),
    surge=st.integers(1, 10),
    is_held=st.booleans(),
    is_active=st.booleans(),
)


@given(demands, views, policies)
def test_a_pool_never_gets_more_pods_than_its_most_and_only_idle_ones_ever_go(demand, pods, policy):
    found = decide(demand, pods, policy, GOOD, now=NOON)
    by_id = {pod.agent_id: pod for pod in pods}
    assert found.make == 0 or len(pods) + found.make <= policy.most
    assert found.desired <= policy.most
    assert all(by_id[one].is_spare and by_id[one].state in SERVING for one in found.drain)
    assert len(set(found.drain)) == len(found.drain)
    assert not (found.make and policy.is_held)
    assert len(found.reason) <= 500


@given(demands, views, policies, st.integers(1, 20))
def test_more_work_never_means_fewer_pods(demand, pods, policy, more):
    before = decide(demand, pods, policy, GOOD, now=NOON)
    field = next(iter(demand.__dataclass_fields__))
    load = getattr(demand, field)
    after = decide(
        replace(demand, **{field: replace(load, queued=load.queued + more)}),
        pods, policy, GOOD, now=NOON,
    )  # fmt: skip
    assert after.desired >= before.desired
    assert after.make >= before.make


@given(demands, views, policies)
def test_the_order_in_which_pods_are_listed_does_not_count(demand, pods, policy):
    one = decide(demand, pods, policy, GOOD, now=NOON)
    assert one == decide(demand, pods[::-1], policy, GOOD, now=NOON)


@given(st.builds(SlotDemand, loads, loads), policies)
def test_a_pool_comes_to_rest_at_what_is_wanted(demand, policy):
    policy = replace(policy, is_held=False, is_active=True)
    pods, number = [], 0
    for _ in range(60):
        found = decide(demand, pods, policy, GOOD, now=NOON)
        pods = [pod for pod in pods if pod.agent_id not in found.drain]
        for _ in range(found.make):
            number += 1
            pods.append(idle(number))
        if not found.make and not found.drain:
            break
    assert len(pods) == found.desired == found.serving


@pytest.mark.parametrize(
    ("main", "plan", "pods"),
    [(0, 0, 0), (1, 0, 1), (0, 3, 1), (0, 4, 2), (2, 0, 2), (1, 2, 1), (1, 3, 2), (3, 6, 3)],
)
def test_the_fewest_pods_serve_both_lanes(main, plan, pods):
    assert need(main, plan).pods == pods
    assert SlotDemand(Load(held=main), Load(busy=plan)).pods == pods


def test_spares_come_on_top_and_the_bounds_hold():
    assert look(need(main=2), spares=1).desired == 3
    assert look(need(main=2), least=5).desired == 5
    assert look(need(main=200), most=7).desired == 7


def test_what_is_missing_is_made_as_far_as_the_surge_allows():
    starting = [a_view(n, S.STARTING) for n in range(3)]
    assert look(need(main=9), surge=4).make == 4
    assert look(need(main=9), starting, surge=4).make == 1
    assert look(need(main=9), [a_view(n, S.CREATING) for n in range(4)], surge=4).code == "surge"


def test_what_is_not_gone_counts_against_the_most():
    gone_soon = [a_view(1, S.FAILED), a_view(2, S.UNKNOWN), a_view(3, S.DELETING)]
    found = look(need(main=9), gone_soon, most=4)
    assert (found.serving, found.counted, found.make) == (0, 3, 1)
    full = look(need(main=9), gone_soon, most=3)
    assert (full.make, full.code) == (0, ScalingCode.AT_MOST)


def test_an_idle_pod_goes_after_the_cooldown_the_newest_first():
    pods = [idle(1), idle(2), a_view(3)]
    assert look(need(), pods).drain == (UUID(int=2), UUID(int=1))
    assert look(need(), pods, least=2).drain == (UUID(int=2),)
    rested = look(need(), [idle(1, since=NOON - timedelta(seconds=299))])
    assert (rested.drain, rested.code) == ((), ScalingCode.COOLING_DOWN)
    assert look(need(), [a_view(1)]).code == ScalingCode.IN_USE


def test_a_pod_that_never_worked_goes_before_one_that_did():
    pods = [idle(1), a_view(2, S.STARTING, is_spare=True), idle(3)]
    assert look(need(main=2), pods).drain == (UUID(int=2),)


def test_beyond_a_lowered_most_idle_pods_go_at_once():
    pods = [idle(n, since=NOON) for n in range(1, 5)]
    assert look(need(), pods, most=3).drain == (UUID(int=4),)


def test_a_plan_that_waits_for_a_person_keeps_its_pod_alone():
    demand = SlotDemand(Load(held=1), Load())
    found = look(demand, [a_view(1), idle(2), idle(3)])
    assert (found.desired, found.drain) == (1, (UUID(int=3), UUID(int=2)))


def test_idle_pods_of_an_old_template_are_replaced_one_by_one():
    pods = [idle(1, is_outdated=True), idle(2, is_outdated=True), a_view(3, is_outdated=True)]
    found = look(need(), pods, least=3)
    assert (found.drain, found.code) == ((UUID(int=1),), ScalingCode.REPLACING)
    going = [replace(pods[0], state=S.DELETING), *pods[1:]]
    assert look(need(), going, least=3).drain == ()
    assert look(need(), [pods[2]], least=1).drain == ()
    assert look(need(), pods[:2], least=3).drain == ()


def test_a_held_pool_makes_none_and_says_so():
    found = look(need(main=1), is_held=True)
    assert (found.make, found.code) == (0, ScalingCode.POOL_HELD)
    assert look(need(main=1), is_active=False).code == ScalingCode.CONFIG_INACTIVE


def failed(minute, took_s=30, code=PodFailure.IMAGE_PULL):
    begun = NOON + timedelta(minutes=minute)
    return Failed(begun, begun + timedelta(seconds=took_s), code, "no such image")


def test_failing_pods_are_made_again_after_0_1_2_4_8_and_10_minutes():
    assert [delay(n).total_seconds() / 60 for n in range(1, 8)] == [0, 1, 2, 4, 8, 10, 10]
    stands = outlook([], [failed(-2), failed(-1)], most=10)
    waits = look(need(main=3), outlook=stands)
    assert (waits.make, waits.code) == (0, ScalingCode.POD_FAILING)
    assert "2 in a row did not start, the last for image_pull" in waits.reason
    later = replace(stands, retry_at=NOON)
    assert look(need(main=3), outlook=later).make == 1


def test_pods_that_were_made_at_once_and_fail_are_one_failure():
    assert in_a_row([failed(0), failed(0), failed(0)]) == 1
    assert in_a_row([failed(0), failed(0), failed(1), failed(3)]) == 3
    assert in_a_row([]) == 0
