"""Messages go to known services and public hosts over TLS; the rest has to be listed."""

from ipaddress import ip_address

import pytest

from executors.operating.core.addresses import check, objection, shown
from k8s4r.core.networks import allowed_from

NOTHING = allowed_from("")


@pytest.mark.parametrize(
    "url",
    [
        "jsons://hooks.example.org/path?token=x",
        "jsons://user:secret@93.184.215.14:8443/",
        "mailtos://ops:secret@example.org?to=night@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "ntfys://ntfy.example.org/topic",
    ],
)
def test_public_and_known_addresses_are_taken(url):
    assert objection(url, NOTHING) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://example.org/hook", "begins with one of"),
        ("file:///etc/passwd", "begins with one of"),
        ("dbus://", "begins with one of"),
        ("jsons://", "names no host"),
        ("jsons://[::1", "not an address"),
        ("json://example.org/", "needs TLS"),
        ("jsons://127.0.0.1/", "private"),
        ("jsons://[::1]/", "private"),
        ("jsons://[::ffff:127.0.0.1]/", "private"),
        ("jsons://169.254.169.254/latest", "private"),
        ("jsons://2130706433/", "private"),
        ("jsons://0x7f.1/", "private"),
        ("jsons://10.1.2.3/", "private"),
        ("jsons://[fe80::1]/", "private"),
        ("jsons://0.0.0.0/", "private"),
        ("jsons://224.0.0.1/", "private"),
        ("mailtos://u:p@example.org?pgpkey=/etc/shadow", "may not say"),
        ("ntfys://example.org/t?attach=file:///etc/passwd", "may not say"),
        ("jsons://example.org/a b", "printable"),
        ("jsons://example.org/\x00", "printable"),
        ("jsons://example.org/" + "a" * 2048, "at most"),
    ],
)
def test_other_addresses_are_refused_with_a_reason(url, why):
    said = objection(url, NOTHING)
    assert said is not None
    assert why in said


@pytest.mark.parametrize(
    "listed", ["hooks.internal", "HOOKS.internal.", "10.0.0.0/8, hooks.internal"]
)
def test_what_an_administrator_listed_is_taken_also_without_tls(listed):
    assert objection("json://hooks.internal:8080/", allowed_from(listed)) is None


def test_a_listed_network_takes_its_addresses_and_no_others():
    allowed = allowed_from("10.0.0.0/8")
    assert objection("json://10.1.2.3/", allowed) is None
    assert objection("jsons://192.168.1.1/", allowed) is not None


def test_a_name_that_leads_into_a_private_network_is_refused_when_it_is_resolved():
    public, private = ip_address("93.184.215.14"), ip_address("10.0.0.1")
    check([public], "example.org", NOTHING)
    with pytest.raises(PermissionError, match=r"example\.org"):
        check([public, private], "example.org", NOTHING)
    check([private], "example.org", allowed_from("example.org"))
    check([private], "example.org", allowed_from("10.0.0.0/24"))


def test_what_is_shown_opens_no_door():
    assert shown("jsons://user:secret@example.org:8443/token?x=y") == "jsons://example.org:8443/..."
    assert shown("slack://T1JJ3T3L2/A1BRTD4JD/secret") == "slack://..."
