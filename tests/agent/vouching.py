"""What a scripted server answers to an agent in a pod: it vouches for the proofs it was told."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agents.wire import messages as wire
from agents.wire.pods import PodIdentity
from tests.agent.words import answer, bearer, problem

SOON = datetime(2026, 1, 1, 2, tzinfo=UTC)


class Vouching:
    """Which proofs are good, which came, and for which pods."""

    def __init__(self) -> None:
        self.proofs: set[str] = set()
        self.seen: list[str] = []
        self.pods: list[PodIdentity] = []

    async def answer(self, request: Request, agent: UUID, token: str) -> Response:
        self.seen.append(bearer(request))
        if self.seen[-1] not in self.proofs:
            return problem(401, "unauthenticated")
        self.pods.append(msgspec.json.decode(await request.body(), type=PodIdentity))
        return answer(wire.Registered(id=agent, token=token, token_expires_at=SOON))
