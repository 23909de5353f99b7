"""The pre-commit hook: no commit adds a secret. A hook that was there goes on to run.

Source: githooks(5), ``pre-commit``: a status other than 0 ends the commit.
"""

import shlex
import sys
from pathlib import Path
from typing import Final

from ringfence.cli.check.repository import Repository
from ringfence.core.errors import ConfigurationError

NAME: Final = "pre-commit"
PREVIOUS: Final = "pre-commit.previous"

_MARK: Final = "# Written by: ringfence check --install-hook"
_EXECUTABLE: Final = 0o755

_SCRIPT: Final = """\
#!/bin/sh
{mark}
# No commit adds a secret. `git commit --no-verify` passes by it, once.
{command} check --staged || exit 1
previous="$(dirname "$0")/{previous}"
if [ -x "$previous" ]; then
    exec "$previous" "$@"
fi
"""


def install(repository: Repository) -> str:
    """Put the hook in place, in front of one that is there; says what was done.

    Raises:
        ConfigurationError: It cannot be put in place without touching what is not this
            repository's, or without losing a hook.
    """
    folder = repository.hooks().resolve()
    hook, previous = folder / NAME, folder / PREVIOUS
    own = (repository.common().resolve(), repository.root.resolve())
    if not any(folder.is_relative_to(each) for each in own):
        raise ConfigurationError(
            f"git's hooks are in {folder}, which other repositories share;"
            f" if all of them are to use it, add this line to {NAME} there:",
            f"{_command()} check --staged",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if _is_ours(hook):
        _write(hook)
        return f"{hook} is up to date"
    if hook.exists() or hook.is_symlink():
        if previous.exists() or previous.is_symlink():
            raise ConfigurationError(
                f"there is a hook, and {PREVIOUS} is taken: join them, and try again"
            )
        hook.rename(previous)
        _write(hook)
        return f"{hook} is in place; the hook that was there is {PREVIOUS}, and runs after it"
    _write(hook)
    return f"{hook} is in place"


def _is_ours(hook: Path) -> bool:
    return hook.is_file() and _MARK in hook.read_text("utf-8", "replace")


def _write(hook: Path) -> None:
    """Write it whole or not at all."""
    unfinished = hook.with_name(f"{NAME}.unfinished")
    text = _SCRIPT.format(mark=_MARK, command=_command(), previous=PREVIOUS)
    unfinished.write_text(text, "utf-8")
    unfinished.chmod(_EXECUTABLE)
    unfinished.replace(hook)


def _command() -> str:
    """This very installation. ``-P``: a folder called ringfence in the repository is not run."""
    program = "import sys; from ringfence.cli import main; sys.exit(main())"
    return f"{shlex.quote(sys.executable)} -P -c {shlex.quote(program)}"
