"""What does the agent in a pod say when it asks for its token?"""

from uuid import UUID

from agents.wire.fields import Message


class PodIdentity(Message, frozen=True):
    """``POST agents/pods``: which pod it is in; the bearer token proves it."""

    config: UUID
    pod: UUID
