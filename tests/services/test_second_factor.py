"""A second factor is set up, proved, renewed and reset; its secret lies nowhere to be read."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from executors.operating.services import rekeying
from k8s4r import database
from k8s4r.access import selectors
from k8s4r.access.models import SecondFactor, User
from k8s4r.access.services import second_factor
from k8s4r.audit.models import AuditEvent
from k8s4r.core import second_factor as rules
from k8s4r.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable
from k8s4r.core.roles import Role
from k8s4r.core.second_factor import Policy
from tests.builders import NOON, a_member, a_project, a_user, an_admin
from tests.factors import ENCRYPTION_KEY, bad_code_of, code_of, with_factor

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


@pytest.fixture
def ann():
    return a_user("ann")


def row_of(user):
    return SecondFactor.objects.get(user=user)


def prove(user, text, now=LATER):
    return second_factor.prove(user.pk, text, now=now)


def events_of(user):
    rows = AuditEvent.objects.filter(object_type="second_factor", object_id=user.pk)
    return [(each.cause, each.actor_kind, each.actor_id) for each in rows.order_by("id")]


class TestSettingUp:
    def test_nobody_is_asked_for_a_code_before_the_first_one_was_shown(self, ann):
        second_factor.begin(ann.pk, now=NOON)
        assert not selectors.is_asked_for_code(ann)
        assert prove(ann, code_of(ann, now=LATER)) is None

    def test_the_first_code_turns_it_on_and_is_used_up(self, ann):
        codes = with_factor(ann, now=NOON)
        assert selectors.is_asked_for_code(ann)
        assert len(set(codes)) == rules.RECOVERY_CODES
        assert prove(ann, code_of(ann, now=NOON), now=NOON) is None

    @pytest.mark.parametrize("text", ["", "000", "9" * 5_000, "12345\x00", "abcd-efgh-2345-6723"])
    def test_what_is_not_the_code_turns_nothing_on(self, ann, text):
        second_factor.begin(ann.pk, now=NOON)
        with pytest.raises(Invalid) as refused:
            second_factor.confirm(ann.pk, text, now=NOON)
        assert refused.value.errors[0].pointer == "/code"
        assert row_of(ann).confirmed_at is None

    def test_begun_again_only_the_newest_secret_counts(self, ann):
        second_factor.begin(ann.pk, now=NOON)
        old = code_of(ann, now=NOON)
        second_factor.begin(ann.pk, now=NOON)
        assert old != code_of(ann, now=NOON)
        with pytest.raises(Invalid):
            second_factor.confirm(ann.pk, old, now=NOON)

    def test_a_set_up_that_took_too_long_begins_again(self, ann):
        second_factor.begin(ann.pk, now=NOON)
        late = NOON + rules.SETUP_LASTS
        assert selectors.factor_begun(ann.pk, now=late) is None
        with pytest.raises(Conflict):
            second_factor.confirm(ann.pk, code_of(ann, now=late), now=late)

    def test_one_that_is_on_is_not_replaced_in_passing(self, ann):
        with_factor(ann, now=NOON)
        with pytest.raises(Conflict):
            second_factor.begin(ann.pk, now=LATER)
        with pytest.raises(Conflict):
            second_factor.confirm(ann.pk, code_of(ann, now=LATER), now=LATER)

    def test_without_a_key_nothing_is_begun_and_the_setting_is_named(self, ann, settings):
        settings.ENCRYPTION_KEY = ""
        with pytest.raises(Unavailable, match="K8S4R_ENCRYPTION_KEY"):
            second_factor.begin(ann.pk, now=NOON)
        assert not SecondFactor.objects.exists()

    def test_switched_off_nobody_sets_one_up_and_nobody_is_asked(self, ann, settings):
        with_factor(ann, now=NOON)
        settings.SECOND_FACTOR = Policy.OFF
        assert not selectors.is_asked_for_code(ann)
        with pytest.raises(Conflict):
            second_factor.begin(a_user("bob").pk, now=NOON)


class TestProving:
    def test_a_code_is_good_once(self, ann):
        with_factor(ann, now=NOON)
        code = code_of(ann, now=LATER)
        assert prove(ann, code) is not None
        assert prove(ann, code) is None
        assert prove(ann, code, now=LATER + timedelta(seconds=20)) is None

    def test_a_code_older_than_one_that_was_taken_is_not_good(self, ann):
        with_factor(ann, now=NOON)
        assert prove(ann, code_of(ann, now=LATER)) is not None
        assert prove(ann, code_of(ann, now=LATER, away=-1)) is None

    def test_a_recovery_code_is_good_once_and_says_how_many_are_left(self, ann):
        first, second, *_ = with_factor(ann, now=NOON)
        proof = prove(ann, first.upper().replace("-", " "))
        assert proof is not None
        assert (proof.by_recovery_code, proof.codes_left) == (True, 9)
        assert prove(ann, first) is None
        assert prove(ann, second) is not None

    def test_a_recovery_code_works_where_the_key_is_lost(self, ann, settings):
        codes = with_factor(ann, now=NOON)
        code = code_of(ann, now=LATER)
        settings.ENCRYPTION_KEY = "z" * 40
        with pytest.raises(Unavailable, match="a recovery code works"):
            prove(ann, code)
        assert prove(ann, codes[0]) is not None

    def test_codes_of_somebody_else_are_not_good(self, ann):
        bob = a_user("bob")
        codes, _ = with_factor(bob, now=NOON), with_factor(ann, now=NOON)
        assert prove(ann, codes[0]) is None
        assert prove(ann, code_of(bob, now=LATER)) is None

    def test_the_secret_of_one_person_moved_to_another_opens_nothing(self, ann):
        bob = a_user("bob")
        with_factor(bob, now=NOON), with_factor(ann, now=NOON)
        moved = row_of(bob).encrypted_secret
        SecondFactor.objects.filter(user=ann).update(encrypted_secret=moved)
        with pytest.raises(Unavailable):
            prove(ann, "123456")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "9" * 5_000,
            "\u0661\u0662\u0663\u0664\u0665\u0666",
            "\x00",
            "12345\ud800",
            "' OR 1=1",
        ],
        ids=lambda text: ascii(text)[:16],
    )
    def test_what_can_be_no_code_is_a_bad_one(self, ann, text):
        with_factor(ann, now=NOON)
        assert prove(ann, text) is None
        assert row_of(ann).bad_codes == 1

    def test_after_some_bad_codes_even_a_good_one_waits_and_then_tells_of_them(self, ann):
        with_factor(ann, now=NOON)
        bad = bad_code_of(ann)
        assert [prove(ann, bad) for _ in range(rules.FREE_TRIES)] == [None] * rules.FREE_TRIES
        with pytest.raises(TooMany) as refused:
            prove(ann, code_of(ann, now=LATER))
        assert refused.value.retry_after_s == 30
        over = LATER + timedelta(seconds=30)
        proof = prove(ann, code_of(ann, now=over), now=over)
        assert proof is not None
        assert proof.bad_before == rules.FREE_TRIES
        assert (row_of(ann).bad_codes, row_of(ann).wait_until) == (0, None)

    def test_each_further_bad_code_doubles_the_wait(self, ann):
        with_factor(ann, now=NOON)
        SecondFactor.objects.filter(user=ann).update(bad_codes=7)
        prove(ann, bad_code_of(ann))
        assert row_of(ann).wait_until == LATER + timedelta(seconds=240)


class TestTakingAway:
    def test_new_recovery_codes_replace_the_old(self, ann):
        old = with_factor(ann, now=NOON)
        new = second_factor.renew(ann.pk, now=LATER)
        assert prove(ann, old[0]) is None
        assert prove(ann, new[0]) is not None

    def test_nobody_without_one_gets_recovery_codes(self, ann):
        second_factor.begin(ann.pk, now=NOON)
        with pytest.raises(Conflict):
            second_factor.renew(ann.pk, now=NOON)

    def test_each_change_is_part_of_what_sessions_are_compared_with(self, ann):
        def of_session():
            return User.objects.get(pk=ann.pk).get_session_auth_hash()

        seen = [of_session()]
        second_factor.begin(ann.pk, now=NOON)
        assert of_session() == seen[0]
        second_factor.confirm(ann.pk, code_of(ann, now=NOON), now=NOON)
        seen.append(of_session())
        second_factor.turn_off(ann.pk, now=LATER)
        seen.append(of_session())
        with_factor(ann, now=LATER + timedelta(minutes=1))
        seen.append(of_session())
        second_factor.reset_on_the_server("ann", now=LATER + timedelta(minutes=2))
        seen.append(of_session())
        assert len(set(seen)) == 5

    def test_who_looks_after_people_everywhere_resets_it(self, ann):
        with_factor(ann, now=NOON)
        chief = selectors.person(a_member("chief", Role.SECURITY_ADMIN))
        second_factor.reset("ann", by=chief, now=LATER)
        assert not SecondFactor.objects.exists()
        assert events_of(ann)[-1] == ("reset_second_factor", "user", str(chief.id))
        with pytest.raises(NotFound):
            second_factor.reset("ann", by=chief, now=LATER)

    @pytest.mark.parametrize("name", ["nobody", "", "an\x00n2"])
    def test_of_somebody_who_is_not_there_nothing_is_reset(self, ann, name):
        chief = selectors.person(a_member("chief", Role.SECURITY_ADMIN))
        with pytest.raises(NotFound):
            second_factor.reset(name, by=chief, now=LATER)

    def test_one_project_is_too_little_to_reset_what_is_good_everywhere(self, ann):
        with_factor(ann, now=NOON)
        local = a_member("local", Role.SECURITY_ADMIN, project=a_project())
        with pytest.raises(Forbidden):
            second_factor.reset("ann", by=selectors.person(local), now=LATER)
        assert row_of(ann)

    def test_a_superusers_is_reset_by_a_superuser_only_and_nobodys_own(self):
        root = an_admin("root")
        with_factor(root, now=NOON)
        chief = selectors.person(a_member("chief", Role.SECURITY_ADMIN))
        for who in (chief, selectors.person(root)):
            with pytest.raises(Forbidden):
                second_factor.reset("root", by=who, now=LATER)
        second_factor.reset("root", by=selectors.person(an_admin("other")), now=LATER)
        assert not SecondFactor.objects.exists()

    def test_on_the_server_the_last_admin_is_helped(self, capsys):
        root = an_admin("root")
        with_factor(root, now=NOON)
        call_command("reset_second_factor", "root")
        assert not SecondFactor.objects.exists()
        assert events_of(root)[-1] == ("reset_second_factor", "system", "")
        with pytest.raises(CommandError, match="root has no second factor"):
            call_command("reset_second_factor", "root")


class TestRemembered:
    def test_each_step_leaves_an_event_and_a_sign_in_none(self, ann):
        codes = with_factor(ann, now=NOON)
        assert prove(ann, code_of(ann, now=LATER))
        assert prove(ann, bad_code_of(ann)) is None
        assert prove(ann, codes[0])
        second_factor.renew(ann.pk, now=LATER)
        second_factor.turn_off(ann.pk, now=LATER)
        who = ("user", str(ann.pk))
        assert events_of(ann) == [
            ("begin_second_factor", *who),
            ("turn_on_second_factor", *who),
            ("use_recovery_code", *who),
            ("renew_recovery_codes", *who),
            ("turn_off_second_factor", *who),
        ]

    def test_no_secret_and_no_code_is_in_the_history_or_readable_in_the_table(self, ann):
        codes = with_factor(ann, now=NOON)
        secret = rules.secret_text(second_factor.secret(row_of(ann)))
        row = row_of(ann)
        prove(ann, codes[0])
        second_factor.renew(ann.pk, now=LATER)
        second_factor.turn_off(ann.pk, now=LATER)
        history = json.dumps(list(AuditEvent.objects.values_list("detail", flat=True)))
        for hidden in (secret, row.encrypted_secret, *row.recovery_digests, *codes):
            assert hidden not in history
        stored = json.dumps([row.encrypted_secret, row.recovery_digests])
        for hidden in (secret, *codes, *(code.replace("-", "") for code in codes)):
            assert hidden not in stored

    def test_deleted_by_hand_it_tells_no_secret_either(self, ann):
        with_factor(ann, now=NOON)
        encrypted = row_of(ann).encrypted_secret
        database.run("DELETE FROM access_secondfactor", {})
        event = AuditEvent.objects.latest("id")
        assert (event.object_type, event.to_state) == ("second_factor", "deleted")
        assert encrypted not in json.dumps(event.detail)

    def test_a_new_key_takes_the_secrets_over_and_the_old_one_may_go(self, ann, settings):
        with_factor(ann, now=NOON)
        settings.ENCRYPTION_KEY = f"{'n' * 40}\n{ENCRYPTION_KEY}"
        assert list(rekeying.rekey().values()) == [1]
        settings.ENCRYPTION_KEY = "n" * 40
        assert prove(ann, code_of(ann, now=LATER)) is not None
