"""Who is asking: the verified subject of one request (NIST SP 800-63B terms)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A signed-in subject, as the access token states it. Nobody signed in is ``None``."""

    subject: str  # opaque user id, never an e-mail address
    session: str  # the refresh family (``sid``)
    roles: frozenset[str] = frozenset()
    aal: int = 1
    amr: tuple[str, ...] = ()
    authenticated_at: datetime
    expires_at: datetime
    token_version: int = 0
    role_version: int = 0
