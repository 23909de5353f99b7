"""What surrounds the program: files and who may read them, proxies, the clock, open files."""

import ctypes
import os
import resource
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ringfence.cli.check.finding import Finding, Problem, Weight
from ringfence.core.settings import Environment, Settings

#: Each connection is one descriptor, beside those of the database and the log.
_FEW_FILES: Final = 256
_ENOUGH_FILES: Final = 4096

#: A network of so many addresses is not one's own: whoever sits in it names any client address.
_WIDE: Final = {4: 8, 6: 16}

#: Nothing of this program is older: a clock before this time is wrong.
_BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC)

_UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC of adjtimex(2)


def files(settings: Settings) -> Finding:
    """Who may read the log and the mail, and whether they can be written."""
    problems = [*_file("log", settings.log)] if settings.log != "-" else []
    parts = urlsplit(settings.mail)
    if parts.scheme == "file":
        folder = unquote(parts.netloc + parts.path)
        problems += _folder("mail folder", folder)
    return Finding(check="files", problems=problems)


def _file(name: str, path: str) -> Iterator[Problem]:
    file = Path(path)
    if not file.exists():
        yield from _writable(name, file.absolute().parent)
        return
    yield from _private(name, file)
    if not os.access(file, os.W_OK):
        yield _unwritable(name)


def _folder(name: str, path: str) -> Iterator[Problem]:
    folder = Path(path).absolute()
    if not folder.exists():
        there = next(parent for parent in folder.parents if parent.exists())
        yield from _writable(name, there)
        return
    yield from _private(name, folder)
    yield from _writable(name, folder)


def _private(name: str, path: Path) -> Iterator[Problem]:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Problem(
            rule="file-open-to-others",
            text=f"the {name} is open to other users",
            remedy=f"chmod go= {path}",
        )


def _writable(name: str, folder: Path) -> Iterator[Problem]:
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield _unwritable(name)


def _unwritable(name: str) -> Problem:
    return Problem(
        rule="file-not-writable",
        text=f"the {name} cannot be written by this user",
        remedy="run this command as the user of the service, or give that user the folder",
    )


def proxies(settings: Settings) -> Finding:
    """Whose word about the client's address is believed."""
    problems = [
        Problem(
            rule="proxy-too-wide",
            text="RINGFENCE_TRUSTED_PROXIES holds a network that is not one's own alone",
            remedy="name the addresses of the proxies: whoever is trusted can be any client",
        )
        for network in settings.trusted_proxies
        if network.prefixlen < _WIDE[network.version]
    ]
    behind = settings.secure and settings.environment is Environment.PRODUCTION
    if behind and not settings.trusted_proxies:
        problems.append(
            Problem(
                rule="proxy-undeclared",
                text="no proxy is declared, and TLS ends in front of this program",
                remedy="set RINGFENCE_TRUSTED_PROXIES, or every client has the proxy's address, "
                "and one limit",
                weight=Weight.WARNING,
            )
        )
    count = len(settings.trusted_proxies)
    note = "" if not count else "1 network" if count == 1 else f"{count} networks"
    return Finding(check="proxies", problems=problems, note=note)


def clock(settings: Settings, now: datetime, newest: datetime | None = None) -> Finding:
    """Whether the time can be trusted: tokens, limits and sessions hang on it.

    Args:
        settings: Those in force.
        now: What the clock says.
        newest: The newest time in the database, if there is one.
    """
    problems: list[Problem] = []
    set_it = "set the clock, and let NTP keep it: timedatectl set-ntp true"
    if now < _BUILT:
        text = "the clock is set to a time before this program was made"
        problems.append(Problem(rule="clock-wrong", text=text, remedy=set_it))
    elif newest is not None and newest > now:
        text = "the database holds times that lie in the future"
        remedy = f"{set_it}; if it is right now, it was wrong before: ringfence limits list"
        problems.append(Problem(rule="clock-wrong", text=text, remedy=remedy))
    if settings.environment is Environment.PRODUCTION and unsynchronised():
        text = "the kernel says that its clock is not synchronised"
        problems.append(
            Problem(rule="clock-unsynchronised", text=text, remedy=set_it, weight=Weight.WARNING)
        )
    return Finding(check="clock", problems=problems)


class _Timex(ctypes.Structure):
    """The head of ``struct timex``, and more room than its rest takes."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: read only
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def unsynchronised() -> bool:
    """Whether the kernel says that nobody keeps its clock; False where it does not tell."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):  # not Linux, or another C library
        return False
    timex = _Timex()
    if adjtimex(ctypes.byref(timex)) < 0:
        return False
    return bool(timex.status & _UNSYNCHRONISED)


def open_files(soft: int | None = None) -> Finding:
    """How many connections fit; the limit of this shell, unless another one is given."""
    if soft is None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY or soft >= _ENOUGH_FILES:
        return Finding(check="open files")
    weight = Weight.ERROR if soft < _FEW_FILES else Weight.WARNING
    problem = Problem(
        rule="open-files-few",
        text=f"{soft} open files at most, and each connection is one",
        remedy=f"raise it to {_ENOUGH_FILES} or more: LimitNOFILE= in systemd, or ulimit -n",
        weight=weight,
    )
    return Finding(check="open files", problems=[problem])


def keys(settings: Settings, fingerprints: Mapping[str, bytes], *, has_accounts: bool) -> Finding:
    """Whether the keys are there, whole, this user's alone, and those of the database.

    None are made; it is judged as ``storage.keys.open_keys`` judges at the start.
    """
    from ringfence.authn.keys import mismatches
    from ringfence.core.errors import ConfigurationError
    from ringfence.storage.keys import load

    folder = settings.keys
    names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    if (not names or "unfinished" in names) and not fingerprints and not has_accounts:
        return Finding(check="keys", note="made by the next start")
    try:
        there = load(folder)
    except ConfigurationError as error:
        return _wrong(folder, error.problems)
    if foreign := [f"{folder.name}/{each}" for each in mismatches(there, fingerprints)]:
        return _wrong(folder, foreign)
    note = f"{len(there.signing)} to sign with, pepper {max(there.peppers)}"
    return Finding(check="keys", note=note)


def _wrong(folder: Path, texts: Iterable[str]) -> Finding:
    problems = [Problem(rule="keys-wrong", text=each, remedy=_mend(each, folder)) for each in texts]
    return Finding(check="keys", problems=problems)


def _mend(problem: str, folder: Path) -> str:
    if problem.endswith("is open to other users"):
        return f"chmod -R go= {folder}"
    if problem.endswith("belongs to another user"):
        return "run this command as the user of the service"
    return "put the keys of this database back, from their backup: with others no password is right"
