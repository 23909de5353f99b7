"""The security headers of every response: MUSTS C01-C04 and C06."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.output.headers import fixed, may_be_stored, names_page, well_formed


def test_by_tls_every_response_carries_them_all() -> None:
    assert dict(fixed(secure=True)) == {
        b"strict-transport-security": b"max-age=63072000; includeSubDomains",
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
        b"x-frame-options": b"DENY",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"vary": b"Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest",
        b"permissions-policy": (
            b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
        ),
    }


def test_without_tls_only_hsts_is_missing() -> None:
    assert {*fixed(secure=True)} - {*fixed(secure=False)} == {
        (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
    }


@pytest.mark.parametrize(
    ("days", "subdomains", "value"),
    [
        (730, True, b"max-age=63072000; includeSubDomains"),
        (1, False, b"max-age=86400"),
        (0, False, b"max-age=0"),  # browsers forget it (RFC 6797 6.1.1)
    ],
)
def test_hsts_is_as_long_and_as_wide_as_it_is_set(
    days: int, value: bytes, *, subdomains: bool
) -> None:
    """Two years for every name below would take down an apex domain's neighbours."""
    sent = dict(fixed(secure=True, max_age=timedelta(days=days), subdomains=subdomains))
    assert sent[b"strict-transport-security"] == value


@given(st.binary(), st.sampled_from([b"\r", b"\n", b"\0", b"\x1b", b"\x7f", b"\x08"]), st.binary())
def test_a_control_character_in_a_value_makes_it_no_header(a: bytes, bad: bytes, b: bytes) -> None:
    """ATTACKS I08."""
    assert not well_formed(b"x-note", a + bad + b)
    assert not well_formed(b"content-type", a + bad + b)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"a\n", b"\xe9", b"(a)"])
def test_a_name_that_is_no_token_makes_it_no_header(name: bytes) -> None:
    assert not well_formed(name, b"x")


@pytest.mark.parametrize("value", [b"", b"a\tb", b"caf\xe9", b'a, b;c="d"'])
def test_what_rfc_9110_allows_in_a_value_passes(value: bytes) -> None:
    assert well_formed(b"x-note", value)


@pytest.mark.parametrize(
    ("content_type", "page"),
    [
        (b"text/html", True),
        (b"Text/HTML; charset=utf-8", True),
        (b"application/xhtml+xml", True),
        (b"application/json", False),
        (b"image/svg+xml", False),
        (b"text/plain", False),
    ],
)
def test_what_a_browser_renders_as_a_page(content_type: bytes, *, page: bool) -> None:
    assert names_page(content_type) is page


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (b"public", True),
        (b"max-age=31536000, immutable", True),
        (b"Public, max-age=60", True),
        (b"private, max-age=60", False),
        (b"max-age=60", False),
        (b"no-cache", False),
        (b"x-public=1", False),
        (b"publicly", False),
        (b"", False),
    ],
)
def test_only_an_outright_word_lets_an_answer_be_stored(value: bytes, *, stored: bool) -> None:
    assert may_be_stored([(b"cache-control", value)]) is stored
