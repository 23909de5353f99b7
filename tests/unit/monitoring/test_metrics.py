"""What is counted, read with Prometheus's own parser; and that clients cannot make it grow."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange
from ringfence.core.settings import Settings
from ringfence.monitoring.asgi import Monitor
from ringfence.monitoring.journal import Journal
from ringfence.monitoring.metrics import MOST_SERIES, Metrics

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Counted(Metrics):
    """Metrics, and what Prometheus makes of them."""

    def samples(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        return {
            frozenset(sample.labels.items()): sample.value
            for family in text_string_to_metric_families(self.exposition())
            for sample in family.samples
            if sample.name == name
        }

    def one(self, name: str, **labels: str) -> float:
        return self.samples(name)[frozenset(labels.items())]


def event(code: str, client: str = "192.0.2.7") -> Event:
    return Event(at=NOW, code=CODES[code], client=client)


def monitor(metrics: Metrics, settings: Settings) -> Monitor:
    return Monitor(settings, journal=Journal(lambda _: None), clock=lambda: 5.0, metrics=metrics)


def test_every_code_is_there_from_the_start_and_is_counted() -> None:
    counted = Counted()
    assert len(counted.samples("ringfence_events_total")) == len(CODES)
    counted.event(event("signin.done"))
    counted.event(event("signin.done"))
    assert counted.one("ringfence_events_total", code="signin.done") == 2
    assert counted.one("ringfence_events_total", code="signin.limited") == 0


def test_events_below_the_level_and_above_the_rate_are_counted_too() -> None:
    counted = Counted()
    made = monitor(counted, Settings(log_level="ERROR"))
    for _ in range(250):
        made.emit(event("signin.done"))
        made.emit(event("sql.injected"))
    made.close()
    assert counted.one("ringfence_events_total", code="signin.done") == 250
    assert counted.one("ringfence_events_total", code="sql.injected") == 250


def test_a_request_is_counted_by_route_method_and_status() -> None:
    counted = Counted()
    counted.request("/orders/{id}", "GET", 200, 0.003)
    counted.request("/orders/{id}", "GET", 200, 0.3)
    labels = {"route": "/orders/{id}", "method": "GET", "status": "200"}
    assert counted.one("ringfence_requests_total", **labels) == 2
    route = {"route": "/orders/{id}"}
    assert counted.one("ringfence_request_seconds_count", **route) == 2
    assert counted.one("ringfence_request_seconds_sum", **route) == pytest.approx(0.303)
    buckets: Mapping[str, float] = {
        dict(labels)["le"]: value
        for labels, value in counted.samples("ringfence_request_seconds_bucket").items()
    }
    assert (buckets["0.005"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (1, 1, 2, 2)


def test_a_duration_on_a_bound_is_in_the_bucket_of_that_bound() -> None:
    counted = Counted()
    counted.request("/", "GET", 200, 0.005)
    assert counted.one("ringfence_request_seconds_bucket", route="/", le="0.005") == 1


async def test_the_pipeline_s_requests_arrive_without_their_paths() -> None:
    counted = Counted()
    made = monitor(counted, Settings())
    scope = {"type": "http", "method": "VIOLET", "path": "/kettle", "headers": []}
    asked = Exchange(scope, request_id="r1", now=NOW, sink=made)

    async def send(_message: object) -> None: ...

    await made.watch(asked, send)({"type": "http.response.start", "status": 404})
    made.ended(asked)
    made.close()
    labels = {"route": "", "method": "others", "status": "404"}
    assert counted.one("ringfence_requests_total", **labels) == 1
    text = counted.exposition()
    assert not {"kettle", "VIOLET"} & set(text.replace("/", '"').split('"'))


def test_the_number_of_series_of_requests_is_bounded() -> None:
    counted = Counted()
    for number in range(MOST_SERIES + 10):
        counted.request(f"/{number}", "GET", 200, 0.001)
    assert len(counted.samples("ringfence_requests_total")) == MOST_SERIES + 1
    labels = {"route": "others", "method": "others", "status": "0"}
    assert counted.one("ringfence_requests_total", **labels) == 10


def test_what_is_in_a_pattern_cannot_end_its_label() -> None:
    counted = Counted()
    pattern = '/a"b\\c\nringfence_store_up 0'
    counted.request(pattern, "GET", 200, 0.001)
    labels = {"route": pattern, "method": "GET", "status": "200"}
    assert counted.one("ringfence_requests_total", **labels) == 1
    assert counted.samples("ringfence_store_up") == {}


def test_what_detectors_find_is_counted_like_any_other_event() -> None:
    counted = Counted()
    made = monitor(counted, Settings())
    for _ in range(70):
        made.emit(event("credentials.invalid"))
    made.close()
    assert counted.one("ringfence_events_total", code="anomaly.unauthenticated") == 1
    assert counted.one("ringfence_events_total", code="anomaly.guessing") == 0
