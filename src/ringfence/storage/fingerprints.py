"""Fingerprints of the keys in a database."""

from collections.abc import Mapping
from typing import Final

from ringfence.storage import statements
from ringfence.storage.transaction import Database, Steps, change


class SqlFingerprints:
    """``FingerprintStore`` in a database."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def known(self) -> Mapping[str, bytes]:
        return {row[0]: row[1] for row in await self._database.all(statements.FINGERPRINTS)}

    async def add(self, fingerprints: Mapping[str, bytes]) -> None:
        await self._database.perform(_add(fingerprints))


def _add(fingerprints: Mapping[str, bytes]) -> Steps[None]:
    for name, fingerprint in sorted(fingerprints.items()):
        yield from change(statements.ADD_FINGERPRINT, name, fingerprint)
