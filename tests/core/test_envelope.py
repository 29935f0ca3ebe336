"""A encrypted secret opens in its own place alone, under any key that is still here."""

import pytest

from k8s4r.secrets.envelope import CannotDecrypt, Envelope, Place, key_from

OLD, NEW = key_from("o" * 32), key_from("n" * 32)
PLACE = Place("table", "row", "url")


def test_a_sealed_secret_opens_in_its_place():
    encrypted = Envelope([OLD]).encrypt("jsons://token@host", PLACE)
    assert "token" not in encrypted
    assert encrypted.split(".")[:2] == ["v1", OLD.id]
    assert Envelope([OLD]).decrypt(encrypted, PLACE) == "jsons://token@host"
    assert Envelope([OLD]).encrypt("jsons://token@host", PLACE) != encrypted


@pytest.mark.parametrize(
    "place", [Place("other", "row", "url"), Place("table", "2", "url"), Place("table", "row", "x")]
)
def test_it_does_not_open_elsewhere(place):
    with pytest.raises(CannotDecrypt):
        Envelope([OLD]).decrypt(Envelope([OLD]).encrypt("secret", PLACE), place)


@pytest.mark.parametrize("part", [2, 3])
def test_it_does_not_open_when_a_character_has_changed(part):
    parts = Envelope([OLD]).encrypt("secret", PLACE).split(".")
    parts[part] = ("A" if parts[part][20] != "A" else "B").join(
        (parts[part][:20], parts[part][21:])
    )
    with pytest.raises(CannotDecrypt):
        Envelope([OLD]).decrypt(".".join(parts), PLACE)


@pytest.mark.parametrize("text", ["", "v1", "v1.a.b.c", "v2.x.y.z", "plain text"])
def test_what_is_no_seal_does_not_open(text):
    with pytest.raises(CannotDecrypt):
        Envelope([OLD]).decrypt(text, PLACE)


def test_a_new_key_seals_and_the_old_one_still_opens_until_all_is_wrapped_anew():
    encrypted = Envelope([OLD]).encrypt("secret", PLACE)
    both = Envelope([NEW, OLD])
    assert both.decrypt(encrypted, PLACE) == "secret"
    assert not both.is_current(encrypted)
    again = both.rewrap(encrypted, PLACE)
    assert both.is_current(again)
    assert again.split(".")[3] == encrypted.split(".")[3], "the secret itself was not touched"
    assert Envelope([NEW]).decrypt(again, PLACE) == "secret"
    with pytest.raises(CannotDecrypt):
        Envelope([NEW]).decrypt(encrypted, PLACE)


def test_a_short_key_is_refused_and_a_key_does_not_show():
    with pytest.raises(ValueError, match="32"):
        key_from("short")
    assert "material" not in repr(NEW)
