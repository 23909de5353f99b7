"""What every test shares: the event loop and Hypothesis' manners."""

import pytest
from hypothesis import settings

# Two busy cores are no reason to fail an example; a failure prints what reproduces it.
settings.register_profile("ringfence", deadline=None, print_blob=True)
settings.load_profile("ringfence")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, the only loop that Ringfence supports."""
    return "asyncio"
