"""A git repository, as a scanner for secrets reads it: line by line, and never all at once.

git is asked by argument lists, and its answers are streamed. Whatever a repository's configuration
says, no program of it is run (``--no-ext-diff``, ``--no-textconv``, no file-system monitor), and
the form of the answers is the one that is parsed here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ringfence.core.errors import ConfigurationError

#: What is read of one file, and of one line: keys and tokens are short, built files are long.
MOST_FILE_BYTES: Final = 1_048_576
MOST_LINE_CHARACTERS: Final = 4096

_BINARY_HEAD_BYTES: Final = 8000  # as far as git looks for a NUL

_NO_REPOSITORY: Final = "not a git repository"

_QUIET: Final = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "log.showSignature=false"),
)
_DIFF: Final = (
    *("--patch", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"),
    *("--submodule=short", "--src-prefix=a/", "--dst-prefix=b/"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that somebody wrote; number 0 stands for the file itself."""

    path: str
    number: int
    text: str
    commit: str = ""  # in full, for what is read from the history
    content: bytes = b""  # of a file in the work tree, as far as it was read


class Repository:
    """The repository that a folder is in."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root

    @classmethod
    def of(cls, folder: Path) -> "Repository | None":
        """The repository around ``folder``; None if there is none.

        Raises:
            ConfigurationError: There is one and no git on this machine, or git refuses.
        """
        if shutil.which("git") is None and not any(
            (each / ".git").exists() for each in (folder, *folder.parents)
        ):
            return None  # a server, where nobody commits
        try:
            top = _ask(folder, "rev-parse", "--show-toplevel")
        except LookupError:
            return None
        return cls(Path(top.rstrip("\n")))

    def tracked(self) -> Iterator[Line]:
        """Every line of every tracked file, as it is in the work tree now."""
        for path in self._paths("ls-files", "-z", "--cached"):
            file = self.root / path
            content = b""
            if file.is_file() and not file.is_symlink():  # else a submodule, or gone
                with file.open("rb") as stream:
                    content = stream.read(MOST_FILE_BYTES)
            yield Line(path, 0, "", content=content)
            if b"\0" not in content[:_BINARY_HEAD_BYTES]:
                for number, text in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
                    yield Line(path, number, text[:MOST_LINE_CHARACTERS])

    def unignored(self) -> list[str]:
        """The files that are not tracked, and that ``git add .`` would add."""
        return self._paths("ls-files", "-z", "--others", "--exclude-standard")

    def staged(self) -> Iterator[Line]:
        """Every line that the next commit would add."""
        return _added(self._stream("diff", "--cached", *_DIFF))

    def history(self, commits: int) -> Iterator[Line]:
        """Every line that one of the newest ``commits`` added, on any branch; newest first.

        Of a merge, what its parents do not have.
        """
        walk = (f"--max-count={commits}", "--all", "--cc", f"--format={_COMMIT}%H")
        return _added(self._stream("log", *walk, *_DIFF))

    def commits(self) -> int:
        """How many commits there are, on all branches."""
        return int(_ask(self.root, "rev-list", "--all", "--count"))

    @property
    def is_shallow(self) -> bool:
        """Whether older commits are missing here."""
        return _ask(self.root, "rev-parse", "--is-shallow-repository").strip() == "true"

    def hooks(self) -> Path:
        """The folder of the hooks, wherever ``core.hooksPath`` puts it."""
        return self.root / _ask(self.root, "rev-parse", "--git-path", "hooks").rstrip("\n")

    def common(self) -> Path:
        """The folder of git itself, which all work trees of this repository share."""
        return self.root / _ask(self.root, "rev-parse", "--git-common-dir").rstrip("\n")

    def _paths(self, *arguments: str) -> list[str]:
        return [path for path in _ask(self.root, *arguments).split("\0") if path]

    def _stream(self, *arguments: str) -> Iterator[str]:
        """The lines of an answer; a reader who has seen enough stops git.

        Raises:
            ConfigurationError: git failed: what it did not show is not known.
        """
        process = subprocess.Popen(  # noqa: S603  # an argument list, and no shell
            _command(self.root, arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        with process:
            try:
                yield from _lines(process.stdout)
                if process.wait():
                    raise ConfigurationError(f"git {arguments[0]} failed")
            finally:
                process.kill()


def _ask(folder: Path, *arguments: str) -> str:
    """What git answers.

    Raises:
        LookupError: There is no repository.
        ConfigurationError: There is no git, or it refuses.
    """
    try:
        done = subprocess.run(  # noqa: S603  # an argument list, and no shell
            _command(folder, arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError:
        raise ConfigurationError("there is no git on this machine") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        if _NO_REPOSITORY in said:
            raise LookupError
        raise ConfigurationError(f"git {arguments[0]}: {said.partition(chr(10))[0]}")
    return os.fsdecode(done.stdout)


def _command(folder: Path, arguments: tuple[str, ...]) -> list[str]:
    return ["git", "-C", str(folder), *_QUIET, *arguments]


def _environment() -> dict[str, str]:
    """Words of git itself, in the language that is parsed; it waits for nobody."""
    return os.environ | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    """Lines without their ends; what is longer than a line may be is cut, not kept."""
    if stream is None:
        return
    whole = True
    while piece := stream.readline(MOST_LINE_CHARACTERS):
        if whole:
            yield piece.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        whole = piece.endswith(b"\n")


# --------------------------------------------------------------------------------- a diff, parsed

_COMMIT: Final = "commit "
_ORDINARY: Final = "diff --git "
_COMBINED: Final = "diff --cc "
_HUNK: Final = "@@"
_INDEX: Final = "index "


def _added(answer: Iterator[str]) -> Iterator[Line]:
    """The lines that a stream of diffs adds, and each file once that is not deleted.

    Where a hunk ends is counted, so that no line of content is mistaken for a header.
    """
    commit = path = ""
    hunk = _Hunk("@@ -0,0 +0,0 @@")
    for text in answer:
        if hunk.is_open:
            if text.startswith("\\"):  # "\ No newline at end of file"
                continue
            number = hunk.number
            if hunk.adds(text):
                yield Line(path, number, text[hunk.columns :], commit)
        elif text.startswith(_COMMIT):
            commit = text.removeprefix(_COMMIT)
        elif text.startswith((_ORDINARY, _COMBINED)):
            path = _path(text)
        elif text.startswith(_INDEX) and not _is_deletion(text):
            yield Line(path, 0, "", commit)
        elif text.startswith(_HUNK):
            hunk = _Hunk(text)


class _Hunk:
    """One hunk, ``@@ -1,2 +3,4 @@``, and how many of its lines are still to come.

    Of a merge, ``@@@ -1,2 -1,3 +1,4 @@@``: a range and a column of signs for each parent. A line
    that is removed counts in the ranges of those who have it, every other one in the result and in
    the ranges of those whose column is blank.
    """

    def __init__(self, head: str) -> None:
        self.columns: Final = len(head) - len(head.lstrip("@")) - 1
        *parents, result = head.strip("@").split("@")[0].split()
        self._left = [_count(each) for each in parents]
        self._result = _count(result)
        self.number = int(result.partition(",")[0])  # of the next line of the result

    @property
    def is_open(self) -> bool:
        return self._result > 0 or any(left > 0 for left in self._left)

    def adds(self, text: str) -> bool:
        """Take the next line; whether it is new to a parent."""
        signs = text[: self.columns].ljust(self.columns)
        own = "-" if "-" in signs else " "
        for column, sign in enumerate(signs):
            self._left[column] -= sign == own
        if own == "-":
            return False
        self._result -= 1
        self.number += 1
        return "+" in signs


def _count(span: str) -> int:
    """How many lines ``+3,4`` spans."""
    _, comma, count = span.partition(",")
    return int(count) if comma else 1


def _is_deletion(index: str) -> bool:
    """Whether ``index 45b983b..0000000`` leaves nothing."""
    return not index.partition("..")[2].split(" ")[0].strip("0")


def _path(header: str) -> str:
    """The path in ``diff --git a/path b/path``: without renames, the same one twice."""
    if header.startswith(_COMBINED):
        return _unquoted(header.removeprefix(_COMBINED))
    both = header.removeprefix(_ORDINARY)
    return _unquoted(both[len(both) // 2 + 1 :]).removeprefix("b/")


def _unquoted(name: str) -> str:
    """A path as git quotes it, where it holds a quote, a backslash or a control character."""
    if not name.startswith('"'):
        return name
    raw = name[1:-1].encode("utf-8", "surrogateescape").decode("unicode_escape")
    return raw.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
