"""As ``deletions``: what takes controls out of the outbound client and the verifier of tokens."""

from typing import Final

from ringfence.attack.attacks import s01_ssrf, u08_forged_token

_OUTBOUND: Final = "import ringfence.boundary.urls.outbound as client\n"
_ANY_ADDRESS: Final = "put(client, 'is_public', lambda address: True)\n"
#: By control of the outbound client: what cuts it out.
SSRF: Final = {
    s01_ssrf.ADDRESS: _OUTBOUND + _ANY_ADDRESS,
    s01_ssrf.SPELLING: f"{_OUTBOUND}{_ANY_ADDRESS}put(client, '_is_host', lambda host: True)\n",
    s01_ssrf.USER: (
        f"{_OUTBOUND}{_ANY_ADDRESS}"
        "parse = client.parse_target\n"
        "def careless(url, ports):\n"
        "    scheme, _, rest = url.partition('://')\n"
        "    return parse(f\"{scheme}://{rest.rpartition('@')[2]}\", ports)\n"
        "put(client, 'parse_target', careless)\n"
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
        "put(client.Outbound, '_follow', follow)\n"
    ),
    s01_ssrf.PIN: (
        f"{_OUTBOUND}"
        "def look_up_again(browser, target, address):\n"
        "    plain = {'Accept-Encoding': 'identity'}\n"
        "    return browser.build_request('GET', target.url, headers=plain)\n"
        "put(client, '_pin', look_up_again)\n"
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
    "put(tokens.AccessTokens, 'examine', verified)\n"
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
