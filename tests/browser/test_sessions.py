"""One sign-in, many tabs: kept, shared, and ended everywhere at once."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.shop import Shop
from tests.browser.visitor import ALICE, BOB, PASSWORD, Visitor, fill_in_sign_in

ORDERS = "/#orders"


def open_orders(page: Page) -> None:
    page.get_by_role("link", name="My orders").click()
    expect(page.locator("[data-orders] .total").first).to_be_visible()


def test_each_sees_their_own_orders_and_nobody_elses(
    visitor: Callable[..., Visitor],
) -> None:
    seen: dict[str, set[str]] = {}
    for login in (ALICE, BOB):
        page = visitor().sign_in(login)
        open_orders(page)
        seen[login] = set(page.locator("[data-orders] .facts").all_inner_texts())
    assert seen[ALICE]
    assert seen[BOB]
    assert not seen[ALICE] & seen[BOB]


def test_a_reload_keeps_the_sign_in(visitor: Callable[..., Visitor]) -> None:
    page = visitor().sign_in(ALICE)
    open_orders(page)
    page.reload()
    expect(page.locator("[data-orders] .total").first).to_be_visible()
    expect(page.get_by_role("link", name=ALICE)).to_be_visible()


def test_no_token_is_where_a_script_could_find_it_later(visitor: Callable[..., Visitor]) -> None:
    """MUSTS S09: the access token is in memory only, the refresh token in an HttpOnly cookie."""
    alice = visitor()
    page = alice.sign_in(ALICE)
    readable = page.evaluate(
        "[document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage)]"
    )
    assert readable == ["", "1"]
    assert page.evaluate("indexedDB.databases()") == []
    (cookie,) = alice.context.cookies()
    assert cookie.get("name") == "__Host-rf_refresh"
    assert cookie.get("httpOnly")
    assert cookie.get("secure")
    assert cookie.get("sameSite") == "Strict"


def test_a_second_tab_is_signed_in_and_no_alarm_is_raised(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    alice = visitor()
    first = alice.sign_in(ALICE)
    second = alice.tab(ORDERS)
    for page in (second, first, second, first):
        page.reload()
        open_orders(page)
    assert "refresh.reused" not in shop.codes()


#: Pair: without the lock, two tabs do spend one token.
WITHOUT_LOCKS = """
Object.defineProperty(Navigator.prototype, "locks", {
  value: { request: (name, task) => task() },
});
"""


def tokens_spent(alice: Visitor, *, locks: bool) -> list[str]:
    """Reload two tabs; hold the first one's refresh back until the second one wants it too."""
    first, second = alice.sign_in(ALICE), alice.tab()
    expect(second.get_by_role("button", name="Sign out")).to_be_visible()
    held: list[Route] = []
    spent: list[str] = []

    def hold(route: Route) -> None:
        (cookie,) = alice.context.cookies()
        spent.append(cookie.get("value", ""))
        held.append(route)
        if len(spent) > 1:
            while held:
                held.pop().continue_()

    alice.context.route("**/auth/refresh", hold)
    with alice.context.expect_event("request", is_refresh):
        first.reload(wait_until="commit")
    if locks:
        second.reload(wait_until="commit")
        second.wait_for_function("async () => (await navigator.locks.query()).pending.length > 0")
        held.pop().continue_()
    else:
        with alice.context.expect_event("request", is_refresh):
            second.reload(wait_until="commit")
    for tab in (first, second):
        expect(tab.get_by_role("button", name="Sign out")).to_be_visible()
    return spent


def is_refresh(request: Request) -> bool:
    return request.url.endswith("/auth/refresh")


