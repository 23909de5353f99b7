"""The service's house, for clients."""

from tests.unit.service.conftest import house, keys

__all__ = ["house", "keys"]
