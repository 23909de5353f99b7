"""The process's own logging is redacted where records are made: ASVS 16.2.5."""

import io
import logging
from collections.abc import Iterator, Mapping

import pytest

from ringfence.core.secret import MASK
from ringfence.monitoring.logs import logging_setup, redact_records
from ringfence.monitoring.redaction import Redactor
from tests.unit.monitoring.canaries import WAYS, pieces


@pytest.fixture(autouse=True)
def redacted() -> Iterator[None]:
    restore = redact_records(Redactor())
    yield
    restore()


class Output:
    """A logger of its own with an ordinary handler, set up before or after redaction."""

    def __init__(self, name: str) -> None:
        self.stream = io.StringIO()
        self.logger = logging.Logger(name)  # noqa: LOG001  # nobody else's handlers
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.mark.parametrize(("name", "text"), WAYS)
def test_no_canary_is_left_in_a_message(name: str, text: str) -> None:
    output = Output("shop")
    output.logger.warning(text)
    output.logger.warning("said: %s", text)
    output.logger.warning("%(said)s", {"said": text})
    assert output.text.count(MASK) >= 3
    assert not {piece for piece in pieces(name) if piece in output.text}


@pytest.mark.parametrize(("name", "text"), WAYS)
def test_no_canary_is_left_in_a_traceback(name: str, text: str) -> None:
    output = Output("shop")
    output.logger.error("failed", exc_info=RuntimeError(text))
    assert "RuntimeError" in output.text
    assert not {piece for piece in pieces(name) if piece in output.text}


def test_a_message_is_one_line_whatever_is_put_into_it() -> None:
    """ATTACKS I09."""
    output = Output("shop")
    output.logger.warning("hello %s", "x\nINFO signed in as admin\x1b[2J")
    assert output.text == "WARNING hello x\\nINFO signed in as admin\\x1b[2J\n"


def test_arguments_that_do_not_fit_are_no_crash() -> None:
    output = Output("shop")
    careless = "%d of %d"
    output.logger.warning(careless, 1)
    assert output.text == "WARNING %d of %d\n"


def test_an_argument_that_cannot_be_formatted_fails_nobody_but_its_line() -> None:
    """As logging itself does: ``inf`` is a float that a client may send."""
    output = Output("shop")
    output.logger.info("%d pieces", float("inf"))
    assert output.stream.getvalue() == "INFO %d pieces\n"

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    output.logger.info(Broken())
    assert output.stream.getvalue().endswith("INFO <Broken>\n")


def test_the_servers_access_log_keeps_the_arguments_that_its_formatter_reads() -> None:
    from uvicorn.logging import AccessFormatter

    output = Output("uvicorn.access")
    output.logger.handlers[0].setFormatter(
        AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s", use_colors=False)
    )
    output.logger.info(
        '%s - "%s %s HTTP/%s" %d',
        "192.0.2.7:1",
        "GET",
        "/reset?token=Zq7CanaryResetLink0192837465",
        "1.1",
        200,
    )
    assert output.text == f"192.0.2.7:1 GET /reset?token={MASK} HTTP/1.1 200 OK\n"


def test_all_logging_of_a_program_ends_in_one_place(root: logging.Logger) -> None:
    taken: list[Mapping[str, str]] = []
    logging_setup(taken.append, "INFO")
    logging.getLogger("shop.orders").info("order %d", 7)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("shop.orders").debug("too quiet")
    error = ValueError("password=violet kettle")
    logging.getLogger("shop").error("failed", exc_info=error)
    assert [(made["logger"], made["message"]) for made in taken] == [
        ("shop.orders", "order 7"),
        ("uvicorn.error", "started"),
        ("shop", "failed"),
    ]
    assert taken[2]["exception"].endswith(f"ValueError: password={MASK}")
    assert taken[0]["time"].endswith("Z")


def test_redaction_ends_where_it_began() -> None:
    before = logging.getLogRecordFactory()
    redact_records(Redactor())()
    assert logging.getLogRecordFactory() is before
