"""Which path leads to which view of this app?"""

from django.urls import URLPattern, path

from agents.api import actions, agents
from agents.api.agents import HeldSlots, TaskTotals
from agents.api.filters import Beyond
from agents.core.states import Desired


def urlpatterns(held_slots: HeldSlots, task_totals: TaskTotals, beyond: Beyond) -> list[URLPattern]:
    """Return the paths.

    ``held_slots`` tells how many slots of each agent are in use, ``task_totals`` what ended there,
    ``beyond`` how to filter by what else agents do not know.
    """
    known = {"held_slots": staticmethod(held_slots), "task_totals": staticmethod(task_totals)}
    rests = {"pause": Desired.PAUSED, "drain": Desired.DRAINING}
    one = "agents/<uuid:agent_id>"
    return [
        path("agents", agents.AgentsView.as_view(beyond=beyond, **known)),
        path(one, agents.OneAgentView.as_view(**known)),
        path(f"{one}/status", actions.StatusView.as_view(**known)),
        path(f"{one}/settings", actions.SettingsView.as_view(**known)),
        path(f"{one}/approve", actions.ApproveView.as_view(**known)),
        path(f"{one}/revoke-token", actions.RevokeTokenView.as_view(**known)),
        path(f"{one}/regenerate-token", actions.RegenerateTokenView.as_view(**known)),
        path(f"{one}/resume", actions.ResumeView.as_view(**known)),
        *(
            path(f"{one}/{word}", actions.RestView.as_view(desired=desired, **known))
            for word, desired in rests.items()
        ),
    ]
