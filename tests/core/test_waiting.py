"""Why a task waits: one code, a sentence, and a reason per candidate."""

from typing import Any

import pytest

from agents.core.states import Desired, Observed
from executors.core.codes import NEARNESS, SENTENCES, WaitingCode
from executors.core.waiting import PoolFacts, TaskFacts, explain, nearest, settle
from pools.core.gates import Barrier, BarrierRule
from pools.core.outlook import Failed, Outlook
from pools.core.pods import PodFailure
from tests.builders import NOON
from tests.core.values import PLAIN, a_candidate, a_requirement, agent_id

C = WaitingCode
POOL = PoolFacts()
PAUSE = Barrier(rule=BarrierRule.PAUSED)
IN_WINDOW = Barrier(rule=BarrierRule.WINDOW)
FAILED = Failed(NOON, NOON, PodFailure.QUOTA)


def code_of(*candidates: dict[str, Any]) -> WaitingCode:
    return explain(
        a_requirement(labels={"gpu": "a100"}),
        [a_candidate(n, **fields) for n, fields in enumerate(candidates)],
        POOL,
    ).code


GPU = {"labels": {"gpu": "a100"}}


def test_the_codes_are_the_stable_api() -> None:
    assert set(WaitingCode) == {
        *("no_agents", "no_agent_online", "labels_missing", "capability_missing"),
        *("constraint_unmet", "resources_short", "slots_full", "lane_full", "lane_reserved"),
        *("behind_others", "pool_limit", "owner_share", "workspace_locked", "workspace_busy"),
        *("retry_backoff", "scaling_out", "pod_failing", "paused"),
        *("maintenance_window", "not_now"),
    }


@pytest.mark.parametrize("code", WaitingCode)
def test_every_code_says_in_one_sentence_what_is_wrong_and_what_to_do(code: WaitingCode) -> None:
    sentence = SENTENCES[code]
    assert sentence.count(".") == 1
    wrong, _, advice = sentence.partition(": ")
    assert wrong
    assert advice


def test_without_agents_there_is_none() -> None:
    assert code_of() is C.NO_AGENTS


def test_the_nearest_candidate_gives_the_code() -> None:
    assert code_of({}) is C.LABELS_MISSING
    assert code_of({}, {**GPU, "observed": Observed.OFFLINE}) is C.NO_AGENT_ONLINE
    assert code_of({**GPU, "observed": Observed.OFFLINE}, {**GPU, "desired": Desired.PAUSED}) is (
        C.PAUSED
    )
    assert code_of({}, {**GPU, "free": 0}, {**GPU, "desired": Desired.PAUSED}) is C.SLOTS_FULL
    assert code_of({}, GPU, {**GPU, "free": 0}) is C.BEHIND_OTHERS


def test_reasons_come_per_candidate_in_the_order_given() -> None:
    explanation = explain(PLAIN, [a_candidate(2, free=0), a_candidate(1)], POOL)
    [full, fits] = explanation.reasons
    assert (full.agent_id, full.name) == (agent_id(2), "agent-2")
    assert full.exclusion is not None
    assert full.exclusion.code is C.SLOTS_FULL
    assert fits.exclusion is None
    assert explanation.sentence == SENTENCES[explanation.code]


@pytest.mark.parametrize(
    ("code", "pool", "task", "shown"),
    [
        (C.LABELS_MISSING, {"barriers": (IN_WINDOW,)}, {}, C.MAINTENANCE_WINDOW),
        (C.SLOTS_FULL, {"barriers": (PAUSE, IN_WINDOW)}, {"hindrance": C.RETRY_BACKOFF}, C.PAUSED),
        (C.SLOTS_FULL, {}, {"hindrance": C.RETRY_BACKOFF}, C.RETRY_BACKOFF),
        (C.SLOTS_FULL, {"held": 3, "max_concurrent": 3}, {}, C.POOL_LIMIT),
        (C.SLOTS_FULL, {"held": 2, "max_concurrent": 3}, {}, C.SLOTS_FULL),
        (C.LABELS_MISSING, {"held": 3, "max_concurrent": 3}, {}, C.LABELS_MISSING),
        (C.BEHIND_OTHERS, {}, {"owner_at_limit": True}, C.OWNER_SHARE),
        (C.NO_AGENT_ONLINE, {}, {"owner_at_limit": True}, C.NO_AGENT_ONLINE),
        (C.SLOTS_FULL, {"pods": Outlook(starting=1, most=9)}, {}, C.SCALING_OUT),
        (C.NO_AGENTS, {"pods": Outlook(starting=1, most=9, last=FAILED)}, {}, C.POD_FAILING),
        (C.CONSTRAINT_UNMET, {"pods": Outlook(troubled=FAILED)}, {}, C.CONSTRAINT_UNMET),
        (C.NO_AGENTS, {"pods": Outlook(counted=2, most=2)}, {}, C.SLOTS_FULL),
        (C.NO_AGENTS, {"pods": Outlook(counted=1, most=2)}, {}, C.NO_AGENTS),
        (C.LANE_RESERVED, {"pods": Outlook(counted=2, most=2)}, {}, C.LANE_RESERVED),
    ],
)
def test_what_pool_and_task_add_to_the_code(
    code: WaitingCode, pool: dict[str, Any], task: dict[str, Any], shown: WaitingCode
) -> None:
    assert settle(code, PoolFacts(**pool), task=TaskFacts(**task)) is shown


def test_looking_for_the_nearest_stops_at_the_ceiling() -> None:
    full = explain(PLAIN, [a_candidate(1, free=0)], POOL).reasons[0].exclusion

    def candidates() -> Any:
        yield full
        pytest.fail("asked for more than it needs")

    assert nearest(candidates(), ceiling=C.SLOTS_FULL) is C.SLOTS_FULL


def test_every_code_of_a_candidate_is_nearer_or_further_than_every_other() -> None:
    assert NEARNESS[0] is C.NO_AGENTS
    assert NEARNESS[-1] is C.BEHIND_OTHERS
    assert len(set(NEARNESS)) == len(NEARNESS)
