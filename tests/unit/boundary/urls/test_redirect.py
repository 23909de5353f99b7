"""A redirect stays on this site."""

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.urls.redirect import flaw, safe_location
from ringfence.core.errors import Refused

SITE = "https://shop.example"


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/", "/"),
        ("/orders/", "/orders/"),
        ("/orders?page=2&q=a%20b#top", "/orders?page=2&q=a%20b#top"),
        ("/go?next=//evil.example", "/go?next=//evil.example"),
        ("/user@example.com", "/user@example.com"),
        ("/café", "/caf%C3%A9"),
        ("/orders?rate=100%25", "/orders?rate=100%25"),
    ],
)
def test_a_path_of_this_site_passes(target: str, location: str) -> None:
    assert safe_location(target) == location


@pytest.mark.parametrize(
    "target",
    [
        "",
        "orders",
        "https://evil.example",
        "https:evil.example",
        "http:/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "@evil.example",
        ".evil.example",
        ":80",
        "?x",
        "#x",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\u00a0/evil.example",
        "/\0",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%252fevil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/%2e%2fevil.example",
        "/a/../b",
        "/a%0d%0aSet-Cookie:%20a=b",
        "/a?b=%0d%0aSet-Cookie:%20a=b",
        "/a?b=%00",
        "/%",
        "/%zz",
        "/\ud800",
        "/" + "a" * 2_048,
    ],
)
def test_anything_else_is_refused(target: str) -> None:
    """ATTACKS O07 and I08."""
    with pytest.raises(Refused, match="redirect.refused"):
        safe_location(target)


PIECES = [
    "/",
    "\\",
    "//",
    ".",
    "..",
    "%2f",
    "%5c",
    "%252f",
    "evil.example",
    "@",
    ":",
    "https:",
    "\t",
    "?",
    "#",
    "a",
    "%0a",
    ";",
    "＠",
    "／",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_what_passes_stays_under_every_reading(target: str) -> None:
    if flaw(target):
        return
    path = target.partition("?")[0].partition("#")[0]
    for reading in (target, safe_location(target), unquote(path), path.replace("\\", "/")):
        assert urlsplit(urljoin(SITE, reading)).netloc == "shop.example"
        assert not reading.startswith(("//", "/\\"))
