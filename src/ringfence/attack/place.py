"""What a place is: somewhere in an application where an attack can be tried."""

from abc import ABC
from typing import ClassVar


class Place(ABC):
    """Somewhere in a target where one kind of attack applies. Its kinds are in ``places``."""

    #: What an attack needs that a target without such a place does not have.
    what: ClassVar[str]
