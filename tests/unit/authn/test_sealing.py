"""What is kept of a successor opens for the spent token and the server's key together only."""

import pytest

from ringfence.authn.sealing import seal, unseal
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

KEY = Secret(b"k" * 32)
OTHER_KEY = Secret(b"o" * 32)


def test_the_spent_token_opens_what_was_sealed_for_it() -> None:
    sealed = seal("rf_rt_successor", "rf_rt_spent", KEY, b"n" * 12)
    assert unseal(sealed, "rf_rt_spent", [KEY]) == "rf_rt_successor"


@pytest.mark.parametrize(
    ("spent", "key"), [("rf_rt_other", KEY), ("rf_rt_spent", OTHER_KEY), ("", KEY)]
)
def test_a_stolen_database_opens_nothing(spent: str, key: Secret[bytes]) -> None:
    sealed = seal("rf_rt_successor", "rf_rt_spent", KEY, b"n" * 12)
    assert b"successor" not in sealed
    with pytest.raises(Refused, match="refresh.unknown"):
        unseal(sealed, spent, [key])


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_row_that_was_cut_is_refused(length: int) -> None:
    sealed = seal("rf_rt_successor", "rf_rt_spent", KEY, b"n" * 12)
    with pytest.raises(Refused, match="refresh.unknown"):
        unseal(sealed[:length], "rf_rt_spent", [KEY])


def test_a_row_that_was_tampered_with_is_refused() -> None:
    sealed = bytearray(seal("rf_rt_successor", "rf_rt_spent", KEY, b"n" * 12))
    sealed[-1] ^= 1
    with pytest.raises(Refused, match="refresh.unknown"):
        unseal(bytes(sealed), "rf_rt_spent", [KEY])
