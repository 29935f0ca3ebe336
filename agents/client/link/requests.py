"""What does each call say?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from agents.client import facts, identity, seam
from agents.client.clock import Clock
from agents.client.identity import Identity
from agents.client.link.transports.http import ANSWER_S, CLAIM_SPARE_S, Request
from agents.client.link.vocabulary import Call
from agents.client.version import version
from agents.wire.messages import Claim, Heartbeat, OpenSession, Register
from agents.wire.pods import PodIdentity

_encode: Final = msgspec.json.Encoder().encode


class RawReports(msgspec.Struct):
    """`Reports` whose items the runner has encoded already."""

    session: UUID
    sent_at: float
    items: list[msgspec.Raw]


def pod_identity(here: seam.InPod) -> Request:
    """Ask for the token of the agent in a pod. The proof is read anew: the kubelet replaces it.

    Raises:
        agents.client.identity.NoIdentity: the proof is not there.
    """
    proof = identity.read_secret(Path(here.token_file))
    message = PodIdentity(config=here.config, pod=here.pod)
    return Request(Call.REGISTER, "/api/v1/agents/pods", proof, _encode(message))


@dataclass(slots=True)
class Composer:
    """Knows what the requests of one link are made of; all of it may change over time."""

    setup: seam.Setup
    clock: Clock
    roster: seam.Roster
    identity: Identity | None = None
    claim_wait_s: float = 25.0

    def register(self) -> Request:
        """Ask to be a new agent, or in a pod for the token of the agent that waits for us.

        Raises:
            agents.client.identity.NoIdentity: there is no token to ask with.
        """
        if self.setup.in_pod is not None:
            return pod_identity(self.setup.in_pod)
        if self.setup.enrolment_token_file is None:
            raise identity.NoIdentity("give --token-file or --enrolment-token-file")
        message = Register(
            name=self.setup.name,
            labels=self.setup.labels,
            capabilities=self._capabilities(),
            device_info=facts.device_info(),
        )
        token = identity.read_secret(Path(self.setup.enrolment_token_file))
        return Request(Call.REGISTER, "/api/v1/agents/register", token, _encode(message))

    def session(self) -> Request:
        """Open the session of this runner, or say again what it holds.

        A draining agent offers no slots: those that are idle go, none is given new work.
        """
        message = OpenSession(
            session=self.setup.session,
            boot_id=self.setup.boot_id,
            sent_at=self.clock.now(),
            slots=self.roster.offer,
            version=version(),
            drivers=self.setup.drivers,
            capabilities=self._capabilities(),
            device_info=facts.device_info(),
            held=self.roster.held,
            settings_version=self.roster.settings_version,
            not_now=self.roster.not_now,
        )
        return self._request(Call.SESSION, "session", _encode(message))

    def heartbeat(self, *, sent_at: float) -> Request:
        """Say that the agent lives; renews the lease of everything it runs."""
        message = Heartbeat(
            session=self.setup.session,
            sent_at=sent_at,
            error=self.roster.trouble,
            settings_version=self.roster.settings_version,
            not_now=self.roster.not_now,
        )
        return self._request(Call.HEARTBEAT, "heartbeat", _encode(message))

    def claim(self) -> Request:
        """Ask for orders and wait for them."""
        message = Claim(
            session=self.setup.session,
            held=[held.attempt for held in self.roster.held],
            stopping=self.roster.stopping,
            free=self.roster.free,
            wait_s=self.claim_wait_s,
            settings_version=self.roster.settings_version,
        )
        within = self.claim_wait_s + CLAIM_SPARE_S
        return self._request(Call.CLAIM, "claims", _encode(message), within=within)

    def reports(self, items: list[seam.Item]) -> Request:
        """Deliver reports."""
        message = RawReports(
            self.setup.session, self.clock.now(), [msgspec.Raw(item.body) for item in items]
        )
        return self._request(Call.REPORT, "reports", _encode(message))

    def _request(self, call: Call, verb: str, body: bytes, *, within: float = ANSWER_S) -> Request:
        assert self.identity is not None
        path = f"/api/v1/agents/{self.identity.agent}/{verb}"
        return Request(call, path, self.identity.token, body, within)

    def _capabilities(self) -> dict[str, object]:
        return {**self.setup.capabilities, "drivers": self.setup.drivers}
