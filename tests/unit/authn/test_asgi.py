"""Who is asking: from the one header, verified, and not revoked by the time of the request."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.asgi import MARGIN, Authn, bearer_token
from ringfence.authn.revocation import Revocation
from ringfence.authn.route_limits import RouteLimits
from ringfence.authn.tokens import LIFETIME, AccessTokens
from ringfence.core.errors import Refused, StoreError
from ringfence.core.exchange import Exchange
from ringfence.core.settings import Environment, Settings
from ringfence.stack import protocols
from ringfence_demo.careless.authn import CarelessAuthn
from tests.careless import parts
from tests.unit.authn import forgeries
from tests.unit.authn.credentials import keys
from tests.unit.authn.flows import NOON, Collector, account
from tests.unit.authn.forgery import claiming

ORIGIN = "https://shop.example"
SECOND = timedelta(seconds=1)
TOKENS = AccessTokens(keys(), Settings(origin=ORIGIN))


PARTS = parts(Settings(environment=Environment.TEST, origin=ORIGIN), keys=keys())
FLOWS = CarelessAuthn(PARTS).flows  # nothing but its tokens is used here


class Feed:
    """``RevocationSource`` in a list."""

    def __init__(self) -> None:
        self.entries: list[Revocation] = []
        self.reads: list[int] = []
        self.available = True
        self._seen = -1

    def changed(self) -> bool:
        return self._seen != len(self.entries)

    def add(self, session: str | None = None, account: str | None = None, tv: int = 0) -> None:
        number = len(self.entries) + 1
        entry = Revocation(number=number, session=session, account=account, token_version=tv)
        self.entries.append(entry)

    async def read(self, after: int) -> Sequence[Revocation]:
        self.reads.append(after)
        if not self.available:
            raise StoreError("feed", "gone")
        seen = len(self.entries)
        await asyncio.sleep(0)
        self._seen = seen
        return self.entries[after:seen]


class Standings:
    """What the database knows; without an entry, a token is of an account that is there."""

    def __init__(self, **standings: tuple[int, int] | None) -> None:
        self.standings = standings
        self.asked: list[str] = []

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None:
        self.asked.append(f"{session_id} of {account_id}")
        return self.standings.get(session_id, (0, 0))


@pytest.fixture(autouse=True)
def _strangers() -> None:
    """No test's worker has seen another one's tokens."""
    TOKENS.forget()


def token(session: str = "s1", at: datetime = NOON, token_version: int = 0) -> str:
    holder = replace(account(), token_version=token_version)
    return TOKENS.issue(holder, session, at, aal=1, amr=("pwd",), authenticated_at=at)


def exchange(*authorization: str | bytes, now: datetime = NOON, query: bytes = b"") -> Exchange:
    headers = [
        (b"authorization", value.encode() if isinstance(value, str) else value)
        for value in authorization
    ]
    scope = {
        "type": "http",
        "headers": [(b"host", b"shop.example"), *headers],
        "query_string": query,
    }
    return Exchange(scope, request_id="0" * 24, now=now, sink=Collector())


def guarded(feed: Feed, standings: Standings | None = None, tokens: AccessTokens = TOKENS) -> Authn:
    limits = RouteLimits(PARTS.stores.counters)
    return Authn(replace(FLOWS, tokens=tokens), feed, standings or Standings(), limits)


def careless(feed: Feed) -> protocols.Authn:
    return CarelessAuthn(replace(PARTS, stores=replace(PARTS.stores, revocations=feed)))


async def identify(authn: protocols.Authn, ex: Exchange) -> str | None:
    """The subject that is asking."""
    waiting = authn.identify(ex)
    if waiting is not None:
        await waiting
    return ex.principal.subject if ex.principal else None


# ------------------------------------------------------------------------------------ the header


async def test_whoever_shows_a_token_is_known() -> None:
    assert await identify(guarded(Feed()), exchange(f"Bearer {token()}")) == "alice"


async def test_whoever_shows_nothing_is_nobody() -> None:
    assert await identify(guarded(Feed()), exchange()) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    """RFC 9110 section 11.1."""
    assert await identify(guarded(Feed()), exchange(f"{scheme} {token()}")) == "alice"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"Bearer",
        b"Bearer ",
        b"Bearer  ",
        b"Bearer\ttoken",
        b"Bearer token",
        b"Bearer a.b.c",
        b"Bearer \xff.\xff.\xff",
        b"Bearer \xc3\xa9.b.c",
        b"Bearer\x00",
        b"Basic YWxpY2U6cGFzc3dvcmQ=",
        b"Digest username=alice",
        b"Token abc",
        b"alice",
        b"\xff\xfe",
        b"Bearer " + b"." * 100_000,
        b"Bearer " + b"[" * 100_000,
    ],
)
async def test_a_header_that_cannot_be_read_is_401_and_no_crash(value: bytes) -> None:
    """Ledger 35."""
    ex = exchange(value)
    with pytest.raises(Refused, match="token.malformed") as refused:
        await identify(guarded(Feed()), ex)
    assert refused.value.code.status == 401
    assert ex.principal is None


@pytest.mark.parametrize(
    "second", [b"", b"Basic x", token().encode(), b"Bearer " + token().encode()]
)
async def test_two_authorization_headers_are_refused(second: bytes) -> None:
    """Two parsers could choose two of them."""
    for values in ((f"Bearer {token()}", second), (second, f"Bearer {token()}")):
        with pytest.raises(Refused, match="token.malformed"):
            await identify(guarded(Feed()), exchange(*values))


async def test_a_token_in_the_query_counts_for_nothing() -> None:
    """MUSTS R10; RFC 9700 section 4.3.2."""
    ex = exchange(query=f"access_token={token()}".encode())
    assert await identify(guarded(Feed()), ex) is None


def test_the_token_is_what_follows_the_scheme() -> None:
    assert bearer_token(exchange("Bearer abc")) == "abc"


@pytest.mark.parametrize("name", ["X-User-Id", "X-Remote-User", "X-Internal", "X-Authorization"])
async def test_no_other_header_says_who_is_asking(name: str) -> None:
    """ATTACKS H04."""
    ex = exchange()
    ex.headers[name.lower().encode()] = b"alice"
    ex.scope["headers"].append((name.lower().encode(), b"alice"))
    assert await identify(guarded(Feed()), ex) is None


# ----------------------------------------------------------------------------------- revocation


async def test_what_is_revoked_is_refused_on_the_next_request() -> None:
    """ASVS 7.4.1; ATTACKS D01."""
    feed = Feed()
    authn = guarded(feed)
    assert await identify(authn, exchange(f"Bearer {token()}")) == "alice"
    feed.add("s1")
    ex = exchange(f"Bearer {token()}", now=NOON + SECOND)
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, ex)
    assert ex.principal is None
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(f"Bearer {token()}", now=NOON + SECOND))
    assert await identify(authn, exchange(f"Bearer {token('s2')}", now=NOON + SECOND)) == "alice"


async def test_an_account_that_signed_out_everywhere_needs_a_newer_token() -> None:
    """Ledger 9."""
    feed, standings = Feed(), Standings()
    authn = guarded(feed, standings)
    old = f"Bearer {token()}"
    assert await identify(authn, exchange(old)) == "alice"
    feed.add(account="alice", tv=1)
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(old))
    standings.standings["s1"] = (1, 0)
    assert await identify(authn, exchange(f"Bearer {token(token_version=1)}")) == "alice"


async def test_with_authn_off_a_revoked_token_is_believed() -> None:
    """The pair of the two above."""
    feed = Feed()
    feed.add("s1")
    ex = exchange(f"Bearer {token()}")
    assert await identify(careless(feed), ex) == "alice"
    assert feed.reads == []


async def test_nothing_is_waited_for_once_the_feed_is_read() -> None:
    authn = guarded(Feed())
    shown = f"Bearer {token()}"
    await identify(authn, exchange(shown))
    ex = exchange(shown)
    assert authn.identify(ex) is None
    assert ex.principal is not None


async def test_a_worker_that_starts_learns_what_was_revoked_before() -> None:
    feed = Feed()
    feed.add("s1")
    old = token(at=NOON - LIFETIME + SECOND)
    with pytest.raises(Refused, match="token.revoked"):
        await identify(guarded(feed), exchange(f"Bearer {old}"))


async def test_the_feed_is_read_once_even_if_it_never_says_that_it_changed() -> None:
    feed = Feed()
    feed._seen = 0
    await identify(guarded(feed), exchange(f"Bearer {token()}"))
    assert feed.reads == [0]


async def test_a_store_that_does_not_answer_lets_nobody_in() -> None:
    """ATTACKS M03; DESIGN section 5."""
    feed = Feed()
    authn = guarded(feed)
    await identify(authn, exchange(f"Bearer {token()}"))
    feed.add("s1")
    feed.available = False
    ex = exchange(f"Bearer {token('s2')}")
    with pytest.raises(StoreError) as refused:
        await identify(authn, ex)
    assert refused.value.code.status == 503
    assert ex.principal is None
    feed.available = True
    assert await identify(authn, exchange(f"Bearer {token('s2')}")) == "alice"


async def test_a_request_that_meets_another_ones_read_waits_for_its_own() -> None:
    """A read that began before the revocation must not let in who came after it."""
    feed = Feed()
    authn = guarded(feed)
    early = exchange(f"Bearer {token()}")
    reading = asyncio.ensure_future(identify(authn, early))
    await asyncio.sleep(0)  # it has read, and has not judged yet
    feed.add("s1")
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(f"Bearer {token()}"))
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_clock_that_is_set_back_hides_no_revocation() -> None:
    feed = Feed()
    authn = guarded(feed)
    await identify(authn, exchange(f"Bearer {token(at=NOON + LIFETIME)}", now=NOON + LIFETIME))
    feed.add("s1")
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(f"Bearer {token()}", now=NOON + SECOND))


async def test_what_was_forgotten_while_the_clock_was_ahead_comes_back_with_it() -> None:
    feed = Feed()
    authn = guarded(feed)
    stolen = f"Bearer {token()}"
    feed.add("s1")
    ahead = NOON + timedelta(hours=1)
    await identify(authn, exchange(f"Bearer {token('s2', at=ahead)}", now=ahead))
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(stolen, now=NOON + SECOND))


async def test_old_revocations_are_forgotten_and_those_that_matter_are_not() -> None:
    feed = Feed()
    authn = guarded(feed)
    feed.add("s1")
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(f"Bearer {token()}"))
    last = NOON + LIFETIME - SECOND
    feed.add("s2")
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(f"Bearer {token()}", now=last))
    later = NOON + LIFETIME + MARGIN + SECOND
    feed.add("s3")
    await identify(authn, exchange(f"Bearer {token('s9', later)}", now=later))
    assert set(authn._revocations._sessions) == {"s2", "s3"}


# ------------------------------------------------------------------- a database that was lost


@pytest.mark.parametrize("standing", [None, (1, 0), (0, 1), (3, 3)])
async def test_a_token_that_the_database_does_not_know_is_refused(
    standing: tuple[int, int] | None,
) -> None:
    """Keys outlive a database that is lost, or restored: its accounts are others, or older."""
    ex = exchange(f"Bearer {token('s1', token_version=2)}")
    with pytest.raises(Refused, match="token.revoked"):
        await identify(guarded(Feed(), Standings(s1=standing)), ex)
    assert ex.principal is None


async def test_a_token_is_looked_up_once() -> None:
    """The pair: what the database knows is let in, and what it is not asked again goes on."""
    standings = Standings(s1=(2, 0))
    authn = guarded(Feed(), standings)
    shown = f"Bearer {token('s1', token_version=2)}"
    for _ in range(3):
        assert await identify(authn, exchange(shown)) == "alice"
    assert standings.asked == ["s1 of alice"]


async def test_a_token_that_is_refused_is_looked_up_again() -> None:
    standings = Standings(s1=None)
    authn = guarded(Feed(), standings)
    for _ in range(2):
        with pytest.raises(Refused, match="token.revoked"):
            await identify(authn, exchange(f"Bearer {token()}"))
    assert standings.asked == ["s1 of alice"] * 2


async def test_after_a_clock_was_set_back_the_database_is_asked_again() -> None:
    """What was revoked may have been purged while the clock was ahead, and is an hour old."""
    feed, standings = Feed(), Standings()
    authn = guarded(feed, standings)
    shown = f"Bearer {token()}"
    assert await identify(authn, exchange(shown)) == "alice"
    feed.add("another")
    ahead = NOON + timedelta(hours=2)
    await identify(authn, exchange(f"Bearer {token('s2', at=ahead)}", now=ahead))
    standings.standings["s1"] = None
    assert await identify(authn, exchange(f"Bearer {token('s3')}", now=NOON + SECOND)) == "alice"
    with pytest.raises(Refused, match="token.revoked"):
        await identify(authn, exchange(shown, now=NOON + SECOND))


# -------------------------------------------------------------------------------- the layer off


@pytest.mark.parametrize("name", forgeries.algorithms() | forgeries.signatures())
async def test_with_authn_off_a_forgery_is_believed_and_with_it_on_refused(name: str) -> None:
    """ATTACKS U08."""
    forged = (forgeries.algorithms() | forgeries.signatures())[name]()
    authn = guarded(Feed(), tokens=forgeries.service())
    with pytest.raises(Refused):
        await identify(authn, exchange(f"Bearer {forged}"))
    assert await identify(careless(Feed()), exchange(f"Bearer {forged}")) == "alice"


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer ", b"Bearer \xff", b"Basic x", b"Bearer a.b.c", b"Bearer " + b"[" * 9000],
)
async def test_with_authn_off_a_header_that_cannot_be_read_counts_for_nothing(value: bytes) -> None:
    assert await identify(careless(Feed()), exchange(value)) is None


async def test_with_authn_off_a_name_is_enough() -> None:
    """ATTACKS rule 2: the identity of the caller stays, unchecked."""
    ex = exchange(f"Bearer {claiming(b'{}')}")
    assert await identify(careless(Feed()), ex) is None
    root = claiming(b'{"sub":"root","roles":["superadmin"]}')
    ex = exchange(f"Bearer {root}")
    assert await identify(careless(Feed()), ex) == "root"
    assert ex.principal is not None
    assert ex.principal.roles == {"superadmin"}
