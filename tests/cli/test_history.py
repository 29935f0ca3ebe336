"""history and audit: who changed what, the old value back, the whole away, and the proof."""

import json
import stat

import pytest

from k8s4r import clock, database
from k8s4r.access.models import Token
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import a_project, an_agent, seconds
from tests.cli.work import a_running_task
from tests.sealed import seal_everything


@pytest.fixture
def changed(cli, pool):
    """Return the default pool after alice raised its limit."""
    Pool.objects.filter(pk=pool.pk).update(max_concurrent=5)
    said = cli("api", "PATCH", f"agent-pools/{pool.pk}", "-d", '{"max_concurrent": 50}')
    assert said.code == 0
    return pool


def last_event():
    return AuditEvent.objects.latest("id").pk


def test_who_changed_a_setting_from_what_to_what_is_one_command(cli, changed):
    said = cli("history", "pool/default")
    key = Token.objects.get().key_id
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0].split() == ["TIME", "EVENT", "WHAT"]
    assert lines[1].endswith(f"alice changed max_concurrent 5 -> 50 (token {key})")
    assert lines[1].split()[2] == str(last_event())


def test_the_old_value_comes_back_with_one_more_word(cli, changed):
    event = str(last_event())
    said = cli("history", "pool/default", "--revert", event)
    assert (said.code, said.out) == (0, "pool max_concurrent: 50 -> 5\n")
    assert Pool.objects.get(pk=changed.pk).max_concurrent == 5
    again = cli("history", "pool/default", "--revert", event)
    assert again.code == 5
    assert "changed again since" in again.err
    forced = cli("history", "pool/default", "--revert", event, "--force")
    assert (forced.code, forced.out) == (0, "")
    assert "as it was before" in forced.err


def test_what_a_machine_did_is_on_one_line_of_time(cli, pool, agent):
    a_running_task(pool, agent, "build")
    cli("drain", "web-1")
    said = cli("history", "agent/web-1", "-o", "jsonl")
    told = [json.loads(line)["sentence"] for line in said.out.splitlines()]
    assert told[0].startswith("alice drained it")
    assert {"got task build (attempt 1)", "connected with 2 slots"} <= set(told)
    late = cli("history", "agent/web-1", "--since", "yesterday", "-o", "name")
    assert (late.code, len(late.out.split()) >= 1) == (0, True)
    assert cli("history", "agent/web-1", "--since", "2030-01-01").out == ""


def test_since_leaves_out_what_is_older(cli, pool):
    an_agent("old", now=clock.now() - seconds(3 * 86400))
    everything = cli("history", "agent/old")
    recent = cli("history", "agent/old", "--since", "2h")
    assert len(everything.out.splitlines()) == 3
    assert (recent.code, recent.out) == (0, "")
    assert "nothing happened since then" in recent.err
    assert len(cli("history", "agent/old", "--since", "2020-01-01").out.splitlines()) == 3


@pytest.mark.parametrize("since", ["soon", "-1h", "2026-13-01", "yesterweek"])
def test_a_moment_that_is_none_is_refused_with_what_would_be_one(cli, since):
    said = cli("history", "pool/default", f"--since={since}")
    assert said.code == 2
    assert "write 2h, 3d, today, yesterday" in said.err


@pytest.mark.parametrize(
    ("thing", "code"),
    [("default", 2), ("spoon/1", 2), ("pool/nothing", 3), ("token/x", 3), ("user/nobody", 3)],
)
def test_a_thing_that_is_not_there_is_said_so(cli, thing, code):
    assert cli("history", thing).code == code


def test_a_project_and_a_person_are_found_by_name(cli, changed):
    other = a_project("other")
    assert "made the project" in cli("history", "project/other").out
    by_id = cli("--verbose", "history", f"project/{other.pk}")
    assert "made the project" in by_id.out
    assert "/about" not in by_id.err
    assert cli("history", "user/alice").code == 0


def test_an_export_is_a_file_for_its_owner_alone_with_every_event(cli, changed, tmp_path):
    target = tmp_path / "events.jsonl"
    said = cli("audit", "export", "--out", str(target))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert said.code == 0
    assert [line["id"] for line in lines] == list(
        AuditEvent.objects.order_by("id").values_list("id", flat=True)
    )
    assert f"{len(lines)} events in" in said.err
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".events*")] == []


def test_an_export_to_the_screen_is_filtered(cli, changed):
    said = cli("audit", "export", "--actor", "alice", "--since", "1h")
    assert {json.loads(line)["actor_kind"] for line in said.out.splitlines()} == {"user"}
    assert said.out


def test_an_export_that_is_refused_leaves_no_file(cli, tmp_path):
    target = tmp_path / "events.jsonl"
    said = cli("audit", "export", "--project", "nowhere", "--out", str(target))
    assert said.code == 2
    assert "no project nowhere" in said.err
    assert not target.exists()


def test_a_history_that_nobody_touched_holds_and_has_a_head(cli, changed):
    seal_everything()
    said = cli("audit", "verify")
    assert said.code == 0
    assert said.out.startswith("ok: seals: ")
    head = said.out.splitlines()[-1].removeprefix("head ")
    assert cli("audit", "verify", "--head", head).code == 0
    other = cli("audit", "verify", "--head", head[:-4] + "0000")
    assert other.code == 1
    assert "the noted head is not in the chain" in other.err


def test_a_history_that_was_edited_ends_with_1_and_names_the_seal(cli, changed):
    seal_everything()
    event = last_event()
    database.run("ALTER TABLE audit_event DISABLE TRIGGER ALL")
    database.run("UPDATE audit_event SET cause = 'nothing' WHERE id = %s", [event])
    try:
        said = cli("audit", "verify")
        asked = cli("audit", "verify", "-o", "json")
    finally:
        database.run("UPDATE audit_event SET cause = 'change_pool' WHERE id = %s", [event])
        database.run("ALTER TABLE audit_event ENABLE TRIGGER ALL")
    assert (said.code, asked.code) == (1, 1)
    assert "does not hold: an event was changed after it was sealed" in said.err
    assert json.loads(asked.out)["broken"]["last_id"] >= event
    assert cli("audit", "verify").code == 0
