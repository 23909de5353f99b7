"""What an operator sees of the counters behind the limits, and how they are cleared.

Limits read and write counters in each adapter's own way (``CounterStore.update``).
"""

from collections.abc import Sequence
from datetime import datetime

from ringfence.authn.counters import Counter
from ringfence.storage import rows, statements
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Database, Steps, change


async def list_counters(
    database: Database, now: datetime, after: str, limit: int
) -> Sequence[tuple[str, Counter]]:
    """See ``CounterStore.list``."""
    found = await database.all(statements.COUNTERS_AFTER, after, microseconds(now), limit)
    return [(key, rows.counter(marks, expires_us)) for key, marks, expires_us in found]


async def remove_counters(database: Database, keys: Sequence[str]) -> int:
    """See ``CounterStore.remove``."""
    return await database.perform(_remove(sorted(keys)))


def _remove(keys: Sequence[str]) -> Steps[int]:
    """In the order in which ``update`` locks them, or the two could wait for each other."""
    removed = 0
    for key in keys:
        removed += yield from change(statements.REMOVE_COUNTER, key)
    return removed
