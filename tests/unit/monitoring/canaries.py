"""The twelve secrets that must be found in no sink (MUSTS L02), and how they get there.

Each stands in the ways in which libraries and hurried developers write it down.
"""

import base64
import json
from types import MappingProxyType

_KEY_BODY = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCANARY\nq83vEjRWeJCrze8SNFZ4kKvN7w=="
_CLIENT_KEY = base64.urlsafe_b64encode(bytes(range(90, 122))).decode().rstrip("=")

CANARIES = MappingProxyType(
    {
        "password": "violet kettle orbits quietly",
        "bearer token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl-CANARY",
        "refresh token": "rf_rt_Q2FuYXJ5UmVmcmVzaFRva2VuMDEyMzQ1Njc4OWFiY2RlZmdo",
        "cookie": "5f2b9canary0e1d",
        "mail link token": "rf_vt_Q2FuYXJ5TWFpbExpbmtUb2tlbjAxMjM0NTY3ODlhYmNkZWY",
        "totp": "314159",
        "reset link": "Zq7CanaryResetLink0192837465",
        "database password": "p@ss/CANARY-w0rd",
        "private key": _KEY_BODY,
        "api key": "sk_live_canary0123456789ABCD",
        "client key": _CLIENT_KEY,
        "login": "canary.person@example.com",
    }
)


def written(name: str) -> list[str]:
    """The ways in which the canary ``name`` gets into a text."""
    c = CANARIES[name]
    ways = {
        "password": [
            f"password={c}",
            f"password: {c}",
            f'{{"login": "x", "password": "{c}"}}',
            json.dumps(json.dumps({"password": c})),
            f"{{'new_password': '{c}', 'x': 1}}",
            f"DB_PASSWORD = '{c}'",
            f"wrong passphrase: {c}\nnext line",
            f"the password is {c}",
            f"SignUp(login='x', password='{c}')",
            f"[type=string_too_short, input_value='{c}', input_type=str]",
            f"[parameters: ('x', '{c}')]\n(background)",
        ],
        "bearer token": [
            f"Authorization: Bearer {c}",
            f"{{'authorization': 'Bearer {c}'}}",
            f"(b'authorization', b'Bearer {c}')",
            f"token {c} rejected",
            f"GET /me?access_token={c}&x=1",
        ],
        "refresh token": [f"refresh failed for {c}", f"__Host-rf_refresh={c}; Path=/"],
        "cookie": [
            f"Cookie: theme=dark; session={c}",
            f"{{'cookie': 'session={c}'}}",
            f"[(b'host', b'x'), (b'cookie', b'session={c}')]",
            f'"set-cookie": "id={c}; HttpOnly"',
        ],
        "mail link token": [
            f"https://shop.example/auth/verify-email#token={c}",
            f"link {c} is spent",
        ],
        "totp": [
            f"otp={c}",
            f'{{"totp": "{c}"}}',
            f"{{'code': {c}}}",
            f"wrong code {c}",
            f"TOTP {c[:3]} {c[3:]} was used",
            f"one-time code: {c[:3]}-{c[3:]}",
        ],
        "reset link": [
            f"https://shop.example/auth/reset?token={c}",
            f"https://shop.example/reset/{c}",
            f"mailed https://shop.example/auth/reset#{c} to them",
        ],
        "database password": [
            f"cannot connect to postgresql://shop:{c}@db.internal/shop",
            f"smtps://mail:{c}@mail.example:465",
            f"password={c} host=db",
        ],
        "private key": [
            f"-----BEGIN PRIVATE KEY-----\n{c}\n-----END PRIVATE KEY-----",
            f"-----BEGIN EC PRIVATE KEY-----\n{c}",
        ],
        "api key": [f"key {c} is not valid", f"api_key={c}", f"X-Api-Key: {c}", f"API-KEY: '{c}'"],
        "client key": [f'{{"client_key": "{c}"}}', f"client_key={c}", f"got {c} of 32 bytes"],
        "login": [
            f"no user {c}",
            f"login={c}",
            f"<{c}>: mailbox unavailable",
            f"DETAIL:  Key (login)=({c}) already exists.",
        ],
    }
    return ways[name]


def pieces(name: str) -> set[str]:
    """What of a canary may not be found: the whole, and each line or word of it that is telling."""
    canary = CANARIES[name]
    return {canary, *(part for part in canary.replace("\n", " ").split() if len(part) > 5)}


WAYS = [(name, way) for name in CANARIES for way in written(name)]
