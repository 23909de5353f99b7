"""``ringfence database render | apply | verify``, one after the other."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.cli import main
from ringfence.storage.application.postgres.apply import apply
from tests.contract.rows.conftest import KEY, ROLES, SCRIPT, Guarded

pytestmark = pytest.mark.postgres

APP = "tests.contract.rows.application:app"


@pytest.fixture
def _installation(
    guarded_database: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An application and its owner's address; the database gets the other tests' key back."""
    monkeypatch.setenv("RINGFENCE_ENV", "test")
    monkeypatch.setenv("RINGFENCE_ORIGIN", "http://127.0.0.1:8000")
    monkeypatch.setenv("RINGFENCE_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("ROWS_URL", guarded_database.url(ROLES.application))
    monkeypatch.setenv("DATABASE_OWNER_URL", guarded_database.url(ROLES.owner))
    yield
    sys.modules.pop("tests.contract.rows.application", None)

    async def restored() -> None:
        owner = guarded_database.engine(ROLES.owner)
        await apply(owner, SCRIPT, KEY)
        await owner.dispose()

    asyncio.run(restored())


@pytest.mark.usefixtures("_installation")
def test_what_is_rendered_is_applied_and_verified(
    guarded_database: Guarded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["database", "render", APP]) == 0
    rendered = capsys.readouterr().out
    assert main(["database", "render", APP, "--owner", ROLES.owner]) == 0
    assert capsys.readouterr().out == rendered
    assert "FORCE ROW LEVEL SECURITY" in rendered

    assert main(["database", "verify", APP]) == 1
    assert "identity.key is missing" in capsys.readouterr().err
    assert main(["database", "apply", APP, "--json"]) == 0
    applied = json.loads(capsys.readouterr().out)
    assert applied["tables"] == len(SCRIPT.tables) + len(SCRIPT.common)
    key = (tmp_path / "keys" / "identity.key").read_bytes()
    assert key.hex() not in rendered

    assert main(["database", "verify", APP, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["through"] == 0
    (tmp_path / "keys" / "identity.key").write_bytes(bytes(len(key)))
    assert main(["database", "verify", APP]) == 1
    assert "the key is not that of the database" in capsys.readouterr().err
