"""A flood of bad tokens or calls is slowed and shown, and slows nobody else."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.conf import settings as django_settings
from django.test import Client

from agents.models import Agent
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.access.principals import CACHE
from k8s4r.api.counting import Count, Counter
from k8s4r.api.guarding import Guard
from k8s4r.core import ids
from k8s4r.core.errors import TooMany, Unavailable
from tests.builders import a_pool, an_agent, session_of
from tests.floods import FEW
from tests.ports import held_port
from tests.serving import AgentSide, Served, a_persons_token, an_agents_token

pytestmark = pytest.mark.usefixtures("a_low_limit")


def statuses(client: httpx2.Client, path: str, count: int) -> list[int]:
    return [client.get(path).status_code for _ in range(count)]


# One path that Django answers, one that the gateway does.
PATHS = ["/api/v1/about", "/api/v1/tasks/0199a000-0000-7000-8000-000000000001/logs"]


@pytest.mark.parametrize("path", PATHS)
def test_after_some_bad_tokens_an_address_has_to_wait(gateway: Served, path: str) -> None:
    with gateway.client("pat_nonsense") as client:
        assert statuses(client, path, FEW) == [401] * FEW
        slowed = client.get(path)
    assert slowed.status_code == 429
    assert slowed.headers["content-type"] == "application/problem+json"
    assert slowed.json()["code"] == "too_many"
    assert 1 <= int(slowed.headers["retry-after"]) <= django_settings.BAD_CREDENTIALS_WINDOW_S


@pytest.mark.parametrize("path", PATHS)
def test_a_token_that_was_good_works_on_from_an_address_that_waits(
    gateway: Served, path: str
) -> None:
    good = a_persons_token()
    with gateway.client(good) as known, gateway.client("pat_nonsense") as flood:
        expected = known.get(path).status_code
        statuses(flood, path, FEW + 2)
        assert flood.get(path).status_code == 429
        assert statuses(known, path, 3) == [expected] * 3 != [429] * 3


@pytest.mark.parametrize("path", PATHS)
def test_a_good_token_that_nobody_has_seen_yet_works_from_there_too(
    gateway: Served, path: str
) -> None:
    """Behind one address may stand a guesser and a hundred agents, and this process is new."""
    with gateway.client("pat_nonsense") as flood:
        statuses(flood, path, FEW + 2)
    bad = _guess(a_persons_token("bob"))
    with gateway.client(a_persons_token()) as fresh, gateway.client(bad) as guesser:
        assert fresh.get(path).status_code not in {401, 429}
        assert guesser.get(path).status_code == 429


def test_agents_that_were_good_beat_on_while_their_address_waits(gateway: Served) -> None:
    agent: Agent = an_agent(now=clock.now())
    token = an_agents_token(agent)
    with gateway.client(token) as client, gateway.client("agt_nonsense") as flood:
        side = AgentSide(client, agent.pk, session_id=session_of(agent).pk)
        side.beat()
        path = f"/api/v1/agents/{agent.pk}/heartbeat"
        answers = [flood.post(path, json={"sent_at": 1.0}).status_code for _ in range(FEW + 2)]
        assert answers == [401] * FEW + [429] * 2
        assert side.beat().sent_at == side.sent_at


def test_guesses_at_one_key_slow_that_key_from_every_address_and_not_its_owner(
    gateway: Served, settings: Any
) -> None:
    victim, other = a_persons_token(), a_persons_token("bob")
    browser = Client()

    def ask(token: str, address: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return browser.get("/api/v1/about", headers=headers, REMOTE_ADDR=address).status_code

    assert ask(victim, "10.0.0.1") == 200
    # Each guess from elsewhere: no address fails twice, the key does.
    guessed = [ask(_guess(victim), f"10.0.1.{number}") for number in range(FEW + 1)]
    assert guessed == [401] * FEW + [429]
    assert ask(victim, "10.0.0.1") == 200
    assert ask(other, "10.0.0.9") == 200


def _guess(token: str) -> str:
    """Return a token that can be one, with the key id of another and a wrong secret."""
    parts = ids.parse_token(token)
    return ids.make_token(parts.kind, parts.key_id, ids.secret(b"\x01" * ids.SECRET_BYTES))


def test_a_flood_is_shown_in_the_metrics_and_the_log(
    gateway: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway.client("pat_nonsense") as client:
        statuses(client, "/api/v1/about", FEW + 3)
        text = client.get("/metrics").text
    counted = {
        line.split()[0]: float(line.split()[1])
        for line in text.splitlines()
        if line.startswith("k8s4r_credentials_refused_total")
    }
    assert counted['k8s4r_credentials_refused_total{what="bad_token"}'] >= FEW + 1
    assert counted['k8s4r_credentials_refused_total{what="slowed"}'] >= 3
    events = [record for record in caplog.records if record.msg == "credentials_slowed"]
    assert [record.who for record in events] == ["address:127.0.0.1"]  # type: ignore[attr-defined]


def test_without_redis_bad_tokens_are_401_and_good_ones_work(
    transactional_db: None, away: None
) -> None:
    good = a_persons_token()
    browser = Client()

    def ask(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return browser.get("/api/v1/about", headers=headers).status_code

    assert [ask("pat_nonsense") for _ in range(FEW + 2)] == [401] * (FEW + 2)
    assert ask(good) == 200


def test_every_answer_tells_how_many_calls_are_left_and_the_last_one_is_refused(
    gateway: Served, settings: Any
) -> None:
    a_pool(name="default")
    settings.CALLS_PER_WINDOW = 3
    with gateway.client(a_persons_token()) as client:
        first = client.get("/api/v1/tasks")
        made = client.post("/api/v1/tasks", json={"driver": "noop"})
        third = client.get("/api/v1/tasks")
        refused = [client.get("/api/v1/tasks"), client.post("/api/v1/tasks", json={})]
    policies = {answer.headers["ratelimit-policy"] for answer in (first, made, third)}
    assert policies == {'"token";q=3;w=60'}
    left = [answer.headers["ratelimit"].split(";")[1] for answer in (first, made, third)]
    assert left == ["r=2", "r=1", "r=0"]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_another_token_and_agents_are_not_counted_with_it(gateway: Served, settings: Any) -> None:
    settings.CALLS_PER_WINDOW = 1
    agent = an_agent(now=clock.now())
    with gateway.client(a_persons_token()) as one, gateway.client(a_persons_token("bob")) as two:
        assert [one.get("/api/v1/about").status_code for _ in range(2)] == [200, 429]
        assert two.get("/api/v1/about").status_code == 200
    with gateway.client(an_agents_token(agent)) as client:
        side = AgentSide(client, agent.pk, session_id=session_of(agent).pk)
        assert [side.beat().sent_at for _ in range(3)] == [side.sent_at] * 3


def test_counts_at_once_are_all_counted() -> None:
    counter = Counter(django_settings.REDIS_URL)
    names = [f"test:{uuid4()}"] * 50
    assert [count.times for count in counter.counted(names, window_s=60)] == list(range(1, 51))
    assert counter.asked(names[:1])[0].times == 50


def test_who_counts_without_redis_is_told_and_asks_no_more_for_a_while() -> None:
    counter = Counter(f"redis://127.0.0.1:{held_port()}/0", monotonic=lambda: 100.0)
    for _ in range(2):
        with pytest.raises(Unavailable):
            counter.counted(["x"], window_s=60)


def test_whoever_has_waited_is_let_in_again_and_is_not_remembered() -> None:
    at = [100.0]
    guard = Guard(monotonic=lambda: at[0])
    with pytest.raises(TooMany) as refused:
        guard.failed(["address:x"], [Count(FEW + 1, 30.0)])
    assert refused.value.retry_after_s == 30.0
    with pytest.raises(TooMany):
        guard.check(["key:y", "address:x"])
    guard.check(["address:y"])
    assert not guard.is_quiet
    at[0] = 131.0
    guard.check(["address:x"])
    assert guard.is_quiet


def test_where_only_good_tokens_come_whoever_has_waited_is_forgotten_too() -> None:
    at = [100.0]
    guard = Guard(monotonic=lambda: at[0])
    for name, ends_s in (("address:x", 30.0), ("address:y", 60.0)):
        with pytest.raises(TooMany):
            guard.failed([name], [Count(FEW + 1, ends_s)])
    at[0] = 131.0
    assert not guard.is_quiet, "y waits still"
    at[0] = 161.0
    assert guard.is_quiet, "a good token asks this and checks nothing"


def test_a_token_that_was_good_and_is_no_longer_waits_like_any_other(gateway: Served) -> None:
    token = a_persons_token()
    with gateway.client(token) as client:
        assert client.get("/api/v1/about").status_code == 200
        Token.objects.update(revoked_at=clock.now())
        CACHE.forget(Token.objects.values_list("pk", flat=True))
        assert statuses(client, "/api/v1/about", FEW + 1) == [401] * FEW + [429]
