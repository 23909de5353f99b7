"""Guards that know the literals of a source that a test writes."""

import ast
from textwrap import dedent

from ringfence.boundary.sql.guard import Guard, Sent
from ringfence.boundary.sql.lexer import Dialect
from ringfence.boundary.sql.literals import Literals


def literals(*sources: str) -> Literals:
    """The literals of these modules, and of no other."""
    made = Literals()
    for number, source in enumerate(sources):
        made.add(ast.parse(dedent(source)), f"module{number}.py")
    made.load = lambda: False
    return made


class Judge:
    """Asks a guard about statements of one source.

    Args:
        sources: The modules of the application.
        dialect: Whose rules statements are read by.
    """

    def __init__(self, *sources: str, dialect: Dialect = Dialect.SQLITE) -> None:
        self.guard = Guard(literals(*sources))
        self.dialect = dialect

    def __call__(self, text: str, *sent: str, named: frozenset[str] = frozenset()) -> str:
        """What is suspicious about ``text``, where the client has ``sent`` this."""
        joined = "\0".join(sent).lower()
        return self.guard.suspicion(
            text, self.dialect, sent=Sent(lambda: joined), named=named, around=tuple
        )
