"""Mailed links: short-lived, one use, one purpose, and their token in the fragment."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from ringfence.authn import links
from ringfence.authn.links import Purpose
from ringfence.authn.opaque import digest
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
from tests.unit.authn.flows import NOON, counting

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def stores() -> Stores:
    return open_stores("memory:")


async def add(stores: Stores, purpose: Purpose, random: int = 1) -> str:
    link, token = links.new_link(
        purpose, "alice@example.com", lambda n: random.to_bytes(n, "big"), NOON
    )
    await stores.links.add(link)
    return token


@pytest.mark.parametrize(
    ("purpose", "lifetime"),
    [("sign-up", timedelta(hours=24)), ("reset", timedelta(minutes=20))],
)
async def test_a_link_lives_as_long_as_its_mail_says_and_not_a_moment_longer(
    stores: Stores, purpose: Purpose, lifetime: timedelta
) -> None:
    """ATTACKS U17; MUSTS O08."""
    token = await add(stores, purpose)
    found = await links.find(stores.links, token, purpose, NOON + lifetime - MICROSECOND)
    assert found.login == "alice@example.com"
    with pytest.raises(Refused, match="link.invalid"):
        await links.find(stores.links, token, purpose, NOON + lifetime)


async def test_a_sign_up_link_resets_no_password(stores: Stores) -> None:
    token = await add(stores, "sign-up")
    with pytest.raises(Refused, match="link.invalid"):
        await links.find(stores.links, token, "reset", NOON)


async def test_a_newer_link_ends_the_older_one(stores: Stores) -> None:
    older = await add(stores, "reset", 1)
    newer = await add(stores, "reset", 2)
    with pytest.raises(Refused, match="link.invalid"):
        await links.find(stores.links, older, "reset", NOON)
    assert await links.find(stores.links, newer, "reset", NOON)


@pytest.mark.parametrize("token", ["", "x", "rf_ln_" + "A" * 43, "rf_rt_" + "A" * 43, "\ud800"])
async def test_a_guessed_token_is_refused(stores: Stores, token: str) -> None:
    await add(stores, "reset")
    with pytest.raises(Refused, match="link.invalid"):
        await links.find(stores.links, token, "reset", NOON)


def test_only_the_digest_is_stored_and_the_token_stands_in_the_fragment() -> None:
    """A fragment is sent to no server and in no Referer."""
    link, token = links.new_link("reset", "alice@example.com", counting(), NOON)
    address = urlsplit(links.address("https://shop.example", "reset", token))
    assert link.digest == digest(token)
    assert address.fragment == f"token={token}"
    assert not address.query
    assert address.path == "/auth/reset"
