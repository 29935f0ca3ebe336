"""Under which stable code does a task wait, and what is a person told?"""

from enum import StrEnum
from typing import Final


class WaitingCode(StrEnum):
    """Why a task does not run yet; stable API."""

    NO_AGENTS = "no_agents"
    NO_AGENT_ONLINE = "no_agent_online"
    LABELS_MISSING = "labels_missing"
    CAPABILITY_MISSING = "capability_missing"
    CONSTRAINT_UNMET = "constraint_unmet"
    RESOURCES_SHORT = "resources_short"
    SLOTS_FULL = "slots_full"
    LANE_FULL = "lane_full"
    LANE_RESERVED = "lane_reserved"
    BEHIND_OTHERS = "behind_others"
    POOL_LIMIT = "pool_limit"
    OWNER_SHARE = "owner_share"
    WORKSPACE_LOCKED = "workspace_locked"
    WORKSPACE_BUSY = "workspace_busy"
    RETRY_BACKOFF = "retry_backoff"
    SCALING_OUT = "scaling_out"
    POD_FAILING = "pod_failing"
    PAUSED = "paused"
    MAINTENANCE_WINDOW = "maintenance_window"
    NOT_NOW = "not_now"


_C = WaitingCode

# How near a candidate comes to taking the task, furthest away first. The nearest candidate gives
# the code of the whole requirement: who may run it tomorrow matters, not who never can.
NEARNESS: Final = (
    _C.NO_AGENTS,
    _C.CAPABILITY_MISSING,
    _C.LABELS_MISSING,
    _C.CONSTRAINT_UNMET,
    _C.NO_AGENT_ONLINE,
    _C.PAUSED,
    _C.NOT_NOW,
    _C.RESOURCES_SHORT,
    _C.LANE_FULL,
    _C.LANE_RESERVED,
    _C.SLOTS_FULL,
    _C.BEHIND_OTHERS,
)

# Waiting for room: a limit on top of it is the better answer.
ROOM: Final = frozenset(
    {_C.RESOURCES_SHORT, _C.LANE_FULL, _C.LANE_RESERVED, _C.SLOTS_FULL, _C.BEHIND_OTHERS}
)

SENTENCES: Final[dict[WaitingCode, str]] = {
    _C.NO_AGENTS: "The pool has no agent: add one, or name another pool.",
    _C.NO_AGENT_ONLINE: "No fitting agent is online: start one, or look at why it is away.",
    _C.LABELS_MISSING: (
        "No agent carries every required label: label an agent, or correct those "
        "that the task requires."
    ),
    _C.CAPABILITY_MISSING: (
        "No agent has the driver that the task needs: install or allow it on an agent."
    ),
    _C.CONSTRAINT_UNMET: (
        "No agent satisfies every constraint: relax the constraint, or add an agent that does."
    ),
    _C.RESOURCES_SHORT: (
        "No fitting agent has enough free resources: wait for running work to end, ask for less, "
        "or add an agent."
    ),
    _C.SLOTS_FULL: "Every slot of the fitting agents is in use: wait, or add slots or agents.",
    _C.LANE_FULL: (
        "Free slots exist, but none that accepts this kind of task: wait, or add an agent."
    ),
    _C.LANE_RESERVED: (
        "The slot that could take it is kept for a decision: approve or reject the plan it holds."
    ),
    _C.BEHIND_OTHERS: (
        "Others come first: it will run in its turn; raise its priority if it must run sooner."
    ),
    _C.POOL_LIMIT: ("The pool runs as many tasks as it may: wait, or raise the pool's limit."),
    _C.OWNER_SHARE: (
        "Its owner runs as many tasks in this pool as one owner may: wait for one to end, or raise "
        "the limit per owner."
    ),
    _C.WORKSPACE_LOCKED: "The workspace is locked: wait for the lock's holder, or unlock it.",
    _C.WORKSPACE_BUSY: "Another run uses the workspace: wait for it to end, or cancel it.",
    _C.RETRY_BACKOFF: "The last attempt ended badly: the next one starts after its delay.",
    _C.SCALING_OUT: "New pods are starting: it will run when one is ready.",
    _C.POD_FAILING: "New pods do not start: look at the pool's latest pod failure and mend it.",
    _C.PAUSED: "The pool or every fitting agent is paused or draining: resume it.",
    _C.MAINTENANCE_WINDOW: (
        "The pool starts no work in its maintenance window: wait for its end, or open it once."
    ),
    _C.NOT_NOW: (
        "Every fitting agent asks for no work for now: wait, or ask whoever uses its machine."
    ),
}
