"""The page of one's account, who sees no other page, and help for who lost a second factor."""

import pytest
from django.test import Client
from django.urls import reverse

from k8s4r import clock
from k8s4r.access.models import SecondFactor
from k8s4r.access.services import second_factor
from k8s4r.core.roles import Role
from k8s4r.core.second_factor import Policy
from tests.builders import NOON, a_member, a_pool, a_user
from tests.console.signing import HOME, LOGIN, TASKS, account, is_in, password, signed_in
from tests.factors import a_person, bad_code_of, code_of, later, with_factor

pytestmark = pytest.mark.django_db


class TestAccount:
    def test_it_is_set_up_by_a_code_and_shows_recovery_codes_once(self, olga):
        client, _ = password()
        account(client, do="begin")
        page = account(client).content.decode()
        secret = page.split('id="secret">')[1].split("<")[0]
        assert "<svg" in page
        assert "turn it on" in page.lower()
        done = account(client, do="confirm", code=code_of(olga, now=clock.now())).content.decode()
        codes = done.split('class="k-recovery">')[1].split("<")[0].split()
        assert len(codes) == 10
        again = account(client).content.decode()
        assert not [one for one in (*codes, secret) if one in again]
        assert is_in(client), "this session goes on"

    @pytest.mark.parametrize("text", ["", "wrong", "\x00", "p" * 5_000])
    def test_nobody_sets_it_up_in_an_open_browser_without_the_password(self, olga, text):
        client, _ = password()
        answer = account(client, do="begin", password=text)
        assert answer.status_code == 422
        assert "not your password" in answer.content.decode()
        assert not SecondFactor.objects.exists()

    def test_turning_it_on_ends_the_other_sessions(self, olga):
        here, there = password()[0], password()[0]
        account(here, do="begin")
        account(here, do="confirm", code=code_of(olga, now=clock.now()))
        assert is_in(here)
        assert not is_in(there)

    def test_a_wrong_first_code_is_said_at_its_field_and_turns_nothing_on(self, olga):
        client, _ = password()
        account(client, do="begin")
        answer = account(client, do="confirm", code=bad_code_of(olga))
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.content.decode()
        assert SecondFactor.objects.get(user=olga).confirmed_at is None

    @pytest.mark.parametrize("do", ["off", "renew"])
    def test_turning_it_off_and_new_codes_need_a_code(self, guarded, do):
        client = signed_in(guarded[0])
        before = SecondFactor.objects.get(user=guarded[0]).recovery_digests
        for code in ("", bad_code_of(guarded[0])):
            assert account(client, do=do, code=code).status_code == 422
        assert SecondFactor.objects.get(user=guarded[0]).recovery_digests == before

    def test_turned_off_the_other_sessions_end_and_the_password_is_enough(self, guarded):
        here = signed_in(guarded[0])
        later(guarded[0])
        there = signed_in(guarded[0])
        later(guarded[0])
        account(here, do="off", code=code_of(guarded[0], now=clock.now()))
        assert not SecondFactor.objects.exists()
        assert is_in(here)
        assert not is_in(there)
        assert is_in(password()[0])

    def test_new_recovery_codes_end_the_old_ones(self, guarded):
        client = signed_in(guarded[0])
        later(guarded[0])
        page = account(client, do="renew", code=code_of(guarded[0], now=clock.now()))
        new = page.content.decode().split('class="k-recovery">')[1].split("<")[0].split()
        assert second_factor.prove(guarded[0].pk, guarded[1][0], now=clock.now()) is None
        assert second_factor.prove(guarded[0].pk, new[0], now=clock.now()) is not None

    def test_the_page_tells_what_was_done_by_whom_and_from_where(self, olga):
        client, _ = password()
        account(client, do="begin")
        account(client, do="confirm", code=code_of(olga, now=clock.now()))
        page = account(client).content.decode()
        assert "olga turned the second factor on" in page
        assert "127.0.0.1" in page.split('id="happened"')[1]

    @pytest.mark.parametrize("do", ["", "begin", "confirm", "everything", "\x00"])
    def test_what_is_odd_does_nothing_to_one_that_is_on(self, guarded, do):
        client = signed_in(guarded[0])
        answer = account(client, do=do, code="1")
        assert answer.status_code in {200, 302}
        assert SecondFactor.objects.get(user=guarded[0]).confirmed_at == NOON

    def test_nobody_who_is_not_signed_in_sees_an_account(self, olga):
        assert account(Client()).status_code == 302
        assert account(Client(), do="begin").status_code == 302
        assert not SecondFactor.objects.exists()

    def test_without_a_key_the_setting_is_named(self, olga, settings):
        settings.ENCRYPTION_KEY = ""
        client, _ = password()
        answer = account(client, do="begin")
        assert answer.status_code == 503
        assert "K8S4R_ENCRYPTION_KEY" in answer.content.decode()


