"""Secrets kept out of git: the tracked files, the staged changes, the history, and what lies about.

Whoever has a clone has the history: a secret in it is to be replaced, not removed.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from ringfence.cli.check import allowances
from ringfence.cli.check.allowances import Allowance, fingerprint
from ringfence.cli.check.finding import Finding, Problem, Weight
from ringfence.cli.check.leaks import (
    DATABASE_FILE,
    KEY_FILE,
    Leak,
    Scanner,
    nothing,
    sensitive,
    usual_kinds,
)
from ringfence.cli.check.repository import Line, Repository
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Settings
from ringfence.storage.sqlite.file import file_of

#: How much of the history is read: 55 µs a line (measured).
_LINES: Final = 200_000

#: So many are shown, each with a fingerprint that costs 50 ms.
_SHOWN: Final = 50

_REPLACE: Final = "replace the secret itself, for it was seen; then take it out"
_HISTORY: Final = "replace the secret itself: every clone has it, whatever is committed now"
_UNSTAGE: Final = "take it out before the commit: git restore --staged FILE"
_IGNORE: Final = "write its name into .gitignore"


class Search:
    """One look at a repository.

    Args:
        settings: Those in force; None where they are wrong.
        folder: Somewhere in the repository.
    """

    def __init__(self, settings: Settings | None, folder: Path) -> None:
        self._settings: Final = settings
        self._folder: Final = folder
        self._notes: Final[list[str]] = []
        self._allowed = 0
        usual = usual_kinds()
        if usual is None:
            self._notes.append("only Ringfence's own kinds: pip install 'ringfence[check]'")
        self._scanner: Final = Scanner(settings, usual or nothing)

    def staged(self) -> Finding:
        """What the next commit would add."""
        repository = self._repository()
        if repository is None:
            return self._finding([])
        leaks = list(self._scanner.scan(repository.staged()))
        shown = self._judged(leaks, allowances.read(repository.root))
        return self._finding([_problem(leak, " (staged)", _UNSTAGE) for leak in shown])

    def everything(self, commits: int) -> Finding:
        """The work tree, what is staged, and the newest commits."""
        repository = self._repository()
        if repository is None:
            return self._finding([])
        allowed = allowances.read(repository.root)
        known: dict[tuple[str, str, str], Leak] = {}
        problems: list[Problem] = []
        for lines, where, remedy in self._sources(repository, commits):
            leaks: dict[tuple[str, str, str], Leak] = {}
            for leak in self._scanner.scan(lines):
                if leak.identity not in known:
                    leaks[leak.identity] = leak  # the last one: the oldest commit has added it
            known |= leaks
            shown = self._judged(leaks.values(), allowed)
            problems += [_problem(leak, where, remedy) for leak in shown]
        problems += self._lying_about(repository)
        problems += _stale(allowed, list(known.values()))
        return self._finding(problems)

    def _repository(self) -> Repository | None:
        repository = Repository.of(self._folder)
        if repository is None:
            self._notes.append("this folder is in no git repository")
        return repository

    def _sources(
        self, repository: Repository, commits: int
    ) -> Iterator[tuple[Iterable[Line], str, str]]:
        yield repository.tracked(), "", _REPLACE
        yield repository.staged(), " (staged)", _UNSTAGE
        there = repository.commits()
        history = _Bounded(repository.history(commits), _LINES)
        yield history, " (in the history)", _HISTORY
        if commits < there or history.was_cut:
            self._notes.append(f"the history was read in part, the newest of {there} commits")
        if repository.is_shallow:
            self._notes.append("this clone has a part of the history only")

    def _judged(self, leaks: Iterable[Leak], allowed: Iterable[Allowance]) -> list[Leak]:
        """Those that nothing allows."""
        found = list(leaks)
        left = [leak for leak in found if not any(each.covers(leak) for each in allowed)]
        self._allowed += len(found) - len(left)
        if len(left) > _SHOWN:
            self._notes.append(f"{len(left) - _SHOWN} more are not shown")
        return left[:_SHOWN]

    def _lying_about(self, repository: Repository) -> Iterator[Problem]:
        """What the next ``git add .`` would add."""
        own = self._own_files()
        for path in repository.unignored():
            kind = sensitive(path) or own.get((repository.root / path).resolve(), "")
            if kind:
                yield Problem(
                    rule="secret-not-ignored",
                    text=f"{kind}, not ignored by git",
                    remedy=_IGNORE,
                    file=path,
                )

    def _own_files(self) -> dict[Path, str]:
        """The files of this installation, wherever they are."""
        settings = self._settings
        if settings is None:
            return {}
        files: dict[Path, str] = {}
        if settings.database.startswith("sqlite:"):
            file = file_of(settings.database)
            sides = (file.with_name(file.name + side) for side in ("", "-wal", "-shm"))
            files = dict.fromkeys((side.resolve() for side in sides), DATABASE_FILE)
        keys = settings.keys.resolve()
        if keys.is_dir():
            files |= dict.fromkeys(keys.iterdir(), KEY_FILE)
        return files

    def _finding(self, problems: list[Problem]) -> Finding:
        allowed = [f"{self._allowed} allowed by {allowances.FILE}"] if self._allowed else []
        return Finding(check="git", problems=problems, note="; ".join([*self._notes, *allowed]))


class _Bounded:
    """So many lines and no more; remembers whether there were any."""

    def __init__(self, lines: Iterator[Line], most: int) -> None:
        self._lines: Final = lines
        self._most: Final = most
        self.was_cut = False

    def __iter__(self) -> Iterator[Line]:
        yield from islice(self._lines, self._most)
        self.was_cut = next(self._lines, None) is not None


def _problem(leak: Leak, where: str, remedy: str) -> Problem:
    commit = f" in commit {leak.commit[:12]}" if leak.commit else where
    return Problem(
        rule="secret-in-git",
        text=f"{leak.kind}{commit}",
        remedy=remedy,
        file=leak.path,
        line=leak.line,
        fingerprint=fingerprint(leak) if leak.line else "",
    )


def _stale(allowed: Iterable[Allowance], leaks: list[Leak]) -> Iterator[Problem]:
    for each in allowances.unused(allowed, leaks):
        yield Problem(
            rule="allowance-unused",
            text=f"{allowances.FILE} allows {each.kind or each.fingerprint} in {each.path},"
            " where none is found",
            remedy="take the entry out",
            weight=Weight.WARNING,
        )


def search(settings: Settings | None, *, commits: int = 0, staged: bool = False) -> Finding:
    """Look at the repository of the working directory."""
    try:
        look = Search(settings, Path.cwd())
        return look.staged() if staged else look.everything(commits)
    except ConfigurationError as error:
        problems = [Problem(rule="git-unread", text=text) for text in error.problems]
        return Finding(check="git", problems=problems)
