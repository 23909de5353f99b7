"""Passkeys, as a browser with an authenticator sees them (Ledger 31, ATTACKS U14, MUSTS W)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from ringfence.attack.authenticator import BE, BS, RIGHT, UP, UV, Authenticator, Faults, encode
from ringfence.authn.budgets import CHALLENGES
from ringfence.service.wire import base64url
from tests.unit.authn.flows import ALICE
from tests.unit.service.harness import CLIENT_KEY, House, Visitor, bearer

PASSWORD = {"login": ALICE, "client_key": base64url(CLIENT_KEY)}
NAME = "Telefon"


def code(response: httpx2.Response) -> str:
    return response.json()["code"]


async def options(visitor: Visitor, path: str, body: object = None, **headers: str) -> Any:
    response = await visitor.post(path, body, **headers)
    assert response.status_code == 200, response.text
    return response.json()


async def registered(
    visitor: Visitor, device: Authenticator, faults: Faults = RIGHT
) -> httpx2.Response:
    """Sign in with the password, and add a passkey."""
    access = bearer(await visitor.sign_in())
    asked = await options(visitor, "/auth/factors/passkeys/options", **access)
    body = {"credential": device.create(asked, faults), "name": NAME}
    return await visitor.post("/auth/factors/passkeys", body, **access)


async def added(visitor: Visitor, **changes: Any) -> Authenticator:
    device = Authenticator(**changes)
    response = await registered(visitor, device)
    assert response.status_code == 201, response.text
    return device


async def signed_in(
    visitor: Visitor, device: Authenticator, faults: Faults = RIGHT
) -> httpx2.Response:
    """Sign in with the passkey and nothing else."""
    asked = await options(visitor, "/auth/passkey/options")
    return await visitor.post("/auth/passkey", {"credential": device.get(asked, faults)})


async def test_a_passkey_is_added_and_signs_in_alone(house: House, visitor: Visitor) -> None:
    """API.md: verified by its device, it proves two factors."""
    device = Authenticator(flags=UP | UV | BE | BS)
    given = await registered(visitor, device)
    body = given.json()
    assert (given.status_code, body["name"], len(body["recovery_codes"])) == (201, NAME, 10)
    browser = Visitor(house)
    done = await signed_in(browser, device)
    assert (done.status_code, done.json()["aal"]) == (200, 2)
    access = bearer(done.json()["access_token"])
    about = (await browser.http.get("/auth/me", headers=access)).json()
    assert (about["sub"], about["amr"]) == ("alice", ["swk", "user", "mfa"])
    items = (await browser.http.get("/auth/factors", headers=access)).json()["items"]
    assert [each["kind"] for each in items] == ["passkey", "recovery_codes"]
    assert items[0]["last_used_at"] is not None
    stored = await house.stores.factors.passkey(device.id)
    assert stored is not None
    assert (stored.eligible, stored.backed_up, stored.transports, stored.sign_count) == (
        True,
        True,
        ("hybrid", "internal"),
        1,
    )


async def test_the_options_of_a_sign_in_are_alike_for_everybody(
    house: House, visitor: Visitor
) -> None:
    """They name no passkey, so they tell of no account."""
    before = (await options(visitor, "/auth/passkey/options"))["publicKey"]
    await added(visitor)
    after = (await options(Visitor(house), "/auth/passkey/options"))["publicKey"]
    assert before.pop("challenge") != after.pop("challenge")
    assert (
        before
        == after
        == {
            "rpId": "shop.example",
            "timeout": 300_000,
            "userVerification": "required",
            "allowCredentials": [],
        }
    )


async def test_a_passkey_is_the_second_step(house: House, visitor: Visitor) -> None:
    """One that does not verify its user is a factor beside the password."""
    device = await added(visitor, flags=UP)
    body = (await visitor.post("/auth/sign-in", PASSWORD)).json()
    assert (body["next"], body["factors"]) == ("mfa", ["passkey", "recovery_code"])
    asked = await options(visitor, "/auth/mfa/passkey", {"ticket": body["ticket"]})
    assert [each["id"] for each in asked["publicKey"]["allowCredentials"]] == [encode(device.id)]
    shown = {"ticket": body["ticket"], "credential": device.get(asked)}
    done = await visitor.post("/auth/mfa", shown)
    assert (done.status_code, done.json()["aal"]) == (200, 2)
    assert code(await visitor.post("/auth/mfa", shown)) == "ticket.invalid"


async def test_who_has_the_password_alone_uses_up_no_challenge_of_the_owner(
    house: House, visitor: Visitor
) -> None:
    await added(visitor)
    thief, owner = Visitor(house), Visitor(house)
    stolen = {"ticket": (await thief.post("/auth/sign-in", PASSWORD)).json()["ticket"]}
    for _ in range(CHALLENGES.burst):
        assert (await thief.post("/auth/mfa/passkey", stolen)).status_code == 200
    assert code(await thief.post("/auth/mfa/passkey", stolen)) == "factor.limited"
    body = (await owner.post("/auth/sign-in", PASSWORD)).json()
    assert (await owner.post("/auth/mfa/passkey", {"ticket": body["ticket"]})).status_code == 200


async def test_a_passkey_that_does_not_verify_its_user_signs_in_nobody_alone(
    visitor: Visitor,
) -> None:
    """It would be one factor, and the session of level 2 (Ledger 28)."""
    device = await added(visitor, flags=UP)
    assert code(await signed_in(visitor, device)) == "factor.invalid"


async def test_a_passkey_steps_up(house: House, visitor: Visitor) -> None:
    device = await added(visitor)
    access = bearer((await visitor.post("/auth/refresh")).json()["access_token"])
    assert code(await visitor.post("/auth/factors/totp", **access)) == "aal.insufficient"
    asked = await options(visitor, "/auth/step-up/passkey", **access)
    body = {"credential": device.get(asked)}
    done = await visitor.post("/auth/step-up", body, **access)
    assert (done.status_code, done.json()["aal"]) == (200, 2)
    fresh = bearer(done.json()["access_token"])
    assert (await visitor.post("/auth/factors/totp", **fresh)).status_code == 200


async def test_a_passkey_works_when_the_tries_of_codes_are_used_up(
    house: House, visitor: Visitor
) -> None:
    device = await added(visitor)
    for number in range(20):
        if number % 5 == 0:
            shown = (await visitor.post("/auth/sign-in", PASSWORD)).json()["ticket"]
            await visitor.post("/auth/mfa", {"ticket": shown, "code": "000000"})
    assert (await signed_in(visitor, device)).status_code == 200


async def test_an_account_has_several_with_names(house: House, visitor: Visitor) -> None:
    phone = await added(visitor)
    done = (await signed_in(visitor, phone)).json()
    access = bearer(done["access_token"])
    asked = await options(visitor, "/auth/factors/passkeys/options", **access)
    known = asked["publicKey"]["excludeCredentials"]
    assert [each["id"] for each in known] == [encode(phone.id)]
    key = Authenticator()
    body = {"credential": key.create(asked), "name": "Schlüssel"}
    given = await visitor.post("/auth/factors/passkeys", body, **access)
    assert given.status_code == 201
    assert "recovery_codes" not in given.json()
    path = f"/auth/factors/{encode(phone.id)}"
    renamed = await visitor.http.patch(path, headers=access, json={"name": "Altes Telefon"})
    assert renamed.status_code == 204
    removed = await visitor.http.delete(path, headers=access)
    assert removed.status_code == 204
    items = (await visitor.http.get("/auth/factors", headers=access)).json()["items"]
    assert [each.get("name") for each in items] == ["Schlüssel", None]
    assert code(await signed_in(visitor, phone)) == "factor.invalid"


# ------------------------------------------------------------------------- one mutant for each step


@pytest.mark.parametrize(
    "faults",
    [
        Faults(type="webauthn.get"),
        Faults(challenge=encode(bytes(32))),
        Faults(origin="https://shop.example.evil"),
        Faults(origin="http://shop.example"),
        Faults(cross_origin=True),
        Faults(top_origin="https://evil.example"),
        Faults(rp_id="evil.example"),
        Faults(flags=UV),
        Faults(flags=UP | UV | BS),
        Faults(credential=encode(b"another")),
        Faults(credential=""),
        Faults(algorithm=-65535),
    ],
    ids=str,
)
async def test_a_registration_that_fails_one_step_is_refused(
    visitor: Visitor, faults: Faults
) -> None:
    """WebAuthn Level 3 section 7.1, MUSTS W03."""
    if faults == Faults(credential=""):
        response = await registered(visitor, Authenticator(id=bytes(1024)))
    else:
        response = await registered(visitor, Authenticator(), faults)
    assert (response.status_code, code(response)) == (401, "factor.invalid")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(type="webauthn.create"),
        Faults(challenge=encode(bytes(32))),
        Faults(origin="https://evil.example"),
        Faults(cross_origin=True),
        Faults(top_origin="https://evil.example"),
        Faults(rp_id="evil.example"),
        Faults(flags=UV | BE),
        Faults(flags=UP | BE),
        Faults(flags=UP | UV),
        Faults(flags=UP | UV | BS),
        Faults(handle=encode(b"bob")),
        Faults(no_handle=True),
        Faults(signed=b"something else"),
        Faults(credential=encode(b"unknown")),
        Faults(count=0),
    ],
    ids=str,
)
async def test_an_assertion_that_fails_one_step_is_refused(
    visitor: Visitor, faults: Faults
) -> None:
    """WebAuthn Level 3 section 7.2, MUSTS W05; the right one signs in before and after."""
    device = await added(visitor, flags=UP | UV | BE)
    assert (await signed_in(visitor, device)).status_code == 200
    refused = await signed_in(visitor, device, faults)
    assert (refused.status_code, code(refused)) == (401, "factor.invalid")
    assert (await signed_in(visitor, device)).status_code == 200


async def test_a_count_that_does_not_grow_is_refused(visitor: Visitor) -> None:
    """A copied authenticator."""
    device = await added(visitor)
    assert (await signed_in(visitor, device)).status_code == 200
    copy = replace(device, count=0)
    assert code(await signed_in(visitor, copy)) == "factor.invalid"


async def test_a_passkey_without_a_counter_signs_in_again(visitor: Visitor) -> None:
    device = await added(visitor)
    for _ in range(2):
        assert (await signed_in(visitor, device, Faults(count=0))).status_code == 200


async def test_another_accounts_passkey_is_no_second_step(house: House, visitor: Visitor) -> None:
    """ATTACKS U14: another user's credential id."""
    await house.add_account("bob", "bob@example.com")
    bobs = Visitor(house, "192.0.2.2")
    device = Authenticator()
    access = bearer(await bobs.sign_in("bob@example.com"))
    asked = await options(bobs, "/auth/factors/passkeys/options", **access)
    body = {"credential": device.create(asked), "name": NAME}
    assert (await bobs.post("/auth/factors/passkeys", body, **access)).status_code == 201
    await added(visitor)
    shown = (await visitor.post("/auth/sign-in", PASSWORD)).json()["ticket"]
    asked = await options(visitor, "/auth/mfa/passkey", {"ticket": shown})
    answer = {"ticket": shown, "credential": device.get(asked)}
    assert code(await visitor.post("/auth/mfa", answer)) == "factor.invalid"
    asked = await options(visitor, "/auth/passkey/options")
    answer = {"ticket": shown, "credential": device.get(asked)}
    assert code(await visitor.post("/auth/mfa", answer)) == "factor.invalid"


