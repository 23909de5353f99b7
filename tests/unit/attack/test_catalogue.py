"""The package's own copy of the catalogue is whole, and agrees with the attacks that are there."""

import pytest

from ringfence.attack.attacks import ATTACKS
from ringfence.attack.catalogue import catalogue, chosen
from ringfence.attack.configuration import ABSENT, BUILT
from ringfence.attack.table import NAME, short
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import ConfigurationError

FIRST = {
    "I01",
    "I02",
    "I03",
    "I07",
    "I11",
    "I12",
    "H04",
    "H06",
    "H10",
    "U01",
    "U07",
    "U08",
    "Z01",
    "Z02",
    "Z03",
    "Z04",
    "O02",
    "O08",
}


def test_the_catalogue_has_sixty_attacks() -> None:
    assert len(catalogue()) == 60


def test_the_first_eighteen_are_implemented() -> None:
    assert set(ATTACKS) >= FIRST


def test_an_attack_has_a_line_exactly_when_it_is_implemented() -> None:
    assert {each.id for each in catalogue().values() if each.built} == set(ATTACKS)


def test_no_line_stands_on_a_layer_that_is_not_there() -> None:
    layers = {layer for each in catalogue().values() for line in each.built for layer in line}
    assert layers <= set(BUILT)
    assert not layers & set(ABSENT)


def test_every_layer_that_is_there_is_a_line_of_some_attack() -> None:
    layers = {layer for each in catalogue().values() for line in each.built for layer in line}
    assert layers == set(BUILT)


def test_attacks_stand_in_the_order_of_the_catalogue() -> None:
    assert list(ATTACKS) == [each for each in catalogue() if each in ATTACKS]


def test_each_sign_of_an_attack_is_a_code() -> None:
    assert {sign for each in ATTACKS.values() for sign in each.signs} <= set(CODES)


def test_each_attack_says_what_stopped_means_and_has_a_second_layer_in_the_plan() -> None:
    for each in catalogue().values():
        assert each.stopped
        assert each.second
        assert each.first not in each.second


def test_a_line_holds_without_the_others_alone() -> None:
    row = catalogue()["O07"]
    assert row.holds_without(frozenset({Layer.BOUNDARY}))
    assert row.holds_without(frozenset({Layer.OUTPUT}))
    assert not row.holds_without(frozenset({Layer.BOUNDARY, Layer.OUTPUT}))


def test_the_name_of_each_attack_stands_in_full_in_the_table() -> None:
    assert not [each for each in ATTACKS if "…" in short(catalogue()[each].name, NAME - 1)]


def test_attacks_are_chosen_by_id_whatever_the_spelling() -> None:
    assert chosen(" z01,I02 ,", ATTACKS) == ("I02", "Z01")
    assert chosen(None, ATTACKS) == tuple(ATTACKS)


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (",", "--only names no attack; --list shows them"),
        ("", "--only names no attack; --list shows them"),
        ("X99", "X99 is no attack of the catalogue"),
        ("Z01,H01", "H01 is not implemented in this version"),
    ],
)
def test_an_attack_that_is_not_there_is_an_error(ids: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        chosen(ids, ATTACKS)
