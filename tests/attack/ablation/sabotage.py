"""Shops from which a control is deleted, not switched off.

Every process that a test starts imports a ``sitecustomize`` first, which cuts the control out of
the code. The switches know nothing of it.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from ringfence.attack.attacks import s01_ssrf, u08_forged_token

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

_OUTBOUND: Final = "import ringfence.boundary.urls.outbound as client\n"
_ANY_ADDRESS: Final = "client.is_public = lambda address: True\n"
#: By control of the outbound client: what cuts it out.
SSRF: Final = {
    s01_ssrf.ADDRESS: _OUTBOUND + _ANY_ADDRESS,
    s01_ssrf.SPELLING: f"{_OUTBOUND}{_ANY_ADDRESS}client._is_host = lambda host: True\n",
    s01_ssrf.USER: (
        f"{_OUTBOUND}{_ANY_ADDRESS}"
        "parse = client.parse_target\n"
        "def careless(url, ports):\n"
        "    scheme, _, rest = url.partition('://')\n"
        "    return parse(f\"{scheme}://{rest.rpartition('@')[2]}\", ports)\n"
        "client.parse_target = careless\n"
    ),
    s01_ssrf.REDIRECT: (
        f"{_OUTBOUND}"
        "async def follow(self, url):\n"
        "    ports = self.ports | {port for _, port in self.also}\n"
        "    await self._vet(client.parse_target(url, ports))\n"
        "    async with client.httpx2.AsyncClient(follow_redirects=True) as browser:\n"
        "        found = await browser.get(url)\n"
        "    return client.Answer(\n"
        "        url=url, status=found.status_code, media_type='', body=found.content)\n"
        "client.Outbound._follow = follow\n"
    ),
    s01_ssrf.PIN: (
        f"{_OUTBOUND}"
        "def look_up_again(browser, target, address):\n"
        "    plain = {'Accept-Encoding': 'identity'}\n"
        "    return browser.build_request('GET', target.url, headers=plain)\n"
        "client._pin = look_up_again\n"
    ),
}

_VERIFIER: Final = (
    "import base64, hashlib, hmac, json\n"
    "import ringfence.authn.tokens as tokens\n"
    "examine = tokens.AccessTokens.examine\n"
    "def plain(part):\n"
    "    return base64.urlsafe_b64decode(part + '=' * (-len(part) % 4))\n"
    "def signed_with(key, head, claims, signature):\n"
    "    text = f'{head}.{claims}'.encode()\n"
    "    return hmac.digest(key, text, hashlib.sha256) == plain(signature)\n"
    "def verified(self, token, now):\n"
    "    head, claims, signature = token.split('.')\n"
    "    header = json.loads(plain(head))\n"
    "    if believed(self, header, head, claims, signature):\n"
    "        return tokens._principal(tokens._parse(plain(claims), tokens._Claims, 'claims'))\n"
    "    return examine(self, token, now)\n"
    "tokens.AccessTokens.examine = verified\n"
    "def believed(self, header, head, claims, signature):\n"
)
#: By control of the verifier of access tokens: what believes a token without it.
TOKENS: Final = {
    u08_forged_token.NONE: _VERIFIER + "    return header['alg'].lower() == 'none'\n",
    u08_forged_token.SIGNATURE: _VERIFIER + "    return header['alg'] == 'ES256'\n",
    u08_forged_token.CONFUSION: (
        f"{_VERIFIER}"
        "    keys = [key.as_pem(private=False) for key in self._known.values()]\n"
        "    keys += [json.dumps(key).encode() for key in self.jwks()['keys']]\n"
        "    return header['alg'] == 'HS256' and any(\n"
        "        signed_with(key, head, claims, signature) for key in keys)\n"
    ),
    u08_forged_token.OWN_KEY: (
        f"{_VERIFIER}"
        "    if header['alg'] != 'HS256':\n"
        "        return 'kid' not in header\n"
        "    key = plain(header.get('jwk', {}).get('k', ''))\n"
        "    return signed_with(key, head, claims, signature)\n"
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
