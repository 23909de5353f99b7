"""What a policy was asked about, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from ringfence.core.policy import Relation

_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


class Requested(NamedTuple):
    """What a request is about.

    ``value`` is the object that was found, ``relation`` how the caller stands to it. ``value`` is
    None where the policy names no resource, or where there is none that the caller may see.
    """

    parameters: Mapping[str, str] = _NO_PARAMETERS
    value: object | None = None
    relation: Relation = Relation.STRANGER


#: Of a request for which nothing has been looked up.
NOTHING_REQUESTED: Final = Requested()


@dataclass(frozen=True, slots=True)
class Decision:
    """A judgement with its reason: a code of the catalogue, ``policy.allowed`` among them."""

    allowed: bool
    code: str
