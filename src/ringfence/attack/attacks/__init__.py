"""The attacks that this version has, one file each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ringfence.attack.attacks.i02_sql_in_free_text import SqlInFreeText
from ringfence.attack.attacks.o07_open_redirect import OpenRedirect
from ringfence.attack.attacks.z01_bola_read import BolaRead
from ringfence.attack.plan import Attack

_ATTACKS: Final = (SqlInFreeText, OpenRedirect, BolaRead)

#: By id, in the order of the catalogue.
ATTACKS: Final[Mapping[str, type[Attack]]] = MappingProxyType({each.id: each for each in _ATTACKS})
