"""Which pods are given up because their agent never said a word? None whose agent just did.

Such a pod runs. Were it marked as failed while its agent says hello, work would come to a pod whose
work is settled at the same moment, and would run twice. The agent's lock decides (docs/states.md):
whoever is given up may open no session from then on.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from agents.core.states import Desired
from agents.models import Agent, Session
from agents.services import wishes
from pools.core.pods import PodEvent, PodFailure
from pools.core.sightings import Plan
from pools.models import Pod

NOTE = "its pod was given up: no word of it"


def give_up(decided: Plan, *, now: datetime) -> frozenset[UUID]:
    """Shut out the agents of pods that are to fail for their silence; return the pods to spare.

    Expects a signed transaction.

    Locks: the agents, by pk, skipping what others hold.
    """
    failed = frozenset(decided.events.get(PodEvent.FAILED, ()))
    silent = {
        note.pod_id
        for note in decided.notes
        if note.pod_id in failed and note.failure is PodFailure.AGENT_NEVER_CONNECTED
    }
    return frozenset(silent - _shut_out(silent, now=now)) if silent else frozenset()


def _shut_out(pod_ids: Collection[UUID], *, now: datetime) -> frozenset[UUID]:
    """Revoke the agents of these pods, as far as they are silent and free; return their pods."""
    pods = Pod.objects.filter(pk__in=pod_ids)
    agents = Agent.objects.filter(pk__in=pods.values("agent")).order_by("pk")
    locked = agents.select_for_update(of=("self",), no_key=True, skip_locked=True)
    agent_ids = list(locked.values_list("pk", flat=True))
    here = Session.objects.filter(agent=OuterRef("agent"), ended_at=None)
    found = pods.filter(~Exists(here), agent__in=agent_ids).values_list("pk", "agent_id")
    given_up = dict(found)
    silent = Agent.objects.filter(pk__in=given_up.values())
    wishes.ask_all(silent, Desired.REVOKED, NOTE, now=now)
    return frozenset(given_up)
