"""A house for each test, with the layer on and with it off."""

from collections.abc import AsyncIterator

import pytest

from ringfence.authn.keys import Keys
from ringfence.core.codes import Layer
from ringfence.storage.keys import load_or_create
from tests.unit.service.harness import House, Visitor, opened


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return load_or_create(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture
async def house(keys: Keys) -> AsyncIterator[House]:
    async with opened(keys) as house:
        yield house


@pytest.fixture
async def naked(keys: Keys) -> AsyncIterator[House]:
    """The same with the authn layer off."""
    async with opened(keys, off={Layer.AUTHN}) as house:
        yield house


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)
