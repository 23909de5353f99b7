"""Second factors, as a client sees them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from pyotp.totp import TOTP

from ringfence.authn.keys import Keys
from ringfence.service.wire import base64url
from tests.unit.authn.flows import ALICE
from tests.unit.service.harness import CLIENT_KEY, House, Visitor, bearer, opened

KEY = base64url(CLIENT_KEY)
STEP = timedelta(seconds=30)
PASSWORD = {"login": ALICE, "client_key": KEY}


def code(response: httpx2.Response) -> str:
    return response.json()["code"]


class App:
    """An authenticator app with one secret, at the house's time."""

    def __init__(self, house: House, secret: str) -> None:
        self._house = house
        self._totp = TOTP(secret)

    def code(self, steps: int = 0) -> str:
        return self._totp.at(self._house.now, counter_offset=steps)


async def enrolled(house: House, visitor: Visitor) -> tuple[App, dict[str, Any]]:
    """Sign in, and set up an app; its last code is spent, so a step goes by."""
    access = bearer(await visitor.sign_in())
    setup = (await visitor.post("/auth/factors/totp", **access)).json()
    app = App(house, setup["secret"])
    body = {"ticket": setup["ticket"], "code": app.code()}
    response = await visitor.post("/auth/factors/totp/confirm", body, **access)
    assert response.status_code == 200, response.text
    house.pass_time(STEP)
    return app, response.json()


async def ticket(visitor: Visitor) -> str:
    """What the right password gives."""
    body = (await visitor.post("/auth/sign-in", PASSWORD)).json()
    assert body["next"] == "mfa"
    return body["ticket"]


async def me(visitor: Visitor, access: str) -> dict[str, Any]:
    return (await visitor.http.get("/auth/me", headers=bearer(access))).json()


# ------------------------------------------------------------------------------------- setting up


async def test_an_app_is_set_up_and_the_session_is_of_level_two(
    house: House, visitor: Visitor
) -> None:
    """API.md. Its owner is told."""
    old = await visitor.sign_in()
    setup = (await visitor.post("/auth/factors/totp", **bearer(old))).json()
    assert setup["uri"].startswith("otpauth://totp/shop.example:alice%40example.com?secret=")
    assert setup["qr"]["path"].startswith("M4 4h7v1h-7z")
    body = {"ticket": setup["ticket"], "code": App(house, setup["secret"]).code()}
    given = (await visitor.post("/auth/factors/totp/confirm", body, **bearer(old))).json()
    assert given["aal"] == 2
    assert len(set(given["recovery_codes"])) == 10
    about = await me(visitor, given["access_token"])
    assert (about["aal"], about["amr"]) == (2, ["pwd", "otp", "mfa"])
    assert code(await visitor.http.get("/auth/me", headers=bearer(old))) == "token.invalid"
    assert (await visitor.post("/auth/refresh")).json()["aal"] == 2
    assert "factor.added" in house.sink.codes
    await house.service.courier.idle()
    assert "How you sign in" in house.mailbox.mails[-1][1]


async def test_the_secret_is_sealed_where_it_is_stored(house: House, visitor: Visitor) -> None:
    """ATTACKS U04: a read of the database is no second factor."""
    access = bearer(await visitor.sign_in())
    setup = (await visitor.post("/auth/factors/totp", **access)).json()
    body = {"ticket": setup["ticket"], "code": App(house, setup["secret"]).code()}
    await visitor.post("/auth/factors/totp/confirm", body, **access)
    stored = (await house.stores.factors.held("alice")).totp
    assert stored is not None
    assert setup["secret"].encode() not in stored.sealed


async def test_an_abandoned_setup_does_not_gate_the_sign_in(visitor: Visitor) -> None:
    """Ledger 30."""
    await visitor.post("/auth/factors/totp", **bearer(await visitor.sign_in()))
    assert (await visitor.post("/auth/sign-in", PASSWORD)).json()["aal"] == 1


