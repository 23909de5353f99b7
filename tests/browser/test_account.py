"""The account page: one's own sign-ins, and the password."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.visitor import ADMIN, ALICE, BOB, PASSWORD, Visitor

OTHER_PASSWORD = "quince lantern drifts nearby"


def test_one_sees_and_ends_ones_other_sign_ins(visitor: Callable[..., Visitor]) -> None:
    """ASVS 7.5.2: what is ended is refused on its next request."""
    at_home, elsewhere = visitor(), visitor()
    other = elsewhere.sign_in(ALICE, then="/auth/account")
    page = at_home.sign_in(ALICE, then="/auth/account")
    devices = page.locator("[data-devices] li")
    expect(devices).to_have_count(2)
    expect(devices.filter(has_text="This browser")).to_have_count(1)
    page.get_by_role("button", name="End Chrome on Linux").click()
    expect(devices).to_have_count(1)

    elsewhere.expect_refusal("/auth/refresh")
    other.reload()
    expect(other.get_by_role("heading", name="You are signed out")).to_be_visible()


def test_signing_out_everywhere_ends_this_browser_and_the_others(
    visitor: Callable[..., Visitor],
) -> None:
    at_home, elsewhere = visitor(), visitor()
    other = elsewhere.sign_in(BOB)
    page = at_home.sign_in(BOB, then="/auth/account")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert at_home.context.cookies() == []

    elsewhere.expect_refusal("/orders?after=0")
    elsewhere.expect_refusal("/auth/refresh")
    other.get_by_role("link", name="My orders").click()
    expect(other.get_by_role("heading", name="Sign in to see your orders")).to_be_visible()


def test_a_new_password_keeps_this_browser_and_ends_the_others(
    visitor: Callable[..., Visitor],
) -> None:
    """Of an account that no other test of this module signs in to: they come in any order."""
    at_home, elsewhere = visitor(), visitor()
    other = elsewhere.sign_in(ADMIN, then="/auth/account")
    page = at_home.sign_in(ADMIN, then="/auth/account")
    current = page.get_by_label("Current password")
    change = page.get_by_role("button", name="Change the password")

    at_home.expect_refusal("/auth/password/change")
    current.fill("not the password at all")
    page.get_by_label("New password").fill(OTHER_PASSWORD)
    change.click()
    expect(page.get_by_text("This is not your current password.")).to_be_visible()
    expect(current).to_be_focused()

    current.fill(PASSWORD)
    change.click()
    expect(page.get_by_text("The new password is set.")).to_be_visible()
    expect(current).to_have_value("")
    page.reload()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    elsewhere.expect_refusal("/auth/refresh")
    other.reload()
    expect(other.get_by_role("heading", name="You are signed out")).to_be_visible()
    elsewhere.sign_in(ADMIN, OTHER_PASSWORD)
