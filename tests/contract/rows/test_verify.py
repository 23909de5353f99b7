"""``verify``: nothing gets through, and what is weakened is found."""

import pytest

from ringfence.storage.application.postgres.verify import Verification
from tests.contract.rows.conftest import KEY, SCRIPT, Guarded

pytestmark = [pytest.mark.postgres, pytest.mark.anyio]

READ_KEY = "GRANT SELECT ON ringfence_identity.keys TO shop_app"
UNREAD_KEY = "REVOKE ALL ON ringfence_identity.keys FROM shop_app"


async def through(guarded: Guarded) -> list[str]:
    """What got through."""
    tried = await Verification(guarded.engine(), SCRIPT, KEY).run()
    assert len(tried) > 50
    assert not [each for each in tried if each.held is None]  # every table has a victim
    return [each.what for each in tried if not each.held]


async def test_nothing_gets_through(guarded: Guarded) -> None:
    assert await through(guarded) == []


@pytest.mark.parametrize(
    ("weakened", "restored", "found"),
    [
        (
            "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
            'read "public"."notes" as a stranger',
        ),
        (
            "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
            "tables with policies that are not forced",
        ),
        (
            "CREATE POLICY mine ON notes FOR DELETE USING (true)",
            "DROP POLICY mine ON notes",
            "policies that somebody else has made for these tables",
        ),
        (
            "GRANT TRUNCATE ON details TO shop_app",
            "REVOKE TRUNCATE ON details FROM shop_app",
            'empty "public"."details"',
        ),
        (
            "GRANT USAGE ON SCHEMA ringfence_identity TO shop_app;" + READ_KEY,
            "REVOKE ALL ON SCHEMA ringfence_identity FROM shop_app;" + UNREAD_KEY,
            "read the key",
        ),
        (
            "CREATE VIEW everything AS SELECT * FROM notes; GRANT SELECT ON everything TO shop_app",
            "DROP VIEW everything",
            "tables and views that no declaration covers, and that the application can use",
        ),
    ],
)
async def test_what_is_weakened_is_found(
    guarded: Guarded, weakened: str, restored: str, found: str
) -> None:
    async with guarded.engine("shop owner").connect() as owner:
        try:
            for statement in weakened.split(";"):
                await owner.exec_driver_sql(statement)
            await owner.commit()
            assert found in await through(guarded)
        finally:
            for statement in restored.split(";"):
                await owner.exec_driver_sql(statement)
            await owner.commit()
