"""The auth service of Ringfence alone, with accounts that sign in: what the two sign-ins share."""

import asyncio
import json
import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Final, Literal

from starlette.applications import Starlette

from bench.contest import Case, Contestant, Request
from bench.contestants.guarded import person, settings_of
from ringfence import Ringfence, Settings
from ringfence.authn import verifier
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.passwords import encode
from ringfence.storage import open_stores
from ringfence.storage.keys import load_or_create

PASSWORD: Final = "violet kettle orbits quietly"  # noqa: S105  # in no real place


def signing_in(case: Case, by: Literal["client_key", "password"]) -> Contestant:
    """One account for each connection, and its sign-in."""
    settings = settings_of(case)
    keys = load_or_create(settings.keys)
    now = datetime.now(UTC)
    accounts: list[Account] = []
    requests: list[Request] = []
    for number in range(case.people):
        login = f"person{number}@example.com"
        if by == "password":
            salt = verifier.salt(keys.salt, settings.tenant, login)
            key = verifier.client_key(encode(PASSWORD), salt, verifier.ARGON2ID)
            proof = PASSWORD
        else:  # any 32 bytes will do
            key = secrets.token_bytes(verifier.KEY_BYTES)
            proof = urlsafe_b64encode(key).rstrip(b"=").decode()
        version = max(keys.peppers)
        digest = verifier.digest(keys.peppers[version], key)
        stored = StoredVerifier(digest=digest, pepper=version, kdf=str(verifier.ARGON2ID))
        accounts.append(person(login, now, stored))
        requests.append(_request(login, by, proof))
    asyncio.run(_create(settings, accounts))
    app = Ringfence(Starlette(), settings=settings)
    return Contestant(app=app, requests=tuple(requests))


def _request(login: str, by: str, proof: str) -> Request:
    return Request(
        method="POST",
        path="/auth/sign-in",
        headers={"Content-Type": "application/json"},
        body=json.dumps({"login": login, by: proof}),
    )


async def _create(settings: Settings, accounts: list[Account]) -> None:
    stores = open_stores(settings.database)
    await stores.start()
    for account in accounts:
        await stores.accounts.create(account)
    await stores.close()
