"""Files with people: JSON lines, CSV, and the export of Firebase.

A row that cannot be read is refused by itself, and the rest is read on.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

import msgspec

from ringfence.authn.imported.formats import firebase
from ringfence.authn.imported.refusal import Reason, Unusable
from ringfence.cli.users.columns import Row
from ringfence.core.errors import ConfigurationError

#: Characters of one row at most.
_LONGEST: Final = 65_536

#: A row, or why it is none, and the share of the file that is read, from 0 to 1.
Read: TypeAlias = tuple[Row | Unusable, float]


def rows(path: Path, columns: Mapping[str, str], *, every: bool) -> Iterator[Read]:
    """The rows of a file, whose ending says what it is: ``.jsonl``, ``.csv``, ``.json``.

    ``every``: the columns of a CSV must all be there.

    Raises:
        ConfigurationError: There is no such file, or it is of no such kind.
    """
    kinds = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv, ".json": _json}
    read = kinds.get(path.suffix.lower())
    if read is None:
        raise ConfigurationError(f"{path}: neither .jsonl, .csv nor .json")
    try:
        newline = "" if read is _csv else None
        with path.open(newline=newline, encoding="utf-8-sig", errors="surrogateescape") as file:
            # What cannot be decoded becomes lone surrogates, of which no login is made.
            size = max(path.stat().st_size, 1)
            if read is _csv:
                _require(_header(file), columns.values() if every else [columns["login"]])
                file.seek(0)
            yield from read(file, size)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


def _require(header: Sequence[str], wanted: Iterable[str]) -> None:
    if missing := [column for column in wanted if column not in header]:
        raise ConfigurationError(f"there is no column {', '.join(missing)}")


def _header(file: TextIO) -> Sequence[str]:
    return next(csv.reader(file), ())


def _json_lines(file: TextIO, size: int) -> Iterator[Read]:
    done = 0
    while line := file.readline(_LONGEST):
        done += len(line)
        whole = line.endswith("\n") or len(line) < _LONGEST
        while not whole:  # too long: what is left of it
            rest = file.readline(_LONGEST)
            done += len(rest)
            whole = rest.endswith("\n") or len(rest) < _LONGEST
            line = ""
        if line.strip() or not line:
            yield _object(line), min(done / size, 1)


def _object(line: str) -> Row | Unusable:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Unusable(Reason.ROW_MALFORMED)


def _csv(file: TextIO, size: int) -> Iterator[Read]:
    reader = csv.DictReader(_counted(file, done := [0]), restkey="", strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Unusable(Reason.ROW_MALFORMED), min(done[0] / size, 1)
            continue
        short = None in row.values()
        fits = "" not in row and not short
        yield (row if fits else Unusable(Reason.ROW_MALFORMED)), min(done[0] / size, 1)


def _counted(file: TextIO, done: list[int]) -> Iterator[str]:
    for line in file:
        done[0] += len(line)
        yield line


def _json(file: TextIO, _size: int) -> Iterator[Read]:
    """A list of objects, or one under ``users``, as Firebase exports it."""
    people = _people(file)
    for number, each in enumerate(people, 1):
        try:
            row: Row | Unusable = msgspec.convert(each, dict[str, Any])
        except msgspec.ValidationError:
            row = Unusable(Reason.ROW_MALFORMED)
        yield row, number / len(people)


def _people(file: TextIO) -> list[Any]:
    try:
        found: object = msgspec.json.decode(file.read())
        if isinstance(found, dict):
            found = msgspec.convert(found, dict[str, Any]).get("users")
        return msgspec.convert(found, list[Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ConfigurationError('the file is no JSON list, nor holds one under "users"') from error


class FirebaseParameters(msgspec.Struct, frozen=True):
    """The password hash parameters of a project, as its console shows them."""

    base64_signer_key: str
    base64_salt_separator: str
    rounds: int
    mem_cost: int

    @classmethod
    def read(cls, path: Path) -> "FirebaseParameters":
        """Read the file. Raises ConfigurationError."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            names = ", ".join(cls.__struct_fields__)
            raise ConfigurationError(f"{path}: JSON with {names} is expected") from error

    def joined(self, row: Row) -> Row:
        """``row`` with the hash as one text."""
        salt, digest = row.get("salt"), row.get("passwordHash")
        if not isinstance(salt, str) or not isinstance(digest, str):
            return row
        spelled = firebase(
            salt,
            digest,
            signer=self.base64_signer_key,
            separator=self.base64_salt_separator,
            rounds=self.rounds,
            memory=self.mem_cost,
        )
        return {**row, "hash": spelled}
