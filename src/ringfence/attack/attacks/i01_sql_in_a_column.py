"""I01: SQL where a column's name is expected. The order of a list answers questions."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_BY_CASE: Final = "(CASE WHEN {} THEN price ELSE -price END)"
_BY_PRODUCT: Final = "price * (1 - 2 * (SELECT count(*) FROM orders WHERE note LIKE '{}%'))"
_CATALOGUES: Final = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = '{}'",
    "postgres": "SELECT 1 FROM pg_catalog.pg_class WHERE relname = '{}'",
}


class SqlInAColumn(Attack):
    """Stopped: the order of the products tells nothing about orders, nor about tables."""

    id = "I01"

    async def prepare(self) -> None:
        self.canary = self.ground.canary("note")
        await self.ground.order(await self.ground.person(), self.canary)
        self.other = self.ground.canary("other")

    async def twin(self) -> None:
        for column in ("name", "price", "price DESC"):
            found = await self._sorted(column)
            require(found.ok, f"the products cannot be sorted by {column}: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        note = _BY_CASE.format("EXISTS (SELECT 1 FROM orders WHERE note LIKE '{}%')")
        tables = _BY_CASE.format(f"EXISTS ({_CATALOGUES[self.ground.shop.database]})")
        return [
            Payload("CASE over a note", partial(self._tells, note, self.canary)),
            Payload("arithmetic over a count", partial(self._tells, _BY_PRODUCT, self.canary)),
            Payload("CASE over the catalogue", partial(self._tells, tables, "orders")),
        ]

    async def _tells(self, expression: str, truth: str) -> bool:
        """Whether a true guess and a false one can be told apart."""
        right = await self._sorted(expression.format(truth))
        wrong = await self._sorted(expression.format(self.other))
        return right.ok and wrong.ok and right.json() != wrong.json()

    async def _sorted(self, column: str) -> Answer:
        return await self.ground.send("GET", "/products" + query(sort=column))