# --------------------------------------------------------------------------------- the challenge


async def test_of_fifty_parallel_uses_of_an_answer_one_succeeds(
    house: House, visitor: Visitor
) -> None:
    """Ledger 31: without a counter nothing but the challenge tells them apart."""
    device = await added(visitor)
    asked = await options(visitor, "/auth/passkey/options")
    body = {"credential": device.get(asked, Faults(count=0))}
    answers = await asyncio.gather(*(visitor.post("/auth/passkey", body) for _ in range(50)))
    assert [each.status_code for each in answers].count(200) == 1


async def test_an_answer_comes_from_the_browser_that_asked(house: House, visitor: Visitor) -> None:
    """Else a stranger's page could have its challenge answered, or sign a victim in as itself."""
    device = await added(visitor)
    asked = await options(visitor, "/auth/passkey/options")
    body = {"credential": device.get(asked)}
    for stranger in (Visitor(house), Visitor(house)):
        assert code(await stranger.post("/auth/passkey", body)) == "factor.invalid"
        await options(stranger, "/auth/passkey/options")
        assert code(await stranger.post("/auth/passkey", body)) == "factor.invalid"
    assert (await visitor.post("/auth/passkey", body)).status_code == 200


async def test_two_tabs_of_one_browser_do_not_disturb_each_other(visitor: Visitor) -> None:
    device = await added(visitor)
    first = await options(visitor, "/auth/passkey/options")
    await options(visitor, "/auth/passkey/options")
    answer = await visitor.post("/auth/passkey", {"credential": device.get(first)})
    assert answer.status_code == 200