def test_two_tabs_that_start_at_once_never_spend_the_same_token(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    """RFC 9700 4.14.2 would call it a theft; the Web Lock makes the second tab wait."""
    spent = tokens_spent(visitor(), locks=True)
    assert len(spent) == len(set(spent))
    assert "refresh.reused" not in shop.codes()


def test_without_the_lock_two_tabs_would_spend_the_same_token(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    alice.context.add_init_script(WITHOUT_LOCKS)
    spent = tokens_spent(alice, locks=False)
    assert len(spent) == 2
    assert len(set(spent)) == 1


def test_a_token_that_one_tab_gets_serves_the_others(visitor: Callable[..., Visitor]) -> None:
    """One tab renews the token; the other is told, and need not."""
    alice = visitor()
    first, second = alice.sign_in(ALICE), alice.tab(ORDERS)
    expect(second.locator("[data-orders] .total").first).to_be_visible()
    refreshes: list[str] = []
    alice.context.on("request", lambda r: refreshes.append(r.url) if is_refresh(r) else None)
    first.reload()
    expect(first.get_by_role("button", name="Sign out")).to_be_visible()
    open_orders(second)
    assert len(refreshes) == 1


def test_signing_out_in_one_tab_signs_out_the_other(visitor: Callable[..., Visitor]) -> None:
    alice = visitor()
    first, second = alice.sign_in(ALICE), alice.tab(ORDERS)
    expect(second.locator("[data-orders] .total").first).to_be_visible()
    first.get_by_role("button", name="Sign out").click()
    expect(first.get_by_role("link", name="Sign in")).to_be_visible()
    expect(second.get_by_role("heading", name="Sign in to see your orders")).to_be_visible()
    expect(second.locator("[data-orders] li")).to_have_count(0)
    assert alice.context.cookies() == []


@pytest.mark.parametrize("away", ["/auth/sign-up", "about:blank"])
def test_after_signing_out_the_back_button_shows_nothing(
    visitor: Callable[..., Visitor], away: str
) -> None:
    """ASVS 14.3.2; MUSTS C06."""
    alice = visitor()
    page = alice.sign_in(ALICE)
    open_orders(page)
    other = alice.tab("/auth/account")
    page.goto(away)
    other.get_by_role("button", name="Sign out", exact=True).click()
    expect(other.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in to see your orders")).to_be_visible()
    expect(page.locator("[data-orders] li")).to_have_count(0)
    expect(page.get_by_text("canary-alice")).to_have_count(0)


def test_a_page_that_is_kept_for_the_back_button_holds_nothing_private(
    visitor: Callable[..., Visitor],
) -> None:
    """A browser may keep the page itself, whatever Cache-Control says, and bring it back as is."""
    page = visitor().sign_in(ALICE)
    open_orders(page)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    expect(page.locator("[data-orders] li")).to_have_count(0)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("[data-orders] .total").first).to_be_visible()


def test_a_wrong_password_is_said_at_the_field_and_not_kept(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    alice.expect_refusal("/auth/sign-in")
    page = alice.tab("/auth/sign-in")
    fill_in_sign_in(page, ALICE, "not the password at all")
    password = page.get_by_label("Password", exact=True)
    expect(page.get_by_text("The e-mail address and the password do not match.")).to_be_visible()
    expect(password).to_be_focused()
    expect(password).to_have_value("")


@pytest.mark.parametrize(
    ("wish", "arrival"),
    [
        ("/%23posts", "/#posts"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/%5Cevil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("data:text/html,x", "/"),
    ],
)
def test_signing_in_leads_to_this_site_and_nowhere_else(
    shop: Shop, visitor: Callable[..., Visitor], wish: str, arrival: str
) -> None:
    """ASVS 3.7.2: no open redirect on the way back."""
    page = visitor().tab(f"/auth/sign-in?next={wish}")
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page).to_have_url(shop.address + arrival)


def test_the_form_works_by_keyboard_alone_and_a_shown_password_is_hidden_when_sent(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor().tab("/auth/sign-in")
    page.get_by_label("E-mail address").focus()
    page.keyboard.type(ALICE)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    toggle = page.get_by_role("button", name="Show the password")
    expect(toggle).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#password")).to_have_attribute("type", "password")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