class TestRequired:
    @pytest.fixture(autouse=True)
    def required(self, settings):
        settings.SECOND_FACTOR = Policy.REQUIRED_FOR_ADMINS
        a_pool(name="default")

    def test_only_the_page_of_the_account_opens(self, olga):
        client, _ = password()
        for path in (HOME, TASKS, "/admin/access/user/", reverse("admin:password_change")):
            answer = client.get(path)
            assert (answer.status_code, answer["Location"]) == (302, reverse("account"))
        assert "Your roles need a second factor" in account(client).content.decode()

    def test_rest_by_the_session_says_what_to_do_and_tokens_work_on(self, olga):
        client, _ = password()
        for path in ("about", "tasks"):
            answer = client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
            assert reverse("account") in answer.json()["detail"]

    def test_set_up_everything_opens(self, olga):
        client, _ = password()
        account(client, do="begin")
        account(client, do="confirm", code=code_of(olga, now=clock.now()))
        assert is_in(client)
        assert client.get("/api/v1/about").status_code == 200

    def test_signed_in_by_a_code_everything_opens(self, guarded):
        assert is_in(signed_in(guarded[0]))

    def test_turned_off_nothing_but_the_account_opens(self, guarded):
        client = signed_in(guarded[0])
        later(guarded[0])
        account(client, do="off", code=code_of(guarded[0], now=clock.now()))
        assert not is_in(client)
        assert account(client).status_code == 200

    def test_who_signed_in_before_it_was_required_signs_in_again(self, guarded, settings):
        settings.SECOND_FACTOR = Policy.OFF
        client, _ = password()
        settings.SECOND_FACTOR = Policy.REQUIRED_FOR_ADMINS
        assert client.get(HOME)["Location"].startswith(LOGIN)
        assert client.get(reverse("account")).status_code == 302

    @pytest.mark.parametrize(
        ("role", "needed"),
        [(Role.OPERATOR, False), (Role.FLEET_ADMIN, True), (Role.SECURITY_ADMIN, True)],
    )
    def test_it_is_required_of_who_gives_rights_to_others(self, role, needed):
        a_person("vera", is_superuser=False)
        a_member("vera", role)
        assert is_in(password(name="vera")[0]) is not needed

    def test_one_may_always_sign_out(self, olga):
        client, _ = password()
        client.post(reverse("admin:logout"))
        assert client.get(reverse("account")).status_code == 302


class TestHelping:
    def test_the_list_shows_who_has_one_and_resets_those_who_are_ticked(self, olga):
        vera, anna = a_person("vera", is_superuser=False), a_user("anna")
        with_factor(vera, now=NOON)
        client, _ = password()
        path = reverse("admin:access_user_changelist")
        assert "field-second_factor" in client.get(path).content.decode()
        form = {"action": "reset_second_factor", "_selected_action": [vera.pk, anna.pk, olga.pk]}
        page = client.post(path, form, follow=True).content.decode()
        assert "Second factors reset: 1" in page
        assert "anna has no second factor" in page
        assert "nobody resets their own" in page
        assert not SecondFactor.objects.exists()

    def test_her_sessions_end_and_her_account_tells_her(self, olga):
        vera = a_person("vera", is_superuser=False)
        with_factor(vera, now=NOON)
        hers = signed_in(vera)
        client, _ = password()
        form = {"action": "reset_second_factor", "_selected_action": [vera.pk]}
        client.post(reverse("admin:access_user_changelist"), form)
        assert not is_in(hers)
        again, _ = password(name="vera")
        assert "olga reset the second factor" in account(again).content.decode()
