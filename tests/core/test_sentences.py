import pytest

from k8s4r.core.sentences import LONGEST, Told, changed, sentence, shown

POOL = {"kind": "pool", "from_state": "active", "to_state": "active", "cause": "change_pool"}
AGENT = {"kind": "agent", "from_state": "online", "to_state": "online", "cause": "change_agent"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            Told(**POOL, actor="alice", via="web", changes={"max_concurrent": [5, 50]}),
            "alice changed max_concurrent 5 -> 50 (web)",
        ),
        (
            Told(
                kind="decision", from_state="", to_state="rejected", cause="reject", actor="bob",
                changes={"comment": ["", "not today"]},
            ),
            "bob rejected the plan: not today",
        ),
        (
            Told(**{**POOL, "from_state": ""}, actor="bob", via="token ci"),
            "bob made the pool (token ci)",
        ),
        (Told(**{**POOL, "to_state": "archived"}, actor="bob"), "bob archived the pool"),
        (
            Told(**{**AGENT, "cause": "drain"}, actor="bob", changes={"desired": ["a", "d"]}),
            "bob drained it",
        ),
        (
            Told(**AGENT, actor="bob", changes={"labels": [{"a": "1", "b": "2"}, {"b": "3"}]}),
            "bob changed labels.a 1 -> none, labels.b 2 -> 3",
        ),
        (
            Told(
                kind="agent", from_state="online", to_state="offline", cause="heartbeat_expiry",
                actor="the platform", changes={"observed": ["online", "offline"]},
            ),
            "the platform moved it online -> offline: heartbeat expiry",
        ),
        (
            Told(
                kind="agent", from_state="online", to_state="error", cause="heartbeat",
                actor="agent web-1",
                changes={"observed": ["online", "error"], "observed_reason": ["", "disk full"]},
            ),
            "agent web-1 moved it online -> error: disk full",
        ),
        (
            Told(
                kind="second_factor", from_state="on", to_state="deleted",
                cause="reset_second_factor", actor="chief", via="web",
            ),
            "chief reset the second factor (web)",
        ),
        (
            Told(
                kind="second_factor", from_state="on", to_state="on", cause="use_recovery_code",
                actor="ann", changes={"recovery_digests": ["(hidden)", "(hidden)"]},
            ),
            "ann used a recovery code",
        ),
        (
            Told(
                kind="second_factor", from_state="on", to_state="deleted", cause="DELETE",
                actor="the platform",
            ),
            "the platform deleted the second factor",
        ),
        (
            Told(
                kind="pool_member", from_state="", to_state="active", cause="add_agents",
                actor="bob", member="agent web-1",
            ),
            "bob listed agent web-1",
        ),
        (
            Told(
                kind="pool_member", from_state="active", to_state="deleted", cause="remove_agent",
                actor="bob", member="agent web-1",
            ),
            "bob took agent web-1 off the list",
        ),
        (
            Told(
                kind="task", from_state="running", to_state="failed", cause="report",
                actor="agent web-1", reason="exit_code",
            ),
            "agent web-1 moved the task running -> failed: exit code",
        ),
        (
            Told(
                kind="attempt", from_state="", to_state="assigned", cause="dispatch",
                actor="the platform", number=2,
            ),
            "the platform gave out attempt 2",
        ),
        (
            Told(kind="task", from_state="running", to_state="running", cause="cancel", actor="x"),
            "x asked the task to stop",
        ),
        (
            Told(
                kind="role", from_state="", to_state="active", cause="give_roles", actor="x",
                changes={"role": [None, "viewer"]},
            ),
            "x gave the role viewer",
        ),
        (
            Told(
                kind="role", from_state="active", to_state="deleted", cause="take_roles",
                actor="x", changes={"role": ["viewer", None]},
            ),
            "x took the role viewer",
        ),
        (
            Told(
                kind="role", from_state="", to_state="active", cause="give_roles", actor="x",
                member="alice", changes={"role": [None, "viewer"]},
            ),
            "x gave alice the role viewer",
        ),
        (
            Told(
                kind="role", from_state="active", to_state="deleted", cause="take_roles",
                actor="x", member="alice", changes={"role": ["viewer", None]},
            ),
            "x took the role viewer from alice",
        ),
        (
            Told(kind="token", from_state="active", to_state="used_up", cause="enrol", actor="x"),
            "x used up the token",
        ),
    ],
)  # fmt: skip
def test_an_event_is_one_readable_sentence(told, said):
    assert sentence(told) == said


def test_values_are_shown_as_people_write_them_and_cut_where_they_get_long():
    assert [shown(v) for v in (None, "", True, 1.5, "x", ["a"])] == [
        "none", "none", "true", "1.5", "x", '["a"]',
    ]  # fmt: skip
    assert shown("x" * 1000) == "x" * (LONGEST - 3) + "..."


def test_several_columns_stand_in_one_order():
    assert changed({"b": [1, 2], "a": [None, "x"]}) == "a none -> x, b 1 -> 2"
