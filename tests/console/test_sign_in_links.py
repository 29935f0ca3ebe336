"""A link that the server's owner made signs in once, and asks for a code where one is needed."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from k8s4r import clock
from k8s4r.access.models import User
from k8s4r.access.services import sign_in_links
from tests.console.signing import CODE, HOME, LOGIN, is_in, password
from tests.factors import PASSWORD, code_of

pytestmark = pytest.mark.django_db


def link(name="olga"):
    out = StringIO()
    call_command("sign_in_link", name, stdout=out)
    return out.getvalue().strip()


def path_of(address):
    return address[address.index("/admin/") :]


def opened(address):
    client = Client()
    return client, client.get(path_of(address))


def test_it_signs_in_without_the_password(olga):
    client, answer = opened(link())
    assert (answer.status_code, answer["Location"]) == (302, HOME)
    assert is_in(client)


def test_it_is_good_once(olga):
    address = link()
    opened(address)
    client, answer = opened(address)
    assert answer["Location"] == LOGIN
    assert not is_in(client)
    assert "good no more" in client.get(LOGIN).content.decode()


def test_a_sign_in_of_the_same_second_ends_it_as_well(olga):
    now = clock.now().replace(microsecond=1)
    User.objects.update(last_login=now)
    user_id, token = sign_in_links.make("olga")
    assert sign_in_links.spend(user_id, token, now=now + timedelta(microseconds=1))
    assert sign_in_links.spend(user_id, token, now=now + timedelta(microseconds=2)) is None


def test_a_sign_in_with_the_password_ends_it(olga):
    address = link()
    password()
    assert not is_in(opened(address)[0])


def test_a_change_of_the_password_ends_it(olga):
    address = link()
    olga.set_password("another long one for tests")
    olga.save()
    assert not is_in(opened(address)[0])


def test_it_is_good_for_15_minutes(olga, settings):
    address = link()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert not is_in(opened(address)[0])


def test_who_has_a_second_factor_still_shows_a_code(guarded):
    client, answer = opened(link())
    assert answer["Location"] == CODE
    assert not is_in(client)
    client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert is_in(client)


def test_one_of_somebody_else_or_made_up_lets_nobody_in(olga):
    other = User.objects.create_user("otto", password=PASSWORD, is_staff=True)
    _, token = sign_in_links.make("olga")
    for made_up in (token, "x", "a-b", "1" * 300, "0-" + "f" * 64):
        client = Client()
        client.get(reverse("login_link", args=[other.pk, made_up]))
        assert not is_in(client)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_there_is_none_for_who_may_not_sign_in(olga, change):
    address = link()
    User.objects.update(**change)
    assert not is_in(opened(address)[0])
    with pytest.raises(CommandError, match="nobody who may sign in"):
        link()
