"""How does another machine join? One line to paste, and a page that turns green when it arrives."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from agents.core.states import Observed
from agents.models import Agent
from agents.services.registration import ENROLMENT
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.attribution import Actor
from k8s4r.core import joining
from k8s4r.pages import ago, chip, span
from pools.models import Pool

_USES: Final = 1
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def pools() -> QuerySet[Pool]:
    """Return the pools that an agent may join, by project and name."""
    rows = Pool.objects.filter(archived_at=None).select_related("project")
    return rows.order_by("project__name", "name")


def minted(pool: Pool, *, url: str, actor: Actor, now: datetime) -> tuple[Token, str]:
    """Make a token that lets one agent join this pool; return it and the line to paste."""
    terms = Terms(
        lifetime=tokens.ENROLMENT_LIFETIME,
        project=pool.project,
        pool_id=pool.pk,
        label="made on the console",
        max_uses=_USES,
    )
    made = tokens.mint(TokenKind.ENROLMENT, terms, now=now, actor=actor)
    return made.token, joining.line(made.text, url=url)


def address(asked_at: str) -> str:
    """Return where agents reach us: as configured, unless only this machine can mean that.

    ``asked_at`` is the origin under which the person's browser reached us.
    """
    configured: str = settings.ENV.url
    return asked_at if urlsplit(configured).hostname in _LOOPBACK else configured


def arrival(token_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return whether an agent came with this token, and which."""
    token = Token.objects.filter(pk=token_id, kind=TokenKind.ENROLMENT).first()
    if token is None:
        return {"token": None}
    agent = Agent.objects.filter(
        project=token.project, metadata__contains={ENROLMENT: str(token.pk)}
    ).first()
    return {
        "token": token,
        "agent": agent,
        "is_here": agent is not None and agent.observed == Observed.ONLINE,
        "chip": chip(agent.observed) if agent else "",
        "came": ago(agent.created_at, now) if agent else "",
        "is_expired": token.expires_at is not None and token.expires_at <= now,
        "left": span((token.expires_at - now).total_seconds()) if token.expires_at else "",
    }