async def test_what_there_is_is_listed(house: House, visitor: Visitor) -> None:
    _, given = await enrolled(house, visitor)
    access = bearer(given["access_token"])
    items = (await visitor.http.get("/auth/factors", headers=access)).json()["items"]
    assert items == [
        {"id": "totp", "kind": "totp", "created_at": "2026-01-01T12:00:00Z"},
        {"id": "recovery_codes", "kind": "recovery_codes", "left": 10},
    ]


# -------------------------------------------------------------------------------- the second step


async def test_the_second_step_signs_in(house: House, visitor: Visitor) -> None:
    """API.md: the right password alone gives a ticket, and neither a token nor a cookie."""
    app, _ = await enrolled(house, visitor)
    browser = Visitor(house)
    response = await browser.post("/auth/sign-in", PASSWORD)
    assert response.json() == {
        "next": "mfa",
        "ticket": response.json()["ticket"],
        "factors": ["totp", "recovery_code"],
    }
    assert "set-cookie" not in response.headers
    body = {"ticket": response.json()["ticket"], "code": app.code()}
    done = await browser.post("/auth/mfa", body)
    assert (done.status_code, done.json()["aal"]) == (200, 2)
    assert code(await browser.post("/auth/mfa", body)) == "ticket.invalid"
    assert house.sink.codes[-2:] == ["factor.proven", "signin.done"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("GET", "/auth/factors"),
        ("POST", "/auth/factors/totp"),
        ("POST", "/auth/step-up"),
        ("POST", "/auth/password/change"),
        ("POST", "/auth/sign-out-everywhere"),
    ],
)
async def test_a_ticket_opens_nothing_but_the_second_step(
    house: House, visitor: Visitor, method: str, path: str
) -> None:
    """ATTACKS U13."""
    await enrolled(house, visitor)
    stranger = Visitor(house)
    half = bearer(await ticket(stranger))
    response = await stranger.http.request(method, path, headers=half, content=b"{}")
    assert (response.status_code, code(response)) == (401, "token.invalid")


async def test_a_ticket_sets_nothing_up(house: House, visitor: Visitor) -> None:
    await enrolled(house, visitor)
    body = {"ticket": await ticket(Visitor(house))}
    assert code(await visitor.post("/auth/mfa/totp", body)) == "ticket.invalid"
    confirm = {**body, "code": "123456"}
    assert code(await visitor.post("/auth/mfa/totp/confirm", confirm)) == "ticket.invalid"


@pytest.mark.parametrize("spelling", ["{}", "{0:.3} {0[3]}{0[4]}{0[5]}", " {} "])
async def test_a_code_in_another_spelling_is_the_same_code(
    house: House, visitor: Visitor, spelling: str
) -> None:
    """Ledger 27."""
    app, _ = await enrolled(house, visitor)
    shown = app.code()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in shown)
    body = {"ticket": await ticket(visitor), "code": spelling.format(shown)}
    assert (await visitor.post("/auth/mfa", body)).status_code == 200
    for again in (shown, f"{shown[:3]} {shown[3:]}", wide):
        body = {"ticket": await ticket(visitor), "code": again}
        assert code(await visitor.post("/auth/mfa", body)) == "factor.invalid"


async def test_full_width_digits_are_digits(house: House, visitor: Visitor) -> None:
    app, _ = await enrolled(house, visitor)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in app.code())
    body = {"ticket": await ticket(visitor), "code": wide}
    assert (await visitor.post("/auth/mfa", body)).status_code == 200


@pytest.mark.parametrize(
    ("steps", "expected"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)]
)
async def test_a_code_is_good_one_step_before_and_after(
    house: House, visitor: Visitor, steps: int, expected: int
) -> None:
    app, _ = await enrolled(house, visitor)
    house.pass_time(10 * STEP)
    body = {"ticket": await ticket(visitor), "code": app.code(steps)}
    assert (await visitor.post("/auth/mfa", body)).status_code == expected