async def test_a_challenge_ends_after_five_minutes(house: House, visitor: Visitor) -> None:
    """MUSTS W01."""
    device = await added(visitor)
    asked = await options(visitor, "/auth/passkey/options")
    house.pass_time(timedelta(minutes=5))
    answer = await visitor.post("/auth/passkey", {"credential": device.get(asked)})
    assert code(answer) == "factor.invalid"


async def test_a_challenge_of_one_purpose_is_none_of_another(
    house: House, visitor: Visitor
) -> None:
    device = await added(visitor)
    shown = (await visitor.post("/auth/sign-in", PASSWORD)).json()["ticket"]
    asked = await options(visitor, "/auth/mfa/passkey", {"ticket": shown})
    alone = await visitor.post("/auth/passkey", {"credential": device.get(asked)})
    assert code(alone) == "factor.invalid"


async def test_a_disabled_account_has_no_passkey(house: House, visitor: Visitor) -> None:
    device = await added(visitor)
    await house.stores.accounts.disable("alice", house.now)
    assert code(await signed_in(visitor, device)) == "factor.invalid"


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"response": []},
        {"response": {"clientDataJSON": 1}},
        {"response": {"clientDataJSON": "!"}},
        {"response": {"clientDataJSON": encode(b"[]")}},
        {"response": {"clientDataJSON": encode(b"\xff")}},
        {"response": {"clientDataJSON": encode(b"[" * 100_000)}},
        {"response": {"clientDataJSON": encode(b'{"challenge": {}}')}},
    ],
    ids=str,
)
async def test_what_is_no_credential_is_refused_and_crashes_nothing(
    visitor: Visitor, credential: object
) -> None:
    """Ledger 35."""
    await options(visitor, "/auth/passkey/options")
    answer = await visitor.post("/auth/passkey", {"credential": credential})
    assert code(answer) == "factor.invalid"


@pytest.mark.parametrize("field", ["authenticatorData", "signature"])
@pytest.mark.parametrize("garbage", ["", "AA", encode(bytes(200)), "ü"])
async def test_garbage_in_an_answer_is_refused(visitor: Visitor, field: str, garbage: str) -> None:
    device = await added(visitor)
    asked = await options(visitor, "/auth/passkey/options")
    credential = device.get(asked)
    credential["response"][field] = garbage
    answer = await visitor.post("/auth/passkey", {"credential": credential})
    assert code(answer) == "factor.invalid"


@pytest.mark.parametrize("garbage", ["", "AA", encode(bytes(200)), encode(b"\xa3" + b"\x9f" * 500)])
async def test_garbage_in_a_registration_is_refused(visitor: Visitor, garbage: str) -> None:
    access = bearer(await visitor.sign_in())
    asked = await options(visitor, "/auth/factors/passkeys/options", **access)
    credential = Authenticator().create(asked)
    credential["response"]["attestationObject"] = garbage
    body = {"credential": credential, "name": NAME}
    assert code(await visitor.post("/auth/factors/passkeys", body, **access)) == "factor.invalid"
