"""What honest checks say of an application that does not do what it should."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from ringfence.attack.ground import Ground
from ringfence.attack.honest import check_all
from ringfence.attack.people import Person
from ringfence.attack.target import Check, Target
from ringfence.attack.unproven import UnprovenError


class Unasked:
    """A target whose checks must not be needed."""

    def checks(self, ground: Ground, person: Person) -> Sequence[Check]:
        raise AssertionError


class NoAccounts:
    """A ground on which nobody can sign up."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def newcomer(self) -> Person:
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnprovenError("sign-up: 500"), "sign-up: 500"),
        (KeyError("access_token"), "KeyError: 'access_token'"),
    ],
)
async def test_an_account_that_cannot_be_made_is_a_failure_in_words(
    error: Exception, said: str
) -> None:
    found = await check_all(cast("Target", Unasked()), cast("Ground", NoAccounts(error)))
    assert (found.passed, found.failures) == (0, (f"an account is made: {said}",))


class Surprising:
    """A target with one check that works and one whose answer is not what it expects."""

    def checks(self, ground: Ground, person: Person) -> Sequence[Check]:
        return [Check("this works", self._works), Check("this has no items", self._stumbles)]

    async def _works(self) -> None: ...

    async def _stumbles(self) -> None:
        answer: dict[str, Any] = {}
        assert answer["items"]


class NoServer:
    """A ground on which people can be made, and no request gets an answer."""

    async def newcomer(self) -> Any:
        return None

    async def send(self, *_: object, **__: object) -> Any:
        raise UnprovenError("no answer")


async def test_an_answer_of_another_shape_fails_its_check_alone() -> None:
    found = await check_all(cast("Target", Surprising()), cast("Ground", NoServer()))
    assert found.passed == 1
    assert found.failures[0] == "this has no items: KeyError: 'items'"
    assert "GET /healthz: no answer" in found.failures
