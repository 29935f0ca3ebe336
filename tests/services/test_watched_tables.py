"""No table is forgotten by the history, and no column with a secret is told."""

import pytest
from django.apps import apps
from django.db import models

from k8s4r import database

pytestmark = pytest.mark.django_db

OURS = ("audit", "access", "api", "agents", "pools", "executors", "operating", "console")
WHOLE = {"INSERT", "UPDATE", "DELETE"}
# What has no event of its own, and why: nobody decides these rows, or another row tells of them.
TOLD_ELSEWHERE = {
    "audit_event": "the history itself",
    "audit_seal": "bound to the seal before it",
    "api_idempotencyrecord": "bookkeeping of answers, gone after a day",
    "agents_session": "renewed by each heartbeat; its agent's state tells of it",
    "agents_generation": "one more by each restore, which says so",
    "agents_slot": "as many as the session says",
    "pools_decision": "what a pass did; its attempts tell of it",
    "pools_reach": "what is known of a cluster, renewed by each look at it",
    "pools_podaction": "what is done to a pod; the pod's own events tell of it",
    "pools_scalingdecision": "what was decided about a pool; its pods tell of it",
    "executors_requirement": "what a submitted task asks",
    "executors_logchunk": "output of an attempt",
    "executors_artifact": "a file of an attempt",
    "executors_annotation": "what the work of an attempt says of itself",
    "executors_evidence": "a report that came too late to change anything",
    "executors_tick": "bookkeeping of periodic jobs",
    "executors_pulse": "bookkeeping of periodic jobs",
    "operating_outcome": "totals of what tasks' events tell",
    "operating_agenttotal": "totals of what tasks' events tell",
    "operating_notification": "what was told of events, and what became of it",
    "console_savedfilter": "how one person likes to look at a list; it means nothing to others",
}
# Attempts and decisions go with their task, whose last event says so.
PARTLY = {
    "executors_attempt": {"INSERT", "UPDATE"},
    "executors_plandecision": {"INSERT", "UPDATE"},
}


def tables():
    for label in OURS:
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            yield model._meta.db_table
    yield from ("auth_group", "auth_group_permissions")


@pytest.mark.parametrize("table", sorted(set(tables()) - set(TOLD_ELSEWHERE)))
def test_a_table_has_a_trigger_for_each_kind_of_change(table):
    found = database.rows(
        "SELECT event_manipulation FROM information_schema.triggers"
        " WHERE event_object_table = %s AND action_orientation = 'STATEMENT'",
        [table],
    )
    assert {row[0] for row in found} == PARTLY.get(table, WHOLE)


def test_what_is_told_elsewhere_still_exists():
    assert set(TOLD_ELSEWHERE) <= set(tables())


def secret_columns():
    words = ("password", "digest", "secret", "private", "hash")
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.get_fields():
                if isinstance(field, models.BinaryField) or any(w in field.name for w in words):
                    yield model._meta.db_table, field.name


@pytest.mark.parametrize(
    ("table", "column"),
    [
        pair
        for pair in secret_columns()
        if pair[0] in {"access_user", "access_token", "access_secondfactor"}
    ],
)
def test_a_secret_column_is_hidden_from_the_history(table, column):
    ((arguments,),) = database.rows(
        "SELECT encode(tgargs, 'escape') FROM pg_trigger"
        " WHERE tgrelid = %s::regclass AND tgname = %s",
        [table, f"{table}_update_event"],
    )
    assert column in arguments.split("\\000")[6].split(",")
