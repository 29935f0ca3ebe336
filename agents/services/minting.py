"""Which kind of token does an agent get, and how long is it good?"""

from datetime import datetime

from agents.core.tokens import AGENT_TOKEN_LIFETIME, POD_TOKEN_LIFETIME
from agents.models import Agent, AgentType
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted, Terms


def mint(agent: Agent, *, now: datetime, supersedes: Token | None = None) -> Minted:
    """Make a token of an agent; one in a pod gets one that ends with the pod.

    ``supersedes`` dies when the new one is used. Expects a transaction that is signed.
    """
    in_pod = agent.type == AgentType.K8S
    terms = Terms(
        lifetime=POD_TOKEN_LIFETIME if in_pod else AGENT_TOKEN_LIFETIME,
        subject=agent.pk,
        project_id=agent.project_id,
        label=agent.name[:200],
        supersedes=supersedes,
    )
    return tokens.mint(TokenKind.POD if in_pod else TokenKind.AGENT, terms, now=now)
