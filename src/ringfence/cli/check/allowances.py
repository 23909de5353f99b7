"""What is allowed to look like a secret, and why: ``secrets-allowed.toml`` beside the code.

    [[allow]]
    path = "tests/*"                    # a pattern; * goes across folders
    kind = "Secret Keyword"             # as the check names it
    reason = "passwords of test accounts that exist nowhere else"

    [[allow]]
    path = "docs/api.md"
    fingerprint = "5d0c5e3e2f1b7a90"    # of this very secret, as `--json` shows it
    reason = "the example of the standard"

Without a reason nothing is allowed. What allows nothing any more is told, so that it goes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from ringfence.cli.check.leaks import Leak
from ringfence.core.errors import ConfigurationError

FILE: Final = "secrets-allowed.toml"


class Allowance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry: a pattern of paths, and a kind of secret or one secret."""

    path: str
    reason: str
    kind: str = ""
    fingerprint: str = ""

    def covers(self, leak: Leak) -> bool:
        """Whether this finding is allowed. The fingerprint comes last: it costs 50 ms."""
        return (
            fnmatchcase(leak.path, self.path)
            and (not self.kind or self.kind == leak.kind)
            and (not self.fingerprint or self.fingerprint == fingerprint(leak))
        )


class _File(msgspec.Struct, forbid_unknown_fields=True):
    allow: tuple[Allowance, ...] = ()


def fingerprint(leak: Leak) -> str:
    """What a secret is called. Slow on purpose: in a log of CI it must not help to guess it."""
    value = leak.value.reveal().encode("utf-8", "surrogateescape")
    salt = f"ringfence check {leak.kind}".encode()
    return hashlib.scrypt(value, salt=salt, n=2**14, r=8, p=1, dklen=8).hex()


def read(root: Path) -> tuple[Allowance, ...]:
    """The allowances of a repository.

    Raises:
        ConfigurationError: What is wrong with the file.
    """
    file = root / FILE
    if not file.is_file():
        return ()
    try:
        allowed = msgspec.toml.decode(file.read_bytes(), type=_File).allow
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{FILE}: {error}") from error
    for number, each in enumerate(allowed, 1):
        if not each.reason.strip():
            raise ConfigurationError(f"{FILE}, entry {number}: the reason is missing")
        if not each.kind and not each.fingerprint:
            raise ConfigurationError(f"{FILE}, entry {number}: a kind or a fingerprint is missing")
    return allowed


def unused(allowances: Iterable[Allowance], leaks: Sequence[Leak]) -> list[Allowance]:
    """Those that allow nothing that is there."""
    return [each for each in allowances if not any(each.covers(leak) for leak in leaks)]
