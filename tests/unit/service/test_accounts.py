"""Getting an account and a new password, as a client sees it."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from ringfence.authn.keys import Keys
from ringfence.core.codes import Layer
from ringfence.service.wire import base64url
from tests.unit.authn.flows import ALICE, PASSWORD, Mailbox
from tests.unit.service.harness import CLIENT_KEY, COOKIE, ORIGIN, House, Visitor, bearer, opened

CAROL = "carol@example.com"
NEW = "granite lantern walks slowly"


def code(response: httpx2.Response) -> str:
    return response.json()["code"]


async def mailed(house: House) -> str:
    """The token of the link that was mailed last."""
    await house.service.courier.idle()
    return house.mailbox.token()


async def test_a_newcomer_gets_an_account_by_mail_and_signs_in(
    house: House, visitor: Visitor
) -> None:
    asked = await visitor.post("/auth/sign-up", {"login": CAROL, "name": "Carol"})
    assert (asked.status_code, asked.content) == (202, b"")
    body = {"token": await mailed(house), "password": PASSWORD}
    proven = await visitor.post("/auth/verify-email", body)
    assert proven.status_code == 200
    assert proven.headers["set-cookie"].startswith(f"{COOKIE}=rf_rt_")
    me = await visitor.http.get("/auth/me", headers=bearer(proven.json()["access_token"]))
    assert (me.json()["login"], me.json()["aal"]) == (CAROL, 1)
    signed_in = await visitor.post("/auth/sign-in", {"login": CAROL, "password": PASSWORD})
    assert signed_in.status_code == 200
    done = ["signup.asked", "account.created", "signin.done", "signin.done", "session.ended"]
    assert house.sink.codes == done


async def test_a_link_works_once(house: House, visitor: Visitor) -> None:
    await visitor.post("/auth/sign-up", {"login": CAROL})
    body = {"token": await mailed(house), "password": PASSWORD}
    assert (await visitor.post("/auth/verify-email", body)).status_code == 200
    again = await visitor.post("/auth/verify-email", body)
    assert (again.status_code, code(again)) == (400, "link.invalid")


async def tries(house: House, path: str, token: str) -> list[str]:
    """What 30 uses of one link with a common password are answered, each from another address."""
    body = {"token": token, "password": "password" * 3}
    visitors = [Visitor(house, f"198.51.100.{number}") for number in range(30)]
    return [code(await visitor.post(path, body)) for visitor in visitors]


LINKS = [
    ("/auth/sign-up", "/auth/verify-email", CAROL, "signup.limited"),
    ("/auth/password/forgot", "/auth/password/reset", ALICE, "recovery.limited"),
]


@pytest.mark.parametrize(("asked", "used", "login", "limited"), LINKS)
async def test_uses_of_one_link_are_charged_to_the_link(
    house: House, visitor: Visitor, asked: str, used: str, login: str, limited: str
) -> None:
    """Each costs the judging of a password, or an Argon2id, and none spends the link."""
    await visitor.post(asked, {"login": login})
    token = await mailed(house)
    assert await tries(house, used, token) == ["password.common"] * 10 + [limited] * 20
    house.pass_time(timedelta(minutes=5))
    assert (await tries(house, used, token))[:2] == ["password.common", limited]


async def test_uses_of_another_link_are_not_charged_to_it(house: House, visitor: Visitor) -> None:
    """The pair: addresses alone would let all 30 through."""
    await visitor.post("/auth/sign-up", {"login": CAROL})
    token = await mailed(house)
    assert set(await tries(house, "/auth/verify-email", "rf_ln_" + "A" * 43)) == {
        "link.invalid",
        "signup.limited",
    }
    body = {"token": token, "password": PASSWORD}
    assert (await visitor.post("/auth/verify-email", body)).status_code == 200


async def test_a_password_cannot_be_planted_at_sign_up(visitor: Visitor) -> None:
    """Ledger 1 and 2: there is no field for it."""
    body = {"login": CAROL, "password": PASSWORD}
    assert code(await visitor.post("/auth/sign-up", body)) == "body.invalid"


@pytest.mark.parametrize("name", ["a\r\nBcc: x@example.com", "\x00", "x" * 101, "\u202eevil"])
async def test_a_name_that_is_no_name_is_refused(visitor: Visitor, name: str) -> None:
    body = {"login": CAROL, "name": name}
    assert code(await visitor.post("/auth/sign-up", body)) == "body.invalid"


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/password/forgot"])
async def test_nobody_learns_who_has_an_account(house: House, visitor: Visitor, path: str) -> None:
    """Ledger 24; ATTACKS U03: bytes, headers, and what is written before the answer."""
    known = await visitor.post(path, {"login": ALICE})
    unknown = await visitor.post(path, {"login": CAROL})
    assert known.status_code == unknown.status_code == 202
    assert (known.content, known.headers) == (unknown.content, unknown.headers)


class Stuck(Mailbox):
    """A mailer that does not come back before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def send(self, to: str, subject: str, text: str) -> None:
        await self.go_on.wait()
        await super().send(to, subject, text)


