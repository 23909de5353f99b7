"""What a policy was asked about, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The very thing that a request is about.

    ``value`` is what the policy's loader returned, ``owner`` the subject it belongs to; both are
    ``None`` where the policy names no loader, or where the loader found nothing.
    """

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    value: object | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A judgement with its reason: a code of the catalogue, ``policy.allowed`` among them."""

    allowed: bool
    code: str
