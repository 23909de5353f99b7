"""What is revoked is refused, and only that."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from ringfence.authn.revocation import Revocation, Revocations
from ringfence.core.principal import Principal
from tests.unit.authn.flows import NOON

MINUTE = timedelta(minutes=1)


def principal(token_version: int = 0, role_version: int = 0) -> Principal:
    return Principal(
        subject="a1",
        session="s1",
        authenticated_at=NOON,
        expires_at=NOON + 15 * MINUTE,
        token_version=token_version,
        role_version=role_version,
    )


def entry(
    session: str | None = None,
    account: str | None = None,
    token_version: int = 0,
    role_version: int = 0,
) -> Revocation:
    return Revocation(
        number=0,
        session=session,
        account=account,
        token_version=token_version,
        role_version=role_version,
    )


def known(*entries: Revocation) -> Revocations:
    revocations = Revocations()
    revocations.learn(entries, NOON)
    return revocations


def test_a_session_that_ended_is_refused_and_no_other() -> None:
    """ASVS 7.4.1."""
    assert known(entry(session="s1")).refuses(principal())
    assert not known(entry(session="s2")).refuses(principal())


def test_tokens_older_than_the_version_are_refused_and_no_others() -> None:
    """Ledger 9."""
    revocations = known(entry(account="a1", token_version=2))
    assert revocations.refuses(principal(token_version=1))
    assert not revocations.refuses(principal(token_version=2))
    assert not revocations.refuses(principal(token_version=3))


def test_tokens_with_older_roles_are_refused() -> None:
    """ATTACKS Z06."""
    revocations = known(entry(account="a1", token_version=1, role_version=3))
    assert revocations.refuses(principal(token_version=1, role_version=2))
    assert not revocations.refuses(principal(token_version=1, role_version=3))


def test_another_account_is_left_alone() -> None:
    assert not known(entry(account="a2", token_version=9)).refuses(principal())


def test_the_order_of_the_news_does_not_matter() -> None:
    """A late entry that is older in one version must not hide the newer one of the other."""
    news = [
        entry(account="a1", token_version=2, role_version=0),
        entry(account="a1", token_version=1, role_version=5),
        entry(account="a1", token_version=0, role_version=1),
    ]
    for order in permutations(news):
        revocations = known(*order)
        assert revocations.refuses(principal(token_version=1, role_version=5))
        assert revocations.refuses(principal(token_version=2, role_version=4))
        assert not revocations.refuses(principal(token_version=2, role_version=5))


def test_what_is_forgotten_is_what_no_valid_token_can_meet() -> None:
    """Counted from when it was learned: what a revocation says of its own time does not matter."""
    revocations = Revocations()
    revocations.learn([entry("s2"), entry(account="a2", token_version=1)], NOON - MINUTE)
    revocations.learn([entry("s1"), entry(account="a1", token_version=1)], NOON)
    revocations.forget(NOON)
    assert len(revocations) == 2
    assert revocations.refuses(principal())


def test_an_entry_that_comes_again_is_kept_as_long_as_its_newest() -> None:
    revocations = Revocations()
    for at in (NOON, NOON + MINUTE):
        revocations.learn([entry("s1"), entry(account="a1", token_version=1)], at)
    revocations.forget(NOON + MINUTE)
    assert len(revocations) == 2


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_refused_is_whoever_is_behind_any_entry(
    versions: list[tuple[int, int]], token_version: int, role_version: int
) -> None:
    revocations = known(
        *(entry(account="a1", token_version=tv, role_version=rv) for tv, rv in versions)
    )
    behind = any(token_version < tv or role_version < rv for tv, rv in versions)
    assert revocations.refuses(principal(token_version, role_version)) == behind
