"""Secrets that somebody committed: by their shape, by their file's name, and by their very value.

The usual kinds (keys of clouds and shops, tokens of forges, passwords in assignments) are known by
detect-secrets, from the extra ``check``; its checks by entropy are left out, for they take every
hash for a secret, and so is whatever would ask a server. Ringfence's own kinds are known here: its
tokens have prefixes for that purpose, its key files have names, and what the settings hold is
looked for as it is.

Source: ASVS 5.0 13.3.1 (no secrets in source code or build artefacts), 13.4.1 (no .git, no .env).
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from ringfence.authn.opaque import LINK, REFRESH
from ringfence.cli.check.repository import Line
from ringfence.core.secret import Secret
from ringfence.core.settings import Settings

#: The kinds of secrets in a line: ``("deploy.yml", "token: ghp_…") -> {"GitHub Token"}``.
Detect: TypeAlias = Callable[[str, str], Iterable[str]]

KEY_FILE: Final = "key file of Ringfence"
ENVIRONMENT_FILE: Final = "file of environment variables"
DATABASE_FILE: Final = "database of Ringfence"
CONFIGURED: Final = "password of the settings"
CONFIGURED_KEY: Final = "key of this installation"
PRIVATE_KEY: Final = "private key"

_TOKENS: Final = {
    "refresh token of Ringfence": re.compile(REFRESH + r"[A-Za-z0-9_-]{43}"),
    "mailed link of Ringfence": re.compile(LINK + r"[A-Za-z0-9_-]{43}"),
    PRIVATE_KEY: re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
}
_HINTS: Final = (REFRESH, LINK, "PRIVATE KEY")

_KEY_FILES: Final = re.compile(
    r"pepper-[0-9]+\.key|salt\.key|sealing\.key|log\.key|signing-[0-9]+\.pem"
)
_ENVIRONMENT_FILES: Final = re.compile(r"\.env(?:rc|\.[\w.-]+)?")
_EXAMPLES: Final = re.compile(r".*\.(?:example|sample|template|dist|defaults?)")

#: SQLite's first bytes, and two of the tables that only Ringfence has beside each other.
_SQLITE: Final = b"SQLite format 3\0"
_TABLES: Final = (b"CREATE TABLE verifiers", b"CREATE TABLE refresh_tokens")

#: A shorter password is in every text by chance.
_SHORTEST: Final = 8

#: What detect-secrets knows and is not asked: hashes and addresses are no secrets.
_UNASKED: Final = frozenset(
    {"Base64 High Entropy String", "Hex High Entropy String", "Public IP (ipv4)"}
)

_IN_ADDRESSES: Final = "Basic Auth Credentials"

#: Files whose lines are ``NAME=value``, which the library reads so by another ending alone.
_ASSIGNMENTS: Final = frozenset(
    {".env", ".envrc", ".conf", ".cfg", ".properties", ".service", ".sh"}
)
_AS_ASSIGNMENTS: Final = "assignments.ini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A secret in a repository. What it is, and where; its value cannot be printed."""

    kind: str
    path: str
    line: int  # 0: the file itself
    value: Secret[str]  # of the usual kinds, the line that it stands in
    commit: str = ""  # where it was added, if it is not in the work tree any more

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same for one secret, or one file, in several commits."""
        return self.kind if self.line else "", self.path, self.value.reveal()


class Scanner:
    """Finds secrets in lines.

    Args:
        settings: Those in force, whose secrets are looked for as they are; None if there are none.
        usual: Knows the usual kinds.
    """

    def __init__(self, settings: Settings | None, usual: Detect) -> None:
        self._usual: Final = usual
        self._passwords: Final = _passwords(settings) if settings else ()
        self._keys: Final = _keys(settings.keys) if settings else ()
        self._seen: Final[set[int]] = set()

    def scan(self, lines: Iterable[Line]) -> Iterator[Leak]:
        """Every secret in ``lines``. A line without one is read once for all files of a name."""
        for line in lines:
            if line.number == 0:
                yield from self._file(line)
                continue
            key = hash((PurePosixPath(line.path).name, line.text))
            if key in self._seen:
                continue
            found = list(self._line(line))
            if not found:
                self._seen.add(key)
            yield from found

    def _line(self, line: Line) -> Iterator[Leak]:
        text = line.text
        found = [*_own(text), *((CONFIGURED, each) for each in self._passwords if each in text)]
        found += [
            (CONFIGURED_KEY, each) for _, *forms in self._keys for each in forms if each in text
        ]
        for kind, value in found or [(each, text.strip()) for each in self._usual(line.path, text)]:
            yield Leak(
                kind=kind, path=line.path, line=line.number, value=Secret(value), commit=line.commit
            )

    def _file(self, line: Line) -> Iterator[Leak]:
        kind = sensitive(line.path)
        if line.content.startswith(_SQLITE) and all(table in line.content for table in _TABLES):
            kind = DATABASE_FILE
        if any(raw in line.content for raw, *_ in self._keys):
            kind = CONFIGURED_KEY
        if kind:
            yield Leak(kind=kind, path=line.path, line=0, value=Secret(""), commit=line.commit)


def sensitive(path: str) -> str:
    """What a file of this name is, if it belongs into no repository."""
    name = PurePosixPath(path).name
    if _KEY_FILES.fullmatch(name):
        return KEY_FILE
    if _ENVIRONMENT_FILES.fullmatch(name) and not _EXAMPLES.fullmatch(name):
        return ENVIRONMENT_FILE
    return ""


def _own(text: str) -> Iterator[tuple[str, str]]:
    if not any(hint in text for hint in _HINTS):
        return
    for kind, shape in _TOKENS.items():
        for found in shape.finditer(text):
            yield kind, found[0]


def _passwords(settings: Settings) -> tuple[str, ...]:
    """The passwords in the settings, as written and as meant."""
    raw = {urlsplit(url).password or "" for url in (settings.database, settings.mail)}
    raw |= set(settings.extra.values())
    return tuple(
        sorted(form for form in raw | {unquote(each) for each in raw} if len(form) >= _SHORTEST)
    )


def _keys(folder: Path) -> tuple[tuple[bytes, str, str], ...]:
    """The key files of 32 random bytes: as they are, in hexadecimal, and in base64."""
    found: list[tuple[bytes, str, str]] = []
    for file in sorted(folder.glob("*.key")) if folder.is_dir() else ():
        try:
            raw = file.read_bytes()[:64]
        except OSError:  # the check of the keys says so
            continue
        if raw:
            found.append((raw, raw.hex(), b64encode(raw).decode().rstrip("=")))
    return tuple(found)


def nothing(_path: str, _text: str) -> Iterable[str]:
    """Knows none of the usual kinds: the library is not installed."""
    return ()


def usual_kinds() -> Detect | None:
    """What detect-secrets knows; None where it is not installed."""
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
        from detect_secrets.filters import heuristic
        from detect_secrets.plugins.keyword import DENYLIST, KeywordDetector
    except ModuleNotFoundError:
        return None
    plugins: list[Any] = [
        plugin()
        for kind, plugin in sorted(get_mapping_from_secret_type_to_class().items())
        if kind not in _UNASKED and plugin is not KeywordDetector
    ]
    keyword: Any = KeywordDetector()
    # Each of its expressions looks for one of these words, and most lines hold none.
    names = re.compile("|".join(DENYLIST), re.IGNORECASE).search

    def detect(path: str, text: str) -> set[str]:
        kinds = {
            plugin.secret_type
            for plugin in plugins  # ``analyze_string`` asks no server whether it is in use
            for value in plugin.analyze_string(text)
            if plugin.secret_type != _IN_ADDRESSES
            or not (_is_placeholder(value) or heuristic.is_templated_secret(value))
        }
        if not names(text):
            return kinds
        if heuristic.is_indirect_reference(text) or heuristic.is_lock_file(path):
            return kinds
        for found in keyword.analyze_line(filename=_read_as(path), line=text):
            value = found.secret_value or ""
            if not any(is_none(value) for is_none in _none(heuristic)):
                kinds.add(found.type)
        return kinds

    return detect


def _none(heuristic: Any) -> tuple[Callable[[str], bool], ...]:  # noqa: ANN401  # a module
    """What says of an assigned value that it is no secret."""
    return (
        heuristic.is_templated_secret,
        heuristic.is_prefixed_with_dollar_sign,
        heuristic.is_not_alphanumeric_string,
        heuristic.is_sequential_string,
        _is_placeholder,
    )


def _is_placeholder(value: str) -> bool:
    """Whether this is a word in capitals, as in ``smtps://USER:PASSWORD@HOST``."""
    return value.isalpha() and value.isupper()


def _read_as(path: str) -> str:
    name = PurePosixPath(path)
    bare = name.suffix or name.name
    if bare in _ASSIGNMENTS or name.name.startswith((".env", "Dockerfile")):
        return _AS_ASSIGNMENTS
    return path
