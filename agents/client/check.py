"""Would this agent work? One line per thing that a start needs, with a hint where it would not."""

import os
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

import httpx2
import msgspec

from agents.client import clock, identity
from agents.client.config import AgentConfig, PodPlace
from agents.client.identity import Identity, NoIdentity
from agents.client.link.requests import pod_identity
from agents.client.runner.start import drivers
from agents.client.seam import InPod
from agents.wire.messages import Heartbeat, HeartbeatAnswer, Registered

SKEW_S: Final = 30.0
ANSWER_S: Final = 10.0
OK, CONFIGURATION, TOKEN_REFUSED, ERROR = 0, 2, 4, 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``code`` is the exit code that it asks for."""

    what: str
    detail: str
    code: int = OK
    hint: str = ""

    def line(self) -> str:
        state = "OK  " if self.code == OK else "FAIL"
        hint = f"  hint: {self.hint}" if self.hint else ""
        return f"{state}  {self.what}: {self.detail}{hint}"


def run(config: AgentConfig) -> list[Finding]:
    """Check the spool, who we are, the drivers, then the server; stop where nothing can follow."""
    findings = [_spool(config), _drivers(config)]
    try:
        mine = _identity(config)
    except NoIdentity as error:
        hint = "see --token-file, --enrolment-token-file and --pod-token-file"
        return [*findings, Finding("identity", str(error), CONFIGURATION, hint)]
    findings.append(Finding("identity", _who(config, mine)))
    return [*findings, *_server(config, mine)]


def _who(config: AgentConfig, mine: Identity | None) -> str:
    if mine is not None:
        return f"agent {mine.agent}"
    pod = config.server.pod
    return f"will ask for the token of pod {pod.pod}" if pod else "will register"


def exit_code(findings: list[Finding]) -> int:
    """Return the first failure's code; 0 when there is none."""
    return next((finding.code for finding in findings if finding.code != OK), OK)


def _spool(config: AgentConfig) -> Finding:
    try:
        config.spool.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        hint = "choose another folder with --spool"
        return Finding("spool", f"{config.spool}: {error.strerror}", CONFIGURATION, hint)
    if not os.access(config.spool, os.W_OK):
        return Finding("spool", f"{config.spool} is not writable", CONFIGURATION, "see --spool")
    room = os.statvfs(config.spool)
    free_mib = room.f_bavail * room.f_frsize // 2**20
    return Finding("spool", f"{config.spool}, {free_mib} MiB free")


def _drivers(config: AgentConfig) -> Finding:
    names = sorted(drivers(config))
    if not names:
        return Finding("drivers", "none allowed", CONFIGURATION, "see restrictions.drivers")
    return Finding("drivers", ", ".join(names))


def _identity(config: AgentConfig) -> Identity | None:
    server = config.server
    pod = server.pod
    place = None if pod is None else pod.pod
    sources = identity.Sources(config.spool, server.token_file, server.agent_id, place)
    mine = identity.load(sources)
    if mine is None:
        asks_with = pod.token_file if pod else server.enrolment_token_file
        if asks_with is None:
            raise NoIdentity("no token: this agent neither has one nor can register")
        identity.read_secret(asks_with)
    return mine


def _server(config: AgentConfig, mine: Identity | None) -> Iterator[Finding]:
    url = config.server.url
    try:
        verify: bool | ssl.SSLContext = True
        if config.server.ca_file is not None:
            verify = ssl.create_default_context(cafile=config.server.ca_file)
        with httpx2.Client(base_url=url.rstrip("/"), verify=verify, timeout=ANSWER_S) as client:
            response = client.get("/healthz")
            yield Finding("server", f"{url} answers with {response.status_code}")
            yield _transport_security(url)
            if mine is None and config.server.pod is not None:
                mine = yield from _exchange(client, config.server.pod)
            if mine is not None:
                yield from _token(client, mine)
    except (httpx2.RequestError, httpx2.InvalidURL, OSError) as error:
        yield Finding("server", f"{url}: {error}", ERROR, _hint(error))


def _exchange(client: httpx2.Client, place: PodPlace) -> Generator[Finding, None, Identity | None]:
    """Ask for the token of the agent in this pod, which nobody else has by now.

    It is not kept: a start asks for its own.
    """
    request = pod_identity(InPod(place.config, place.pod, str(place.token_file)))
    response = client.post(
        request.path,
        content=request.body,
        headers={"authorization": f"Bearer {request.token}", "content-type": "application/json"},
    )
    try:
        registered = msgspec.json.decode(response.content, type=Registered)
    except msgspec.MsgspecError:
        is_refused = response.status_code in {401, 403}
        code = TOKEN_REFUSED if is_refused else ERROR
        hint = (
            "is the pod on record, and the token's audience K8S4R_POD_AUDIENCE of the server?"
            if is_refused
            else "the server asks the pod's cluster: see the config's own test"
        )
        yield Finding("pod", f"answered with {response.status_code}", code, hint)
        return None
    yield Finding("pod", "the cluster vouches for it")
    return Identity(registered.id, registered.token, str(place.pod))


def _token(client: httpx2.Client, mine: Identity) -> Iterator[Finding]:
    """Send a heartbeat without a session: it renews nothing and says whether we are known."""
    response = client.post(
        f"/api/v1/agents/{mine.agent}/heartbeat",
        content=msgspec.json.encode(Heartbeat()),
        headers={"authorization": f"Bearer {mine.token}", "content-type": "application/json"},
    )
    if response.status_code == 401:
        hint = "make a new one: POST /api/v1/agents/{id}/regenerate-token"
        yield Finding("token", "refused", TOKEN_REFUSED, hint)
        return
    try:
        answer = msgspec.json.decode(response.content, type=HeartbeatAnswer)
    except msgspec.MsgspecError:
        hint = "server and agent may be of different versions, or a proxy answered"
        yield Finding("token", f"unexpected answer {response.status_code}", ERROR, hint)
        return
    yield Finding("token", "accepted")
    yield _skew(answer.server_time.timestamp() - clock.wall())


def _skew(skew_s: float) -> Finding:
    detail = f"this clock is {abs(skew_s):.1f} s {'behind' if skew_s > 0 else 'ahead'}"
    if abs(skew_s) > SKEW_S:
        # Leases and reports do not depend on it; certificates and people do.
        return Finding("time", detail, ERROR, "synchronise this machine's clock")
    return Finding("time", detail)


def _transport_security(url: str) -> Finding:
    if url.startswith("https://"):
        return Finding("tls", "certificate accepted")
    return Finding("tls", "not used: only for a server on this machine or network")


def _hint(error: Exception) -> str:
    if "CERTIFICATE" in str(error).upper():
        return "name the authority that signed the server's certificate with --ca-file"
    return "is the address right, the server up, and no firewall between?"
