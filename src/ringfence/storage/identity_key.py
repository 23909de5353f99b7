"""The key that identities are signed with, for the application's PostgreSQL: ``identity.key``.

It is in the folder of the other keys, and is there only where ``ringfence database apply`` has made
it: the database has a copy, which the owner of its tables alone can read.
"""

import os
from pathlib import Path
from typing import Final

from joserfc.jwk import OctKey

from ringfence.authn.keys import KEY_BYTES
from ringfence.core.secret import Secret
from ringfence.storage.key_files import Reader, locked, names, opened, write

NAME: Final = "identity.key"


def load(folder: Path) -> Secret[bytes] | None:
    """The key; None where there is none.

    Raises:
        ConfigurationError: It is damaged, or open to others.
    """
    if not folder.is_dir():
        return None
    with opened(folder) as handle:
        return _read(folder, handle) if NAME in names(handle) else None


def load_or_create(folder: Path) -> Secret[bytes]:
    """The key, made if there is none. Raises as ``load``."""
    with locked(folder, create=True) as handle:
        if NAME not in names(handle):
            write(handle, NAME, OctKey.generate_key(KEY_BYTES * 8).raw_value)
            os.fsync(handle)
        return _read(folder, handle)


def _read(folder: Path, handle: int) -> Secret[bytes]:
    return Reader(folder.name, handle).single(NAME)
