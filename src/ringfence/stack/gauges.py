"""What is counted beside events and requests: the store, the feed of revocations, hashing, the log.

Measured from outside of what is measured: the store is read and written when somebody asks for the
metrics, so that no request pays for it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ringfence.authn.outbox import Backlog
from ringfence.authn.revocation import Revocation, RevocationSource
from ringfence.core.errors import StoreError
from ringfence.monitoring.metrics import Metrics
from ringfence.stack.protocols import Monitoring, Workers
from ringfence.storage import Stores


class ObservedRevocations:
    """``RevocationSource`` that shows how long reading the feed takes, and how late it was read."""

    def __init__(
        self, source: RevocationSource, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._source: Final = source
        self._clock: Final = clock
        self._lag = 0.0
        self._reads: Final = metrics.histogram(
            "ringfence_revocation_read_seconds",
            "How long requests waited for the feed of revocations to be read.",
        )
        metrics.gauge(
            "ringfence_revocation_lag_seconds",
            "From the commit of the revocation that was learned last until it was learned. "
            "A worker learns before it next lets a token in; an idle one learns late.",
            lambda: self._lag,
        )
        self.changed: Final = source.changed

    async def read(self, after: int) -> Sequence[Revocation]:
        """As the source's."""
        began = time.monotonic()
        news = await self._source.read(after)
        self._reads.observe(time.monotonic() - began)
        if news and after and news[-1].at is not None:  # the first read is of what was long before
            self._lag = max(0.0, (self._clock() - news[-1].at).total_seconds())
        return news


class Probe:
    """Asks the store, and the outbox in it, whenever the metrics are asked for."""

    def __init__(self, stores: Stores, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._stores: Final = stores
        self._clock: Final = clock
        self._mail = Backlog()
        self._up = 0.0
        self._seconds = 0.0
        metrics.gauge("ringfence_store_up", "Whether the store reads and writes.", lambda: self._up)
        metrics.gauge(
            "ringfence_store_seconds",
            "How long a read and, once a second, a write took just now.",
            lambda: self._seconds,
        )
        metrics.gauge("ringfence_mail_waiting", "Mails to be sent.", lambda: self._mail.count)
        metrics.gauge(
            "ringfence_mail_oldest_seconds", "How long the oldest of them waits.", self._oldest
        )

    async def ask(self) -> None:
        """Read and write, and take the time."""
        began = time.monotonic()
        try:
            await self._stores.ping()
            self._seconds = time.monotonic() - began
            self._mail = await self._stores.outbox.backlog()
        except StoreError:
            self._up = 0.0
            self._seconds = time.monotonic() - began
        else:
            self._up = 1.0

    def _oldest(self) -> float:
        since = self._mail.oldest
        return 0.0 if since is None else max(0.0, (self._clock() - since).total_seconds())


def observed(stores: Stores, metrics: Metrics, clock: Callable[[], datetime]) -> Stores:
    """``stores``, whose feed of revocations is observed."""
    return replace(stores, revocations=ObservedRevocations(stores.revocations, metrics, clock))


def measure(metrics: Metrics, hashing: Workers, monitoring: Monitoring) -> None:
    """Show the queue of hashing, and whether the log takes lines."""

    def takes_lines() -> float:
        try:
            monitoring.ping()
        except StoreError:
            return 0.0
        return 1.0

    metrics.gauge(
        "ringfence_hashing_running",
        "Passwords that are being hashed.",
        lambda: hashing.load[0],
    )
    metrics.gauge(
        "ringfence_hashing_waiting",
        "Requests that wait for a worker to hash a password.",
        lambda: hashing.load[1],
    )
    metrics.gauge("ringfence_log_up", "Whether the log takes lines.", takes_lines)
