"""Limits on the application's own routes: whose request it is, counted before anything is loaded.

A **declared** limit (``core.limit``) is counted beside the sign-in limits, all limits of a route in
one atomic step: it is exact across processes. Up to 60 units each request takes its own. Above that
a process takes a fiftieth of the limit at a time, and spends it from memory within the part of the
window that it is booked to (``windows``): there are never more units in any window than the limit,
and with several processes there may be a few less.

The **default** budgets of an address and of an account must cost an ordinary request nothing: each
process lets a small share pass without asking, which is kept back for sixteen processes. Where the
store is away, each process goes on with its own part of a default budget; a declared limit refuses.

Who was refused is refused from memory for up to a second: a flood costs the store nothing.

Sources: OWASP API4:2023; draft-ietf-httpapi-ratelimit-headers-10 (``RateLimit``,
``RateLimit-Policy``).
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from ringfence.authn.counters import Counter, CounterStore
from ringfence.authn.limits import SlidingLog, address_key
from ringfence.authn.windows import Taken, Window
from ringfence.core.errors import Refused, StoreError
from ringfence.core.exchange import Exchange
from ringfence.core.limit import Limit
from ringfence.core.route import Entry

#: Up to so many units, each is counted by itself and to the microsecond.
EXACT: Final = 60
#: Above that, this part of a limit is taken at a time,
_SHARE: Final = 50
#: and this part of a default budget passes unasked in each of so many processes: twice, where two
#: of their windows touch.
_UNASKED: Final = 200
_PROCESSES: Final = 16

_MOST_TALLIES: Final = 50_000
_NOTHING: Final = timedelta()
_SECOND: Final = timedelta(seconds=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Outcome: TypeAlias = Taken | timedelta
_Header: TypeAlias = tuple[bytes, bytes]


class Budget:
    """One limit, with the numbers that every request needs, and what this process knows of clients.

    Args:
        limit: What was declared, or is set.
        scope: What is counted together: the beginning of keys.
        default: Whether it is a default budget.
    """

    def __init__(self, limit: Limit, scope: str, *, default: bool = False) -> None:
        amount, window = limit.rate.amount, limit.rate.window
        self.limit: Final = limit
        self.scope: Final = scope
        self.default: Final = default
        self.by_account: Final = limit.by == "account"
        self.of_accounts_alone: Final = default and limit.by == "account"  # others have the other
        self.unasked: Final = amount // _UNASKED if default else 0  # in each process and window
        kept_back = 2 * _PROCESSES * self.unasked
        self.share: Final = max(1, amount // _SHARE) if amount > EXACT else 1
        self._log: Final = SlidingLog(amount, window) if amount <= EXACT else None
        self._window: Final = Window(amount - kept_back, window)
        self._tallies: Final[dict[str, _Tally]] = {}  # by address or account, as it is given
        self._places: Final[dict[str, _Tally]] = {}  # by key

    def tally(self, ex: Exchange) -> "_Tally":
        """What is known of the client of a request: the account, or the address."""
        principal = ex.principal if self.by_account else None
        who = principal.subject if principal is not None else ex.client
        return self._tallies.get(who) or self._begin(who, address=principal is None)

    def judge(self, counter: Counter | None, now: datetime) -> tuple[Counter | None, _Outcome]:
        """The counter moved to ``now``, and what was taken or how long to wait."""
        if self._log is None:
            present = counter and self._window.as_of(counter, now)
            return present, self._window.take(present, now, self.share)
        present = counter and self._log.as_of(counter, now)
        after = self._log.take(present, now)
        if isinstance(after, timedelta):
            return present, after
        return present, Taken(after, 1, self.limit.rate.amount - len(after.marks))

    def hold(self, tally: "_Tally", taken: Taken, now: datetime) -> None:
        """Keep what was taken, less one, until the end of the part that it is booked to."""
        tally.others = taken.left
        if self._log is None:
            tally.left, tally.left_until = taken.units - 1, self._window.end_of_part(now)

    def headers(self, name: str, left: int, wait: timedelta | None = None) -> list[_Header]:
        """What a client is told of it."""
        rate = self.limit.rate
        seconds = int(rate.window.total_seconds())
        free = f";t={max(1, math.ceil(wait.total_seconds()))}" if wait is not None else ""
        policy = f'"{name}";q={rate.amount};w={seconds}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"{name}";r={left}{free}'.encode()),
        ]

    def _begin(self, who: str, *, address: bool) -> "_Tally":
        """Addresses of one subscriber are one. Of too many clients the first is forgotten."""
        key = f"{self.scope}:{address_key(who) if address else who}"
        for known in (self._tallies, self._places):
            if len(known) >= _MOST_TALLIES:
                del known[next(iter(known))]
        tally = self._tallies[who] = self._places.setdefault(key, _Tally(key))
        return tally


class _Tally:
    """What a process knows of one budget and client."""

    __slots__ = (
        "key",
        "left",
        "left_until",
        "opens_at",
        "others",
        "turn",
        "unasked",
        "unasked_until",
    )

    def __init__(self, key: str) -> None:
        self.key = key  # in the store
        self.turn = asyncio.Lock()  # whose it is to ask for a share
        self.unasked = 0  # units that may pass without asking, until
        self.unasked_until = _LONG_AGO
        self.left = 0  # units that were taken and may be spent, until
        self.left_until = _LONG_AGO
        self.others = 0  # units that were left for others
        self.opens_at: datetime | None = None  # until then the store has no unit


class RouteLimits:
    """Counts requests. Belongs to one event loop.

    Args:
        store: Of the counters, which every process of the site shares.
        defaults: Budgets of each client over all of the application's routes.
    """

    def __init__(self, store: CounterStore, defaults: Sequence[Limit] = ()) -> None:
        self._store: Final = store
        self._budgets: Final[dict[str, Budget]] = {}  # by scope
        self._defaults: Final = tuple(
            self._budget(limit, f"default:{limit.by}", default=True) for limit in defaults
        )
        self._plans: Final[dict[Entry, tuple[Budget, ...]]] = {}

    def count(self, ex: Exchange) -> Awaitable[None] | None:
        """Count a request to one of the application's routes.

        Returns:
            None, or what to wait for where the store has to be asked.

        Raises:
            Refused: ``request.limited``; StoreError.
        """
        entry = ex.entry
        if entry is None or entry.own:
            return None
        budgets = self._plans.get(entry)
        if budgets is None:
            budgets = self._plans[entry] = self._plan(entry)
        needed = self._spend(ex, budgets)
        if needed:
            return self._ask(ex, needed)
        if entry.limits:
            self._announce(ex, entry)
        return None

    def _plan(self, entry: Entry) -> tuple[Budget, ...]:
        declared = (
            self._budget(limit, f"route:{scope.replace(':', '=')}") for scope, limit in entry.limits
        )
        return (*self._defaults, *declared)

    def _budget(self, limit: Limit, scope: str, *, default: bool = False) -> Budget:
        scope = f"{scope} {limit.rate} {limit.by}"  # two limits of a route are two counters
        found = self._budgets.get(scope)
        if found is None:
            found = self._budgets[scope] = Budget(limit, scope, default=default)
        return found

    def _spend(self, ex: Exchange, budgets: Sequence[Budget]) -> list[Budget]:
        """Spend what is at hand; returns for what the store has to be asked.

        Raises:
            Refused: ``request.limited``: a moment ago the store had none left.
        """
        now = ex.now
        needed: list[Budget] = []
        for budget in budgets:
            if budget.of_accounts_alone and ex.principal is None:
                continue
            tally = budget.tally(ex)
            if tally.opens_at is not None:
                if _NOTHING < tally.opens_at - now <= _SECOND:
                    raise _refusal(ex, budget, tally.opens_at - now)
                tally.opens_at = None
            if budget.unasked:
                over = now + budget.limit.rate.window
                if not now < tally.unasked_until <= over:  # it may have begun before a jump
                    tally.unasked, tally.unasked_until = budget.unasked, over
                if tally.unasked:
                    tally.unasked -= 1
                    continue
            if tally.left and now < tally.left_until:
                tally.left -= 1
                continue
            needed.append(budget)
        return needed

    async def _ask(self, ex: Exchange, needed: Sequence[Budget]) -> None:
        """Take from the store. Of one client's requests only one asks for a share at a time.

        The others wait in a line, and each looks once at what those before it have left.
        """
        shared = {
            tally.key: tally.turn
            for budget in needed
            if budget.share > 1 and (tally := budget.tally(ex))
        }
        async with AsyncExitStack() as turns:
            for key in sorted(shared):
                await turns.enter_async_context(shared[key])
            if shared:
                needed = self._spend(ex, needed)
            if needed:
                await self._take(ex, needed)
        if ex.entry is not None:
            self._announce(ex, ex.entry)

    async def _take(self, ex: Exchange, needed: Sequence[Budget]) -> None:
        now, tallies = ex.now, [budget.tally(ex) for budget in needed]

        def change(
            counters: Sequence[Counter | None],
        ) -> tuple[Sequence[Counter | None], Sequence[_Outcome]]:
            return _judge(needed, counters, now)

        try:
            outcomes = await self._store.update([tally.key for tally in tallies], change)
        except StoreError:
            if not all(budget.default for budget in needed):
                raise
            outcomes = [Taken(Counter((), now), budget.share, 0) for budget in needed]
        refused: list[tuple[timedelta, Budget]] = []
        for budget, tally, outcome in zip(needed, tallies, outcomes, strict=True):
            if isinstance(outcome, timedelta):
                tally.opens_at = now + min(outcome, _SECOND)
                refused.append((outcome, budget))
            elif outcome.units:
                budget.hold(tally, outcome, now)
        if refused:
            wait, budget = max(refused, key=lambda each: each[0])
            raise _refusal(ex, budget, wait)

    def _announce(self, ex: Exchange, entry: Entry) -> None:
        """Say how much is left of each declared limit; a second one by the same has a number."""
        told: list[_Header] = []
        seen: list[str] = []
        for budget in self._plans[entry]:
            if not budget.default:
                by = budget.limit.by
                seen.append(by)
                number = seen.count(by)
                tally = budget.tally(ex)
                name = by if number == 1 else f"{by}-{number}"
                told += budget.headers(name, tally.others + tally.left)
        ex.announced = tuple(told)


def _judge(
    budgets: Sequence[Budget], counters: Sequence[Counter | None], now: datetime
) -> tuple[Sequence[Counter | None], Sequence[_Outcome]]:
    """All or none: where one has no unit left, only a clock that was set back is written."""
    judged = [budget.judge(counter, now) for budget, counter in zip(budgets, counters, strict=True)]
    outcomes = [outcome for _, outcome in judged]
    taken = [outcome for outcome in outcomes if not isinstance(outcome, timedelta)]
    if len(taken) == len(outcomes):
        return [each.counter for each in taken], outcomes
    moved = [
        present if present is not before else None
        for before, (present, _) in zip(counters, judged, strict=True)
    ]
    nothing = [
        outcome if isinstance(outcome, timedelta) else Taken(outcome.counter, 0, 0)
        for outcome in outcomes
    ]
    return moved, nothing


def _refusal(ex: Exchange, budget: Budget, wait: timedelta) -> Refused:
    ex.announced = tuple(budget.headers(budget.limit.by, 0, wait))
    facts = {"limit": str(budget.limit.rate), "by": budget.limit.by, "of": budget.scope}
    return Refused("request.limited", retry_after=wait, facts=facts)
