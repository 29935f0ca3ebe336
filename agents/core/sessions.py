"""Whose word counts: which life of a runner is the present one?"""

from k8s4r.core.errors import Superseded


class SessionSuperseded(Superseded):
    """Another life of the runner has begun, or this one never did: open a session first."""

    code, title = "session_superseded", "This session is not the agent's open one"
