"""Whose word counts: which life of a runner is the present one?"""

from k8s4r.core.errors import FieldProblem, Invalid, Superseded


class SessionSuperseded(Superseded):
    """Another life of the runner has begun, or this one never did: open a session first."""

    code, title = "session_superseded", "This session is not the agent's open one"


class SlotsDiffer(Invalid):
    """A pod is made with its slots: an agent that offers another number is set up wrongly."""

    code, title = "slots_differ", "The pod has another number of slots"

    def __init__(self, said: int, made: int) -> None:
        text = f"the pod was made with {made} slots and its agent offers {said}"
        super().__init__(text, errors=[FieldProblem("/slots", "slots_differ", text)])
