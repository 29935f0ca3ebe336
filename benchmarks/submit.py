"""How many single creates a second, by 16 clients, each answered after its commit with fsync?

One server process on each side, the same server program, the same database, the same rows.
"""

import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from benchmarks import swarm
from benchmarks.fleet import parts, server
from benchmarks.machine import Figure, note, quantile, report

CLIENTS = 16
CREATES = 200
ROUNDS = 3
BODY = b'{"name": "bench", "driver": "noop", "spec": {}}'


def prepared() -> str:
    """Make a database with a default pool, and return the token of its person."""
    import django  # noqa: PLC0415 - Django reads the settings that `parts` made

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from k8s4r import clock  # noqa: PLC0415
    from k8s4r.access.models import TokenKind, User  # noqa: PLC0415
    from k8s4r.access.services import tokens  # noqa: PLC0415
    from k8s4r.access.services.tokens import PERSON_LIFETIME, Terms  # noqa: PLC0415
    from pools.services import bootstrapping  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now = clock.now()
    bootstrapping.default_pool(now=now)
    user = User.objects.create(username="bench", is_superuser=True)
    terms = Terms(lifetime=PERSON_LIFETIME, user=user)
    return tokens.mint(TokenKind.PERSON, terms, now=now).text


def creates(port: int, token: str, each: int) -> tuple[float, list[float]]:
    """Return the creates per second, and the seconds that each took."""
    request = swarm.post("/api/v1/tasks", token, BODY)
    tally = uvloop.run(swarm.play(port, [[request] * each for _ in range(CLIENTS)]))
    assert not tally.failures, f"{tally.failures} creates were not answered well"
    return CLIENTS * each / (sum(tally.seconds) / CLIENTS), tally.seconds


@contextmanager
def _servers() -> Iterator[tuple[str, dict[str, int]]]:
    os.environ["K8S4R_ALLOWED_HOSTS"] = "bench"
    # Calls are counted as always; one token makes more than any would.
    os.environ["K8S4R_CALLS_PER_WINDOW"] = "100000000"
    token = prepared()
    with (
        server("k8s4r.asgi:application") as (_, ours),
        server("benchmarks.bare_create:application") as (_, peer),
    ):
        yield token, {"ours": ours, "peer": peer}


def main() -> None:
    """Measure both in turns, so that a noisy minute meets both."""
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    seconds: list[float] = []
    with parts(), _servers() as (token, ports):
        for port in ports.values():
            creates(port, token, 20)
        for number in range(ROUNDS):
            for name, port in ports.items():
                rate, took = creates(port, token, CREATES)
                rates[name].append(rate)
                seconds += took if name == "ours" else []
                note(f"round {number + 1}, {name}: {rate:.0f}/s")
    detail = {
        "clients": CLIENTS,
        "creates": CLIENTS * CREATES * ROUNDS,
        "answer_p50_ms": round(1000 * quantile(seconds, 0.5), 1),
        "answer_p99_ms": round(1000 * quantile(seconds, 0.99), 1),
        "rounds_ours": [round(rate) for rate in rates["ours"]],
        "rounds_peer": [round(rate) for rate in rates["peer"]],
    }
    ours, peer = (statistics.median(rates[name]) for name in ("ours", "peer"))
    report(Figure("submit", ours, peer, "creates/s", goal=">= 0.5 x", detail=detail))


if __name__ == "__main__":
    sys.exit(main())