async def answered_before_the_mail(house: House, stuck: Stuck, path: str) -> bool:
    """Whether an answer comes while the mail is stuck."""
    post = asyncio.create_task(Visitor(house).post(path, {"login": ALICE}))
    for _ in range(50):
        await asyncio.sleep(0)
    answered = post.done()
    stuck.go_on.set()
    assert (await post).status_code == 202
    await house.service.courier.idle()
    assert len(stuck.mails) == 1
    return answered


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/password/forgot"])
async def test_the_answer_does_not_wait_for_the_mail(keys: Keys, path: str) -> None:
    """Ledger 24: its time tells nothing, because the look-up comes after it."""
    stuck = Stuck()
    async with opened(keys, mailer=stuck) as house:
        assert await answered_before_the_mail(house, stuck, path)


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/password/forgot"])
async def test_with_the_layer_off_the_answer_waits_for_the_mail(keys: Keys, path: str) -> None:
    """The pair of the test above: its time tells who has an account."""
    stuck = Stuck()
    async with opened(keys, off={Layer.AUTHN}, mailer=stuck) as house:
        assert not await answered_before_the_mail(house, stuck, path)


POISON = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil"}


async def poisoned(house: House) -> str:
    """The mail that a request with a poisoned host leads to."""
    await Visitor(house).post("/auth/password/forgot", {"login": ALICE}, **POISON)
    await house.service.courier.idle()
    return house.mailbox.mails[-1][2]


async def test_no_header_changes_the_link_that_is_mailed(house: House) -> None:
    """Ledger 25; ATTACKS H02."""
    text = await poisoned(house)
    assert "evil" not in text
    assert f"{ORIGIN}/auth/reset#token=rf_ln_" in text
    assert "link.built" in [trace.name for trace in house.exchanges[-1].traces]


async def test_with_the_layer_off_a_header_changes_the_link(naked: House) -> None:
    """The pair of the test above."""
    assert "https://evil.example/auth/reset#token=" in await poisoned(naked)


async def test_a_link_leads_to_where_the_service_is_mounted(house: House) -> None:
    """Behind a server with a path prefix, such as the naked twin's."""
    transport = httpx2.ASGITransport(app=house, root_path="/twin")
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        await client.post("/auth/password/forgot", content=b'{"login": "alice@example.com"}')
    await house.service.courier.idle()
    assert f"{ORIGIN}/twin/auth/reset#token=" in house.mailbox.mails[-1][2]


async def test_a_reset_ends_every_session_signs_nobody_in_and_tells_the_owner(
    house: House, visitor: Visitor
) -> None:
    """ATTACKS U17; Ledger 9."""
    token = await visitor.sign_in()
    await visitor.post("/auth/password/forgot", {"login": ALICE})
    body = {"token": await mailed(house), "password": NEW}
    reset = await visitor.post("/auth/password/reset", body)
    assert (reset.status_code, reset.content) == (204, b"")
    assert "set-cookie" not in reset.headers
    assert (await visitor.http.get("/auth/me", headers=bearer(token))).status_code == 401
    assert (await visitor.post("/auth/refresh")).status_code == 401
    signed_in = await visitor.post("/auth/sign-in", {"login": ALICE, "password": NEW})
    assert signed_in.status_code == 200
    await house.service.courier.idle()
    assert house.mailbox.mails[-1][1] == "Your password at shop.example was changed"


