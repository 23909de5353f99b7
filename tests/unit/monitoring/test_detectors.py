"""Detectors: what is reported, what is not, and how little they remember."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.monitoring.detectors import DETECTORS, MOST_SOURCES, Detector, Detectors

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ALICE, NETWORK = "alice", "192.0.2.7"


def event(code: str, client: str = NETWORK, subject: str | None = ALICE) -> Event:
    return Event(at=NOON, code=CODES[code], client=client, subject=subject, route="/x")


def reported(found: Iterable[Event]) -> list[str]:
    return [each.code.name for each in found]


WATCHED = [(each, code) for each in DETECTORS for code in sorted(each.watches)]


@pytest.mark.parametrize(
    ("detector", "code"), WATCHED, ids=[f"{each.code}-{code}" for each, code in WATCHED]
)
def test_too_many_within_a_moment_are_reported_and_one_fewer_are_not(
    detector: Detector, code: str
) -> None:
    detectors = Detectors([detector])
    for _ in range(detector.most - 1):
        assert not detectors.notice(event(code), 0.0)
    (report,) = detectors.notice(event(code), 0.0)
    assert report.code.name == detector.code
    assert report.facts == {
        "count": detector.most,
        "minutes": detector.window // timedelta(minutes=1),
        "last": code,
    }


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: each.code)
def test_an_anomaly_that_goes_on_is_reported_once_in_each_window(detector: Detector) -> None:
    detectors, code = Detectors([detector]), min(detector.watches)
    seconds = detector.window.total_seconds()
    step = seconds / (3 * detector.most)  # three times too many
    times = [n * step for n in range(9 * detector.most)]  # for three windows
    reports = [now for now in times if detectors.notice(event(code), now)]
    assert 2 <= len(reports) <= 3
    assert all(later - earlier >= seconds for earlier, later in pairwise(reports))


ODD = Detector(
    code="anomaly.probing",
    watches=frozenset({"route.unknown"}),
    by=DETECTORS[0].by,
    most=5,
    window=timedelta(seconds=100),
)


@given(st.lists(st.integers(0, 1000), max_size=60).map(sorted))
def test_ordinary_sources_are_never_reported_and_twice_as_many_always(times: list[int]) -> None:
    """The two promises of a leaky bucket, against a count of each window."""
    detectors = Detectors([ODD])
    reports = [now for now in times if detectors.notice(event("route.unknown"), float(now))]
    fullest = max((sum(t <= u < t + 100 for u in times) for t in times), default=0)
    if fullest < ODD.most:
        assert not reports
    if fullest >= 2 * ODD.most:
        assert reports


def test_each_network_counts_for_itself_and_a_64_is_one_network() -> None:
    detectors = Detectors([ODD])
    for n in range(ODD.most - 1):
        assert not detectors.notice(event("route.unknown", f"2001:db8::{n}"), 0.0)
        assert not detectors.notice(event("route.unknown", f"192.0.2.{n}"), 0.0)
    assert not detectors.notice(event("route.unknown", "192.0.2.200"), 0.0)
    (report,) = detectors.notice(event("route.unknown", "2001:db8::ffff"), 0.0)
    assert report.client == "2001:db8::ffff"


def test_guessing_from_many_addresses_is_reported_and_forgetful_people_are_not() -> None:
    detectors = Detectors()
    for n in range(500):
        wrong = event("credentials.invalid", f"198.51.{n // 250}.{n % 250}", None)
        assert not detectors.notice(wrong, float(n))
        if n % 3 == 0:  # one of four attempts is right
            assert not detectors.notice(event("signin.done"), float(n))
    found: list[str] = []
    for n in range(200):
        guess = event("credentials.invalid", f"203.0.{n // 250}.{n % 250}", None)
        found += reported(detectors.notice(guess, 500.0 + n))
    assert found == ["anomaly.guessing"]


def test_what_nobody_did_counts_for_nobody() -> None:
    enumeration = next(each for each in DETECTORS if each.code == "anomaly.enumeration")
    detectors = Detectors([enumeration])
    for _ in range(10 * enumeration.most):
        assert not detectors.notice(event("resource.missing", subject=None), 0.0)


def test_the_number_of_sources_is_limited_and_the_quiet_one_is_forgotten() -> None:
    detectors = Detectors([ODD])
    for _ in range(ODD.most - 1):
        detectors.notice(event("route.unknown"), 0.0)
    assert MOST_SOURCES == 1024
    for n in range(1024):
        detectors.notice(event("route.unknown", f"10.0.{n // 256}.{n % 256}"), 1.0)
    assert sum(map(len, detectors._buckets.values())) == 1024
    assert not detectors.notice(event("route.unknown"), 1.0)  # it begins again


def test_a_source_that_goes_on_is_not_the_one_that_is_forgotten() -> None:
    """Whoever guesses could make it forget them, by as many addresses as it remembers."""
    detectors = Detectors([ODD])
    for _ in range(ODD.most - 2):
        assert not detectors.notice(event("route.unknown"), 0.0)
    for n in range(1023):
        detectors.notice(event("route.unknown", f"10.0.{n // 256}.{n % 256}"), 0.0)
    assert not detectors.notice(event("route.unknown"), 0.0)
    detectors.notice(event("route.unknown", "10.1.0.0"), 0.0)  # somebody is forgotten
    (report,) = detectors.notice(event("route.unknown"), 0.0)
    assert report.client == NETWORK


def test_every_401_is_watched_but_what_an_old_tab_causes() -> None:
    watched = set[str]().union(*(each.watches for each in DETECTORS))
    assert {code.name for code in CODES.values() if code.status == 401} - watched == {
        "token.expired",
        "refresh.expired",
        "refresh.missing",
    }


def test_no_report_is_watched_itself() -> None:
    watched = {code for each in DETECTORS for code in (*each.watches, *each.calmed_by)}
    assert watched <= CODES.keys()
    assert not any(code.startswith("anomaly.") for code in watched)
