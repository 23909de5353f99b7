"""One path has one spelling."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.request.path import check
from ringfence.core.errors import Refused


def as_served(raw: str) -> None:
    """Check ``raw`` as an ASGI server hands it on."""
    check(raw.encode("ascii"), unquote(raw))


@pytest.mark.parametrize(
    "raw",
    [
        "/",
        "/orders/17",
        "/orders/",
        "/a.b/...c/.well-known/x",
        "/caf%C3%A9",
        "/100%25",
        "/a%20b",
        "/%61",
        "/a@b:c,d=e+f(g)*h!i~j",
    ],
)
def test_a_canonical_path_passes(raw: str) -> None:
    as_served(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "//auth/sign-in",
        "/auth//sign-in",
        "/auth/./sign-in",
        "/auth/x/../sign-in",
        "/..",
        "/.",
        "/auth/%2e/sign-in",
        "/auth/%2E%2e/sign-in",
        "/auth%2fsign-in",
        "/auth%5Csign-in",
        "/auth\\sign-in",
        "/auth;x=y/sign-in",
        "/auth%3Bx/sign-in",
        "/..;/admin",
        "/auth/sign-in//",
    ],
)
def test_another_spelling_of_sign_in_skips_no_limit(raw: str) -> None:
    """Ledger 19."""
    with pytest.raises(Refused, match="path.malformed"):
        as_served(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "/files/..%2f..%2fetc/passwd",
        "/files/%252e%252e%252fetc",
        "/files/%25%32%65",
        "/files/%c0%ae%c0%ae/etc",
        "/files/%c0%af",
        "/files/a%00.png",
        "/files/a%0d%0ab",
        "/files/%7f",
        "/files/%c2%85",
        "/files/%ff",
        "/files/%ed%a0%80",
        "/files/%",
        "/files/%zz",
        "/files/%EF%BC%8E%EF%BC%8E/x",
        "/files/a%EF%BC%8Fb",
    ],
)
def test_traversal_in_disguise_is_refused(raw: str) -> None:
    """ATTACKS I07."""
    with pytest.raises(Refused, match="path.malformed"):
        as_served(raw)


@pytest.mark.parametrize("path", ["", "*", "http://evil.example/", "orders"])
def test_a_target_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="path.malformed"):
        check(path.encode(), path)
    with pytest.raises(Refused, match="path.malformed"):
        check(None, path)


def test_a_server_that_decoded_differently_is_not_believed() -> None:
    with pytest.raises(Refused, match="path.malformed"):
        check(b"/orders", "/admin")
    with pytest.raises(Refused, match="path.malformed"):
        check(b"/%61", "/%61")


@pytest.mark.parametrize("path", ["/a/../b", "//a", "/a\0", "/%2e%2e/a", "/a;b"])
def test_without_the_raw_path_the_decoded_one_is_checked(path: str) -> None:
    check(None, "/orders/17")
    with pytest.raises(Refused, match="path.malformed"):
        check(None, path)


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=12))
def test_what_passes_has_no_second_reading(text: str) -> None:
    """Decoding again, or tidying the path, gives the same path."""
    path = f"/{text}"
    try:
        check(quote(path).encode(), path)
    except Refused:
        return
    assert unquote(path) == path
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