async def test_a_weak_password_does_not_burn_the_link(house: House, visitor: Visitor) -> None:
    await visitor.post("/auth/password/forgot", {"login": ALICE})
    token = await mailed(house)
    weak = await visitor.post("/auth/password/reset", {"token": token, "password": "short"})
    assert (weak.status_code, code(weak)) == (422, "password.too_short")
    good = await visitor.post("/auth/password/reset", {"token": token, "password": NEW})
    assert good.status_code == 204


async def test_a_change_answers_with_fresh_tokens_and_kills_all_older_ones(house: House) -> None:
    """DESIGN section 6, versions."""
    laptop, phone = Visitor(house), Visitor(house)
    await phone.post("/auth/password/forgot", {"login": ALICE})
    await laptop.post("/auth/password/reset", {"token": await mailed(house), "password": PASSWORD})
    body = {"login": ALICE, "password": PASSWORD}
    old = (await laptop.post("/auth/sign-in", body)).json()["access_token"]
    other = (await phone.post("/auth/sign-in", body)).json()["access_token"]
    changed = await laptop.post(
        "/auth/password/change", {"current": PASSWORD, "new": NEW}, **bearer(old)
    )
    assert changed.status_code == 200
    fresh = changed.json()["access_token"]
    assert (await laptop.http.get("/auth/me", headers=bearer(fresh))).status_code == 200
    for dead in (old, other):
        assert (await laptop.http.get("/auth/me", headers=bearer(dead))).status_code == 401
    assert (await phone.post("/auth/refresh")).status_code == 401
    assert (await laptop.post("/auth/refresh")).status_code == 200
    assert "password.changed" in house.sink.codes
    await house.service.courier.idle()
    assert house.mailbox.mails[-1][1] == "Your password at shop.example was changed"


async def test_a_change_needs_the_current_password(house: House, visitor: Visitor) -> None:
    token = await visitor.sign_in()
    body = {"current": "not the password", "new": NEW}
    refused = await visitor.post("/auth/password/change", body, **bearer(token))
    assert (refused.status_code, code(refused)) == (401, "credentials.invalid")
    assert (await visitor.http.get("/auth/me", headers=bearer(token))).status_code == 200


async def test_the_key_of_the_current_password_is_enough_for_a_change(
    house: House, visitor: Visitor
) -> None:
    """The new password comes in full, so that it is judged; the old one need not come at all."""
    token = await visitor.sign_in()
    wrong = {"current_key": base64url(bytes(32)), "new": NEW}
    refused = await visitor.post("/auth/password/change", wrong, **bearer(token))
    assert (refused.status_code, code(refused)) == (401, "credentials.invalid")
    right = {"current_key": base64url(CLIENT_KEY), "new": NEW}
    changed = await visitor.post("/auth/password/change", right, **bearer(token))
    assert changed.status_code == 200
    body = {"login": ALICE, "password": NEW}
    assert (await Visitor(house).post("/auth/sign-in", body)).status_code == 200


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"current": PASSWORD, "current_key": base64url(CLIENT_KEY)},
        {"current": PASSWORD, "next_key": base64url(CLIENT_KEY)},
        {"current_key": "short"},
    ],
    ids=str,
)
async def test_a_change_is_proven_in_one_way(visitor: Visitor, proof: dict[str, str]) -> None:
    token = await visitor.sign_in()
    body = {**proof, "new": NEW}
    refused = await visitor.post("/auth/password/change", body, **bearer(token))
    assert (refused.status_code, code(refused)) == (422, "body.invalid")


