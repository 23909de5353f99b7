"""What an application says about its own SQL: names that are fine, and files that are its own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ringfence.boundary.sql.guard import Guard
from ringfence.boundary.sql.literals import Literals
from ringfence.core.errors import Refused
from ringfence.core.exchange import Slot, current

#: The guard of this process; SQLAlchemy's engines have one listener.
GUARD: Final = Guard(Literals())

#: What was vouched for in a request.
NAMED: Final = Slot[frozenset[str]]("boundary.identifiers")


def identifier(name: str, *, among: Iterable[str]) -> str:
    """``name``, if it is one of ``among``: for a column in the text of a statement.

    The SQL guard then lets it stand wherever the source puts the result of this call: ``among`` is
    the application's own list, for this very place. In other places, where the guard can't follow
    the source, it may be an item of ORDER BY or GROUP BY, or the left of a comparison with a bound
    parameter.

    Args:
        name: What the client chose.
        among: The names to choose from: the application's own, never a client's.

    Raises:
        Refused: ``query.invalid``, where it is none of them.
    """
    if name not in frozenset(among):
        raise Refused("query.invalid", facts={"reason": "no such column"})
    exchange = current.get()
    if exchange is not None:
        exchange.state[NAMED] = exchange.state.get(NAMED, frozenset()) | {name}
    return name


def sql_files(folder: str | Path) -> None:
    """Take each ``*.sql`` below ``folder`` for the application's own text, as if it were source.

    Raises:
        ConfigurationError: There is no such file.
    """
    GUARD.literals.add_files(Path(folder))
