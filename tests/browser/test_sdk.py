"""The SDK's promises about where tokens go, and what happens when one is refused."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.visitor import ALICE, Visitor

REFUSAL = '{"type": "about:blank", "title": "No.", "status": 401, "code": "token.expired"}'


def test_the_refresh_cookie_goes_to_the_auth_service_only(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor().sign_in(ALICE)
    with page.expect_request("**/orders?*") as asked:
        page.get_by_role("link", name="My orders").click()
    headers = asked.value.all_headers()
    assert headers["authorization"].startswith("Bearer ")
    assert "cookie" not in headers


def test_the_access_token_goes_to_no_other_origin(visitor: Callable[..., Visitor]) -> None:
    page = visitor().sign_in(ALICE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    refused = page.evaluate(
        """async () => {
          const { Session } = await import("/auth/static/ringfence.js");
          return new Session().fetch("https://evil.example/").catch((error) => error.name);
        }"""
    )
    assert refused == "TypeError"
    assert not [url for url in asked if "evil.example" in url]


def test_a_refused_token_is_renewed_once_and_the_request_sent_again(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    alice.expect_refusal("/orders?after=0")
    page = alice.sign_in(ALICE)
    shown: list[str] = []

    def refuse_the_first(route: Route) -> None:
        shown.append(route.request.headers["authorization"])
        if len(shown) == 1:
            route.fulfill(status=401, content_type="application/problem+json", body=REFUSAL)
        else:
            route.continue_()

    page.route("**/orders?*", refuse_the_first)
    page.get_by_role("link", name="My orders").click()
    expect(page.locator("[data-orders] .total").first).to_be_visible()
    assert len(shown) == len(set(shown)) == 2


def test_a_request_that_is_refused_for_good_is_not_sent_for_ever(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    alice.expect_refusal("/orders?after=0")
    page = alice.sign_in(ALICE)
    sent: list[str] = []

    def refuse(route: Route) -> None:
        sent.append(route.request.url)
        route.fulfill(status=401, content_type="application/problem+json", body=REFUSAL)

    page.route("**/orders?*", refuse)
    page.get_by_role("link", name="My orders").click()
    expect(page.get_by_role("alert").first).not_to_be_empty()
    assert len(sent) == 2


def test_every_sign_in_is_listed_however_many_pages_they_are(
    visitor: Callable[..., Visitor],
) -> None:
    """Issue 9, A: whoever had more than fifty saw fifty, and could not end the others."""
    visitor().sign_in(ALICE)
    page = visitor().sign_in(ALICE)
    devices = """async () => {
      const { Session } = await import("/auth/static/ringfence.js");
      const session = new Session();
      await session.resume();
      return (await session.devices()).map((device) => device.id);
    }"""
    whole = page.evaluate(devices)

    def one_at_a_time(route: Route) -> None:
        url = route.request.url
        route.continue_(url=f"{url}{'&' if '?' in url else '?'}limit=1")

    page.route(re.compile(r"/auth/sessions(\?|$)"), one_at_a_time)
    assert page.evaluate(devices) == whole
    assert len(whole) >= 2


def test_a_server_that_cannot_be_reached_ends_no_sign_in(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    page = alice.sign_in(ALICE)
    alice.context.set_offline(True)
    with alice.context.expect_event("console"):  # that there is no network
        page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert").first).to_contain_text("cannot be reached")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    alice.context.set_offline(False)
    alice.complaints.clear()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_visitor_without_a_sign_in_asks_for_none(visitor: Callable[..., Visitor]) -> None:
    asked: list[str] = []
    dora = visitor()
    dora.context.on("request", lambda request: asked.append(request.url))
    page = dora.tab()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert not [url for url in asked if url.endswith("/auth/refresh")]


def test_the_example_of_the_readme_runs(visitor: Callable[..., Visitor]) -> None:
    text = (Path(__file__).parents[2] / "web/README.md").read_text()
    (example,) = re.findall(r"^```js\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    code = re.sub(r"import (\{.*?\}) from (\S+);", r"const \1 = await import(\2);", example)
    page = visitor().sign_in(ALICE)
    status, shown = page.evaluate(
        f"""async () => {{
          const shown = [];
          const show = (user) => user && shown.push(user.login);
          {code}
          return [answer.status, shown];
        }}"""
    )
    assert status == 200
    assert shown == [ALICE]
