"""A person keeps filters of the list of tasks by name: their own, few, and checked."""

import pytest
from django.urls import reverse

from k8s4r.console import saved_filters
from k8s4r.console.models import SavedFilter
from k8s4r.core.errors import Conflict
from tests.builders import NOON, a_user
from tests.console.conftest import browser_of
from tests.console.opening import queries

pytestmark = pytest.mark.django_db
LIST = reverse("admin:executors_task_changelist")
KEEP = reverse("admin:filter_keep")


def keep(browser, name, query):
    answer = browser.post(KEEP, {"name": name, "query": query}, follow=True)
    return str(*answer.context["messages"])


def offered(browser, query=""):
    return [
        (row.name, row.query, is_chosen)
        for row, is_chosen in browser.get(f"{LIST}?{query}").context["saved"]
    ]


def test_what_was_kept_is_a_link_for_who_kept_it_and_for_nobody_else(browser):
    assert keep(browser, " mine that fail ", "state=failed&owner=olga&p=3") == (
        "Saved: mine that fail"
    )
    assert offered(browser) == [("mine that fail", "state=failed&owner=olga", False)]
    assert offered(browser, "state=failed&owner=olga")[0][2]
    assert b'href="?state=failed&amp;owner=olga"' in browser.get(LIST).content
    assert offered(browser_of(a_user("bob", is_superuser=True))) == []


def test_a_name_is_had_once_and_the_later_filters_count(browser):
    keep(browser, "mine", "state=failed")
    keep(browser, "mine", "state=running")
    assert offered(browser) == [("mine", "state=running", False)]


def test_one_is_deleted_by_who_kept_it_alone(browser, visitor):
    keep(browser, "mine", "state=failed")
    row = SavedFilter.objects.get()
    address = reverse("admin:filter_forget", args=[row.pk])
    refused = visitor.post(address, follow=True)
    assert "no saved filter" in str(*refused.context["messages"])
    assert SavedFilter.objects.exists()
    answer = browser.post(address, {"query": "state=failed"})
    assert answer["Location"] == f"{LIST}?state=failed"
    assert offered(browser) == []


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [("", "state=failed", "needs a name"), ("  ", "state=failed", "needs a name"),
     ("x" * 61, "state=failed", "at most 60"), ("a\nb", "state=failed", "control"),
     ("a\x00b", "state=failed", "control"), ("mine", "", "no filter is chosen"),
     ("mine", "p=3&next=//evil", "no filter is chosen"), ("mine", "q=" + "x" * 600, "longer")],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_in_words(browser, name, query, words):
    assert words in keep(browser, name, query)
    assert not SavedFilter.objects.exists()


def test_an_address_keeps_only_what_the_list_filters_by(browser):
    keep(browser, "mine", "state=failed&next=https://evil.example&_popup=1&q=a%26b")
    assert offered(browser) == [("mine", "state=failed&q=a%26b", False)]


def test_nobody_has_more_than_thirty_and_another_one_instead_is_fine():
    alice = a_user("alice")
    for number in range(saved_filters.MOST):
        saved_filters.keep(alice, f"n{number}", "state=failed", now=NOON)
    with pytest.raises(Conflict, match="delete one first"):
        saved_filters.keep(alice, "one more", "state=failed", now=NOON)
    saved_filters.keep(alice, "n7", "state=running", now=NOON)
    saved_filters.keep(a_user("bob"), "one more", "state=failed", now=NOON)
    assert saved_filters.of(alice).count() == saved_filters.MOST


def test_a_name_is_text_whatever_it_looks_like(browser):
    keep(browser, "<script>alert(1)</script>", "state=failed")
    text = browser.get(LIST).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_more_of_them_ask_no_more_questions(browser):
    keep(browser, "n", "state=failed")
    few = queries(browser, "executors_task_changelist")
    for number in range(5):
        keep(browser, f"n{number}", "state=failed")
    assert queries(browser, "executors_task_changelist") == few
