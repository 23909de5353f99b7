"""What holds for every page: accessible, quiet, and as wide as the screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import ALICE, Visitor

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"  # put there by dev.py

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

#: For visitors, by path: a text that stands there once the page has arrived.
PUBLIC = {
    "/": "Holds a litre",
    "/#orders": "Sign in to see your orders",
    "/#posts": "Hello from Alice",
    "/posts/1/view": "I like this shop.",
    "/auth/sign-in": "New here?",
    "/auth/sign-up": "It starts with your mailbox",
    "/auth/verify-email": "This link does not work any more",
    "/auth/verify-email#token=x": "Choose your password",
    "/auth/forgot": "Forgot your password?",
    "/auth/reset": "This link does not work any more",
    "/auth/reset#token=x": "Choose a new password",
    "/auth/account": "You are signed out",
}
#: For somebody who is signed in.
PRIVATE = {
    "/": "Holds a litre",
    "/#orders": "Leave it with the neighbour.",
    "/#posts": "Write a post",
    "/auth/account": "Chrome on Linux",
}


def arrive(page: Page, path: str, text: str) -> None:
    # From one fragment to another a browser would not load the page anew.
    page.goto("about:blank")
    page.goto(path)
    expect(page.get_by_text(text).first).to_be_visible()


def violations(page: Page) -> list[str]:
    """What axe-core finds, by rule and element."""
    found: list[dict[str, Any]] = page.evaluate(
        f"async () => {{ {AXE.read_text()}; return (await axe.run()).violations; }}"
    )
    return [
        f"{each['id']}: {node['html']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def sideways(page: Page) -> list[str]:
    """What is wider than the screen."""
    wide: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body, body *")]
          .filter((element) => element.checkVisibility()
            && !element.closest(".visually-hidden, .name, svg")
            && element.getBoundingClientRect().right > innerWidth + 0.5)
          .map((element) => element.outerHTML.slice(0, 120))"""
    )
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wide.append("the page itself")
    return wide


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_any_page(visitor: Callable[..., Visitor], scheme: Scheme) -> None:
    page = visitor(color_scheme=scheme).tab("about:blank")
    for path, text in PUBLIC.items():
        arrive(page, path, text)
        assert violations(page) == [], path


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_any_page_of_somebody_signed_in(
    visitor: Callable[..., Visitor], scheme: Scheme
) -> None:
    page = visitor(color_scheme=scheme).sign_in(ALICE)
    for path, text in PRIVATE.items():
        arrive(page, path, text)
        assert violations(page) == [], path


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_dialogs_and_errors(
    visitor: Callable[..., Visitor], scheme: Scheme
) -> None:
    alice = visitor(color_scheme=scheme)
    alice.expect_refusal("/auth/sign-up")
    page = alice.sign_in(ALICE)
    arrive(page, "/#orders", "Leave it with the neighbour.")
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Quantity").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("How many?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete").first.click()
    assert violations(page) == []
    page.goto("/auth/sign-up")
    page.get_by_role("button", name="Send me the link").click()
    expect(page.get_by_text("Enter your e-mail address.")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_scrolls_sideways(visitor: Callable[..., Visitor], width: int) -> None:
    """WCAG 1.4.10 asks for 320 px."""
    alice = visitor(viewport={"width": width, "height": 740})
    page = alice.tab("about:blank")
    for path, text in PUBLIC.items():
        arrive(page, path, text)
        assert sideways(page) == [], path
    page = alice.sign_in(ALICE)
    for path, text in PRIVATE.items():
        arrive(page, path, text)
        assert sideways(page) == [], path
    arrive(page, "/#orders", "Leave it with the neighbour.")
    page.get_by_role("button", name="Edit").first.click()
    assert sideways(page) == []


def test_a_policy_violation_would_be_noticed(visitor: Callable[..., Visitor]) -> None:
    """Pair: every other test of this folder fails where a page violates its policy."""
    alice = visitor()
    page = alice.tab()
    with alice.context.expect_event("console"):
        page.evaluate("document.body.setAttribute('style', 'opacity: 0')")
    assert page.evaluate("getComputedStyle(document.body).opacity") == "1"
    assert "Content Security Policy" in alice.complaints[0]
    alice.complaints.clear()


def test_a_page_cannot_be_turned_into_markup(visitor: Callable[..., Visitor]) -> None:
    """Trusted Types: the sinks that markup could come through are closed."""
    alice = visitor()
    page = alice.tab()
    with alice.context.expect_event("console"):
        refused = page.evaluate(
            """() => {
              try { document.body.innerHTML = "<b>x</b>"; return "taken"; }
              catch (error) { return error.name; }
            }"""
        )
    assert refused == "TypeError"
    alice.complaints.clear()


def test_no_page_brings_code_or_style_of_its_own(visitor: Callable[..., Visitor]) -> None:
    page = visitor().tab("about:blank")
    for path, text in PUBLIC.items():
        arrive(page, path, text)
        assert page.locator("script:not([src]), style, [style]").count() == 0, path
        assert (
            page.evaluate(
                "[...document.querySelectorAll('*')]"
                ".flatMap((e) => e.getAttributeNames()).filter((name) => name.startsWith('on'))"
            )
            == []
        )
