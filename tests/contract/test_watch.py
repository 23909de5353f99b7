"""What Prometheus reads of ``ringfence serve``, with one process and with several."""

import re
import signal
import socket
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.serving import free_port, get, line, serving

DOCS = Path(__file__).parents[2] / "docs/watch.md"


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that are free."""
    for _ in range(100):
        first = free_port()
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first
    raise AssertionError("no ports in a row are free")


def scrape(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests_to(text: str, route: str) -> float:
    return sum(
        value
        for (name, labels), value in values(text).items()
        if name == "ringfence_requests_total" and ("route", route) in labels
    )


def test_nothing_listens_unless_it_is_asked_for(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    with serving(tmp_path, port) as process:
        line(process)
        assert get(port, "/metrics").status == 404
        with pytest.raises(ConnectionRefusedError):
            scrape(metrics)


def test_workers_on_one_database_are_counted_each_and_their_sum_is_right(tmp_path: Path) -> None:
    first, ports = free_ports(2), [free_port(), free_port()]
    with ExitStack() as stack:
        for port in ports:
            setting = f"127.0.0.1:{first}-{first + 1}"
            line(stack.enter_context(serving(tmp_path, port, RINGFENCE_METRICS=setting)))
        for port, times in zip(ports, (3, 4), strict=True):
            for _ in range(times):
                assert get(port, "/auth/config").status == 200
        texts = [scrape(first + number)[1] for number in (0, 1)]
    assert sorted(requests_to(text, "/auth/config") for text in texts) == [3, 4]


def test_one_worker_more_than_there_are_ports_is_refused(tmp_path: Path) -> None:
    metrics = str(free_port())
    with serving(tmp_path, free_port(), RINGFENCE_METRICS=metrics) as one:
        line(one)
        with serving(tmp_path, free_port(), RINGFENCE_METRICS=metrics) as other:
            assert line(other).startswith("RINGFENCE_METRICS: no port is free")
            assert other.wait(timeout=20) == 1


def test_what_is_read_is_what_the_page_says_and_nothing_else(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    with serving(tmp_path, port, RINGFENCE_METRICS=str(metrics)) as process:
        line(process)
        get(port, "/healthz")
        status, text = scrape(metrics)
        assert scrape(metrics, "/")[0] == 404
        assert scrape(metrics, Host="evil.example")[0] == 421
        assert scrape(metrics, Host=f"localhost:{metrics}")[0] == 200
    assert status == 200
    there = {family.name for family in text_string_to_metric_families(text)}
    documented = {
        name.removesuffix("_total")
        for name in re.findall(r"^\| `(ringfence_\w+)", DOCS.read_text(), re.MULTILINE)
    }
    assert there == documented
    assert values(text)["ringfence_store_up", frozenset()] == 1


def test_a_store_that_fails_is_seen(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    with serving(tmp_path, port, RINGFENCE_METRICS=str(metrics)) as process:
        line(process)
        assert values(scrape(metrics)[1])["ringfence_store_up", frozenset()] == 1
        for file in tmp_path.glob("ringfence.sqlite*"):
            file.unlink()
        found = values(scrape(metrics)[1])
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    assert found["ringfence_store_up", frozenset()] == 0


def test_clients_that_say_nothing_hold_nobody_up(tmp_path: Path) -> None:
    """Issue 9: eight idle connections blinded it; here are more than it holds (CWE-400)."""
    port, metrics = free_port(), free_port()
    with serving(tmp_path, port, RINGFENCE_METRICS=str(metrics)) as process, ExitStack() as stack:
        line(process)
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", metrics))) for _ in range(80)
        ]
        assert scrape(metrics)[0] == 200
        assert idle[0].recv(1) == b""  # the one that had said nothing for longest is cut off
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, -signal.SIGTERM)
