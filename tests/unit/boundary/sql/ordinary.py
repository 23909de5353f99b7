"""A corpus of ordinary values: what people type into fields, in several languages, and SQL words.

Made of parts that are put together in each way, so that it is the same in every run.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_FIRST: Final = _words("""
    Anna Zoë José Łukasz Søren Renée Jürgen Siobhán Nguyễn Dvořák Ayşe Олена Γιώργος 美咲 지우 محمد
    שרה अनिल O'Neil D'Arcy Ann-Marie J. Jean-Luc Mc.Kay Select Order Union Like Null True
""")
_LAST: Final = _words("""
    Smith O'Brien D'Angelo Müller-Lüdenscheidt Ångström Ñuñez Šimić Yılmaz Шевченко Παππάς 李雷
    田中 김 حسن כהן शर्मा Null Drop Table Insert Where From Values Or And Not Case End Limit Jr.
""")
_HOSTS: Final = ("example.com", "mail.example.co.uk", "bücher.example", "or.example", "a-b.example")
_PRICES: Final = (
    "{}",
    "{}.99",
    "{},50 €",
    "$ {}",
    "£{}.00",
    "{} %",
    "-{}",
    "1.{},00",
    "({})",
    "#{}",
)
_WORDS: Final = _words("""
    select insert update delete union order by group having like and or not null is in exists from
    where limit drop table -- /* */ ; ' " ` ( ) , * = <> % _ || :: : ? $1 @ # \\ 1=1 name id
    products owner secret asc desc
""")
_THINGS: Final = _words("""
    tea kettle Tasse tasse чашка 茶 كوب mug's "mug" <b>mug</b> C++ {mug} 50% a_b naïve l'été
""")
_SENTENCES: Final = (
    "I'd like 2 {}; and {} or {}, please!",
    "Where is the {} from my order? The {} is not in the {}.",
    "Bitte {} und {} (oder {}) – danke.",
    "L'{} n'est pas là : {} / {} ?",
    "Заказ: {}, {} и {}.",
    "{}と{}、{}をください。",
    "SELECT {} FROM {} WHERE {}",
    "{} = '{}' -- {}",
    "https://example.com/{}?q={}&sort={}#top",
)


def ordinary() -> Iterator[str]:
    """Every value of the corpus."""
    for first, last in product(_FIRST, _LAST):
        yield f"{first} {last}"
        yield f"{last}, {first}"
    for first, last, host in product(_FIRST, _LAST, _HOSTS):
        yield f"{first}.{last}@{host}".lower()
    for number, price in product(range(200), _PRICES):
        yield price.format(number)
    yield from _WORDS
    for number in range(500):
        yield f"+49 30 {number:06}"
        yield f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}"
    for one, other in product(_WORDS, _WORDS):
        yield f"{one} {other}"
        yield f"{one}{other}"
    for sentence, one, other in product(_SENTENCES, _THINGS, [*_THINGS, *_WORDS[:20]]):
        yield sentence.format(one, other, one)
