"""A file that an attempt left arrives whole, once, under its own attempt, or not at all."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.conf import settings

from agents.models import Agent
from executors.models import Artifact, Attempt
from k8s4r import clock
from k8s4r.access.models import TokenKind
from k8s4r.audit.models import AuditEvent
from tests.builders import a_member, a_pool, a_project, a_running_attempt, a_user, an_agent
from tests.services.agentside import token_of
from tests.serving import Served, a_persons_token, a_token, an_agents_token


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    """Return this test's own folder for artifacts."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    return tmp_path / "artifacts"


@pytest.fixture
def agent(transactional_db: None) -> Agent:
    return an_agent(now=clock.now())


@pytest.fixture
def attempt(agent: Agent) -> Attempt:
    return a_running_attempt(a_pool(agent), agent, now=clock.now())


@pytest.fixture
def client(gateway: Served, agent: Agent) -> Iterator[httpx2.Client]:
    with gateway.client(an_agents_token(agent)) as client:
        yield client


def put(
    client: httpx2.Client,
    attempt: Attempt,
    content: bytes,
    *,
    name: str = "plan.json",
    token: str | None = None,
    sha256: str | None = None,
) -> httpx2.Response:
    return client.put(
        f"/api/v1/attempts/{attempt.pk}/artifacts/{name}",
        content=content,
        headers={
            "X-Content-SHA256": sha256 or hashlib.sha256(content).hexdigest(),
            "X-Attempt-Token": token or token_of(attempt),
        },
    )


def kept() -> list[Path]:
    """Return every file in the artifacts' folder."""
    folder = Path(settings.ARTIFACTS_DIR)
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_file_lies_under_its_id_with_the_bytes_that_were_sent(
    client: httpx2.Client, attempt: Attempt
) -> None:
    content = bytes(range(256)) * 20_000  # several writes
    answer = put(client, attempt, content)
    assert answer.status_code == 201, answer.text
    assert answer.json()["size_bytes"] == len(content)
    row = Artifact.objects.get(attempt=attempt)
    assert (Path(settings.ARTIFACTS_DIR) / str(row.pk)).read_bytes() == content


def test_the_same_file_again_is_a_success_and_is_kept_once(
    client: httpx2.Client, attempt: Attempt
) -> None:
    assert put(client, attempt, b"plan").status_code == 201
    before = kept()
    assert put(client, attempt, b"plan").status_code == 200
    assert kept() == before
    assert Artifact.objects.count() == 1


def test_a_file_whose_bytes_are_gone_gets_them_back_when_it_comes_again(
    client: httpx2.Client, attempt: Attempt
) -> None:
    assert put(client, attempt, b"plan").status_code == 201
    (file,) = kept()
    file.unlink()
    assert put(client, attempt, b"plan").status_code == 200
    assert [path.read_bytes() for path in kept()] == [b"plan"]
    assert kept() == [file]


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("another file of that name", 409),
        ("other bytes than announced", 422),
        ("no digest", 400),
        ("the token of nobody", 409),
        ("too large", 413),
        ("a name that cannot be shown", 400),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    client: httpx2.Client, attempt: Attempt, what: str, status: int
) -> None:
    put(client, attempt, b"plan")
    before = kept()
    answer = {
        "another file of that name": lambda: put(client, attempt, b"other"),
        "other bytes than announced": lambda: put(client, attempt, b"x", sha256="0" * 64),
        "no digest": lambda: put(client, attempt, b"x", sha256="zz"),
        "the token of nobody": lambda: put(client, attempt, b"x", name="b", token="att_x"),
        "too large": lambda: put(client, attempt, b"x" * (64 * 1024 * 1024 + 1), name="b"),
        "a name that cannot be shown": lambda: put(client, attempt, b"x", name="a%00b"),
    }[what]()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert kept() == before
    assert Artifact.objects.count() == 1


def test_another_agents_attempt_does_not_exist(
    gateway: Served, attempt: Attempt, agent: Agent
) -> None:
    before = kept()
    with gateway.client(an_agents_token(an_agent(now=clock.now()))) as other:
        assert put(other, attempt, b"x").status_code == 404
    assert kept() == before


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "CON", "-rf", "%2e%2e"])
def test_a_name_is_never_a_path(client: httpx2.Client, attempt: Attempt, name: str) -> None:
    before = set(kept())
    answer = put(client, attempt, b"x", name=name)
    assert answer.status_code in {201, 404}
    new = set(kept()) - before
    assert {path.name for path in new} == {str(row.pk) for row in Artifact.objects.all()}


def get(
    gateway: Served, attempt: Attempt, *, name: str = "plan.json", by: str = "alice"
) -> httpx2.Response:
    """Ask for a file as a person does; alice's own are the tasks."""
    person = a_persons_token() if by == "alice" else a_token(TokenKind.PERSON, user=a_user(by))
    with gateway.client(person) as reader:
        return reader.get(f"/api/v1/attempts/{attempt.pk}/artifacts/{name}")


def who_read(attempt: Attempt) -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(object_type="artifact", object_id=attempt.task_id)
    return list(rows.values_list("actor_id", "cause"))


def test_a_person_gets_the_bytes_that_were_stored_to_keep_and_not_to_look_at(
    client: httpx2.Client, gateway: Served, attempt: Attempt
) -> None:
    content = bytes(range(256)) * 20_000  # several reads
    put(client, attempt, content)
    answer = get(gateway, attempt)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["x-content-sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.headers["content-length"] == str(len(content))
    kept_headers = ("content-type", "content-disposition", "x-content-type-options")
    shown = tuple(answer.headers[name] for name in kept_headers)
    assert shown == ("application/octet-stream", "attachment", "nosniff")
    assert who_read(attempt) == []


def test_who_gets_a_file_of_anothers_task_is_on_record_once(
    client: httpx2.Client, gateway: Served, attempt: Attempt
) -> None:
    put(client, attempt, b"plan")
    bob = a_member("bob", "viewer", project=a_project())
    for _ in range(2):
        assert get(gateway, attempt, by="bob").content == b"plan"
    assert who_read(attempt) == [(str(bob.pk), "read_artifact")]


def test_a_file_is_not_there_for_who_may_not_read_its_task_nor_for_agents(
    client: httpx2.Client, gateway: Served, attempt: Attempt
) -> None:
    put(client, attempt, b"plan")
    a_member("sam", "operator", project=a_project("other"))
    path = f"/api/v1/attempts/{attempt.pk}/artifacts/plan.json"
    answers = [get(gateway, attempt, by="sam"), get(gateway, attempt, name="other"),
               get(gateway, attempt, name="a%00b"), client.get(path)]  # fmt: skip
    assert [one.status_code for one in answers] == [404] * 4
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}
    with gateway.client() as nobody:
        assert nobody.get(path).status_code == 401
    assert who_read(attempt) == []


def test_a_file_whose_bytes_are_gone_is_said_not_to_be_there(
    client: httpx2.Client, gateway: Served, attempt: Attempt
) -> None:
    put(client, attempt, b"plan")
    (file,) = kept()
    file.unlink()
    answer = get(gateway, attempt)
    assert answer.status_code == 404
    assert "not there any more" in answer.json()["detail"]
