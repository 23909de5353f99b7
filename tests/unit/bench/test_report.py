"""The table, and the object."""

from bench.measure import Goal, Line, Section
from bench.report import summary, table

SECTION = Section(
    name="orders",
    title="who is faster",
    lines=(
        Line(what="we / they", rounds=(7.0, 6.5, 1234.5), goal=Goal("at least", 6)),
        Line(what="we, alone", rounds=(30.0, 20.0, 25.0), unit="µs", goal=Goal("at most", 20)),
        Line(what="  and so on", rounds=(3.0,), unit="/s"),
    ),
    remarks=("it depends",),
)


def test_a_line_shows_its_spread_and_whether_the_median_meets_the_goal() -> None:
    ratio, alone, more, remark = table([SECTION]).splitlines()[3:]
    assert ratio.split() == ["we", "/", "they", "6.5", "7", "1,234", "×", "✓", "≥", "6"]
    assert alone.split() == ["we,", "alone", "20", "25", "30", "µs", "✗", "≤", "20"]
    assert more.split() == ["and", "so", "on", "3", "3", "3", "/s"]
    assert remark.split() == ["·", "it", "depends"]


def test_the_columns_stand_below_each_other() -> None:
    ratio, alone, *_ = table([SECTION]).splitlines()[3:]
    assert ratio.index("×") == alone.index("µs")
    assert ratio.index("≥") == alone.index("≤")


def test_the_table_fits_100_columns() -> None:
    assert all(len(line) <= 100 for line in table([SECTION]).splitlines())


def test_the_object_holds_every_round() -> None:
    first, _, last = summary([SECTION])["orders"]["lines"]
    assert first["rounds"] == [7.0, 6.5, 1234.5]
    assert first["goal"] == {"bound": "at least", "value": 6}
    assert (first["met"], last["met"]) == (True, None)
