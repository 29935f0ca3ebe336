"""What people ask of agents over REST: approve, pause, drain, resume, and their tokens."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents.api import answers, bodies, shapes
from agents.api.agents import AgentView, agent
from agents.api.bodies import Noted, Nothing, Regenerate, SettingsBody
from agents.core.states import Desired
from agents.services import editing, wishes
from k8s4r import clock
from k8s4r.access import selectors as access
from k8s4r.access.services.tokens import Minted
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, IllegalTransition, Invalid
from k8s4r.core.roles import Permission


class StatusView(AgentView):
    """``GET agents/{id}/status``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: answers.AgentStatus},
    )
    def get(self, request: Request, agent_id: UUID) -> Response:
        """Show how an agent stands."""
        row = agent(agent_id, principal_of(request))
        rotation = access.rotation(agent_id, now=clock.now())
        return Response({**shapes.status(row, self.presence([row])), "rotation": rotation})


class ApproveView(AgentView):
    """``POST agents/{id}/approve``: an agent that enrolled itself may work."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={200: answers.Agent},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Approve an agent."""
        conversion.convert(request.data, Nothing)
        principal = principal_of(request)
        agent(agent_id, principal, Permission.FLEET_WRITE)
        return Response(
            self.whole(wishes.approve(agent_id, actor=principal.actor, now=clock.now()))
        )


class _WishView(AgentView):
    desired = Desired.ACTIVE

    def wish(self, request: Request, agent_id: UUID, body: Noted | Nothing) -> Response:
        """Ask something of an agent."""
        principal, now = principal_of(request), clock.now()
        agent(agent_id, principal, Permission.FLEET_WRITE)
        row = wishes.set_desired(
            agent_id,
            self.desired,
            actor=principal.actor,
            now=now,
            said=bodies.said(body, by=principal.name, now=now),
        )
        return Response(self.whole(row), status=202)


class RestView(_WishView):
    """``POST agents/{id}/pause`` and ``drain``; the routes say which."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Noted,
        answers={202: answers.Agent},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Ask this of an agent; asking twice is a success."""
        return self.wish(request, agent_id, conversion.convert(request.data, Noted))


class ResumeView(_WishView):
    """``POST agents/{id}/resume``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={202: answers.Agent},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Let an agent work again; asking twice is a success."""
        return self.wish(request, agent_id, conversion.convert(request.data, Nothing))


class SettingsView(AgentView):
    """``POST agents/{id}/settings``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=SettingsBody,
        answers={202: answers.Agent},
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Set some settings of an agent; it fetches them with its next word."""
        body = conversion.convert(request.data, SettingsBody)
        principal = principal_of(request)
        agent(agent_id, principal, Permission.FLEET_WRITE)
        changes = {"settings": bodies.settings(body)}
        row = editing.change(agent_id, changes, actor=principal.actor, now=clock.now())
        return Response(self.whole(row), status=202)


class RevokeTokenView(AgentView):
    """``POST agents/{id}/revoke-token``: the agent is out, at once and for good."""

    @operation(
        needs=Permission.TOKENS_WRITE,
        body=Nothing,
        answers={200: answers.Agent},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Revoke an agent and its tokens."""
        conversion.convert(request.data, Nothing)
        principal = principal_of(request)
        agent(agent_id, principal, Permission.TOKENS_WRITE)
        row = wishes.set_desired(agent_id, Desired.REVOKED, actor=principal.actor, now=clock.now())
        return Response(self.whole(row))


class RegenerateTokenView(AgentView):
    """``POST agents/{id}/regenerate-token``: the new token is in this answer and nowhere else."""

    @operation(
        needs=Permission.TOKENS_WRITE,
        body=Regenerate,
        answers={200: answers.AgentToken, 202: answers.Rotating},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
        shown_once="token",
    )
    def post(self, request: Request, agent_id: UUID) -> Response:
        """Replace an agent's token, or have the agent fetch a new one itself."""
        asked = conversion.convert(request.data, Regenerate)
        principal = principal_of(request)
        agent(agent_id, principal, Permission.TOKENS_WRITE)
        if asked.rotate and asked.revoke_current:
            problem = FieldProblem("/rotate", "exclusive", "an agent needs its token to fetch one")
            raise Invalid("rotate and revoke_current exclude each other", errors=[problem])
        if asked.rotate:
            editing.rotate_token(agent_id, actor=principal.actor, now=clock.now())
            return Response({"id": agent_id, "rotating": True}, status=202)
        replace = editing.renew_token if asked.revoke_current else editing.replace_token
        minted = replace(agent_id, actor=principal.actor, now=clock.now())
        return Response(_minted(agent_id, minted))


def _minted(agent_id: UUID, minted: Minted) -> dict[str, object]:
    return {
        "id": agent_id,
        "agent_id": agent_id,
        "token": minted.text,
        "token_expires_at": minted.token.expires_at,
    }
