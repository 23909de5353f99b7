"""Shopping as a customer does, and what the shop says when a request is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shop import Shop, running_shop
from tests.browser.visitor import ALICE, BOB, Visitor

PAYLOAD = "<img src=/nowhere onerror='document.body.dataset.ran = 1'>Hello"


def test_an_order_is_made_changed_invoiced_and_deleted(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    page = visitor().sign_in(ALICE)
    page.get_by_role("button", name="Order Green tea").click()
    expect(page.get_by_label("Product", exact=True)).to_have_value("Green tea")
    page.get_by_label("Quantity").fill("3")
    page.get_by_role("button", name="Order", exact=True).click()
    row = page.locator("[data-orders] li", has_text="Green tea")
    expect(row).to_contain_text("€38.70")

    row.get_by_role("button", name="Edit").click()
    page.get_by_label("Quantity").fill("1")
    page.get_by_label("Note").fill("A gift <b>really</b>")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("€12.90")
    expect(row).to_contain_text("“A gift <b>really</b>”")

    with page.expect_download() as download:
        row.get_by_role("button", name="Invoice").click()
    download.value.save_as(tmp_path / "invoice.txt")
    assert "1 x Green tea" in (tmp_path / "invoice.txt").read_text()

    row.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("heading", name="My orders")).to_be_focused()


def test_searching_and_sorting(visitor: Callable[..., Visitor]) -> None:
    page = visitor().tab()
    names = page.locator("[data-products] h2")
    expect(names).to_have_text(
        ["Copper kettle", "Green tea", "Honey jar", "Linen towel", "Violet teapot", "Walnut tray"]
    )
    page.get_by_label("Sort by").select_option("price")
    expect(names.first).to_have_text("Honey jar")
    page.get_by_label("Search the products").fill("hand")
    expect(names).to_have_text(["Violet teapot"])
    page.get_by_label("Search the products").fill("hippopotamus")
    expect(page.get_by_text("Nothing here is called “hippopotamus”.")).to_be_visible()


def test_a_refused_search_is_explained_with_the_logs_reference(
    visitor: Callable[..., Visitor],
) -> None:
    """The page shows the request's id, by which the event stands in the log."""
    visitor_ = visitor()
    page = visitor_.tab()
    attack = "zz%' UNION SELECT id, note, note, total FROM orders --"
    query = "q=zz%25%27+UNION+SELECT+id%2C+note%2C+note%2C+total+FROM+orders+--&sort=name"
    visitor_.expect_refusal(f"/products?{query}")
    with page.expect_response("**/products?q=zz*") as answered:
        page.get_by_label("Search the products").fill(attack)
    request_id = answered.value.headers["x-request-id"]
    expect(page.get_by_role("alert").first).to_contain_text(request_id)
    expect(page.get_by_text("canary")).to_have_count(0)


def test_a_post_is_written_with_the_toolbar_and_read_by_somebody_else(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor().sign_in(ALICE)
    page.get_by_role("link", name="Posts").click()
    page.get_by_label("Title").fill("Tea & honey")
    text = page.get_by_label("Text")
    text.fill("Best together")
    text.select_text()
    page.get_by_role("button", name="Bold").click()
    expect(text).to_have_value("<strong>Best together</strong>")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("link", name="Tea & honey")).to_be_visible()

    reader = visitor().tab("/#posts")
    reader.get_by_role("link", name="Tea & honey").click()
    expect(reader.get_by_role("heading", name="Tea & honey")).to_be_visible()
    expect(reader.locator("article strong")).to_have_text("Best together")


def publish(page: Page, title: str, body: str) -> None:
    """Write a post and open its page."""
    page.get_by_role("link", name="Posts").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(body)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name=title).click()


def test_a_stored_payload_does_not_run(visitor: Callable[..., Visitor]) -> None:
    """ATTACKS O02, with the page's own policy as the second line."""
    page = visitor().sign_in(BOB)
    publish(page, "Harmless", PAYLOAD)
    expect(page.locator("article .rich")).to_have_text("Hello")
    expect(page.locator("body")).not_to_have_attribute("data-ran", "1")
    expect(page.locator("article img")).to_have_count(0)


@pytest.fixture(scope="module")
def shop_without_output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("careless"), "--off", "output") as shop:
        yield shop


def test_with_the_output_layer_off_the_payload_runs(
    visitor: Callable[..., Visitor], shop_without_output: Shop
) -> None:
    bob = visitor(base_url=shop_without_output.address)
    bob.expect_refusal("/nowhere")
    page = bob.sign_in(BOB)
    publish(page, "Harmful", PAYLOAD)
    expect(page.locator("body")).to_have_attribute("data-ran", "1")


def test_the_naked_twin_has_a_page_below_its_own_path(
    visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    with running_shop(tmp_path, "--naked") as shop:
        page = visitor().tab(shop.naked)
        expect(page.get_by_role("heading", name="Copper kettle")).to_be_visible()
        page.get_by_role("link", name="Posts").click()
        page.get_by_role("link", name="Hello from Alice").click()
        expect(page.get_by_text("I like this shop.")).to_be_visible()
