"""The judgement: what a policy answers to a principal who wants a resource.

Pure: values in, a ``Decision`` with its reason out. To its client, a resource of somebody else
looks missing: reasons such as ``ownership.foreign`` are in the event only, and the client reads
``resource.missing``.

Sources: OWASP ASVS 5.0 chapter 8; OWASP API Security 2023, API1, API3 and API5; NIST SP 800-63B-4
sections 2.1.3 to 2.3.3 (how long an assurance level lasts, MUSTS S03).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from ringfence.core.decision import Decision, Requested
from ringfence.core.policy import (
    Aal,
    Either,
    Every,
    Policy,
    Public,
    Related,
    Role,
    SelfOnly,
    SignedIn,
)
from ringfence.core.principal import Principal

ALLOWED: Final = Decision(allowed=True, code="policy.allowed")

#: For how long after the sign-in an assurance level counts; at exactly this time it has ended.
AAL_LASTS: Final[Mapping[int, timedelta]] = {
    1: timedelta(days=30),
    2: timedelta(hours=12),
    3: timedelta(hours=8),
}

#: What a step-up helps against. To the owner of a resource, and to nobody else, that is said.
STEP_UP: Final = frozenset({"aal.insufficient", "aal.stale"})


def decide(
    policy: Policy, principal: Principal | None, resource: Requested, now: datetime
) -> Decision:
    """Judge whether ``principal`` may do to ``resource`` what ``policy`` guards.

    Args:
        policy: With every ``by`` filled in (see ``plan``).
        principal: Who asks; None for nobody signed in.
        resource: What was found of it, how ``principal`` stands to it, and the path parameters.
        now: Aware UTC.
    """
    return _RULES[type(policy)](policy, principal, resource, now)


def _public(_policy: Public, _who: Principal | None, _what: Requested, _now: datetime) -> Decision:
    return ALLOWED


def _signed_in(
    _policy: SignedIn, principal: Principal | None, _what: Requested, _now: datetime
) -> Decision:
    return _ANONYMOUS if principal is None else ALLOWED


def _role(policy: Role, principal: Principal | None, _what: Requested, _now: datetime) -> Decision:
    if principal is None:
        return _ANONYMOUS
    return ALLOWED if policy.name in principal.roles else _ROLE_MISSING


def _related(
    policy: Related, principal: Principal | None, resource: Requested, _now: datetime
) -> Decision:
    if principal is None:
        return _ANONYMOUS
    if resource.value is None:
        return _MISSING
    return ALLOWED if resource.relation >= policy.relation else _FOREIGN


def _self(
    policy: SelfOnly, principal: Principal | None, resource: Requested, _now: datetime
) -> Decision:
    if principal is None:
        return _ANONYMOUS
    return ALLOWED if resource.parameters[policy.by] == principal.subject else _NOT_SELF


def _aal(policy: Aal, principal: Principal | None, _what: Requested, now: datetime) -> Decision:
    if principal is None:
        return _ANONYMOUS
    if principal.aal < policy.level:
        return _STEP_UP
    lasts = AAL_LASTS[policy.level]
    age = now - principal.authenticated_at
    recent = age < (lasts if policy.max_age is None else min(lasts, policy.max_age))
    return ALLOWED if recent else _STALE


def _every(
    policy: Every, principal: Principal | None, resource: Requested, now: datetime
) -> Decision:
    """The first refusal, with "step up" as the last: it would tell that the resource exists."""
    refusal = ALLOWED
    for part in policy.parts:
        decision = decide(part, principal, resource, now)
        if not decision.allowed and (refusal.allowed or refusal.code in STEP_UP):
            refusal = decision
    return refusal


def _either(
    policy: Either, principal: Principal | None, resource: Requested, now: datetime
) -> Decision:
    refusal: Decision | None = None
    for part in policy.parts:
        decision = decide(part, principal, resource, now)
        if decision.allowed:
            return decision
        refusal = refusal or decision
    return refusal or _ROLE_MISSING


_ANONYMOUS: Final = Decision(allowed=False, code="token.missing")
_ROLE_MISSING: Final = Decision(allowed=False, code="role.missing")
_MISSING: Final = Decision(allowed=False, code="resource.missing")
_FOREIGN: Final = Decision(allowed=False, code="ownership.foreign")
_NOT_SELF: Final = Decision(allowed=False, code="self.foreign")
_STEP_UP: Final = Decision(allowed=False, code="aal.insufficient")
_STALE: Final = Decision(allowed=False, code="aal.stale")

_Rule: TypeAlias = Callable[[Any, Principal | None, Requested, datetime], Decision]
_RULES: Final[Mapping[type, _Rule]] = {
    Public: _public,
    SignedIn: _signed_in,
    Role: _role,
    Related: _related,
    SelfOnly: _self,
    Aal: _aal,
    Every: _every,
    Either: _either,
}
