"""The bounds of a unit test hold."""

import asyncio
import socket
import time

import pytest

from tests.unit.conftest import OutOfBoundsError


def test_a_unit_test_cannot_listen() -> None:
    with socket.socket() as server, pytest.raises(OutOfBoundsError, match="socket.bind"):
        server.bind(("127.0.0.1", 0))


def test_a_unit_test_cannot_connect() -> None:
    with socket.socket() as client, pytest.raises(OutOfBoundsError, match="socket.connect"):
        client.connect(("127.0.0.1", 9))


def test_a_unit_test_cannot_look_up_a_name() -> None:
    with pytest.raises(OutOfBoundsError, match="socket.getaddrinfo"):
        socket.getaddrinfo("localhost", 9)


def test_a_unit_test_cannot_sleep() -> None:
    with pytest.raises(OutOfBoundsError, match="make time an argument"):
        time.sleep(1)


async def test_a_unit_test_may_run_on_an_event_loop() -> None:
    await asyncio.sleep(0)
