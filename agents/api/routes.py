"""Which path leads to which view of this app?"""

from django.urls import URLPattern, path

from agents.api import actions, agents
from agents.api.agents import HeldSlots
from agents.api.bodies import Noted, Nothing
from agents.core.states import Desired


def urlpatterns(held_slots: HeldSlots) -> list[URLPattern]:
    """Return the paths; ``held_slots`` tells how many slots of each agent are in use."""
    known = {"held_slots": staticmethod(held_slots)}
    wishes = {
        "pause": (Desired.PAUSED, Noted),
        "drain": (Desired.DRAINING, Noted),
        "resume": (Desired.ACTIVE, Nothing),
    }
    one = "agents/<uuid:agent_id>"
    return [
        path("agents", agents.AgentsView.as_view(**known)),
        path(one, agents.OneAgentView.as_view(**known)),
        path(f"{one}/status", actions.StatusView.as_view(**known)),
        path(f"{one}/settings", actions.SettingsView.as_view(**known)),
        path(f"{one}/approve", actions.ApproveView.as_view(**known)),
        path(f"{one}/revoke-token", actions.RevokeTokenView.as_view(**known)),
        path(f"{one}/regenerate-token", actions.RegenerateTokenView.as_view(**known)),
        *(
            path(f"{one}/{word}", actions.WishView.as_view(desired=desired, body=body, **known))
            for word, (desired, body) in wishes.items()
        ),
    ]
