"""The examples of the document are what the application answers, and fit what it promises.

``K8S4R_TEST_WRITE=1 pytest tests/contract/test_examples.py`` writes them anew.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import orjson
import pytest

import k8s4r.api
from executors.core import schedule
from executors.core.schedule import Job
from executors.gateway import routes
from executors.models import Tick
from k8s4r import clock, urls
from k8s4r.api import document
from k8s4r.api.calls import Served as Call
from k8s4r.api.calls import of_django
from k8s4r.api.operations import JSON
from tests.contract import stable, tour
from tests.contract.recording import Recorded
from tests.serving import Served

FILE = Path(k8s4r.api.__file__).with_name("examples.json")
CALLS = {
    f"{call.method} {call.path}": call for call in (*of_django(urls.urlpatterns), *routes.served())
}
# Text, and the document itself.
WITHOUT = {"GET /metrics", "GET /api/v1/docs", "GET /api/v1/openapi.json"}


def kinds(call: Call, status: int) -> list[Any]:
    content = call.said.answers[status]
    return [] if content is None else list(document.alternatives(document.media(content)[JSON]))


def fits(answer: Any, kind: Any) -> bool:
    """Is this the kind, no field less and none more?"""
    try:
        read = msgspec.convert(answer, kind)
    except msgspec.ValidationError:
        return False
    return _same(answer, msgspec.to_builtins(read))


def _same(given: Any, read: Any) -> bool:
    """Are these the same, but for defaults of a wire message that are not written?"""
    if isinstance(given, dict) and isinstance(read, dict):
        return all(name in read and _same(value, read[name]) for name, value in given.items())
    if isinstance(given, list) and isinstance(read, list | tuple):
        return len(given) == len(read) and all(map(_same, given, read))
    return bool(given == read)


@pytest.mark.usefixtures("transactional_db")
def test_a_tour_of_all_calls_answers_what_the_document_promises_and_shows(
    gateway: Served, settings: Any
) -> None:
    settings.ENCRYPTION_KEY = "k" * 40
    began = clock.now()
    _take_the_ticks_of(Job.SCALING, began)
    recorded = tour.record(gateway)
    _every_answer_is_of_its_kind(recorded)
    made = stable.examples(recorded, began=began)
    if os.environ.get("K8S4R_TEST_WRITE"):
        FILE.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    assert orjson.loads(FILE.read_bytes()) == made


def _take_the_ticks_of(job: Job, began: datetime) -> None:
    """Let the gateway find for a while that somebody else runs this job at each of its times."""
    period = schedule.PERIODS[job]
    first = schedule.tick(began, period)
    Tick.objects.bulk_create(
        [Tick(job=job, scheduled_for=first + n * period, taken_at=began) for n in range(100)],
        ignore_conflicts=True,
    )


def _every_answer_is_of_its_kind(recorded: list[Recorded]) -> None:
    other = {
        each.call: each.answer
        for each in recorded
        if each.answer is not None
        and not any(fits(each.answer, kind) for kind in kinds(CALLS[each.call], each.status))
    }
    assert other == {}


def test_every_call_has_an_example() -> None:
    assert set(orjson.loads(FILE.read_bytes())) == set(CALLS) - WITHOUT


def test_examples_satisfy_the_schemas_of_the_document() -> None:
    made = urls.openapi()
    wrong = [
        (call, status, error.message)
        for call, shown in orjson.loads(FILE.read_bytes()).items()
        for status, content, schema in _promised(made, call, shown)
        for error in jsonschema.Draft202012Validator(
            {**schema, "components": made["components"]}
        ).iter_errors(content)
    ]
    assert wrong == []


def _promised(made: Any, call: str, shown: Any) -> list[tuple[str, Any, Any]]:
    method, path = call.split(" ")
    said = made["paths"][path][method.lower()]
    found = [
        (status, content, said["responses"][status]["content"][JSON]["schema"])
        for status, content in shown["answers"].items()
        if content is not None
    ]
    if shown["request"] is not None:
        found.append(("request", shown["request"], said["requestBody"]["content"][JSON]["schema"]))
    return found