async def test_an_older_code_is_dead_once_a_newer_one_was_used(
    house: House, visitor: Visitor
) -> None:
    """Ledger 27."""
    app, _ = await enrolled(house, visitor)
    house.pass_time(10 * STEP)
    body = {"ticket": await ticket(visitor), "code": app.code(1)}
    assert (await visitor.post("/auth/mfa", body)).status_code == 200
    body = {"ticket": await ticket(visitor), "code": app.code()}
    assert code(await visitor.post("/auth/mfa", body)) == "factor.invalid"


async def test_of_fifty_parallel_uses_of_a_code_one_succeeds(
    house: House, visitor: Visitor
) -> None:
    """Ledger 23, 27."""
    app, _ = await enrolled(house, visitor)
    tickets = [await ticket(visitor) for _ in range(10)]
    bodies = [{"ticket": each, "code": app.code()} for each in tickets for _ in range(5)]
    answers = await asyncio.gather(*(visitor.post("/auth/mfa", body) for body in bodies))
    assert [each.status_code for each in answers].count(200) == 1
    assert {each.status_code for each in answers} <= {200, 401, 429}


async def test_a_ticket_takes_five_tries(house: House, visitor: Visitor) -> None:
    """ATTACKS U12."""
    app, _ = await enrolled(house, visitor)
    shown = await ticket(visitor)
    for _ in range(5):
        wrong = {"ticket": shown, "code": "000000"}
        assert code(await visitor.post("/auth/mfa", wrong)) == "factor.invalid"
    right = {"ticket": shown, "code": app.code()}
    assert code(await visitor.post("/auth/mfa", right)) == "ticket.invalid"


async def test_an_account_takes_twenty_wrong_codes_a_day_whatever_is_sent_again(
    house: House, visitor: Visitor
) -> None:
    """MUSTS T03, Ledger 30: tickets, factors and step-ups count together."""
    app, _given = await enrolled(house, visitor)
    shown = ""
    for number in range(20):
        if number % 5 == 0:
            shown = await ticket(visitor)
        kind = {"code": "000000"} if number % 2 else {"recovery_code": "A" * 26}
        answer = await visitor.post("/auth/mfa", {"ticket": shown, **kind})
        assert code(answer) == "factor.invalid"
    right = {"ticket": await ticket(visitor), "code": app.code()}
    refused = await visitor.post("/auth/mfa", right)
    assert code(refused) == "factor.limited"
    assert float(refused.headers["retry-after"]) > 86_000
    house.pass_time(timedelta(hours=24))
    right = {"ticket": await ticket(visitor), "code": app.code()}
    assert (await visitor.post("/auth/mfa", right)).status_code == 200


async def test_right_codes_use_up_nothing(house: House, visitor: Visitor) -> None:
    app, _ = await enrolled(house, visitor)
    for _ in range(21):
        house.pass_time(STEP)
        body = {"ticket": await ticket(visitor), "code": app.code()}
        assert (await visitor.post("/auth/mfa", body)).status_code == 200


async def test_a_ticket_dies_with_a_new_password(house: House, visitor: Visitor) -> None:
    """Ledger 9."""
    app, _ = await enrolled(house, visitor)
    body = {"ticket": await ticket(visitor), "code": app.code()}
    await house.stores.accounts.sign_out_everywhere("alice", house.now)
    assert code(await visitor.post("/auth/mfa", body)) == "ticket.invalid"


async def test_a_ticket_dies_after_five_minutes(house: House, visitor: Visitor) -> None:
    app, _ = await enrolled(house, visitor)
    shown = await ticket(visitor)
    house.pass_time(timedelta(minutes=5))
    body = {"ticket": shown, "code": app.code()}
    assert code(await visitor.post("/auth/mfa", body)) == "ticket.invalid"


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": "x"},
        {"ticket": "x", "code": "1", "recovery_code": "2"},
        {"code": "123456"},
        {"ticket": "x", "code": 123456},
    ],
)
async def test_what_does_not_fit_is_refused(visitor: Visitor, body: object) -> None:
    assert code(await visitor.post("/auth/mfa", body)) == "body.invalid"


