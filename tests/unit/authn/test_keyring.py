"""Keys come and go while a process runs, and no sibling refuses what another one signed."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ringfence.authn.flows import flows
from ringfence.authn.keyring import KeyRing
from ringfence.authn.keys import Keys
from ringfence.authn.tokens import AccessTokens
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.secret import Secret
from ringfence.core.settings import Settings
from ringfence.storage import open_stores
from tests.careless import Unsent
from tests.unit.authn.credentials import Inline, keys, signing_key
from tests.unit.authn.flows import NOON, account, counting

OLD = keys()
ORIGIN = "https://shop.example"


class Folder:
    """What a process reads; two processes read the same."""

    def __init__(self, now: Keys = OLD) -> None:
        self.now = now
        self.read = 0

    def news(self) -> Keys | None:
        self.read += 1
        return self.now

    def process(self) -> KeyRing:
        return KeyRing(OLD, self.news)


def issued(ring: KeyRing) -> str:
    return verifying(ring).issue(
        account(), "session", NOON, aal=1, amr=("pwd",), authenticated_at=NOON
    )


def verifying(ring: KeyRing) -> AccessTokens:
    return flows(
        settings=Settings(origin=ORIGIN),
        stores=open_stores("memory:"),
        keys=ring,
        hashing=Inline(),
        mailer=Unsent(),
        random=counting(),
    ).tokens


def test_a_token_of_a_key_that_a_sibling_has_just_read_is_known_here() -> None:
    """Issue 9, B6: not a second in which a sibling refuses."""
    folder = Folder()
    behind, ahead = folder.process(), folder.process()
    verifier = verifying(behind)
    folder.now = replace(OLD, signing=(*OLD.signing, signing_key(1)))
    assert ahead.look()
    token = issued(ahead)
    assert verifier.examine(token, NOON).subject == account().id


def test_a_process_that_does_not_look_refuses_it() -> None:
    """The pair: a key that is read at the start alone."""
    ahead = KeyRing(replace(OLD, signing=(*OLD.signing, signing_key(1))))
    with pytest.raises(Refused, match="token.invalid"):
        verifying(KeyRing(OLD)).examine(issued(ahead), NOON)


@pytest.mark.parametrize(
    ("after", "remembered"),
    [
        (keys(signing_key(1)), False),
        (replace(OLD, signing=(*OLD.signing, signing_key(1))), True),
    ],
    ids=["its key has gone: it leaked", "another key has come"],
)
def test_a_token_is_remembered_as_long_as_its_key_is_there(
    after: Keys, *, remembered: bool
) -> None:
    folder = Folder()
    ring = folder.process()
    tokens = verifying(ring)
    token = tokens.issue(account(), "session", NOON, aal=1, amr=("pwd",), authenticated_at=NOON)
    tokens.remember(token, tokens.examine(token, NOON), NOON)
    folder.now = after
    assert ring.look()
    assert (tokens.known(token, NOON) is not None) == remembered


def test_a_pepper_that_a_sibling_has_just_used_is_known_here() -> None:
    folder = Folder()
    ring = folder.process()
    folder.now = replace(OLD, peppers={**OLD.peppers, 2: Secret(b"q" * 32)})
    peppers: Mapping[int, Secret[bytes]] = ring.peppers
    assert max(peppers) == 1
    found = peppers.get(2)
    assert found is not None
    assert found.reveal() == b"q" * 32
    assert max(peppers) == 2
    assert peppers.get(3) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"salt": Secret(b"x" * 32)}, "salt.key is not the key"),
        ({"peppers": {2: Secret(b"q" * 32)}}, "pepper-1.key is missing"),
        ({"peppers": {1: Secret(b"q" * 32)}}, "pepper-1.key is not the key"),
    ],
)
def test_keys_without_which_passwords_are_wrong_are_never_let_go(
    change: Mapping[str, object], problem: str
) -> None:
    folder = Folder()
    ring = folder.process()
    folder.now = replace(OLD, **change)
    with pytest.raises(ConfigurationError, match=problem):
        ring.look()
    ring.met_unknown()
    assert ring.keys is OLD


def test_what_is_the_same_is_no_news() -> None:
    folder = Folder(replace(OLD))
    ring = folder.process()
    assert not ring.look()
    assert ring.keys is OLD
