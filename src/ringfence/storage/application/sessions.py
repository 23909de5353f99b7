"""The session of one request: nobody else's, and a row that is not there is missing.

What a session has loaded it hands out again without a query. So it is pinned to the request it was
made for: in another one, which may be another person's, it refuses.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.exc import StaleDataError

from ringfence.core.exchange import current, refusal


class PinnedSession(Session):
    """A session that belongs to the request in which it was made. Takes what ``Session`` takes."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
        super().__init__(*args, **options)
        self._made_in: Final = current.get()

    def pinned(self) -> None:
        """Raises LookupError in any other request than its own."""
        if current.get() is not self._made_in:
            raise LookupError("a session belongs to the request in which it was made")

    def get(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's
        """As ``Session.get``, which may find the object without a query."""
        self.pinned()
        return super().get(*args, **options)

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """As ``Session.flush``.

        Raises:
            Refused: ``ownership.foreign`` for a changed object whose row is not the caller's. To
                the database there is none.
        """
        try:
            super().flush(objects)
        except StaleDataError as error:
            raise refusal("ownership.foreign") from error


@event.listens_for(PinnedSession, "do_orm_execute")
def _in_its_own_request(state: ORMExecuteState) -> None:
    session: Any = state.session
    session.pinned()
