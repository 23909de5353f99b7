"""Cookies: MUSTS S05 and S06, ASVS 3.3, RFC 6265bis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.output.cookies import policed, without_refresh


def attributes(cookie: bytes | None) -> list[str]:
    assert cookie is not None
    return [part.strip().decode() for part in cookie.split(b";")]


def test_a_bare_cookie_leaves_http_only_lax_and_secure() -> None:
    assert policed(b"theme=dark", secure=True) == b"theme=dark; HttpOnly; SameSite=Lax; Secure"


def test_where_browsers_take_no_secure_cookie_the_attribute_is_left_out() -> None:
    assert attributes(policed(b"theme=dark; Secure", secure=False)) == [
        "theme=dark",
        "HttpOnly",
        "SameSite=Lax",
    ]


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("SameSite=None", "SameSite=Lax"),
        ("samesite=none", "SameSite=Lax"),
        ("SameSite", "SameSite=Lax"),
        ("SameSite=Bogus", "SameSite=Lax"),
        ("SameSite=Lax", "SameSite=Lax"),
        ("SameSite=Strict", "SameSite=Strict"),
        ("samesite = STRICT", "SameSite=Strict"),
    ],
)
def test_same_site_is_lax_at_least(asked: str, got: str) -> None:
    cookie = attributes(policed(f"a=b; {asked}".encode(), secure=True))
    assert [part for part in cookie if part.lower().startswith("samesite")] == [got]


@pytest.mark.parametrize("domain", ["Domain=example.com", "domain=.example.com", "DOMAIN = x"])
def test_a_cookie_is_for_this_host_only(domain: str) -> None:
    cookie = policed(f"a=b; Path=/; {domain}; Max-Age=9".encode(), secure=True)
    assert attributes(cookie) == [
        "a=b",
        "Path=/",
        "Max-Age=9",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
    ]


@pytest.mark.parametrize(
    "cookie",
    [
        b"__Host-rf_refresh=stolen; Path=/; Secure",
        b" __Host-rf_refresh =stolen",
        b"__HOST-RF_REFRESH=stolen",
        b"=__Host-rf_refresh=stolen",  # a cookie without a name is sent as this very pair
        b"__Host-rf_refresh",
    ],
)
def test_only_ringfence_sets_the_refresh_cookie(cookie: bytes) -> None:
    assert policed(cookie, secure=True) is None


@pytest.mark.parametrize(
    "cookie",
    [b"a=b\r\nSet-Cookie: c=d", b"a=b\nx", b"a=\x00", b"a=b; Path=/\x7f", b"a\tb=c", b"", b"a"],
)
def test_a_cookie_that_is_not_one_cookie_does_not_leave(cookie: bytes) -> None:
    """ATTACKS I08."""
    assert policed(cookie, secure=True) is None


def test_name_and_value_may_hold_4096_bytes_and_no_more() -> None:
    """ASVS 3.3.5."""
    assert policed(b"name=" + b"x" * 4092, secure=True) is not None
    assert policed(b"name=" + b"x" * 4093, secure=True) is None


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        (b"__Host-rf_refresh=rf_rt_x", b""),
        (b"__Host-rf_refresh=rf_rt_x; a=1", b"a=1"),
        (b"a=1; __Host-rf_refresh=rf_rt_x", b"a=1"),
        (b"a=1; __Host-rf_refresh=x; b=2", b"a=1; b=2"),
        (b"a=1;__Host-rf_refresh=x;b=2", b"a=1;b=2"),
        (b"a=1;  __Host-rf_refresh = x ;  b = 2 ", b"a=1;  b = 2 "),
        (b"__Host-rf_refresh=x; a=1; __Host-rf_refresh=y", b"a=1"),
        (b"\xa0__Host-rf_refresh=x; a=1", b"a=1"),  # a Unicode strip() makes it the name
        (b"__Host-rf_refresh", b""),
        (b"a=__Host-rf_refresh; b=2", b"a=__Host-rf_refresh; b=2"),
        (b"x__Host-rf_refresh=1", b"x__Host-rf_refresh=1"),
        (b'a="q; r"; b=\xff', b'a="q; r"; b=\xff'),
    ],
)
def test_the_refresh_cookie_is_taken_out_and_the_others_stay_byte_for_byte(
    header: bytes, rest: bytes
) -> None:
    assert without_refresh(header) == rest


pairs = st.binary(max_size=12).map(lambda raw: raw.replace(b";", b":"))


@given(st.lists(pairs, max_size=6), st.integers(0, 6))
def test_whatever_stands_around_it_the_refresh_cookie_is_gone(
    others: list[bytes], place: int
) -> None:
    cookies = others.copy()
    cookies.insert(place, b" __Host-rf_refresh=rf_rt_secret")
    left = without_refresh(b";".join(cookies))
    assert b"rf_rt_secret" not in left
    assert left.lstrip(b" \t") == b";".join(others).lstrip(b" \t")
