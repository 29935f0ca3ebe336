"""A second factor from the first scan to the reset, in the browser, as its owner does it."""

import base64
import re

import pytest
from playwright.sync_api import expect

from k8s4r import clock
from k8s4r.access.models import SecondFactor, User
from k8s4r.core import second_factor as rules
from tests.factors import ENCRYPTION_KEY, PASSWORD, a_person, later
from tests.pages import inspecting
from tests.pages.looking import NARROW, WIDE, signed_in

ACCOUNT = "/admin/account/"
CODE = re.compile(r".*/admin/login/code/$")


@pytest.fixture
def petra(shown, settings):
    """Return a person of the staff, in the eyes of nobody else; gone when the test ends."""
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    yield a_person("petra")
    User.objects.get(username="petra").delete()


@pytest.fixture
def own(chromium, site, petra):
    """Return petra's console."""
    with signed_in(chromium, site.url, "petra") as console:
        yield console
        assert console.complaints == []


def looked_at(console):
    """Look at the page that is open as a person would, at both widths in both schemes."""
    faults = []
    for size in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            console.dress(size, scheme)
            faults += [f"{size[0]} {scheme}: {one}" for one in inspecting.faults(console.page)]
    console.dress(WIDE, "light")
    assert faults == [], "\n" + "\n".join(faults)


def shown_by_the_app(secret):
    """Compute the code as the app does that was given this text."""
    return rules.code_at(base64.b32decode(secret), rules.step_of(clock.now()))


def set_up(console):
    """Turn it on; return the secret that the page showed, and the recovery codes."""
    page = console.open(ACCOUNT)
    looked_at(console)
    page.fill("[name=password]", PASSWORD)
    page.click("text=Set it up")
    expect(page.locator("svg.k-qr")).to_be_visible()
    looked_at(console)
    secret = page.locator("#secret").inner_text()
    page.fill("[name=code]", shown_by_the_app(secret))
    page.click("text=Turn it on")
    expect(page.locator("#codes")).to_contain_text("shown this once")
    looked_at(console)
    codes = page.locator(".k-recovery").inner_text().split()
    page.click("text=I have kept them")
    return secret, codes


def to_the_code(console):
    """Leave, and give the password again."""
    page = console.page
    page.context.clear_cookies()
    console.open("/admin/login/")
    page.fill("[name=username]", "petra")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url(CODE)
    return page


def give(page, code):
    page.fill("[name=code]", code)
    page.click("#code-form [type=submit]")


def test_it_is_set_up_by_a_scan_and_the_codes_of_the_app_sign_in(own, petra, site):
    secret, codes = set_up(own)
    assert len(codes) == rules.RECOVERY_CODES
    page = own.page
    expect(page.locator("#second-factor")).to_contain_text("10 of your recovery codes are left")
    expect(page.locator("#happened")).to_contain_text("petra turned the second factor on")
    looked_at(own)

    page = to_the_code(own)
    looked_at(own)
    give(page, "12345")
    expect(page.get_by_role("alert")).to_contain_text("not good now")
    looked_at(own)
    later(petra)
    give(page, shown_by_the_app(secret))
    page.wait_for_url(site.url + "/admin/")
    expect(
        page.get_by_text("Bad codes after your password since your last sign-in: 1")
    ).to_be_visible()


def test_without_the_phone_recovery_codes_sign_in_and_turn_it_off(own, petra):
    _, codes = set_up(own)
    page = to_the_code(own)
    give(page, codes[0])
    expect(page.get_by_text("That recovery code is used up; 9 are left")).to_be_visible()
    own.open(ACCOUNT)
    page.fill("[name=code]", codes[1])
    page.click("text=Turn the second factor off")
    expect(page.get_by_text("Your second factor is off")).to_be_visible()
    assert not SecondFactor.objects.filter(user=petra).exists()


def test_the_way_to_the_account_is_beside_ones_name(own):
    page = own.open("/admin/")
    page.get_by_text("unfold_more").click()
    page.get_by_role("link", name="Your account").click()
    page.wait_for_url(re.compile(".*" + ACCOUNT))
    expect(page.locator("#second-factor")).to_contain_text("off")


def test_a_wrong_password_or_first_code_is_said_where_it_was_typed(own):
    page = own.open(ACCOUNT)
    page.fill("[name=password]", "something else")
    page.click("text=Set it up")
    expect(page.locator("#about-password")).to_contain_text("not your password")
    looked_at(own)
    page.fill("[name=password]", PASSWORD)
    page.click("text=Set it up")
    page.fill("[name=code]", "abc")
    page.click("text=Turn it on")
    expect(page.locator("#about-code")).to_contain_text("not the code")
    looked_at(own)
    # The status of a refusal is the one complaint that a browser may have here.
    assert all("422" in complaint for complaint in own.complaints)
    own.complaints.clear()
