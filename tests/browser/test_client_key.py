"""Multi-stage hashing in a real browser: the password stays in it (DESIGN section 6)."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.shop import Shop
from tests.browser.visitor import ADMIN, ALICE, BOB, PASSWORD, Visitor, fill_in_sign_in

VECTORS = json.loads((Path(__file__).parents[2] / "docs/vectors/client_key.json").read_text())
WRONG = "a password that is not hers"
SALT = "A" * 22
KDF = {"alg": "argon2id", "m": 65536, "t": 3, "p": 4, "len": 32}
SIGN_IN = "/auth/sign-in"


def bodies(sent: list[Request], path: str) -> list[dict[str, Any]]:
    """The bodies of the requests to ``path``."""
    return [request.post_data_json or {} for request in sent if request.url.endswith(path)]


def listen(page: Page) -> list[Request]:
    """Every request of ``page`` from now on."""
    sent: list[Request] = []

    def hear(request: Request) -> None:
        sent.append(request)

    page.on("request", hear)
    return sent


def answer(**fields: object) -> Callable[[Route], None]:
    """Have a route answer these fields."""
    return lambda route: route.fulfill(json=fields)


def prelogin(**changed: object) -> Callable[[Route], None]:
    """Answer for prelogin, with these parameters changed."""
    return answer(kdf={**KDF, **changed}, salt=SALT)


#: Calls the SDK with each triple of password, salt and parameters; a refusal gives its code.
DERIVE = """async (jobs) => {
  const { clientKey } = await import("/auth/static/ringfence.js");
  const made = [];
  for (const job of jobs) made.push(await clientKey(...job).catch(({ code }) => code));
  return made;
}"""


def test_the_published_vectors_hold_in_the_worker(visitor: Callable[..., Visitor]) -> None:
    vectors: list[dict[str, Any]] = VECTORS["vectors"]
    jobs = [
        [vector["password"], vector["salt"], {**KDF, **{name: vector[name] for name in "mtp"}}]
        for vector in vectors
    ]
    made = visitor().tab(SIGN_IN).evaluate(DERIVE, jobs)
    assert made == [vector["client_key"] for vector in vectors]
    assert len(made) > 1


def test_no_request_of_a_sign_in_holds_the_password(visitor: Callable[..., Visitor]) -> None:
    page = visitor().tab(f"{SIGN_IN}?next=/")
    sent = listen(page)
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    (body,) = bodies(sent, SIGN_IN)
    assert body.keys() == {"login", "client_key"}
    assert len(urlsafe_b64decode(body["client_key"] + "=")) == 32
    words = PASSWORD.split()
    said = [f"{each.url} {each.headers} {each.post_data or ''}" for each in sent]
    assert not [text for text in said if any(word in text for word in words)]


def test_a_wrong_password_is_refused_and_is_not_sent_either(
    visitor: Callable[..., Visitor],
) -> None:
    alice = visitor()
    alice.expect_refusal(SIGN_IN)
    page = alice.tab(SIGN_IN)
    sent = listen(page)
    fill_in_sign_in(page, ALICE, WRONG)
    expect(page.get_by_text("The e-mail address and the password do not match.")).to_be_visible()
    (body,) = bodies(sent, SIGN_IN)
    assert body.keys() == {"login", "client_key"}


def test_a_change_sends_the_key_of_the_current_password_and_the_new_one_in_full(
    visitor: Callable[..., Visitor],
) -> None:
    admin = visitor()
    page = admin.sign_in(ADMIN, then="/auth/account")
    admin.expect_refusal("/auth/password/change")
    sent = listen(page)
    page.get_by_label("Current password").fill(WRONG)
    page.get_by_label("New password").fill("quince lantern drifts nearby")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("This is not your current password.")).to_be_visible()
    (body,) = bodies(sent, "/auth/password/change")
    assert body.keys() == {"current_key", "new"}
    assert len(urlsafe_b64decode(body["current_key"] + "=")) == 32


WITHOUT = {
    "a worker": "delete globalThis.Worker",
    "Trusted Types for it": "globalThis.trustedTypes?.createPolicy('ringfence', {})",
}


@pytest.mark.parametrize("script", WITHOUT.values(), ids=WITHOUT.keys())
def test_a_browser_without_it_sends_the_password(
    visitor: Callable[..., Visitor], script: str
) -> None:
    bob = visitor()
    bob.context.add_init_script(script)
    page = bob.tab(f"{SIGN_IN}?next=/")
    sent = listen(page)
    fill_in_sign_in(page, BOB, PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    assert bodies(sent, SIGN_IN) == [{"login": BOB, "password": PASSWORD}]
    bob.complaints.clear()  # Chromium reports the policy that was refused


def test_a_worker_that_may_not_compile_sends_the_password(
    visitor: Callable[..., Visitor],
) -> None:
    """The worker's own header decides about WebAssembly, whatever the page's says."""
    bob = visitor()
    page = bob.tab(f"{SIGN_IN}?next=/")

    def strictly(route: Route) -> None:
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": "script-src 'self'"}
        route.fulfill(response=response, headers=headers)

    page.route("**/derive.js", strictly)
    sent = listen(page)
    fill_in_sign_in(page, BOB, PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    assert bodies(sent, SIGN_IN) == [{"login": BOB, "password": PASSWORD}]
    bob.complaints.clear()  # as above


REFUSED: list[dict[str, object]] = [
    {"m": 19_455},
    {"t": 1},
    {"p": 0},
    {"alg": "argon2d"},
    {"len": 16},
    {"m": 1_048_577},
    {"t": 33},
    {"t": 2.5},
]


def test_parameters_out_of_bounds_are_refused(visitor: Callable[..., Visitor]) -> None:
    """MUSTS P14: OWASP's floor; and no page hangs because a server asks for it."""
    jobs = [[PASSWORD, SALT, {**KDF, **changed}] for changed in REFUSED]
    short = [PASSWORD, SALT[:20], KDF]
    codes = visitor().tab(SIGN_IN).evaluate(DERIVE, [*jobs, short])
    assert codes == ["kdf.refused"] * (len(REFUSED) + 1)


