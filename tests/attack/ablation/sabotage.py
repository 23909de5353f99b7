"""Shops from which a control is deleted, not switched off.

Every process that a test starts imports a ``sitecustomize`` first, which cuts the control out of
the code. The switches know nothing of it.
"""

import os
from pathlib import Path
from typing import Final

import pytest

#: By layer: the attack that the control stops, and what cuts the control out.
SABOTAGES: Final = {
    "network": (
        "H03",
        (
            "from ringfence.network.asgi import Network\n"
            "def admit(self, exchange):\n"
            "    told = exchange.headers.get(b'x-forwarded-for', b'').decode('latin-1')\n"
            "    exchange.client = told.split(',')[0] or exchange.scope['client'][0]\n"
            "Network.admit = admit\n"
        ),
    ),
    "boundary": (
        "I02",
        (
            "import ringfence.boundary.sql.sqlalchemy as guard\n"
            "guard.install = guard.remove = lambda *_: None\n"
        ),
    ),
    "authn": (
        "U08",
        (
            "from ringfence.authn.tokens import AccessTokens\n"
            "def examine(self, token, now):\n"
            "    from ringfence_demo.careless.authn import unverified_principal\n"
            "    return unverified_principal(token)\n"
            "AccessTokens.examine = examine\n"
        ),
    ),
    "authz": (
        "Z01",
        (
            "import ringfence.authz.decide as judge\n"
            "from ringfence.core.policy import Related\n"
            "judge._RULES = {**judge._RULES, Related: lambda *_: judge.ALLOWED}\n"
        ),
    ),
    "output": (
        "O02",
        (
            "import ringfence.output.html as html\n"
            "class Careless:\n"
            "    def clean(self, text): return text\n"
            "html._CLEANER = Careless()\n"
        ),
    ),
    "monitoring": (
        "M01",
        (
            "from ringfence.monitoring.redaction import Redactor\n"
            "Redactor.text = lambda self, text, *, sent=(): text\n"
        ),
    ),
}

#: A policy that lets in more than was agreed on: whoever is signed in has every role.
WEAKER_POLICY: Final = (
    "import ringfence\nfrom ringfence import signed_in\nringfence.role = lambda name: signed_in\n"
)


def cut(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each process that is started from here on run ``code`` first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    # Shops run as somebody else where we are root, and import nothing late.
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
