"""Threads that a request starts know the request.

Context variables are not copied to ``run_in_executor``, ``ThreadPoolExecutor.submit`` or a
``Thread`` (Ledger 41 and 43), so a statement there would belong to no request. While a guarded
application runs, a thread begins with a copy of the context in which it was asked for.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from ringfence.core.exchange import current

P = ParamSpec("P")
T = TypeVar("T")

_submit: Final = ThreadPoolExecutor.submit
_start: Final = threading.Thread.start
_followed = 0


def _submit_with_context(
    self: ThreadPoolExecutor, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> Future[T]:
    # Always, so that work from outside of a request does not run in the context of the request
    # which happened to start the thread.
    run: Callable[..., T] = partial(copy_context().run, work)
    # A pool starts its threads here: they stay for longer than the request, and begin without it.
    token = current.set(None)
    try:
        return _submit(self, run, *args, **kwargs)
    finally:
        current.reset(token)


def _start_with_context(self: threading.Thread) -> None:
    if current.get() is not None:
        run: Any = partial(copy_context().run, self.run)
        self.run = run
    _start(self)


def follow() -> None:
    """Copy contexts from here on; undone by one ``leave``."""
    global _followed  # noqa: PLW0603  # the classes belong to the process, and so does their change
    if not _followed:
        ThreadPoolExecutor.submit = _submit_with_context
        threading.Thread.start = _start_with_context
    _followed += 1


def leave() -> None:
    """Undo one ``follow``."""
    global _followed  # noqa: PLW0603  # see follow
    _followed -= 1
    if not _followed:
        ThreadPoolExecutor.submit = _submit
        threading.Thread.start = _start
