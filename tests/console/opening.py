"""How a test opens a page, and what it finds there."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.core.lifecycle import TaskState
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    a_user,
    an_agent,
    an_attempt,
)


def page(browser, name, *arguments, **query):
    answer = browser.get(reverse(f"admin:{name}", args=arguments), query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def queries(browser, name, *arguments):
    # The first look of a process fills Django's cache of content types.
    page(browser, name, *arguments)
    with CaptureQueriesContext(connection) as captured:
        page(browser, name, *arguments)
    return len(captured)


def rows(pool, count):
    """Make tasks that wait, run and ended, on agents of their own, with tokens and events."""
    for _ in range(count):
        agent = an_agent()
        an_attempt(a_task(pool, owner=a_user(f"u{agent.pk}")), agent, state="running")
        a_task(pool, state=TaskState.FAILED, ended_at=NOON, reason="exit_code", exit_code=1)
        a_task(a_pool())
        tokens.mint(TokenKind.AGENT, Terms(lifetime=None, subject=agent.pk), now=NOON)
