"""A scripted server that stores what plans leave, and tells runners to let plans go."""

import hashlib
import threading
from typing import Any
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.wire import answers
from agents.wire import messages as wire
from agents.wire.orders import ApprovedPlan, OrderedTask
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import answer, make_order
from tests.waiting import wait_until


class PlanningServer(ScriptedServer):
    """Files by attempt, and the plans that are over."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[UUID, bytes] = {}
        self.over: set[UUID] = set()
        self._lock = threading.Lock()

    def plan(self, script: str, apply: str = "true", *, kind: str = "plan_and_apply") -> wire.Order:
        """Order a plan."""
        order = make_order(spec={phase: _shell(text) for phase, text in
                                 (("plan", script), ("apply", apply))})  # fmt: skip
        order = msgspec.structs.replace(order, task=_in_phase(order.task, kind, "plan"))
        self.give(order)
        return order

    def apply(self, plan: wire.Order, *, sha256: str | None = None, **changes: Any) -> wire.Order:
        """Order the apply of a plan, as it was stored.

        The plan is over in the same moment, so one answer may say both, as the real server's does.
        """
        digest = hashlib.sha256(self.files[plan.attempt]).hexdigest() if sha256 is None else sha256
        approved = ApprovedPlan(attempt=plan.attempt, sha256=digest)
        order = msgspec.structs.replace(
            make_order(plan=approved, disconnect="wait", slot=plan.slot, **changes),
            task=_in_phase(plan.task, plan.task.kind, "apply"),
        )
        with self._lock:
            self.over.add(plan.attempt)
            self.give(order)
        return order

    def let_go(self, plan: wire.Order) -> None:
        """Say that nobody will apply this plan."""
        self.over.add(plan.attempt)
        self._tell_claims()

    def is_held(self, plan: wire.Order) -> bool:
        """Did the agent end its plan, and does it say that it still has it?"""
        is_made = self.attempts[plan.attempt].end is not None
        return is_made and bool(self.claims) and plan.attempt in self.claims[-1].held

    def held(self, plan: wire.Order) -> None:
        """Wait until the agent holds the plan."""
        wait_until(lambda: self.is_held(plan))

    def _for_claim(self, claim: wire.Claim) -> wire.Claimed:
        with self._lock:
            found = super()._for_claim(claim)
            over = set(self.over)
        gone = [wire.Stop(attempt=one, reason="superseded")
                for one in over if one in claim.held]  # fmt: skip
        stops = [*found.directives.stop, *gone]
        return msgspec.structs.replace(
            found, directives=msgspec.structs.replace(found.directives, stop=stops)
        )

    def _app(self) -> Starlette:
        app = super()._app()
        path = "/api/v1/attempts/{attempt:uuid}/artifacts/{name}"
        app.router.routes.append(Route(path, self._store, methods=["PUT"]))
        return app

    async def _store(self, request: Request) -> Response:
        denied = self._denied(request, "artifacts")
        if denied is not None:
            return denied
        attempt, data = request.path_params["attempt"], await request.body()
        digest = hashlib.sha256(data).hexdigest()
        assert request.headers["x-content-sha256"] == digest
        assert request.headers["x-attempt-token"] == self.attempts[attempt].order.token
        assert self.attempts[attempt].end is None, "a file came after the end"
        self.files[attempt] = data
        return answer(
            answers.StoredArtifact(
                attempt=attempt,
                name=request.path_params["name"],
                sha256=digest,
                size_bytes=len(data),
            )
        )


def _shell(script: str) -> dict[str, Any]:
    return {"argv": ["/bin/sh", "-c", script]}


def _in_phase(task: OrderedTask, kind: str, phase: str) -> OrderedTask:
    return msgspec.structs.replace(task, kind=kind, phase=phase)
