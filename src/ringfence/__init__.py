"""Ringfence: the boundary of a Python backend as data, enforced in layers.

    from ringfence import Ringfence, allow, owner, public, role, signed_in

The words for policies are here at once; what stands on a framework or a library is imported when
it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ringfence.core.errors import ConfigurationError, Refused, RingfenceError, StoreError
from ringfence.core.limit import limit
from ringfence.core.ownership import Common, Members, Resource, Shares
from ringfence.core.policy import (
    aal,
    allow,
    editor,
    owner,
    public,
    role,
    self_only,
    signed_in,
    viewer,
)
from ringfence.core.principal import Principal
from ringfence.core.secret import Secret
from ringfence.core.settings import Settings

if TYPE_CHECKING:
    from ringfence.boundary.files.root import FileRoot
    from ringfence.boundary.files.uploads import Uploads
    from ringfence.boundary.processes import commands
    from ringfence.boundary.request.schema import body
    from ringfence.boundary.sql.identifiers import identifier, sql_files
    from ringfence.boundary.urls.outbound import Outbound
    from ringfence.boundary.urls.redirect import safe_location
    from ringfence.fastapi import Caller, MaybeCaller, Owned, Page, paged
    from ringfence.network.sqlite import migrating
    from ringfence.output.html import rich_text
    from ringfence.output.page import attachment, csp, nonce
    from ringfence.stack import Ringfence
    from ringfence.storage.application.database import Database, Unscoped

__all__ = [
    "Caller",
    "Common",
    "ConfigurationError",
    "Database",
    "FileRoot",
    "MaybeCaller",
    "Members",
    "Outbound",
    "Owned",
    "Page",
    "Principal",
    "Refused",
    "Resource",
    "Ringfence",
    "RingfenceError",
    "Secret",
    "Settings",
    "Shares",
    "StoreError",
    "Unscoped",
    "Uploads",
    "aal",
    "allow",
    "attachment",
    "body",
    "commands",
    "csp",
    "editor",
    "identifier",
    "limit",
    "migrating",
    "nonce",
    "owner",
    "paged",
    "public",
    "rich_text",
    "role",
    "safe_location",
    "self_only",
    "signed_in",
    "sql_files",
    "viewer",
]

#: Where the names live that are imported when they are asked for.
_LATER: Final = {
    "Caller": "ringfence.fastapi",
    "Database": "ringfence.storage.application.database",
    "FileRoot": "ringfence.boundary.files.root",
    "MaybeCaller": "ringfence.fastapi",
    "Outbound": "ringfence.boundary.urls.outbound",
    "Owned": "ringfence.fastapi",
    "Page": "ringfence.fastapi",
    "Ringfence": "ringfence.stack",
    "Unscoped": "ringfence.storage.application.database",
    "Uploads": "ringfence.boundary.files.uploads",
    "attachment": "ringfence.output.page",
    "body": "ringfence.boundary.request.schema",
    "csp": "ringfence.output.page",
    "identifier": "ringfence.boundary.sql.identifiers",
    "migrating": "ringfence.network.sqlite",
    "nonce": "ringfence.output.page",
    "paged": "ringfence.fastapi",
    "rich_text": "ringfence.output.html",
    "safe_location": "ringfence.boundary.urls.redirect",
    "sql_files": "ringfence.boundary.sql.identifiers",
}


def __getattr__(name: str) -> object:
    if name == "commands":
        return import_module("ringfence.boundary.processes.commands")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value
