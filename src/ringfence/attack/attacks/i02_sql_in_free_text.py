"""I02: SQL in free text. A search is asked about somebody's record."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.places import Record, SearchText
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: How much longer the answer takes where the database is asked to be slow, at least.
_SECONDS: Final = 0.2
_ASK: Final = " OR EXISTS (SELECT 1 FROM {table} WHERE {column} LIKE '{guess}%')--"
#: Fails if the guess is right, and only then.
_FAIL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": " OR abs(-9223372036854775807 - (SELECT count(*) FROM {table} "
        "WHERE {column} LIKE '{guess}%')) < 0--",
        "postgres": " OR 1 / (1 - (SELECT count(*) FROM {table} "
        "WHERE {column} LIKE '{guess}%')) < 0--",
    }
)
_COUNT: Final = (
    " OR (SELECT count(*) FROM (WITH RECURSIVE n(i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT i FROM n)) < 0--"
)
_SLEEP: Final = " OR (SELECT count(pg_sleep({})) FROM generate_series(1, 5)) < 0--"


class SqlInFreeText(Attack):
    """Stopped: no word of the record comes back, no question about it gets an answer.

    And no text becomes a condition of the statement: what it leaves out stays out.
    """

    id = "I02"
    control = "a statement holds the application's own literals, and rows have doors"

    async def prepare(self) -> None:
        ground = self.ground
        self.search, records = ground.place(SearchText), ground.place(Record)
        self.canary = ground.canary("note")
        await records.create(ground, await ground.person(), self.canary)
        self.sqlite = ground.site.database == "sqlite"

    async def twin(self) -> None:
        for words, expected in self.search.known.items():
            found = await self._search(words)
            require(found.ok and found.holds(expected), f"{words} is not found: {found.status}")
        missing = await self._search(self.search.unknown)
        require(missing.ok and not self.search.found(missing), "something is found by chance")

    def payloads(self) -> Sequence[Payload]:
        end = "/*" if self.sqlite else "--"  # a comment left open is valid on SQLite (Ledger 40)
        fail = _FAIL[self.ground.site.database]
        union = f" UNION {self.search.select}--"
        return [
            Payload("UNION SELECT", partial(self._shows, union)),
            Payload("UNION SELECT, disguised", partial(self._shows, _disguised(union))),
            Payload("a question: yes or no", partial(self._asks, _ASK)),
            Payload("a question: an error or none", partial(self._asks, fail)),
            Payload("always true", partial(self._lists, f" or 1=1{end}")),
            Payload("a question: soon or late", self._waits),
        ]

    async def _shows(self, sql: str) -> bool:
        return (await self._inject(sql)).holds(self.canary)

    async def _asks(self, question: str) -> bool:
        yes = await self._inject(self._asked(question, self.canary))
        no = await self._inject(self._asked(question, self.ground.canary("other")))
        return no.ok and (yes.status != no.status or yes.body != no.body)

    def _asked(self, question: str, guess: str) -> str:
        secret = self.search.secret
        return question.format(table=secret.table, column=secret.name, guess=guess)

    async def _lists(self, sql: str) -> bool:
        found = await self._inject(sql)
        return found.ok and self.search.found(found) > 0

    async def _waits(self) -> bool:
        soon, late = (1, 3_000_000) if self.sqlite else (0, 0.3)
        asked = _COUNT if self.sqlite else _SLEEP
        quick = await self._inject(asked.format(soon))
        slow = await self._inject(asked.format(late))
        return quick.ok and slow.ok and slow.seconds - quick.seconds > _SECONDS

    async def _inject(self, sql: str) -> Answer:
        return await self._search(self.search.end + sql)

    async def _search(self, words: str) -> Answer:
        target = self.search.path + query(**{self.search.parameter: words})
        return await self.ground.send("GET", target)


def _disguised(sql: str) -> str:
    """The same to a database, and another text to whoever looks for words."""
    return sql.replace(" UNION SELECT ", "/**/uNiOn/**/aLl/*x*/sElEcT/**/")
