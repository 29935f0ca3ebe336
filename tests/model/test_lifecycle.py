"""Random histories against the real services: nothing lost, nothing twice, nothing undone."""

import contextlib
import os
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents.wire.messages import Heartbeat
from executors import conf
from executors.core.lifecycle import ATTEMPT_CURRENT, TASK_TERMINAL
from executors.models import Attempt, PlanDecision, Task
from executors.services import (
    approvals,
    cancellation,
    dispatch,
    expiry,
    heartbeats,
    orders,
    pulses,
    reporting,
    reservations,
    sessions,
)
from executors.services.approvals import Decision
from executors.services.heartbeats import Beat
from executors.services.orders import Ask
from executors.services.reporting import Batch
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.audit import attribution
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, DomainError
from tests.builders import NOON, a_pool, a_task, a_user, an_agent
from tests.model.runner import Runner, Span

EXAMPLES = int(os.environ.get("K8S4R_MODEL_EXAMPLES", "30"))
STEPS = 40
LOST_AFTER_S = 60
RESERVATION_S = 150
FAR = NOON + timedelta(days=999)


class Fleet(RuleBasedStateMachine):
    """Two agents with two slots each, tasks of each policy, and a clock of the test's own."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOON
        self.spans: list[Span] = []
        self.final: dict[UUID, str] = {}
        self.numbers: dict[UUID, int] = {}
        self.plans = False
        self.block = transaction.atomic()

    @initialize()
    def a_fleet(self) -> None:
        self.block.__enter__()
        self.policy = conf.leases()
        agents = [an_agent(slots=2) for _ in range(2)]
        self.pool = a_pool(*agents)
        bob = a_user("bob")
        self.bob = Principal(kind=PrincipalKind.PERSON, id=bob.pk, token_id=bob.pk, name="bob")
        self.runners = [Runner(agent.pk, 2, NOON, self.spans) for agent in agents]
        for source in ("gateway", "sweeper"):
            pulses.beat(source, now=NOON - timedelta(hours=1), policy=self.policy)
        self.sweep()
        for runner in self.runners:
            self.open(runner)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    runner = st.integers(0, 1)

    def open(self, runner: Runner) -> None:
        answer = sessions.open(
            runner.agent_id, runner.hello(self.now), now=self.now, policy=self.policy
        )
        runner.welcomed(answer, self.now)

    @rule(disconnect=st.sampled_from(["replace", "stop", "wait"]))
    def submit(self, disconnect: str) -> None:
        a_task(self.pool, now=self.now, disconnect=disconnect, lost_after_s=LOST_AFTER_S)

    @rule(disconnect=st.sampled_from(["replace", "wait"]))
    def submit_plan(self, disconnect: str) -> None:
        self.plans = True
        a_task(
            self.pool,
            now=self.now,
            kind="plan_and_apply",
            phase="plan",
            disconnect=disconnect,
            lost_after_s=LOST_AFTER_S,
            reservation_timeout_s=RESERVATION_S,
        )

    @precondition(
        lambda self: any(work.held for one in self.runners for work in one.works.values())
    )
    @rule(which=st.integers(0, 9), approves=st.sampled_from([True, True, False]))
    def decide(self, which: int, approves: bool) -> None:
        waiting = list(Task.objects.filter(state="apply_pending").order_by("pk"))
        if not waiting:
            return
        decide = approvals.approve if approves else approvals.reject
        # An agent that is away is given nothing, and nothing is lost by that.
        with contextlib.suppress(Conflict):
            decide(waiting[which % len(waiting)].pk, Decision(person=self.bob), now=self.now)

    @rule()
    def run_pass(self) -> None:
        dispatch.run_pass(self.pool.pk, now=self.now, aging_weight_s=60)

    @rule(index=runner, is_answer_lost=st.booleans())
    def claim(self, index: int, is_answer_lost: bool) -> None:
        runner = self.runners[index]
        ask = Ask(runner.agent_id, runner.session, list(runner.works))
        (answer,) = orders.open_orders([ask], now=self.now)
        if not is_answer_lost and not isinstance(answer, DomainError):
            runner.claimed(answer, self.now)

    @rule(index=runner, most=st.integers(1, 4), is_answer_lost=st.booleans())
    def report(self, index: int, most: int, is_answer_lost: bool) -> None:
        runner = self.runners[index]
        message = runner.batch(most, self.now)
        if message is None:
            return
        (answer,) = reporting.record([Batch(runner.agent_id, message)], now=self.now)
        if not is_answer_lost and not isinstance(answer, DomainError):
            runner.acknowledged(answer, self.now)

    @rule(index=runner, exit_code=st.sampled_from([0, 0, 1]), which=st.integers(0, 3))
    def finish(self, index: int, exit_code: int, which: int) -> None:
        runner = self.runners[index]
        running = [attempt for attempt, work in runner.works.items() if not work.ended]
        if running:
            runner.finish(running[which % len(running)], exit_code, self.now)

    @rule(index=runner, is_answer_lost=st.booleans())
    def heartbeat(self, index: int, is_answer_lost: bool) -> None:
        runner = self.runners[index]
        runner.keep_lease(self.now)
        message = Heartbeat(session=runner.session, sent_at=runner.seconds(self.now))
        (answer,) = heartbeats.beat([Beat(runner.agent_id, runner.agent_id, message)], now=self.now)
        if isinstance(answer, DomainError):
            return
        if not is_answer_lost:
            runner.acknowledged_at = self.now
            runner.stop(answer.directives.stop, self.now)

    @rule(seconds=st.sampled_from([1, 5, 15, 31, 61, 200]))
    def advance(self, seconds: int) -> None:
        """Let time pass as it does: in small steps, with sweeps and the runners' own watch."""
        for _ in range(max(1, seconds // 5)):
            self.now += timedelta(seconds=min(seconds, 5))
            for runner in self.runners:
                runner.keep_lease(self.now)
            self.sweep()
        if self.plans:
            reservations.expire(now=self.now, limit=100)

    def sweep(self) -> None:
        for source in ("gateway", "sweeper"):
            pulses.beat(source, now=self.now, policy=self.policy)
        expiry.expire_leases(now=self.now, limit=100, policy=self.policy)
        expiry.expire_heartbeats(now=self.now, limit=100, policy=self.policy)
        expiry.release_delayed(now=self.now, limit=100)

    @rule(index=runner, loses_plans=st.booleans())
    def crash(self, index: int, loses_plans: bool) -> None:
        runner = self.runners[index]
        runner.crash(self.now, loses_plans=loses_plans)
        self.open(runner)

    @rule(index=runner)
    def reconnect(self, index: int) -> None:
        """The link died and came back: the same session says hello again."""
        runner = self.runners[index]
        runner.keep_lease(self.now)
        self.open(runner)

    @precondition(lambda self: Task.objects.exists())
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        tasks = list(Task.objects.order_by("pk").values_list("pk", flat=True))
        actor = attribution.Actor("user", "someone")
        cancellation.cancel([tasks[which % len(tasks)]], actor=actor, now=self.now)

    @invariant()
    def no_task_runs_twice_at_once(self) -> None:
        by_task: dict[UUID, list[Span]] = {}
        for span in self.spans:
            by_task.setdefault(span.task, []).append(span)
        for spans in by_task.values():
            ordered = sorted(spans, key=lambda span: (span.began, span.ended or FAR))
            for earlier, later in pairwise(ordered):
                assert earlier.ended is not None, "an earlier attempt still runs"
                assert earlier.ended <= later.began, "two attempts overlap"

    @invariant()
    def final_states_stay_and_numbers_grow(self) -> None:
        for task in Task.objects.all() if self.spans or self.final else ():
            if task.pk in self.final:
                assert task.state == self.final[task.pk]
            elif task.state in TASK_TERMINAL:
                self.final[task.pk] = task.state
            assert task.attempts_made >= self.numbers.get(task.pk, 0)
            self.numbers[task.pk] = task.attempts_made

    @invariant()
    def a_task_has_a_current_attempt_exactly_while_it_is_held(self) -> None:
        held = {"dispatching", "running", "apply_pending", "unknown"}
        current = set(
            Attempt.objects.filter(state__in=ATTEMPT_CURRENT).values_list("task_id", flat=True)
        )
        assert current == set(Task.objects.filter(state__in=held).values_list("pk", flat=True))

    @invariant()
    def a_completed_task_has_exactly_one_success_and_others_none(self) -> None:
        ended = Attempt.objects.filter(state="succeeded")
        plans = approved() if self.plans else set()
        won = list(ended.exclude(pk__in=plans).values_list("task_id", flat=True))
        assert len(won) == len(set(won))
        completed = Task.objects.filter(state="completed").values_list("pk", flat=True)
        assert set(won) == set(completed)

    @invariant()
    def an_apply_is_of_an_approved_plan_in_its_slot_and_the_last_of_its_task(self) -> None:
        applied = [span for span in self.spans if span.phase == "apply"]
        rows = {row.pk: row for row in Attempt.objects.all()} if applied else {}
        plans = {(row.task_id, row.number): row for row in rows.values()}
        allowed = approved() if applied else set()
        for span in applied:
            row = rows[span.attempt]
            plan = plans[row.task_id, row.number - 1]
            assert plan.pk in allowed, "nobody approved this plan"
            assert plan.slot_id == row.slot_id, "applied in another slot"
            later = [one for one in self.spans if one.task == span.task and one.began > span.began]
            assert later == [], "something ran after an apply had begun"

    @invariant()
    def a_plan_is_held_exactly_while_its_task_waits_for_a_decision(self) -> None:
        if not self.plans:
            return
        held = set(Attempt.objects.filter(state="held").values_list("task_id", flat=True))
        waiting = Task.objects.filter(state="apply_pending").values_list("pk", flat=True)
        assert held == set(waiting)

    @invariant()
    def the_events_replay_to_the_rows(self) -> None:
        for task in Task.objects.all():
            path = list(
                AuditEvent.objects.filter(object_id=task.pk, object_type="task").order_by("id")
                .values_list("from_state", "to_state")
            )  # fmt: skip
            assert path[-1][1] == task.state
            assert [to for _, to in path[:-1]] == [of for of, _ in path[1:]]


def approved() -> set[UUID]:
    """Return the attempts whose plans somebody approved."""
    rows = PlanDecision.objects.filter(is_approved=True)
    return set(rows.values_list("attempt_id", flat=True))


@pytest.mark.django_db
def test_any_history_keeps_every_promise():

    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
