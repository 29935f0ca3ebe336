"""What does a call of an agent consist of, and who may make it?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.api import authentication
from k8s4r.core.errors import DomainError, NotFound, Unauthenticated

Message = TypeVar("Message")
Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Call(Generic[Message]):
    """A message to the path of an agent, with the token that came along."""

    token: str
    agent_id: UUID
    message: Message
    address: str = ""


@dataclass(frozen=True, slots=True)
class Admitted(Generic[Message]):
    """A call whose token is that of its agent."""

    agent_id: UUID
    token_id: UUID
    message: Message
    address: str


def answered(
    calls: Sequence[Call[Message]],
    serve: Callable[[Sequence[Admitted[Message]]], Sequence[Reply | DomainError]],
    *,
    now: datetime,
) -> list[Reply | DomainError]:
    """Serve the calls whose token is good, all at once, and refuse the others.

    Returns:
        One outcome per call, in their order.
    """
    principals = authentication.authenticate_many([call.token for call in calls], now=now)
    checked = [_checked(call, who) for call, who in zip(calls, principals, strict=True)]
    admitted = [call for call in checked if isinstance(call, Admitted)]
    served = iter(serve(admitted) if admitted else [])
    return [next(served) if isinstance(call, Admitted) else call for call in checked]


def _checked(call: Call[Message], principal: Principal | None) -> Admitted[Message] | DomainError:
    if principal is None:
        return Unauthenticated("this token is not valid")
    if principal.kind is not PrincipalKind.AGENT or principal.id != call.agent_id:
        # Somebody else's agent does not exist for this token.
        return NotFound(f"no agent {call.agent_id}")
    return Admitted(call.agent_id, principal.token_id, call.message, call.address)
