"""The judgement, and its boundaries."""

from datetime import UTC, datetime, timedelta

import pytest

from ringfence.authz.decide import decide
from ringfence.core.decision import Requested
from ringfence.core.policy import (
    Policy,
    Relation,
    aal,
    editor,
    owner,
    public,
    role,
    self_only,
    signed_in,
    viewer,
)
from ringfence.core.principal import Principal

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Order:
    """Something that belongs to somebody."""


def alice(**changes: object) -> Principal:
    values: dict[str, object] = {
        "subject": "alice",
        "session": "s1",
        "roles": frozenset({"user"}),
        "authenticated_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
    }
    return Principal(**(values | changes))  # pyright: ignore[reportArgumentType]  # any field may change


HERS = Requested(parameters={"id": "alice"}, value=Order(), relation=Relation.OWNER)
FOREIGN = Requested(parameters={"id": "bob"}, value=Order())
SHARED = Requested(parameters={"id": "bob"}, value=Order(), relation=Relation.EDITOR)
MISSING = Requested(parameters={"id": "alice"})
ADMIN = alice(roles=frozenset({"user", "admin"}))
ROOT = alice(roles=frozenset({"admin", "superadmin"}))
DELETE_USER = role("admin") & (role("superadmin") | self_only(by="id"))


@pytest.mark.parametrize(
    ("policy", "principal", "resource", "code"),
    [
        (public, None, MISSING, "policy.allowed"),
        (signed_in, None, MISSING, "token.missing"),
        (signed_in, alice(), MISSING, "policy.allowed"),
        (role("admin"), None, MISSING, "token.missing"),
        (role("admin"), alice(), MISSING, "role.missing"),
        (role("admin"), ADMIN, MISSING, "policy.allowed"),
        (owner(Order), None, HERS, "token.missing"),
        (owner(Order), alice(), HERS, "policy.allowed"),
        (owner(Order), alice(), FOREIGN, "ownership.foreign"),
        (owner(Order), alice(), MISSING, "resource.missing"),
        (owner(Order), ROOT, FOREIGN, "ownership.foreign"),
        (owner(Order) | role("admin"), ADMIN, FOREIGN, "policy.allowed"),
        (owner(Order) | role("admin"), alice(), FOREIGN, "ownership.foreign"),
        (editor(Order), alice(), HERS, "policy.allowed"),
        (viewer(Order), alice(), HERS, "policy.allowed"),
        (viewer(Order), alice(), SHARED, "policy.allowed"),
        (editor(Order), alice(), SHARED, "policy.allowed"),
        (owner(Order), alice(), SHARED, "ownership.foreign"),
        (viewer(Order), alice(), FOREIGN, "ownership.foreign"),
        (self_only(by="id"), alice(), HERS, "policy.allowed"),
        (self_only(by="id"), alice(), FOREIGN, "self.foreign"),
        (DELETE_USER, alice(), HERS, "role.missing"),
        (DELETE_USER, ADMIN, HERS, "policy.allowed"),
        (DELETE_USER, ADMIN, FOREIGN, "role.missing"),
        (DELETE_USER, ROOT, FOREIGN, "policy.allowed"),
        (aal(2), alice(aal=1), MISSING, "aal.insufficient"),
        (aal(2), alice(aal=2), MISSING, "policy.allowed"),
        (aal(2), alice(aal=3), MISSING, "policy.allowed"),
    ],
)
def test_a_policy_answers_with_its_reason(
    policy: Policy, principal: Principal | None, resource: Requested, code: str
) -> None:
    decision = decide(policy, principal, resource, NOW)
    assert decision.code == code
    assert decision.allowed == (code == "policy.allowed")


@pytest.mark.parametrize(("level", "lasts"), [(1, 30 * 24), (2, 12), (3, 8)])
def test_an_assurance_level_wears_off(level: int, lasts: int) -> None:
    """NIST SP 800-63B-4 2.1.3 to 2.3.3 (MUSTS S03); reaching the limit exactly is too long."""
    for age, allowed in (
        (timedelta(hours=lasts) - timedelta(microseconds=1), True),
        (timedelta(hours=lasts), False),
    ):
        principal = alice(aal=level, authenticated_at=NOW - age)
        assert decide(aal(level), principal, MISSING, NOW).allowed is allowed


@pytest.mark.parametrize("policy", [aal(2) & owner(Order), owner(Order) & aal(2)])
def test_a_step_up_is_never_asked_for_what_is_not_yours(policy: Policy) -> None:
    """It would tell that the resource exists (404 rather than 403)."""
    assert decide(policy, alice(), FOREIGN, NOW).code == "ownership.foreign"
    assert decide(policy, alice(), MISSING, NOW).code == "resource.missing"
    assert decide(policy, alice(), HERS, NOW).code == "aal.insufficient"


def test_an_age_of_its_own_ends_an_assurance_sooner_and_never_later() -> None:
    def judged(age: timedelta, max_age: str) -> str:
        principal = alice(aal=2, authenticated_at=NOW - age)
        return decide(aal(2, max_age=max_age), principal, MISSING, NOW).code

    minutes = timedelta(minutes=10)
    assert judged(minutes - timedelta(seconds=1), "10m") == "policy.allowed"
    assert judged(minutes, "10m") == "aal.stale"
    assert judged(timedelta(hours=12), "2d") == "aal.stale"
