"""Random histories of refresh families, against an oracle that never reads the store.

The oracle knows what it did and what the clock said; from that alone it says what each answer must
be. It is written from DESIGN section 6, not from the code: a spent token repeats its successor
within the grace and until that is used, and otherwise ends its family.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ringfence.authn.refresh import RefreshLimits, rotate
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
from tests.contract.stores import NOW, account, digest, session, token

LIMITS = RefreshLimits(
    idle=timedelta(seconds=100), absolute=timedelta(seconds=300), grace=timedelta(seconds=10)
)
_names = (f"name-{number}" for number in itertools.count())


@dataclass
class Family:
    """What the oracle remembers of one sign-in."""

    name: str
    owner: str
    began: datetime
    ended: bool = False
    line: list[str] = field(default_factory=list[str])  # its tokens, oldest first
    issued: list[datetime] = field(default_factory=list[datetime])

    def expect(self, shown: str, now: datetime) -> str:
        """The answer: a refusal's code, the name of a token to be repeated, or "new"."""
        if self.ended:
            return "refresh.revoked"
        place = self.line.index(shown)
        later = len(self.line) - 1 - place
        if later == 0:
            over = now >= min(self.issued[place] + LIMITS.idle, self.began + LIMITS.absolute)
            return "refresh.expired" if over else "new"
        spent_at = self.issued[place + 1]
        if later == 1 and now < spent_at + LIMITS.grace:
            return self.line[place + 1]
        self.ended = True
        return "refresh.reused"


class Histories(RuleBasedStateMachine):
    """Signs in, refreshes with any token ever issued, signs out, and lets time pass."""

    stores: Stores
    runner: asyncio.Runner

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.families: list[Family] = []
        self.owners: list[str] = []
        self.versions: dict[str, int] = {}
        for _ in range(2):
            name = next(_names)
            self.owners.append(name)
            self.versions[name] = 0
            assert self.run(self.stores.accounts.create(account(name, id=name)))

    def run(self, call: Any) -> Any:
        return self.runner.run(call)

    @rule(owner=st.sampled_from([0, 1]))
    def sign_in(self, owner: int) -> None:
        family = Family(next(_names), self.owners[owner], self.now)
        first = next(_names)
        began = self.stores.sessions.begin(
            session(family.name, family.owner, self.now),
            token(first, family.name, self.now, self.now),
            self.versions[family.owner],
        )
        assert self.run(began) is not None
        family.line.append(first)
        family.issued.append(self.now)
        self.families.append(family)

    @rule(seconds=st.sampled_from([0, 1, 9, 10, 11, 60, 99, 100]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(data=st.data(), parallel=st.sampled_from([1, 1, 1, 5]))
    def refresh(self, data: st.DataObject, parallel: int) -> None:
        """Show the same token once, or from several tabs at once."""
        shown = data.draw(st.sampled_from(self.tokens()) if self.tokens() else st.none())
        if shown is None:
            return
        family, name = shown
        expected = family.expect(name, self.now)
        answers = self.run(self._refresh(name, parallel))
        if expected == "new":
            (winner,) = set(answers)
            family.line.append(winner)
            family.issued.append(self.now)
        elif expected == "refresh.reused" and parallel > 1:
            assert set(answers) <= {"refresh.reused", "refresh.revoked"}
            assert "refresh.reused" in answers
        else:
            assert answers == [expected] * parallel

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if not self.families:
            return
        family = data.draw(st.sampled_from(self.families))
        ended = self.run(self.stores.sessions.end(family.name, family.owner, self.now))
        assert ended is not family.ended
        family.ended = True

    @rule(owner=st.sampled_from([0, 1]))
    def sign_out_everywhere(self, owner: int) -> None:
        name = self.owners[owner]
        self.run(self.stores.accounts.sign_out_everywhere(name, self.now))
        self.versions[name] += 1
        for family in self.families:
            family.ended = family.ended or family.owner == name

    @rule()
    def an_unknown_token(self) -> None:
        assert self.run(self._refresh(next(_names), 1)) == ["refresh.unknown"]

    def tokens(self) -> list[tuple[Family, str]]:
        return [(family, name) for family in self.families for name in family.line]

    async def _refresh(self, shown: str, parallel: int) -> list[str]:
        return await asyncio.gather(*(self._refresh_once(shown) for _ in range(parallel)))

    async def _refresh_once(self, shown: str) -> str:
        """The name of the successor, which the sealed bytes stand for, or the refusal's code."""
        new = next(_names)
        try:
            sealed = await rotate(
                self.stores.sessions, digest(shown), digest(new), new.encode(), self.now, LIMITS
            )
        except Refused as refused:
            return refused.code.name
        return sealed.decode()

    def teardown(self) -> None:
        """What lives and what is dead is what the oracle says."""
        for family in getattr(self, "families", ()):
            alive = self.run(self.stores.sessions.get(family.name)) is not None
            assert alive is not family.ended


@pytest.fixture(params=["memory", "sqlite"])
def machine(
    request: pytest.FixtureRequest, sqlite: str, tmp_path: Path
) -> Iterator[type[Histories]]:
    with asyncio.Runner() as runner:
        stores = open_stores("memory:" if request.param == "memory" else sqlite)
        runner.run(_await(stores.start()))

        class OnThisStore(Histories):
            pass

        OnThisStore.stores = stores
        OnThisStore.runner = runner
        yield OnThisStore
        runner.run(_await(stores.close()))


async def _await(call: Awaitable[None]) -> None:
    await call


def test_no_history_of_a_family_surprises_the_oracle(machine: type[Histories]) -> None:
    """Ledger 10, 11, 12."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