def test_a_server_that_asks_for_less_gets_neither_a_cheap_key_nor_the_password(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor().tab(SIGN_IN)
    page.route("**/auth/prelogin", prelogin(m=19_455))
    sent = listen(page)
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page.get_by_role("alert").first).to_contain_text("weaker protection")
    assert bodies(sent, SIGN_IN) == []


def test_the_floor_itself_is_accepted(visitor: Callable[..., Visitor]) -> None:
    alice = visitor()
    alice.expect_refusal(SIGN_IN)
    page = alice.tab(SIGN_IN)
    page.route("**/auth/prelogin", prelogin(m=19_456, t=2, p=1))
    sent = listen(page)
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page.get_by_text("The e-mail address and the password do not match.")).to_be_visible()
    assert [body.keys() for body in bodies(sent, SIGN_IN)] == [{"login", "client_key"}]


def test_while_the_cost_is_raised_both_keys_are_sent(visitor: Callable[..., Visitor]) -> None:
    alice = visitor()
    page = alice.tab(SIGN_IN)
    cheap = {**KDF, "m": 19_456, "t": 2, "p": 1}
    first, second = VECTORS["vectors"][3], VECTORS["vectors"][0]
    both = answer(kdf=cheap, salt=first["salt"], next={"kdf": KDF, "salt": second["salt"]})
    page.route("**/auth/prelogin", both)
    refusal = {"type": "about:blank", "title": "No.", "status": 401, "code": "credentials.invalid"}
    page.route(
        f"**{SIGN_IN}",
        lambda route: (
            route.fulfill(status=401, json=refusal)
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    alice.expect_refusal(SIGN_IN)
    sent = listen(page)
    fill_in_sign_in(page, first["login"], first["password"])
    expect(page.get_by_text("The e-mail address and the password do not match.")).to_be_visible()
    keys = {"client_key": first["client_key"], "next_key": second["client_key"]}
    assert bodies(sent, SIGN_IN) == [{"login": first["login"], **keys}]


def test_a_weak_second_set_is_refused_like_a_weak_first_one(
    visitor: Callable[..., Visitor],
) -> None:
    page = visitor().tab(SIGN_IN)
    weak = {"kdf": {**KDF, "t": 1}, "salt": SALT}
    page.route("**/auth/prelogin", answer(kdf=KDF, salt=SALT, next=weak))
    sent = listen(page)
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page.get_by_role("alert").first).to_contain_text("weaker protection")
    assert bodies(sent, SIGN_IN) == []


def test_while_passwords_are_imported_a_refused_key_is_followed_by_the_password(
    visitor: Callable[..., Visitor],
) -> None:
    """API.md: for every login, so that nothing tells whose password comes from elsewhere."""
    alice = visitor()
    alice.expect_refusal(SIGN_IN)
    page = alice.tab(f"{SIGN_IN}?next=/")
    page.route("**/auth/config", answer(password_retry=True))
    page.route("**/auth/prelogin", prelogin())  # another salt: the key is not the one stored
    sent = listen(page)
    fill_in_sign_in(page, ALICE, PASSWORD)
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    first, second = bodies(sent, SIGN_IN)
    assert first.keys() == {"login", "client_key"}
    assert second == {"login": ALICE, "password": PASSWORD}


#: Runs one task of 60 ms in the page, then derives with four times the usual work; gives the
#: longest task that Chromium has reported of each.
WATCH = """async (kdf) => {
  const { clientKey } = await import("/auth/static/ringfence.js");
  const moment = () => new Promise((resolve) => setTimeout(resolve, 100));
  let longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ type: "longtask" });
  setTimeout(() => {
    const end = performance.now() + 60;
    while (performance.now() < end);
  });
  await moment();
  await moment();
  const control = longest;
  longest = 0;
  await clientKey("violet kettle", "A".repeat(22), { ...kdf, t: 4 * kdf.t });
  await moment();
  return [control, longest];
}"""


def test_deriving_never_holds_the_page_up_for_50_ms(visitor: Callable[..., Visitor]) -> None:
    """Chromium reports every task of 50 ms or more.

    A busy machine can hold any task up, so one quiet derivation of five is enough: work that was
    done in the page would be there each time.
    """
    page = visitor().tab(SIGN_IN)
    seen: list[float] = []
    while not seen or (min(seen) > 0 and len(seen) < 5):
        control, longest = page.evaluate(WATCH, KDF)
        assert control >= 50
        seen.append(longest)
    assert min(seen) == 0


def test_the_page_says_that_a_key_is_being_derived(visitor: Callable[..., Visitor]) -> None:
    admin = visitor()
    page = admin.tab(f"{SIGN_IN}?next=/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/derive.js", hold)
    fill_in_sign_in(page, ADMIN, PASSWORD)
    expect(page.get_by_role("status")).to_have_text("Turning your password into a key…")
    busy = page.get_by_role("button", name="Sign in")
    expect(busy).to_have_css("color", "rgba(0, 0, 0, 0)")  # under the ring, with the mouse on it
    expect(page.locator("[data-deriving]")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def test_the_worker_may_compile_and_reach_nothing_and_the_page_may_not_compile(
    shop: Shop, visitor: Callable[..., Visitor]
) -> None:
    page = visitor().tab(SIGN_IN)
    worker = page.request.get(f"{shop.address}/auth/static/derive.js")
    policy = worker.headers["content-security-policy"]
    assert (
        policy == "default-src 'none'; frame-ancestors 'none'; script-src 'self' 'wasm-unsafe-eval'"
    )
    again = page.request.get(
        f"{shop.address}/auth/static/derive.js", headers={"if-none-match": worker.headers["etag"]}
    )
    assert (again.status, again.headers["content-security-policy"]) == (304, policy)
    strict = page.request.get(f"{shop.address}{SIGN_IN}").headers["content-security-policy"]
    assert "wasm-unsafe-eval" not in strict
