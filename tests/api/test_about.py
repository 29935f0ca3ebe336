"""What a server tells about itself, and to whom."""

from django.test import override_settings


def test_a_known_person_is_told_versions_and_their_own_name(api):
    said = api.get("about").json()
    assert said["user"] == "alice"
    assert said["database"].startswith("PostgreSQL 1")
    assert said["redis"].startswith("Redis ")
    assert said["version"]
    assert (said["backup_at"], said["generation"]) == (None, 1)


@override_settings(REDIS_URL="redis://127.0.0.1:9/0")
def test_what_does_not_answer_has_no_version(api):
    answer = api.get("about")
    assert (answer.status_code, answer.json()["redis"]) == (200, None)


def test_nobody_else_is_told(nobody):
    assert nobody.get("about").status_code == 401
