"""What the words and marks of SQL can do when they stand alone; the tables of the SQL guard.

A keyword that is missing here is taken for an identifier, which is judged more strictly.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Alone, in the place of a value or a name, these give a syntax error or make no difference.
WITHOUT_EFFECT: Final = _words("""
    abort action add after all alter always analyze as asc attach autoincrement before begin by
    cascade case cast check collate column commit conflict constraint create cross database
    deferrable deferred delete desc detach distinct do drop each else end except exclude exclusive
    exists explain fail false filter first following for foreign from full generated group groups
    having if ignore immediate index indexed initially inner insert instead intersect into join key
    last lateral left limit materialized natural no nothing null nulls of offset on only order
    others outer over partition plan pragma preceding primary query raise range recursive references
    reindex release rename replace restrict returning right rollback row rows savepoint select set
    table tablesample temp temporary then ties to transaction trigger true truncate unbounded union
    unique update using vacuum values view virtual when where window with without
""")

#: These join or compare: alone they can turn a condition round.
CONNECTIVES: Final = _words("""
    and between escape glob ilike in is isnull like match not notnull or regexp similar
""")

KEYWORDS: Final = WITHOUT_EFFECT | CONNECTIVES

#: The clause that a word opens; empty for what is none of those that matter.
CLAUSES: Final = {
    "by": "by",
    "except": "",
    "from": "from",
    "having": "where",
    "intersect": "",
    "join": "from",
    "limit": "",
    "offset": "",
    "on": "where",
    "range": "",
    "returning": "select",
    "rows": "",
    "select": "select",
    "set": "set",
    "union": "",
    "values": "values",
    "where": "where",
}

MARKS: Final = frozenset("()',.=<>*-+/;:\"?|%&~!@#$[]{}`\\^")
#: Alone, these are a syntax error wherever the application did not put them itself.
MARKS_WITHOUT_MEANING: Final = frozenset("(),.[]{}?:")
#: What joins two words to a pair that says nothing yet: ``id = 5``, ``o.id``.
PAIRING: Final = frozenset("=.,:/-@+")

_OPERATORS: Final = frozenset("=<>*-+/|%&~!^@#")
BEFORE_A_SIGN: Final = _OPERATORS | KEYWORDS | {"", "(", ","}
BEFORE_AN_OPERAND: Final = (
    _OPERATORS | (CONNECTIVES - {"and", "or", "not"}) | _words("case else limit offset then")
)
BEFORE_A_CONDITION: Final = _words("and having not on or when where")
AFTER_A_LEFT_SIDE: Final = _OPERATORS | (CONNECTIVES - {"and", "or"}) | {"("}
AFTER_AN_ORDERING: Final = {"", ",", ")", ";"} | _words(
    "asc collate desc fetch limit nulls offset range rows"
)
BEFORE_A_STAR: Final = {",", "."} | _words("all distinct select")
