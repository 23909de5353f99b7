"""The schema's revisions, Alembic's environment and scripts, and how they are run.

``HEAD`` is the revision that this program needs. It stands here so that a start that finds it in
the database imports neither Alembic nor SQLAlchemy (0.5 s); a test compares it with the scripts.
"""

from typing import TYPE_CHECKING, Final

from ringfence.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD: Final = "0006"


def upgrade(connection: "Connection") -> None:
    """Run what is missing up to ``HEAD`` in the transaction of ``connection``.

    Raises:
        ConfigurationError: The database is at a revision that this program does not know.
    """
    from alembic import command  # noqa: PLC0415  # see HEAD
    from alembic.config import Config  # noqa: PLC0415  # as above
    from alembic.util import CommandError  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", "ringfence.storage:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise ConfigurationError(
            "RINGFENCE_DATABASE: a newer version of this program has written it"
        ) from error
