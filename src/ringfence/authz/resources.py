"""How a policy gets the resource that a request names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ringfence.core.errors import ConfigurationError
from ringfence.core.policy import Either, Every, Owner, Policy, SelfOnly, atoms
from ringfence.core.route import Entry


class ResourceLoader(Protocol):
    """What ``owner(kind)`` needs of a database; ``storage.sqlalchemy`` has one for models."""

    async def load(self, key: str) -> object | None:
        """The resource that the path parameter names; None if there is none.

        Raises:
            StoreError: The database does not answer.
        """
        ...

    def owner(self, value: object) -> str | None:
        """The subject to whom ``value`` belongs."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How one route is decided: its policy with every ``by`` filled in, and what to load."""

    policy: Policy
    loader: ResourceLoader | None = None
    key: str = ""  # the path parameter that names the resource


def plan(policy: Policy, entry: Entry, loaders: Mapping[type, ResourceLoader]) -> Plan:
    """Work out how ``entry``, guarded by ``policy``, is decided.

    Raises:
        ConfigurationError: A parameter that the policy names is not in the path, or is not
            clear; a resource without a loader; two resources in one policy.
    """
    policy = _named(policy, entry)
    owners = {atom for atom in atoms(policy) if isinstance(atom, Owner)}
    if not owners:
        return Plan(policy)
    if len(owners) > 1:
        raise ConfigurationError(f"{_route(entry)}: a policy names one resource at most")
    (wanted,) = owners
    if wanted.kind not in loaders:
        raise ConfigurationError(
            f"{_route(entry)}: no loader in resources for {wanted.kind.__name__}"
        )
    return Plan(policy, loaders[wanted.kind], wanted.by)


def _named(policy: Policy, entry: Entry) -> Policy:
    """``policy`` with the route's only parameter filled in wherever none is named."""
    if isinstance(policy, Every):
        return Every(tuple(_named(part, entry) for part in policy.parts))
    if isinstance(policy, Either):
        return Either(tuple(_named(part, entry) for part in policy.parts))
    if isinstance(policy, Owner):
        return Owner(policy.kind, _parameter(policy.by, policy, entry))
    if isinstance(policy, SelfOnly):
        return SelfOnly(_parameter(policy.by, policy, entry))
    return policy


def _route(entry: Entry) -> str:
    """How a problem names the route."""
    return f"{', '.join(sorted(entry.methods))} {entry.pattern}".lstrip()


def _parameter(by: str, policy: Policy, entry: Entry) -> str:
    known = entry.parameters
    if not by and len(known) == 1:
        return known[0]
    if by in known:
        return by
    if not by and known:
        names = ", ".join(known)
        raise ConfigurationError(
            f"{_route(entry)}: {policy!r} may mean each of {names}; say which one with by="
        )
    raise ConfigurationError(f"{_route(entry)}: {policy!r} names no parameter of the path")
