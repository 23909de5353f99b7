"""Where careless applications put a value into a statement, what they do to it before, and attacks.

The values are generated from a grammar of payloads, so that most examples reach the question: the
database runs the statement, and does something else than with a harmless value.
"""

import base64
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Placement:
    """One statement with one gap, ``{x}``, a harmless value, and what closes what is around it."""

    text: str
    harmless: str
    kind: str  # "string", "number", "column" or "list"


PLACEMENTS: Final = [
    Placement("SELECT id FROM products WHERE name = '{x}' AND owner = 1", "zq", "string"),
    Placement("SELECT id, name FROM products WHERE name LIKE '%{x}%' ORDER BY id", "zq", "string"),
    Placement("SELECT id FROM products WHERE (name = '{x}' OR price > 5)", "zq", "string"),
    Placement("SELECT id FROM products WHERE owner = {x} AND price > 1", "7", "number"),
    Placement("SELECT price + {x} FROM products WHERE owner = 1", "7", "number"),
    Placement("SELECT id FROM products WHERE owner = 1 LIMIT {x}", "7", "number"),
    Placement("SELECT id FROM products WHERE id IN ({x}) AND owner = 1", "7", "list"),
    Placement("SELECT id, name FROM products ORDER BY {x}", "name", "column"),
    Placement("SELECT id, name FROM products WHERE owner = 1 ORDER BY {x} DESC", "name", "column"),
    Placement("SELECT id, name FROM products GROUP BY {x}", "name", "column"),
    Placement("SELECT {x} FROM products WHERE owner = 1", "id", "field"),
    Placement("SELECT id FROM products WHERE {x} = 1", "id", "field"),
]

#: What an application may have done to a value: what was sent is the other way round.
CHANGES: Final[dict[str, tuple[Callable[[str], str], Callable[[str], str]]]] = {
    "as it is": (str, str),
    "in upper case": (str, str.upper),
    "in lower case": (str, str.lower),
    "stripped": (lambda t: f"  {t}\t", str.strip),
    "without its sign": (lambda t: f"-{t}", lambda t: t.lstrip("-")),
    "cut": (lambda t: t + "#" * 300, lambda t: t.rstrip("#")),
    "one of several": (lambda t: f"a|{t}|b", lambda t: t.split("|")[1] if t.count("|") else t),
    "split and joined": (lambda t: t.replace(" ", "  "), lambda t: " ".join(t.split())),
    "split at commas": (str, lambda t: ",".join(t.split(","))),
    "replaced": (lambda t: t.replace(" ", "_"), lambda t: t.replace("_", " ")),
    "backwards": (lambda t: t[::-1], lambda t: t[::-1]),
    "Base64": (
        lambda t: base64.b64encode(t.encode()).decode(),
        lambda t: base64.b64decode(t).decode(),
    ),
    "percent-encoded": (quote, unquote),
    "normalised": (
        lambda t: t.replace("'", "\uff07").replace("(", "\uff08"),
        lambda t: unicodedata.normalize("NFKC", t),
    ),
    "without tags": (lambda t: f"<b>{t}", lambda t: t.replace("<b>", "")),
}

_TRUE: Final = [
    "1=1",
    "1",
    "'a'='a'",
    "id=id",
    "1<2",
    "not 0",
    "name is not null",
    "2 between 1 and 3",
]
_SECRET: Final = [
    "(select secret from users limit 1)",
    "(select count(*) from users)",
    "(select max(secret) from products)",
]
_COLUMNS: Final = ["secret", "user_id", "owner", "price", "products.secret", '"secret"', "active"]
_SPACES: Final = [" ", "  ", "\t", "\n", "/**/", "/*x*/"]

conditions = st.sampled_from(_TRUE) | st.sampled_from(
    ["exists(select 1 from users)", "secret > 'a'", "(select secret from users limit 1) > 'a'"]
)
expressions = (
    st.sampled_from(_COLUMNS)
    | st.sampled_from(_SECRET)
    | st.builds("(case when {} then id else -id end)".format, conditions)
    | st.builds("id*({}={})".format, st.sampled_from(_COLUMNS), st.sampled_from(["1", "'a'"]))
    | st.builds("abs({})".format, st.sampled_from(_COLUMNS))
)
ends = st.sampled_from(["", " --", "/*", " -- '", ";"])


def _spaced(text: str, space: str) -> str:
    return text.replace(" ", space)


def attacks(kind: str) -> st.SearchStrategy[str]:
    """Values that mean something else in a place of this kind."""
    joined = st.builds(
        "{} {} {}".format,
        st.sampled_from(["7", "7.5", "-1"]),
        st.sampled_from(
            ["or", "OR", "and", "union select secret from users where 1 or", "||", "+"]
        ),
        conditions | expressions,
    )
    if kind == "string":
        payload = st.builds(
            "{}' {} {}{}".format,
            st.sampled_from(["zq", "", "x"]),
            st.sampled_from(["or", "and not", "||", "union select secret from users where"]),
            conditions,
            st.sampled_from([" --", " or '1'='", " and 'a'='a", "/*", ") --"]),
        )
    elif kind == "list":
        payload = expressions | joined | st.builds("7) or ({}".format, conditions)
    elif kind == "column":
        payload = expressions | st.builds("name, {}".format, expressions)
    else:
        payload = expressions | joined
    return st.builds(_spaced, payload, st.sampled_from(_SPACES))
