"""U08: access tokens that nobody signed, or that the attacker did."""

import hashlib
import hmac
import json
import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import bearer
from ringfence.attack.places import Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: What stands before the two coordinates of a point on P-256 (RFC 5480).
_P256: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


#: The controls of a verifier (RFC 8725 3.1, 3.2, 3.10).
NONE: Final = '"none" is no algorithm'
SIGNATURE: Final = "the signature is verified"
CONFUSION: Final = "the algorithm is that of the key"
OWN_KEY: Final = "the key is one of the verifier's own"


class ForgedToken(Attack):
    """Stopped: a token that says it is the victim's shows nothing of the victim's."""

    id = "U08"

    async def prepare(self) -> None:
        ground = self.ground
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        self.canary = ground.canary("note")
        self.records = ground.place(Record)
        await self.records.create(ground, self.victim, self.canary)
        keys = await ground.send("GET", "/.well-known/jwks.json")
        self.key: dict[str, Any] = keys.json()["keys"][0]

    async def twin(self) -> None:
        answer = await self._show(self.victim.access)
        require(answer.holds(self.canary), f"a true token shows nothing: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        another, words = secrets.token_bytes(64), json.dumps(self.key).encode()
        forgeries = (
            ("alg none", self._unsigned({"alg": "none"}), NONE),
            ("alg None", self._unsigned({"alg": "nOnE"}), NONE),
            ("no signature", self._unsigned({"alg": "ES256"}), SIGNATURE),
            ("a signature of zeros", self._signed({"alg": "ES256"}, bytes(64)), SIGNATURE),
            ("another signature", self._signed({"alg": "ES256"}, another), SIGNATURE),
            ("the signature of the attacker's token", self._borrowed(), SIGNATURE),
            ("HS256 with the public key", self._hs256(self._public_key()), CONFUSION),
            ("HS256 with the key set's words", self._hs256(words), CONFUSION),
            ("HS256 with an empty key", self._hs256(b""), OWN_KEY),
            ("a key of one's own in the token", self._embedded(), OWN_KEY),
            ("no kid", self._signed({"alg": "ES256", "kid": None}, another), OWN_KEY),
        )
        return [
            Payload(name, partial(self._reads, token), control)
            for name, token, control in forgeries
        ]

    async def _reads(self, token: str) -> bool:
        return (await self._show(token)).holds(self.canary)

    async def _show(self, token: str) -> Answer:
        return await self.ground.send("GET", self.records.listing, headers=[bearer(token)])

    def _input(self, header: Mapping[str, object]) -> str:
        """The attacker's header, and the claims of the victim.

        These are known to whoever saw a token of the victim's once. With another session or
        subject the database would refuse the token, whatever its signature.
        """
        own_header, claims = self.attacker.access.split(".")[0], self.victim.access.split(".")[1]
        named = {**_opened(own_header), **header}
        named = {name: value for name, value in named.items() if value is not None}
        return f"{_closed(named)}.{claims}"

    def _unsigned(self, header: Mapping[str, object]) -> str:
        return self._input(header) + "."

    def _signed(self, header: Mapping[str, object], signature: bytes) -> str:
        return f"{self._input(header)}.{_encoded(signature)}"

    def _borrowed(self) -> str:
        return f"{self._input({})}.{self.attacker.access.rpartition('.')[2]}"

    def _hs256(self, key: bytes) -> str:
        text = self._input({"alg": "HS256"})
        return f"{text}.{_encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"

    def _embedded(self) -> str:
        jwk = {"kty": "oct", "k": _encoded(b"attacker")}
        text = self._input({"alg": "HS256", "jwk": jwk})
        return f"{text}.{_encoded(hmac.digest(b'attacker', text.encode(), hashlib.sha256))}"

    def _public_key(self) -> bytes:
        """The application's public key as the PEM that a careless verifier takes for a secret."""
        point = b"".join(_decoded(str(self.key[name])) for name in ("x", "y"))
        text = b64encode(_P256 + point).decode()
        lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode()


def _opened(part: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(_decoded(part))
    return found


def _closed(value: Mapping[str, object]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
