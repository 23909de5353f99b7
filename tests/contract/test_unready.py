"""A disk that is full is told to the load balancer, and so is when to ask again (issue 9, B3)."""

import json
import resource
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from ringfence.core.codes import CODES, Code
from ringfence.output import problem
from tests.contract.serving import free_port, get, line, serving


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def forgot(port: int) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
    body = json.dumps({"login": "alice@example.com"})
    connection.request("POST", "/auth/password/forgot", body, headers)
    response = connection.getresponse()
    connection.close()
    return response


def test_on_a_full_disk_the_service_is_unready_and_says_when_to_come_back(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, RINGFENCE_LOG="-") as process:
        line(process)
        assert get(port, "/readyz").status == 200
        limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))  # no write has room
        until(lambda: get(port, "/readyz").status == 503)
        unready, refused = get(port, "/readyz"), forgot(port)
        alive = get(port, "/healthz")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        until(lambda: get(port, "/readyz").status == 200)
        assert forgot(port).status == 202
    assert (unready.status, refused.status, alive.status) == (503, 503, 200)
    assert unready.getheader("retry-after") == refused.getheader("retry-after") == "1"


@pytest.mark.parametrize(
    "code",
    [c for c in CODES.values() if c.status == HTTPStatus.SERVICE_UNAVAILABLE],
    ids=lambda code: code.name,
)
def test_every_503_says_when_to_come_back(code: Code) -> None:
    assert b"retry-after" in dict(problem.headers(code))
