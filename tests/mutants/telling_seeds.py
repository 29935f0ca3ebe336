"""The seeded bugs of what tasks are found by, and of what they tell of themselves."""

from tests.mutants.seed import Seed

TELLING_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="work-that-is-over-still-tells",
        invariant="I16",
        path="executors/services/telling.py",
        old="    if not attempt.is_current:\n",
        new="    if False:\n",
        tests=("tests/contract/test_tellings.py::test_nothing_is_told_of_an_attempt_that_is_over",),
    ),
    Seed(
        name="any-task-tells-of-any-attempt",
        invariant="I16",
        path="executors/services/telling.py",
        old="    return ids.same(token, task_token(fence.token(attempt.id, attempt.number)))\n",
        new="    return token.startswith('tsk_')\n",
        tests=("tests/contract/test_tellings.py::test_every_other_token_is_refused",),
    ),
    Seed(
        name="annotations-bring-their-own-html",
        invariant="I16",
        path="k8s4r/markdown.py",
        old='super().__init__("commonmark", {"html": False})',
        new='super().__init__("commonmark", {"html": True})',
        tests=("tests/core/test_markdown.py",),
    ),
    Seed(
        name="annotations-link-to-scripts",
        invariant="I16",
        path="k8s4r/markdown.py",
        old="return _HARMLESS.match(url) is not None",
        new="return True",
        tests=("tests/core/test_markdown.py",),
    ),
    Seed(
        name="a-label-is-what-an-agent-must-carry",
        invariant="I16",
        path="executors/selectors.py",
        old="rows.filter(labels__contains=dict(labels)).exclude(labels={})",
        new="rows.filter(required_labels__contains=dict(labels))",
        tests=("tests/api/test_mass_actions.py", "tests/services/test_task_labels.py"),
    ),
)
