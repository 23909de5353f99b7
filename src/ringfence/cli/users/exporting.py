"""``ringfence users export``: all accounts in a file, for whatever comes after this program.

With ``--verifiers`` the file also holds what is known of the passwords. A hash that was imported
and has not moved is as it was. Ours is named with the salt and the parameters of its login; whoever
wants to verify it needs the pepper of that version, too (``docs/import.md`` has the steps).
"""

import argparse
import json
import os
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ringfence.authn import verifier
from ringfence.authn.accounts import Account
from ringfence.authn.imported.sealed import unseal
from ringfence.authn.keys import Keys
from ringfence.cli.installation import Installation, note
from ringfence.cli.users.shown import every
from ringfence.core.errors import ConfigurationError
from ringfence.storage.keys import open_keys


def exporting(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``export``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "export",
        help="export all accounts",
        description="Write all accounts to a new file of JSON lines, which only you may read.",
    )
    action.add_argument("file", metavar="FILE", help="a new file")
    action.add_argument(
        "--verifiers", action="store_true", help="with what is known of their passwords"
    )
    action.set_defaults(act=_export)
    return action


async def _export(installation: Installation, arguments: argparse.Namespace) -> None:
    path = Path(arguments.file)
    keys = await open_keys(installation.settings.keys, installation.stores)
    count = 0
    with _new(path) as file:
        async for account in every(installation):
            found = plain(account)
            if arguments.verifiers:
                found |= await _password(installation, keys, account)
            print(json.dumps(found, ensure_ascii=False), file=file)
            count += 1
    facts = {"exported": str(count), "verifiers": "yes" if arguments.verifiers else "no"}
    note(installation.monitor, "accounts.exported", installation.operator, **facts)
    print(json.dumps({"exported": count}) if arguments.json else f"exported {count:,} to {path}")


@contextmanager
def _new(path: Path) -> Generator[TextIO]:
    """A file that only its owner reads. It is gone if it was not written to its end.

    Raises:
        ConfigurationError: It is there already, or cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def plain(account: Account) -> dict[str, object]:
    """What ``ringfence users import`` reads of an account."""
    return {
        "id": account.id,
        "login": account.login,
        "name": account.name,
        "roles": sorted(account.roles),
        "disabled": account.disabled_at is not None,
        "created_at": account.created_at.isoformat(),
    }


async def _password(installation: Installation, keys: Keys, account: Account) -> dict[str, object]:
    stored = account.verifier
    if stored is None:
        found = await installation.stores.imports.find(account.id)
        text = None if found is None else unseal(found, account.id, keys.peppers)
        return {} if text is None else {"hash": text}
    salt = verifier.salt(keys.salt, installation.settings.tenant, account.login)
    return {
        "verifier": {
            "kdf": stored.kdf,
            "salt": b64encode(salt).decode(),
            "digest": b64encode(stored.digest).decode(),
            "pepper": stored.pepper,
        }
    }