@pytest.mark.parametrize("wrong", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦٧", "9" * 10_000, "\0"])
async def test_what_is_no_code_is_a_wrong_code(house: House, visitor: Visitor, wrong: str) -> None:
    await enrolled(house, visitor)
    shown = await ticket(visitor)
    for kind in ("code", "recovery_code"):
        answer = await visitor.post("/auth/mfa", {"ticket": shown, kind: wrong})
        assert code(answer) == "factor.invalid"


# --------------------------------------------------------------------------------- recovery codes


async def test_a_recovery_code_signs_in_once(house: House, visitor: Visitor) -> None:
    """In whatever case and groups it was typed; the owner is told."""
    _, given = await enrolled(house, visitor)
    typed = given["recovery_codes"][0].lower().replace("-", " ")
    body = {"ticket": await ticket(visitor), "recovery_code": typed}
    assert (await visitor.post("/auth/mfa", body)).json()["aal"] == 2
    body = {"ticket": await ticket(visitor), "recovery_code": typed}
    assert code(await visitor.post("/auth/mfa", body)) == "factor.invalid"
    assert (await house.stores.factors.held("alice")).recovery_codes == 9


async def test_new_codes_take_the_place_of_the_old(house: House, visitor: Visitor) -> None:
    _, given = await enrolled(house, visitor)
    access = bearer(given["access_token"])
    made = (await visitor.post("/auth/factors/recovery-codes", **access)).json()["recovery_codes"]
    old = {"ticket": await ticket(visitor), "recovery_code": given["recovery_codes"][0]}
    assert code(await visitor.post("/auth/mfa", old)) == "factor.invalid"
    new = {"ticket": await ticket(visitor), "recovery_code": made[0]}
    assert (await visitor.post("/auth/mfa", new)).status_code == 200


async def test_there_are_no_recovery_codes_without_a_factor(visitor: Visitor) -> None:
    access = bearer(await visitor.sign_in())
    assert code(await visitor.post("/auth/factors/recovery-codes", **access)) == "resource.missing"


# ------------------------------------------------------------------------- showing it again (O10)


async def test_factors_change_for_whoever_has_shown_lately_who_they_are(
    house: House, visitor: Visitor
) -> None:
    """MUSTS O10, Ledger 29; the session that stepped up takes the place of the one before."""
    app, _given = await enrolled(house, visitor)
    house.pass_time(timedelta(minutes=10))
    old = (await visitor.post("/auth/refresh")).json()["access_token"]
    for path in ("/auth/factors/totp", "/auth/factors/recovery-codes"):
        assert code(await visitor.post(path, **bearer(old))) == "aal.stale"
    removal = await visitor.http.delete("/auth/factors/totp", headers=bearer(old))
    assert code(removal) == "aal.stale"
    stepped = await visitor.post("/auth/step-up", {"code": app.code()}, **bearer(old))
    assert (stepped.status_code, stepped.json()["aal"]) == (200, 2)
    assert code(await visitor.http.get("/auth/me", headers=bearer(old))) == "token.invalid"
    fresh = bearer(stepped.json()["access_token"])
    assert (await visitor.http.delete("/auth/factors/totp", headers=fresh)).status_code == 204
    assert (await visitor.post("/auth/sign-in", PASSWORD)).json()["aal"] == 1


async def test_a_session_of_level_one_changes_no_factor_of_an_account_that_has_some(
    house: House, visitor: Visitor
) -> None:
    """Ledger 29: a session from before, or a stolen one."""
    thief = Visitor(house)
    stolen = bearer(await thief.sign_in())
    app, _ = await enrolled(house, visitor)
    answer = await thief.http.delete("/auth/factors/totp", headers=stolen)
    assert (answer.status_code, code(answer)) == (403, "aal.insufficient")
    by_password = await thief.post("/auth/step-up", {"client_key": KEY}, **stolen)
    assert code(by_password) == "aal.insufficient"
    by_code = await thief.post("/auth/step-up", {"code": app.code()}, **stolen)
    assert by_code.status_code == 200


async def test_a_password_is_shown_again_where_there_is_nothing_stronger(
    house: House, visitor: Visitor
) -> None:
    await visitor.sign_in()
    house.pass_time(timedelta(minutes=10))
    old = bearer((await visitor.post("/auth/refresh")).json()["access_token"])
    assert code(await visitor.post("/auth/factors/totp", **old)) == "aal.stale"
    wrong = {"client_key": base64url(bytes(32))}
    assert code(await visitor.post("/auth/step-up", wrong, **old)) == "credentials.invalid"
    done = await visitor.post("/auth/step-up", {"client_key": KEY}, **old)
    fresh = bearer(done.json()["access_token"])
    assert (await visitor.post("/auth/factors/totp", **fresh)).status_code == 200


async def test_a_session_takes_five_wrong_codes_in_ten_minutes(
    house: House, visitor: Visitor
) -> None:
    app, given = await enrolled(house, visitor)
    access = bearer(given["access_token"])
    for _ in range(5):
        wrong = await visitor.post("/auth/step-up", {"code": "000000"}, **access)
        assert code(wrong) == "factor.invalid"
    right = {"code": app.code()}
    assert code(await visitor.post("/auth/step-up", right, **access)) == "factor.limited"


async def test_the_sessions_of_other_devices_end_for_whoever_has_shown_it_lately(
    house: House, visitor: Visitor
) -> None:
    """ASVS 5.0 7.5.2; one's own ends at any time."""
    await visitor.sign_in()
    other = Visitor(house)
    await other.sign_in()
    house.pass_time(timedelta(minutes=10))
    access = bearer((await visitor.post("/auth/refresh")).json()["access_token"])
    items = (await visitor.http.get("/auth/sessions", headers=access)).json()["items"]
    foreign = next(each["id"] for each in items if not each["current"])
    own = next(each["id"] for each in items if each["current"])
    refused = await visitor.http.delete(f"/auth/sessions/{foreign}", headers=access)
    assert code(refused) == "aal.stale"
    ended = await visitor.http.delete(f"/auth/sessions/{own}", headers=access)
    assert ended.status_code == 204


async def test_a_password_changes_with_the_second_factor_and_keeps_the_level(
    house: House, visitor: Visitor
) -> None:
    _, given = await enrolled(house, visitor)
    body = {"current_key": KEY, "new": "brass lantern hums at noon"}
    thief = bearer(given["access_token"])
    house.pass_time(timedelta(minutes=10))
    assert code(await visitor.post("/auth/password/change", body, **thief)) == "aal.stale"
    house.pass_time(timedelta(minutes=-5))
    changed = await visitor.post("/auth/password/change", body, **thief)
    assert (changed.status_code, changed.json()["aal"]) == (200, 2)


async def test_a_reset_password_does_not_take_the_second_factor_away(
    house: House, visitor: Visitor
) -> None:
    """ASVS 6.4.3, MUSTS F02, ATTACKS U17."""
    _app, _ = await enrolled(house, visitor)
    await visitor.post("/auth/password/forgot", {"login": ALICE})
    await house.service.courier.idle()
    new = "brass lantern hums at noon"
    body = {"token": house.mailbox.token(), "password": new}
    assert (await visitor.post("/auth/password/reset", body)).status_code == 204
    answer = await visitor.post("/auth/sign-in", {"login": ALICE, "password": new})
    assert answer.json()["next"] == "mfa"


# ------------------------------------------------------------------- roles that must have a factor


async def test_a_role_that_must_have_a_factor_has_time_and_then_sets_one_up(keys: Keys) -> None:
    """At the end of the grace nobody is locked out: the ticket leads to setting one up."""
    async with opened(keys, mfa_roles=frozenset({"user"}), mfa_grace=timedelta(days=7)) as house:
        visitor = Visitor(house)
        first = (await visitor.post("/auth/sign-in", PASSWORD)).json()
        assert (first["aal"], first["mfa_due"]) == (1, "2026-01-08T12:00:00Z")
        house.pass_time(timedelta(days=7))
        asked = (await visitor.post("/auth/sign-in", PASSWORD)).json()
        assert (asked["next"], asked["factors"]) == ("enrol", ["totp"])
        half = bearer(asked["ticket"])
        assert code(await visitor.http.get("/auth/me", headers=half)) == "token.invalid"
        setup = (await visitor.post("/auth/mfa/totp", {"ticket": asked["ticket"]})).json()
        app = App(house, setup["secret"])
        body = {"ticket": setup["ticket"], "code": app.code()}
        done = (await visitor.post("/auth/mfa/totp/confirm", body)).json()
        assert (done["aal"], len(done["recovery_codes"])) == (2, 10)
        access = bearer(done["access_token"])
        kept = await visitor.http.delete("/auth/factors/totp", headers=access)
        assert (kept.status_code, code(kept)) == (409, "factor.required")


async def test_an_old_ticket_does_not_replace_a_factor_that_was_set_up_since(keys: Keys) -> None:
    async with opened(keys, mfa_roles=frozenset({"user"}), mfa_grace=timedelta()) as house:
        visitor, thief = Visitor(house), Visitor(house)
        setups: list[dict[str, str]] = []
        for each in (visitor, thief):
            asked = (await each.post("/auth/sign-in", PASSWORD)).json()
            body = {"ticket": asked["ticket"]}
            setups.append((await each.post("/auth/mfa/totp", body)).json())
        answers = [
            await visitor.post(
                "/auth/mfa/totp/confirm",
                {"ticket": setup["ticket"], "code": App(house, setup["secret"]).code()},
            )
            for setup in setups
        ]
        assert [each.status_code for each in answers] == [200, 401]


async def test_other_roles_may_go_without(keys: Keys) -> None:
    async with opened(keys, mfa_roles=frozenset({"admin"}), mfa_grace=timedelta()) as house:
        answer = (await Visitor(house).post("/auth/sign-in", PASSWORD)).json()
        assert answer["aal"] == 1
        assert "mfa_due" not in answer


# --------------------------------------------------------------------------- an operator's reset


async def test_a_reset_that_is_due_lets_the_password_in(house: House, visitor: Visitor) -> None:
    await enrolled(house, visitor)
    day = timedelta(days=1)
    await house.stores.factors.schedule_reset("alice", house.now + day)
    await ticket(visitor)
    house.pass_time(day)
    assert (await visitor.post("/auth/sign-in", PASSWORD)).json()["aal"] == 1
    account = await house.stores.accounts.find("alice")
    assert account is not None
    assert (account.has_totp, account.factor_reset_at) == (False, None)
    assert house.sink.codes[-3:-1] == ["factor.reset", "signin.done"]


async def test_a_factor_that_is_added_after_a_reset_was_due_stays(
    house: House, visitor: Visitor
) -> None:
    """The session was there before, so no sign-in has carried the reset out."""
    _, signed_in = await enrolled(house, visitor)
    await house.stores.factors.schedule_reset("alice", house.now)
    access = bearer(signed_in["access_token"])
    begun = (await visitor.post("/auth/factors/totp", **access)).json()
    body = {"ticket": begun["ticket"], "code": App(house, begun["secret"]).code()}
    confirmed = await visitor.post("/auth/factors/totp/confirm", body, **access)
    assert confirmed.status_code == 200
    assert len(confirmed.json()["recovery_codes"]) == 10
    assert "factor.reset" in house.sink.codes
    assert (await visitor.post("/auth/sign-in", PASSWORD)).json()["next"] == "mfa"


async def test_whoever_shows_the_factor_calls_the_reset_off(house: House, visitor: Visitor) -> None:
    app, _ = await enrolled(house, visitor)
    await house.stores.factors.schedule_reset("alice", house.now + timedelta(days=1))
    body = {"ticket": await ticket(visitor), "code": app.code()}
    assert (await visitor.post("/auth/mfa", body)).status_code == 200
    assert "factor.reset_off" in house.sink.codes
    house.pass_time(timedelta(days=1))
    await ticket(visitor)
