"""What every attack of the tests shares."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from ringfence.boundary.sql import modules
from ringfence.boundary.sql.identifiers import GUARD


@pytest.fixture(scope="module", autouse=True)
def other_tests_are_no_application(request: pytest.FixtureRequest) -> Iterator[None]:
    """The guard of SQL reads the source of every module of an application.

    The other tests are none, and to read them all takes it two seconds in each application.
    """
    own, judge = request.module.__name__, modules.is_application

    def is_application(module: ModuleType) -> bool:
        is_test = module.__name__.rpartition(".")[2].startswith("test_")
        return judge(module) and (not is_test or module.__name__ == own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules, "is_application", is_application)
        GUARD.literals.forget()  # it looks again, and finds this module
        yield
    GUARD.literals.forget()
