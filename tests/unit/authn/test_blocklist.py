"""What guessing tools try first is refused, and nothing else is."""

import hashlib
import random
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.authn import blocklist
from ringfence.authn.blocklist import Blocklist, Filter, build, fold

DATA = Path(blocklist.__file__).parent / "data"
COMMON = [
    line
    for line in (Path(__file__).parents[2] / "vectors/common_passwords.txt")
    .read_text()
    .splitlines()
    if not line.startswith("#")
]
CONTEXT = frozenset({"ringfence", "alice"})
LIST = Blocklist.bundled()


def padded(password: str, padding: str) -> str:
    """``password`` with as much of ``padding`` as makes it long enough."""
    return (password + padding * 8)[: max(15, len(password) + 3)]


@pytest.mark.parametrize("padding", ["123", "!"])
def test_each_of_the_3000_most_common_is_refused_with_padding(padding: str) -> None:
    """MUSTS P09; ASVS 6.2.4. Without padding the policy refuses it: ``test_passwords``."""
    assert len(COMMON) == 3000
    assert not [word for word in COMMON if not LIST.refuses(padded(word, padding), CONTEXT)]


@pytest.mark.parametrize("padding", ["1", " ", "2024", "abc", "!@#", "password", "alice"])
def test_other_padding_does_not_help(padding: str) -> None:
    words = COMMON[::10]
    assert not [word for word in words if not LIST.refuses(padded(word, padding), CONTEXT)]


def test_repeating_it_does_not_help() -> None:
    words = COMMON[::10]
    assert not [word for word in words if not LIST.refuses(padded(word, word), CONTEXT)]


@pytest.mark.parametrize(
    "password",
    [
        "momsanaladventure",  # breached, whole
        "MomsAnalAdventure",
        "momsanaladventure1!",  # breached, and a digit
        "password1234567",
        "1234567password",
        "P@ssw0rd1234567",
        "Password 123456!",
        "sunshine princess",  # two words
        "elephant-umbrella!",
        "ringfencealice!",  # the service and the login
        "Alice2024-2024!",
        "qwertyuiopasdfg",
        "gfdsapoiuytrewq",
        "1qaz2wsx3edc4rfv",
        "abcdefghijklmnop",
        "9876543210987654",
        "aaaaaaaaaaaaaaa",
        "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
        "🦊" * 15,
        "abcabcabcabcabc",
        "x7Kq x7Kq x7Kq x7Kq",
        "Summer2024Summer2024",
        "ｐａｓｓｗｏｒｄ1234567",  # full width
        "a" * 1000 + "b",
    ],
)
def test_what_a_tool_derives_by_rule_is_refused(password: str) -> None:
    """NIST SP 800-63B-4 3.1.1.2: the whole password is what is compared."""
    assert LIST.refuses(password, CONTEXT)


@pytest.mark.parametrize(
    "password",
    [
        "violet kettle orbits quietly",
        "correct horse battery staple",
        "three words here",
        "xq-password-97-zebra-jumps",  # holds a listed word, is none
        "Xk9#mQ2$vL5@nR8",
        "uqzjwkfmxbvnpty",
        "мой дядя самых честных правил",
        "🦊🐙🦉🐝🐢🦜🐬🦔🐌🦋🐞🦀🐳🦩🐿",
        "  leading and trailing  ",
    ],
)
def test_what_takes_long_to_guess_is_accepted(password: str) -> None:
    """No rule on kinds of character (MUSTS P06)."""
    assert not LIST.refuses(password, CONTEXT)


def test_names_of_the_service_and_the_login_are_cheap() -> None:
    """ASVS 6.2.11."""
    password = "zyxgarblefoo-quuxblorp"
    assert not LIST.refuses(password, frozenset())
    assert LIST.refuses(password, {"zyxgarblefoo", "Quuxblorp"})


@pytest.mark.parametrize(
    "alphabet", [string.ascii_lowercase, string.printable[:94], "0123456789abcdef"]
)
def test_random_passwords_are_hardly_ever_refused(alphabet: str) -> None:
    """One in a thousand or so by the filters' false alarms; ten times that is a mistake."""
    chosen = random.Random(1)  # noqa: S311  # the same examples in every run
    refused = sum(
        LIST.refuses("".join(chosen.choices(alphabet, k=16)), CONTEXT) for _ in range(1000)
    )
    assert refused < 10


@pytest.mark.parametrize(
    "password",
    [
        "a" * 1024,
        "ab" * 512,
        "aab" * 341,
        "password" * 128,
        "qwertyuiop" * 100 + "!",
        "abba" * 256,
        ("a" * 47 + "b") * 20,  # repetitions of repetitions
        ("a" * 43 + "x") * 13,
        ("1" * 30 + "!") * 30,
    ],
)
def test_the_longest_passwords_are_judged_in_bounded_work(password: str) -> None:
    """No password buys the judge's time: the look-ups stay few, however it is built."""
    counting = Counting((DATA / "words.bloom").read_bytes())
    Blocklist(LIST.breached, counting).refuses(password + "?", CONTEXT)
    assert counting.asked < 20_000


class Repeated(blocklist._Reading):
    """A reading that counts how many texts it takes to pieces."""

    taken = 0

    def bits(self, text: str) -> float:
        self.taken += 1
        return super().bits(text)


@pytest.mark.parametrize("unit", ["a" * 47 + "b", "a" * 43 + "x", "1" * 30 + "!", "!!!" + "a" * 34])
def test_repetitions_of_repetitions_are_judged_once_each(unit: str) -> None:
    """Else 960 characters kept the process, and everybody in it, for 13 seconds."""
    reading = Repeated(LIST.words, CONTEXT)
    reading.bits(unit * 20)
    assert reading.taken < 3_000


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_can_be_judged(text: str) -> None:
    assert LIST.refuses(text, CONTEXT) in {True, False}


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=30))
def test_a_filter_never_misses_what_it_holds(entries: set[str]) -> None:
    held = Filter(build(entries, 64))
    assert all(fold(entry) in held for entry in entries)


def test_the_bytes_of_a_filter_do_not_depend_on_the_order() -> None:
    assert build(["one", "two", "three"], 64) == build(["three", "One", "two"], 64)


@pytest.mark.parametrize("name", ["breached.bloom", "words.bloom"])
def test_the_bundled_filters_are_those_of_the_provenance(name: str) -> None:
    """MUSTS P09: at least 100,000 entries, offline."""
    content = (DATA / name).read_bytes()
    stated = (DATA / "PROVENANCE.md").read_text()
    row = re.search(rf"`{re.escape(name)}` \| ([\d,]+) \| ([\d,]+) \|.*\| `(\w+)`", stated)
    assert row is not None
    assert row[2].replace(",", "") == str(len(content))
    assert row[3] == hashlib.sha256(content).hexdigest()


def test_the_bundled_filters_hold_more_than_100000_and_weigh_less_than_a_megabyte() -> None:
    """MUSTS P09."""
    stated = (DATA / "PROVENANCE.md").read_text()
    counts = [int(count.replace(",", "")) for count in re.findall(r"bloom` \| ([\d,]+)", stated)]
    assert sum(counts) > 100_000
    assert sum(file.stat().st_size for file in DATA.glob("*.bloom")) < 1_000_000


class Counting(Filter):
    """A filter that counts how often it is asked."""

    asked = 0

    def __contains__(self, entry: str) -> bool:
        self.asked += 1
        return super().__contains__(entry)
