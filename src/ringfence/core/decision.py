"""What a policy was asked about, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


class Resource(NamedTuple):
    """The object that a request is about.

    ``value`` is what the policy's loader returned, ``owner`` the subject it belongs to; both are
    ``None`` where the policy names no loader, or where the loader found nothing.
    """

    parameters: Mapping[str, str] = _NO_PARAMETERS
    value: object | None = None
    owner: str | None = None


#: Of a request for which nothing has been looked up.
NO_RESOURCE: Final = Resource()


@dataclass(frozen=True, slots=True)
class Decision:
    """A judgement with its reason: a code of the catalogue, ``policy.allowed`` among them."""

    allowed: bool
    code: str
