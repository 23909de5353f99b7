"""The public names of ``ringfence``: a change here is a change for every user."""

import subprocess
import sys

import pytest

import ringfence
from ringfence import client, fastapi
from ringfence.boundary.processes import commands
from ringfence.core import policy

PUBLIC = [
    "Caller",
    "Common",
    "ConfigurationError",
    "Database",
    "FileRoot",
    "MaybeCaller",
    "Members",
    "Outbound",
    "Owned",
    "Page",
    "Principal",
    "Refused",
    "Resource",
    "Ringfence",
    "RingfenceError",
    "Secret",
    "Settings",
    "Shares",
    "StoreError",
    "Unscoped",
    "Uploads",
    "aal",
    "allow",
    "attachment",
    "body",
    "commands",
    "csp",
    "editor",
    "identifier",
    "limit",
    "migrating",
    "nonce",
    "owner",
    "paged",
    "public",
    "rich_text",
    "role",
    "safe_location",
    "self_only",
    "signed_in",
    "sql_files",
    "viewer",
]
COSTLY = {"alembic", "asyncio", "fastapi", "httpx2", "joserfc", "sqlalchemy", "starlette"}


def test_the_public_names_are_these() -> None:
    assert ringfence.__all__ == PUBLIC


#: What does not know its own name: annotations, policies that are values, a module.
UNNAMED: dict[str, object] = {
    "Caller": fastapi.Caller,
    "MaybeCaller": fastapi.MaybeCaller,
    "Owned": fastapi.Owned,
    "commands": commands,
    "public": policy.public,
    "self_only": policy.self_only,
    "signed_in": policy.signed_in,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_the_thing_of_that_name(name: str) -> None:
    thing = getattr(ringfence, name)
    assert thing is UNNAMED[name] if name in UNNAMED else thing.__name__ == name


def test_the_public_names_of_the_client_are_these() -> None:
    names = ["AsyncClient", "Client", "KdfRefused", "Problem", "SecondFactorNeeded"]
    assert client.__all__ == names


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="unheard_of"):
        _ = ringfence.unheard_of


def test_importing_the_words_imports_no_framework() -> None:
    program = "import sys; from ringfence import allow, owner, Settings; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(run.stdout.split())
    assert "ringfence.core.policy" in imported
    assert not COSTLY & imported
