"""From a stranger to a customer: the mail, the first password, the first sign-in."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.shop import Shop
from tests.browser.visitor import PASSWORD, Visitor


def test_a_stranger_signs_up_by_mail_and_orders(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    dora = visitor()
    page = dora.tab()
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("E-mail address").fill("dora@example.com")
    page.get_by_role("button", name="Send me the link").click()
    heading = page.get_by_role("heading", name="Check your mail")
    expect(heading).to_be_focused()
    expect(page.get_by_text("dora@example.com")).to_be_visible()

    page.goto(shop.link_mailed_to("dora@example.com"))
    expect(page).to_have_url(f"{shop.address}/auth/verify-email")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Your account is ready")).to_be_focused()

    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    page.get_by_role("link", name="My orders").click()
    expect(page.get_by_role("heading", name="No orders yet")).to_be_visible()
    page.get_by_role("button", name="New order").click()
    page.get_by_label("Product", exact=True).select_option(index=1)
    page.get_by_label("Quantity").fill("2")
    page.get_by_label("Note").fill("Mind the dog")
    page.get_by_role("button", name="Order", exact=True).click()
    expect(page.get_by_text("“Mind the dog”")).to_be_visible()


def test_the_mailed_token_reaches_no_server_and_leaves_the_address(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    """ASVS 14.2.1: nothing sensitive in a URL that servers or the history keep."""
    emil = visitor()
    page = emil.tab("/auth/sign-up")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.headers}"))
    page.get_by_label("E-mail address").fill("emil@example.com")
    page.get_by_role("button", name="Send me the link").click()
    link = shop.link_mailed_to("emil@example.com")
    token = link.partition("#token=")[2]
    page.goto(link)
    expect(page.get_by_label("New password")).to_be_visible()
    assert token
    assert token not in page.url
    assert not [line for line in asked if token in line.partition("#")[0]]


def test_a_link_that_was_used_says_so_and_offers_a_new_one(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    frida = visitor()
    page = frida.tab("/auth/sign-up")
    page.get_by_label("E-mail address").fill("frida@example.com")
    page.get_by_role("button", name="Send me the link").click()
    link = shop.link_mailed_to("frida@example.com")
    for heading in ("Your account is ready", "This link does not work any more"):
        page.goto("/auth/forgot")
        page.goto(link)
        page.get_by_label("New password").fill(PASSWORD)
        frida.expect_refusal("/auth/verify-email")
        page.get_by_role("button", name="Create the account").click()
        expect(page.get_by_role("heading", name=heading)).to_be_focused()
    expect(page.get_by_role("link", name="Send me a new link")).to_be_visible()


def test_a_password_is_judged_while_it_is_typed_and_again_by_the_server(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    """ASVS 6.2.1, 6.2.4; MUSTS P01, P05: 15 code points, emoji count as one."""
    gerd = visitor()
    page = gerd.tab("/auth/sign-up")
    page.get_by_label("E-mail address").fill("gerd@example.com")
    page.get_by_role("button", name="Send me the link").click()
    page.goto(shop.link_mailed_to("gerd@example.com"))
    password = page.get_by_label("New password")

    password.fill("\N{SHEEP}" * 14)
    expect(page.get_by_text("14 of 15")).to_be_visible()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_text("Use at least 15 characters: 1 to go.")).to_be_visible()
    expect(password).to_be_focused()
    expect(password).to_have_attribute("aria-invalid", "true")

    gerd.expect_refusal("/auth/verify-email")
    password.fill("passwordpassword")
    expect(page.get_by_text("16 characters")).to_be_visible()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_text("This password is too easy to guess.")).to_be_visible()
    expect(password).to_be_focused()

    password.fill("".join(map(chr, range(0x1F400, 0x1F40F))))  # fifteen animals
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Your account is ready")).to_be_visible()


def test_a_forgotten_password_is_replaced_and_other_sessions_end(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    """MUSTS F01: no session begins with the link, and the old ones end."""
    at_home, elsewhere = visitor(), visitor()
    other = elsewhere.sign_in("bob@example.com")
    page = at_home.tab("/auth/sign-in")
    page.get_by_role("link", name="Forgot it?").click()
    page.get_by_label("E-mail address").fill("bob@example.com")
    page.get_by_role("button", name="Send me the link").click()
    page.goto(shop.link_mailed_to("bob@example.com"))
    page.get_by_label("New password").fill("quince lantern drifts nearby")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("heading", name="The new password is set")).to_be_focused()
    assert at_home.context.cookies() == []

    elsewhere.expect_refusal("/orders?after=0")
    elsewhere.expect_refusal("/auth/refresh")
    other.get_by_role("link", name="My orders").click()
    expect(other.get_by_role("heading", name="Sign in to see your orders")).to_be_visible()
    at_home.sign_in("bob@example.com", "quince lantern drifts nearby")
