"""I02: SQL in free text. The search for products is asked about somebody's order."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: How much longer the answer takes where the database is asked to be slow, at least.
_SECONDS: Final = 0.2
_COUNT: Final = (
    "zz' OR (SELECT count(*) FROM (WITH RECURSIVE n(i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT i FROM n)) < 0--"
)
_SLEEP: Final = "zz' OR (SELECT count(pg_sleep({})) FROM products) < 0--"


class SqlInFreeText(Attack):
    """Stopped: no word of the order comes back, and no question about it gets an answer."""

    id = "I02"

    async def prepare(self) -> None:
        self.canary = self.ground.canary("note")
        await self.ground.order(await self.ground.person(), self.canary)
        self.sqlite = self.ground.shop.database == "sqlite"

    async def twin(self) -> None:
        for words, expected in (("Violet", "Violet teapot"), ("B flat", "Copper kettle")):
            found = await self._search(words)
            require(found.ok and found.holds(expected), f"{words} is not found: {found.status}")
        missing = await self._search("select tea or union")
        require(missing.ok and not missing.json()["items"], "something is found by chance")

    def payloads(self) -> Sequence[Payload]:
        end = "/*" if self.sqlite else "--"  # a comment left open is valid on SQLite (Ledger 40)
        union = "zz' UNION SELECT id, item, note, total FROM orders--"
        return [
            Payload("UNION SELECT", partial(self._shows, union)),
            Payload("UNION SELECT, disguised", partial(self._shows, _disguised(union))),
            Payload("a question: yes or no", self._asks),
            Payload("always true", partial(self._lists, f"zz' or 1=1{end}")),
            Payload("a question: soon or late", self._waits),
        ]

    async def _shows(self, words: str) -> bool:
        return (await self._search(words)).holds(self.canary)

    async def _asks(self) -> bool:
        asked = "zz' OR EXISTS (SELECT 1 FROM orders WHERE note LIKE '{}%')--"
        yes = await self._search(asked.format(self.canary))
        no = await self._search(asked.format(self.ground.canary("other")))
        return yes.ok and no.ok and yes.json() != no.json()

    async def _lists(self, words: str) -> bool:
        found = await self._search(words)
        return found.ok and bool(found.json()["items"])

    async def _waits(self) -> bool:
        soon, late = (1, 3_000_000) if self.sqlite else (0, 0.3)
        asked = _COUNT if self.sqlite else _SLEEP
        quick = await self._search(asked.format(soon))
        slow = await self._search(asked.format(late))
        return quick.ok and slow.ok and slow.seconds - quick.seconds > _SECONDS

    async def _search(self, words: str) -> Answer:
        return await self.ground.send("GET", "/products" + query(q=words))


def _disguised(sql: str) -> str:
    """The same to a database, and another text to whoever looks for words."""
    return sql.replace(" UNION SELECT ", "/**/uNiOn/**/aLl/*x*/sElEcT/**/")
