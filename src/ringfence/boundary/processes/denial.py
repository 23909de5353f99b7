"""Process-wide denial of shells and new processes, by audit hook (PEP 578).

After ``freeze()`` nothing in this process may start a program, in any thread or task. The denial
holds everywhere; only the permission has a scope, which is the one argument list that the command
runner is about to start. A denial with a scope would fail, because context variables are not copied
to ``run_in_executor`` (Ledger 41).

**A tripwire, not a sandbox.** It stops a careless ``subprocess.run`` through a shell and the usual
second stage of an injection. It does not stop hostile code that already runs in the process:
``_posixsubprocess.fork_exec`` raises no event, and extension modules that call ``fork`` themselves
raise none either (uvloop is one; its two methods are made to ask). Only the operating system can
stop those, in the network layer.

A hook cannot be removed, so it looks at the number of ``freeze()`` calls not yet undone. A seam
says who judges, because another application in the same process may have no such denial.

Sources: PEP 578 and the table of audit events; ATTACKS I03, I04, I06.
"""

import ctypes  # noqa: F401  # pyright: ignore[reportUnusedImport]  # its import opens a library, so it comes before that is denied
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from ringfence.core.codes import Layer
from ringfence.core.exchange import refusal
from ringfence.core.seam import Seam

#: Raised by us on uvloop's behalf, with the same arguments as ``subprocess.Popen``.
UVLOOP_SPAWN: Final = "ringfence.uvloop.spawn"

#: The events that carry an argument list, and so can be approved.
_SPAWNS: Final = frozenset({"subprocess.Popen", UVLOOP_SPAWN})

#: Every event by which Python starts a program or reaches native code that could.
DENIED: Final = _SPAWNS | {
    "_winapi.CreateProcess",
    "ctypes.dlopen",
    "ctypes.dlsym",
    "ctypes.dlsym/handle",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.startfile/2",
    "os.system",
    "pty.spawn",
}

_approved: ContextVar[tuple[str, ...] | None] = ContextVar("ringfence.approved", default=None)
_freezes = 0
_hooked = False


def freeze() -> None:
    """Deny new processes from here on; each call is undone by one ``thaw()``."""
    global _freezes, _hooked  # noqa: PLW0603  # a hook belongs to the process, and so does its switch
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    if "uvloop" in sys.modules:
        _make_uvloop_ask(sys.modules["uvloop"].Loop)
    _freezes += 1


def thaw() -> None:
    """Undo one ``freeze()``: the application that asked for it has shut down."""
    global _freezes  # noqa: PLW0603  # see freeze
    _freezes = max(0, _freezes - 1)


@contextmanager
def approved(arguments: Sequence[str]) -> Generator[None]:
    """Let exactly this argument list start inside the block, in this task. For the runner only."""
    token = _approved.set(tuple(arguments))
    try:
        yield
    finally:
        _approved.reset(token)


def _hook(event: str, arguments: tuple[Any, ...], denied: frozenset[str] = DENIED) -> None:
    if event in denied and _freezes:  # one look-up for the thousands of events that are not ours
        JUDGE.current()(event, arguments)


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    allowed = _approved.get()
    if allowed is not None and event in _SPAWNS and allowed == _argument_list(arguments):
        return
    raise refusal("process.denied", event=event)


#: Who judges the start of a program: an audit event of ``DENIED`` and its arguments.
JUDGE: Final = Seam[Callable[[str, tuple[Any, ...]], None]](Layer.BOUNDARY, _judge)


def _argument_list(arguments: tuple[Any, ...]) -> tuple[str, ...] | None:
    """The argument list of a spawn whose program is its first argument; else None."""
    program, listed = arguments[0], arguments[1]
    if isinstance(listed, str | bytes | os.PathLike):
        return None  # a command line, not a list
    words = tuple(os.fsdecode(word) for word in listed)
    return words if words and os.fsdecode(program) == words[0] else None


def _make_uvloop_ask(loop: Any) -> None:  # noqa: ANN401  # uvloop is optional and is not imported here
    """Wrap the two methods by which uvloop starts a process in C, unseen by every hook."""
    if getattr(loop, "__ringfence_asks__", False):
        return
    loop.subprocess_exec = _asking(loop.subprocess_exec)
    loop.subprocess_shell = _asking(loop.subprocess_shell)
    loop.__ringfence_asks__ = True


def _asking(spawn: Callable[..., Any]) -> Callable[..., Any]:
    async def ask(self: object, factory: object, *words: Any, **options: Any) -> Any:  # noqa: ANN401  # as uvloop's own
        program = options.get("executable") or words[0]
        listed = words[0] if spawn.__name__ == "subprocess_shell" else words
        sys.audit(UVLOOP_SPAWN, program, listed, options.get("cwd"), options.get("env"))
        return await spawn(self, factory, *words, **options)

    return ask
