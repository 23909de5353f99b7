"""Secrets are kept out of the log by three controls, one behind the other.

1. Typed: a ``Secret`` prints as its mask, wherever it is formatted.
2. Known: the passwords of this process (database, mail, what the application declared), and in the
   words of an exception everything that the client of the request had sent.
3. Recognised: by shape (tokens, keys, cookies, addresses with a password, e-mail addresses) and by
   name (``password=…``, ``"otp": …``).

If the application itself makes a secret without a name or a shape and puts it into free text, only
its type can be recognised: use ``Secret``.

Sources: OWASP ASVS 5.0 requirement 16.2.5; OWASP Logging Cheat Sheet; MUSTS L02; ATTACKS M01.
"""

import functools
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from ringfence.core.secret import MASK, Secret

#: A shorter value occurs in ordinary words too often.
_SHORTEST_KNOWN: Final = 5

#: Names of values that are free text: they end where the line, the field or the quote does.
_PHRASES: Final = r"pass(?:word|wd|phrase|code)?|pwd|secret|credentials?"
#: Names of values without spaces.
_TOKENS: Final = (
    r"(?:\w+[_ -])?token|ticket|authorization|signature|jwt|nonce|session[_ -]?id|sid|"
    r"(?:api|client|private|secret|signing|access)[_ -]?key|"
    r"input(?:_value)?"  # pydantic repeats what it was given
)
_QUOTE: Final = r"\\?[\"']"
_IS: Final = rf"{_QUOTE}?\s*(?:[:=]|\bis\b|\bwas\b)\s*"
_OF_ADDRESSES: Final = rf"[^\s@<>\"'(),:;=/{MASK}]"
_QUOTED: Final = rf"b?({_QUOTE}).*?(?:(?<!\\)\2|$)"


@dataclass(frozen=True, slots=True)
class _Shape:
    """A pattern, what is left of its match, and words without which it cannot match."""

    pattern: re.Pattern[str]
    left: str
    hints: tuple[str, ...]


def _shape(pattern: str, left: str, *hints: str, flags: re.RegexFlag = re.MULTILINE) -> _Shape:
    return _Shape(re.compile(pattern, flags | re.IGNORECASE), left, hints)


_SHAPES: Final = (
    _shape(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        MASK,
        "private key",
        flags=re.DOTALL,
    ),
    # Cookie: a=b; c=d    (b'cookie', b'a=b; c=d')    "set-cookie": "a=b"
    _shape(
        rf"\b((?:set-)?cookies?{_QUOTE}?\s*[:=,]\s*)(?:{_QUOTED}|[^\"'\r\n]+)",
        rf"\1{MASK}",
        "cookie",
    ),
    # postgresql://user:password@host. Bounded, so that no text takes long (CWE-1333), by more than
    # the tokens that clouds have for passwords.
    _shape(
        r"(?<![a-z0-9+.-])([a-z0-9+.-]++://)[^\s\"'<>]{0,4096}@",
        rf"\1{MASK}@",
        "://",
    ),
    # password: "a b c"    'password': 'a b c'    password=a b c&…    the password is a b c
    _shape(
        rf"\b((?:\w+[_-])?(?:{_PHRASES})(?:[_-]\w+)?{_IS})"
        rf"(?:{_QUOTED}|[^\s\"'&,;)}}\]][^\"'&,;)}}\]\r\n]*)",
        rf"\1{MASK}",
        *("pass", "pwd", "secret", "credential"),
    ),
    # After passwords: "basic" may be the word before one. Before tokens: a scheme is no token.
    _shape(
        r"\b((?:bearer|basic|digest|negotiate|dpop)\s+)[\w.~+/=-]{6,}",
        rf"\1{MASK}",
        *("bearer", "basic", "digest", "negotiate", "dpop"),
    ),
    _shape(
        rf"\b((?:{_TOKENS}){_IS})(?:{_QUOTED}|[^\s\"'&,;)}}\]]+)",
        rf"\1{MASK}",
        *("token", "ticket", "authorization", "signature", "jwt", "nonce", "session", "sid", "key"),
        "input",
    ),
    # otp=123456    "totp": "123 456"    the code 123456
    _shape(
        r"\b((?:\w*otp|\w*code|pin|2fa|mfa)\b\D{0,24}?)\d{3}[ -]?\d{3,5}\b",
        rf"\1{MASK}",
        *("otp", "code", "pin", "2fa", "mfa"),
    ),
    # [parameters: ('a', 'b')]    DETAIL: Key (login)=(a) already exists
    _shape(r"(\[parameters: ).*?(\]\s*$|$)", rf"\1{MASK}\2", "[parameters: "),
    # It ends where the next one begins, or a text full of them is read again from each (CWE-1333).
    _shape(r"(Key \((?:(?!Key \()[^)])*+\)=\()[^)]*", rf"\1{MASK}", "key ("),
    # From where a run of such characters begins, and without a second look at it (CWE-1333).
    _shape(rf"(?<!{_OF_ADDRESSES}){_OF_ADDRESSES}++@[^\s@<>\"'(),:;=]+\.[^\W\d_]{{2,}}", MASK, "@"),
    _shape(r"\brf_[a-z]{2}_[\w-]+", MASK, "rf_"),
    _shape(r"\beyJ[\w-]{6,}\.[\w.-]+", MASK, "eyj"),
)

#: Keys with a known prefix, and text that looks random: long, in both cases, with digits.
#: Digests in hexadecimal stay readable.
_KEYS: Final = re.compile(
    r"(?<![\w-])(?:AKIA[0-9A-Z]{12,}|AIza[\w-]{20,}"
    r"|(?:sk|pk|rk|whsec|gh[opsu]|github_pat|glpat|xox[abprs]|hf|npm|SG)[_.-][\w.-]{10,}"
    r"|(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[A-Za-z0-9_-]{22,})"
)

_NAMES: Final = re.compile(
    rf"(?:.*[_-])?(?:{_PHRASES}|{_TOKENS}|(?:set-)?cookies?|\w*otp|pin|code|dsn)(?:[_-].*)?",
    re.IGNORECASE,
)


class Redactor:
    """Masks secrets; ``known`` are those of this process, which are masked everywhere."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known: Final = _any_of([*known])

    def text(self, text: str, *, sent: Collection[str] = ()) -> str:
        """``text`` without secrets, and without what the client had ``sent``."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for value in sorted({v for v in sent if len(v) >= _SHORTEST_KNOWN}, key=len, reverse=True):
            text = text.replace(value, MASK)  # thousands of them: no pattern is made for one crash
        if text.isalnum() and text.islower():  # one plain word, or a digest
            return text
        lowered = text.lower()
        for shape in _SHAPES:
            for hint in shape.hints:
                if hint in lowered:
                    text = shape.pattern.sub(shape.left, text)
                    break
        return _KEYS.sub(MASK, text)

    def fact(self, name: str, value: object) -> str | int:
        """One fact of an event, by its name first."""
        if isinstance(value, Secret) or _names_secret(name):
            return MASK
        return value if isinstance(value, int) else self.text(str(value))


@functools.lru_cache(1024)  # names of facts stand in the code: there are few
def _names_secret(name: str) -> bool:
    return _NAMES.fullmatch(name) is not None


def _any_of(values: Collection[str]) -> re.Pattern[str] | None:
    """Finds any of the values that are long enough, the longest first."""
    if not values:
        return None
    found = sorted({v for v in values if len(v) >= _SHORTEST_KNOWN}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found))) if found else None
