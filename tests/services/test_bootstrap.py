import stat
from datetime import timedelta

import pytest
from django.core.management import call_command

from k8s4r import clock, database
from k8s4r.access.models import Project, Token, User
from k8s4r.access.services import tokens
from k8s4r.api import authentication
from pools.models import Pool
from pools.services import bootstrapping
from tests.builders import a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path):
    names = ("admin_password_file", "api_token_file", "enrolment_token_file")
    return {name: tmp_path / "secrets" / name for name in names}


def run(files):
    call_command("bootstrap", **files)
    return {name: path.read_text() for name, path in files.items()}


def test_the_working_role_is_made_on_demand(files):
    call_command("bootstrap", **files, database_role="k8s4r_test_bootstrap")
    asked = "SELECT has_table_privilege('k8s4r_test_bootstrap', %s, 'DELETE')"
    tables = ("executors_task", "audit_event")
    assert [database.rows(asked, [table])[0][0] for table in tables] == [True, False]


def whose(text):
    return authentication.authenticate(text.strip(), now=clock.now())


def test_a_new_platform_has_an_administrator_a_pool_and_working_tokens(files):
    written = run(files)
    admin = User.objects.get(username="admin")
    pool = Pool.objects.get(name="default", project__name="default")
    assert admin.is_superuser
    assert admin.check_password(written["admin_password_file"].strip())
    assert whose(written["api_token_file"]).id == admin.pk
    enrolment = whose(written["enrolment_token_file"])
    assert Token.objects.get(pk=enrolment.token_id).pool_id == pool.pk
    assert Token.objects.get(pk=enrolment.token_id).max_uses is None
    assert pool.type == "dynamic"
    assert pool.required_labels == {}


def test_only_its_owner_can_read_a_file_of_secrets(files):
    run(files)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in files.values()}
    assert modes == {0o600}


def test_a_second_run_changes_nothing(files):
    first = run(files)
    assert run(files) == first
    assert Project.objects.count() == 1
    assert Token.objects.count() == 2


@pytest.mark.parametrize("name", ["api_token_file", "enrolment_token_file"])
def test_a_lost_token_file_is_written_anew_and_the_lost_token_dies(files, name):
    first = run(files)
    files[name].unlink()
    second = run(files)
    assert second[name] != first[name]
    assert whose(second[name]) is not None
    assert whose(first[name]) is None


def test_a_lost_password_file_sets_a_new_password(files):
    first = run(files)
    files["admin_password_file"].unlink()
    second = run(files)
    admin = User.objects.get(username="admin")
    assert not admin.check_password(first["admin_password_file"].strip())
    assert admin.check_password(second["admin_password_file"].strip())


def test_a_password_that_was_put_there_beforehand_is_the_administrators(files):
    path = files["admin_password_file"]
    path.parent.mkdir(parents=True)
    path.write_text("correct horse battery staple\n")
    run(files)
    assert User.objects.get(username="admin").check_password("correct horse battery staple")


def test_a_file_with_a_revoked_or_foreign_token_is_mended(files):
    first = run(files)
    token = Token.objects.get(pk=whose(first["api_token_file"]).token_id)
    tokens.revoke([token.pk], now=clock.now())
    files["enrolment_token_file"].write_text("not a token")
    second = run(files)
    assert second["api_token_file"] != first["api_token_file"]
    assert whose(second["enrolment_token_file"]) is not None


def test_a_token_that_soon_expires_is_renewed(now):
    a_user("admin")
    text = bootstrapping.api_token("admin", "", now=now)
    later = now + timedelta(days=340)
    assert bootstrapping.api_token("admin", text, now=now) == text
    assert bootstrapping.api_token("admin", text, now=later) != text
