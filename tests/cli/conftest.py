"""Commands that reach for other programs and servers: the shell is that of the unit tests."""

from tests.unit.cli.conftest import shell

__all__ = ["shell"]
