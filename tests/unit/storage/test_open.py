"""An address opens the right adapter, costs no import that it does not need, or is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.storage import open_stores
from ringfence.storage.migrate import migrate
from ringfence.storage.sqlite.file import file_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "ringfence.sqlite",
        "mysql://root@localhost/x",
        f"mysql://root:{SECRET}@localhost/x",
        "sqlite://ringfence.sqlite",
        "sqlite:///",
        "sqlite:///:memory:/",
        "sqlite:///folder/",
        "sqlite:///x?mode=memory",
        "sqlite:///nul%00",
        f"postgresql://root:{SECRET}@localhost:no-port/x",
    ],
)
def test_an_address_that_names_no_database_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_stores(url)
    assert SECRET not in str(refused.value)
    assert "RINGFENCE_DATABASE" in str(refused.value)


def test_memory_has_nothing_to_migrate() -> None:
    with pytest.raises(ConfigurationError):
        migrate("memory:")


def test_a_third_slash_is_relative_and_a_fourth_absolute() -> None:
    assert file_of("sqlite:///data/x.sqlite") == Path.cwd() / "data/x.sqlite"
    assert file_of("sqlite:////data/x.sqlite") == Path("/data/x.sqlite")
    assert file_of("sqlite:////data/a%20b%3F.sqlite") == Path("/data/a b?.sqlite")


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_stores(f"sqlite:///{tmp_path / 'x.sqlite'}")
    assert list(tmp_path.iterdir()) == []


def test_a_second_start_imports_neither_alembic_nor_sqlalchemy(tmp_path: Path) -> None:
    """They cost 0.5 s, and a database that is up to date needs neither."""
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    migrate(url)
    program = (
        "import asyncio, sys\n"
        "from ringfence.storage import open_stores\n"
        "async def main():\n"
        f"    stores = open_stores({url!r})\n"
        "    await stores.start()\n"
        "    await stores.ping()\n"
        "    await stores.close()\n"
        "asyncio.run(main())\n"
        "print(*sorted({'alembic', 'sqlalchemy', 'asyncpg'} & sys.modules.keys()))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == ""
