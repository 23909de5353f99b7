"""Where a redirect may lead: ATTACKS O07."""

import pytest

from ringfence.output.location import stays

ORIGINS = frozenset({"https://shop.example", "https://id.example:8443"})


@pytest.mark.parametrize(
    "location",
    [
        "/",
        "/orders/17?next=/a#b",
        "orders/17",
        "../orders",
        "?page=2",
        "#top",
        "/go?next=https://evil.example/",
        "/a:b",
        "./javascript:alert(1)",
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example?x=1",
        "https://shop.example#x",
        "HTTPS://SHOP.example/orders",
        "https://id.example:8443/authorize?client=a@b",
    ],
)
def test_a_redirect_on_this_site_or_to_a_listed_origin_stays(location: str) -> None:
    assert stays(location, ORIGINS)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/orders\\..\\..",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "https://evil.example",
        "http://shop.example",  # a downgrade is another origin
        "https://shop.example.evil.example",
        "https://shop.example@evil.example",
        "https://shop.example:443@evil.example",
        "https://shop.example:8443/",
        "https://id.example/",
        "https://shop.example\\@evil.example",
        "https://evil.example#shop.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "java\tscript:alert(1)",
        "/\t/evil.example",
        "\n//evil.example",
        " //evil.example",
        " javascript:alert(1)",
        "/ok\r\nset-cookie: a=b",
        "/ok\x00",
        "/\u2028",
        "/caf\xe9",
    ],
)
def test_a_redirect_that_a_browser_follows_off_this_site_strays(location: str) -> None:
    assert not stays(location, ORIGINS)
