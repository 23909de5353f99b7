"""Policies are values that print as they are written."""

import pytest

from ringfence.core.errors import ConfigurationError
from ringfence.core.policy import (
    Every,
    Policy,
    aal,
    allow,
    atoms,
    declared,
    level_needed,
    owner,
    public,
    role,
    self_only,
    signed_in,
)


class Order:
    """A resource."""


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (public, "public"),
        (signed_in, "signed_in"),
        (owner(Order, by="order_id"), 'owner(Order, by="order_id")'),
        (
            role("admin") & (role("superadmin") | self_only(by="id")),
            'role("admin") & (role("superadmin") | self_only(by="id"))',
        ),
        (role("a") & role("b") & aal(2), 'role("a") & role("b") & aal(2)'),
        (role("a") & role("b") | self_only, '(role("a") & role("b")) | self_only'),
    ],
)
def test_a_policy_prints_as_it_is_written(policy: object, text: str) -> None:
    assert repr(policy) == text


def test_policies_are_equal_by_value_and_flatten() -> None:
    assert role("a") & (role("b") & signed_in) == Every((role("a"), role("b"), signed_in))
    assert list(atoms(role("a") & (role("b") | public))) == [role("a"), role("b"), public]


@pytest.mark.parametrize("other", [None, True, "public", 1])
def test_only_policies_are_joined(other: object) -> None:
    with pytest.raises(TypeError, match="is not a policy"):
        _ = signed_in & other  # pyright: ignore[reportOperatorIssue]  # the mistake under test
    with pytest.raises(TypeError, match="is not a policy"):
        _ = signed_in | other  # pyright: ignore[reportOperatorIssue]  # as above


@pytest.mark.parametrize(
    ("policy", "level"),
    [
        (public, 0),
        (role("admin") | self_only, 0),
        (aal(2), 2),
        (role("admin") & aal(2) & aal(3), 3),
        (aal(2) | owner(Order), 0),
        (aal(3) | aal(2), 2),
        (role("admin") & (aal(2) | aal(3)), 2),
    ],
)
def test_the_level_that_a_policy_needs(policy: Policy, level: int) -> None:
    """The least that fulfils it, whoever asks."""
    assert level_needed(policy) == level


@pytest.mark.parametrize("level", [0, 4, -1])
def test_an_assurance_level_is_one_of_three(level: int) -> None:
    with pytest.raises(ValueError, match="1, 2 or 3"):
        aal(level)


def test_allow_declares_and_leaves_the_handler_as_it_is() -> None:
    def handler() -> None: ...

    assert declared(handler) is None
    assert allow(signed_in)(handler) is handler
    assert declared(handler) == signed_in


def test_a_second_policy_for_one_handler_is_an_error() -> None:
    def handler() -> None: ...

    allow(role("admin"))(handler)
    allow(role("admin"))(handler)  # the same one is no contradiction
    with pytest.raises(ConfigurationError, match="handler: a second policy"):
        allow(public)(handler)
    assert declared(handler) == role("admin")


def test_a_class_does_not_inherit_the_policy_of_its_parent() -> None:
    @allow(public)
    class Parent:
        """An endpoint."""

    class Child(Parent):
        """Another one, whose policy was forgotten."""

    assert declared(Parent) == declared(Parent()) == public
    assert declared(Child) is None
    assert declared(Child()) is None
    assert declared(allow(signed_in)(Child)) == signed_in


@pytest.mark.parametrize("age", ["90s", "10m", "2h", "1d"])
def test_an_age_reads_as_it_was_written(age: str) -> None:
    assert repr(aal(2, max_age=age)) == f'aal(2, max_age="{age}")'


@pytest.mark.parametrize("age", ["10", "0m", "1.5h", "ten minutes", "10m "])
def test_what_is_no_age_is_refused(age: str) -> None:
    with pytest.raises(ValueError, match="an age is"):
        aal(2, max_age=age)
