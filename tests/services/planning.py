"""What people and runners do to plans, in the words of the tests about them."""

from agents.wire.messages import Held, OpenSession
from executors.core.leases import LeasePolicy, PulseSource
from executors.models import Attempt, Pulse, Task
from executors.services import (
    approvals,
    expiry,
    orders,
    sessions,
)
from executors.services.approvals import Decision
from executors.services.orders import Ask
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
from tests.builders import (
    NOON,
    a_user,
    seconds,
    session_of,
)
from tests.services.agentside import token_of

LATER = NOON + seconds(120)
DAY_S = 86_400
DIGEST = "ab" * 32


def person(name="bob"):
    user = a_user(name)
    return Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, name=name)


def decision(**fields):
    return Decision(person=fields.pop("person", None) or person(), **fields)


def approved(plan, **fields):
    approvals.approve(plan.task_id, decision(**fields), now=LATER)
    return Attempt.objects.get(task_id=plan.task_id, number=plan.number + 1)


def claimed(agent, *held, now=LATER):
    ask = Ask(agent.pk, session_of(agent).pk, [one.pk for one in held])
    (answer,) = orders.open_orders([ask], now=now)
    return answer


def hello_of(*held, session=None, slot=0, now=LATER):
    """Return what opens a session besides the agent."""
    message = OpenSession(
        session=session or clock.new_id(),
        boot_id="boot",
        sent_at=5.0,
        slots=1,
        drivers=["exec", "noop"],
        held=[Held(attempt=one.pk, token=token_of(one), running=False, slot=slot) for one in held],
    )
    return {"message": message, "now": now, "policy": LeasePolicy()}


def hello(agent, *held, **how):
    return sessions.open(agent.pk, **hello_of(*held, **how))


def expired(now):
    """Return how much was given up, after we ourselves were there all the time."""
    Pulse.objects.bulk_create(
        Pulse(source=source, seen_at=now, steady_since=NOON) for source in PulseSource
    )
    return expiry.expire_leases(now=now, limit=10, policy=LeasePolicy())


def standing(task_id):
    row = Task.objects.get(pk=task_id)
    return row.state, row.phase, row.reason
