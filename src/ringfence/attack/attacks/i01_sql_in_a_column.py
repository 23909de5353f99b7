"""I01: SQL where a column's name is expected. The order of a list answers questions."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.places import Record, SortColumn
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

CATALOGUE: Final = "a statement holds the application's own literals, and reads no catalogue"

#: ``{number}`` is a column of numbers, ``{guess}`` what the text in ``{column}`` may begin with.
_BY_CASE: Final = "(CASE WHEN EXISTS ({question}) THEN {number} ELSE -{number} END)"
_BY_PRODUCT: Final = (
    "{number} * (1 - 2 * (SELECT count(*) FROM {table} WHERE {column} LIKE '{guess}%'))"
)
#: An expression that fails if the guess is right, and only then.
_BY_ERROR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": "(CASE WHEN EXISTS ({question}) THEN abs(-9223372036854775807 - 1) ELSE 1 END)",
        "postgres": "(CASE WHEN EXISTS ({question}) THEN 1 / ({number} - {number}) ELSE 1 END)",
    }
)
_NOTE: Final = "SELECT 1 FROM {table} WHERE {column} LIKE '{guess}%'"
_CATALOGUES: Final = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = '{guess}'",
    "postgres": "SELECT 1 FROM pg_catalog.pg_class WHERE relname = '{guess}'",
}


class SqlInAColumn(Attack):
    """Stopped: the order of the list tells nothing about a record, nor about tables."""

    id = "I01"
    control = "a statement holds the application's own literals, and rows have doors"

    async def prepare(self) -> None:
        ground = self.ground
        self.column, records = ground.place(SortColumn), ground.place(Record)
        self.canary = ground.canary("note")
        await records.create(ground, await ground.person(), self.canary)
        self.other = self.ground.canary("other")

    async def twin(self) -> None:
        for column in self.column.honest:
            found = await self._sorted(column)
            require(found.ok, f"the list cannot be sorted by {column}: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        note = _BY_CASE.replace("{question}", _NOTE)
        tables = _BY_CASE.replace("{question}", _CATALOGUES[self.ground.site.database])
        failing = _BY_ERROR[self.ground.site.database].replace("{question}", _NOTE)
        table = self.column.secret.table
        return [
            Payload("CASE over a text", partial(self._tells, note, self.canary)),
            Payload("arithmetic over a count", partial(self._tells, _BY_PRODUCT, self.canary)),
            Payload("an error, or none", partial(self._tells, failing, self.canary)),
            Payload("CASE over the catalogue", partial(self._tells, tables, table), CATALOGUE),
        ]

    async def _tells(self, expression: str, truth: str) -> bool:
        """Whether a true guess and a false one can be told apart."""
        right = await self._sorted(self._filled(expression, truth))
        wrong = await self._sorted(self._filled(expression, self.other))
        return wrong.ok and (right.status != wrong.status or right.body != wrong.body)

    def _filled(self, expression: str, guess: str) -> str:
        place = self.column
        return expression.format(
            number=place.number, table=place.secret.table, column=place.secret.name, guess=guess
        )

    async def _sorted(self, column: str) -> Answer:
        target = self.column.path + query(**{self.column.parameter: column})
        return await self.ground.send("GET", target)