@pytest.mark.parametrize(
    ("path", "limited"),
    [("/auth/sign-up", "signup.limited"), ("/auth/password/forgot", "recovery.limited")],
)
@pytest.mark.parametrize("login", [ALICE, CAROL])
async def test_nobody_floods_a_mailbox(house: House, path: str, limited: str, login: str) -> None:
    """MUSTS T04: known and unknown logins alike, from however many addresses."""
    for number in range(3):
        visitor = Visitor(house, f"198.51.100.{number}")
        assert (await visitor.post(path, {"login": login})).status_code == 202
    refused = await Visitor(house, "198.51.100.99").post(path, {"login": login})
    assert (refused.status_code, code(refused)) == (429, limited)
    assert float(refused.headers["retry-after"]) == 30 * 60
    house.pass_time(timedelta(minutes=30))
    assert (await Visitor(house).post(path, {"login": login})).status_code == 202


async def test_with_the_layer_off_a_mailbox_is_flooded(naked: House) -> None:
    """The pair of the test above."""
    visitor = Visitor(naked)
    for _ in range(50):
        await visitor.post("/auth/password/forgot", {"login": ALICE})
    assert len(naked.mailbox.mails) == 50


@pytest.mark.parametrize(
    ("path", "body", "limited"),
    [
        ("/auth/sign-up", {"login": "u{}@example.com"}, "signup.limited"),
        ("/auth/password/forgot", {"login": "u{}@example.com"}, "recovery.limited"),
        ("/auth/verify-email", {"token": "rf_ln_{}", "password": PASSWORD}, "signup.limited"),
        ("/auth/password/reset", {"token": "rf_ln_{}", "password": PASSWORD}, "recovery.limited"),
    ],
)
async def test_every_credential_route_is_limited_by_address(
    visitor: Visitor, path: str, body: dict[str, str], limited: str
) -> None:
    """MUSTS T04."""
    for number in range(20):
        filled = {key: value.format(number) for key, value in body.items()}
        assert (await visitor.post(path, filled)).status_code in (202, 400)
    assert code(await visitor.post(path, body)) == limited


async def test_refreshing_is_limited_by_address(visitor: Visitor) -> None:
    codes = [code(await visitor.post("/auth/refresh")) for _ in range(301)]
    assert codes == ["refresh.missing"] * 300 + ["refresh.limited"]


async def test_whoever_resets_the_password_gets_in_although_strangers_used_up_the_limit(
    house: House, visitor: Visitor
) -> None:
    """ATTACKS U18."""
    wrong = {"login": ALICE, "client_key": base64url(bytes(32))}
    for number in range(30):
        await Visitor(house, f"198.51.100.{number}").post("/auth/sign-in", wrong)
    await visitor.post("/auth/password/forgot", {"login": ALICE})
    body = {"token": await mailed(house), "password": NEW}
    assert (await visitor.post("/auth/password/reset", body)).status_code == 204
    signed_in = await visitor.post("/auth/sign-in", {"login": ALICE, "password": NEW})
    assert signed_in.status_code == 200


async def test_no_event_holds_a_login_a_password_or_a_token(house: House, visitor: Visitor) -> None:
    """MUSTS L02."""
    await visitor.post("/auth/sign-up", {"login": CAROL})
    token = await mailed(house)
    await visitor.post("/auth/verify-email", {"token": token, "password": PASSWORD})
    await visitor.post("/auth/password/forgot", {"login": CAROL})
    written = str(house.sink.events)
    assert "account.created" in house.sink.codes
    for secret in ("carol", PASSWORD, token, "rf_"):
        assert secret not in written


async def test_where_strangers_may_not_sign_up_there_is_no_such_route(keys: Keys) -> None:
    async with opened(keys, sign_up=False) as house:
        visitor = Visitor(house)
        assert (await visitor.post("/auth/sign-up", {"login": CAROL})).status_code == 404
        assert (await visitor.http.get("/auth/sign-up")).status_code == 404
        assert (await visitor.http.get("/auth/config")).json()["sign_up"] is False
