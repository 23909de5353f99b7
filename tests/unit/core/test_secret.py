"""A secret is not formatted, logged or pickled by accident (ATTACKS M01)."""

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ringfence.core.secret import MASK, Secret
from ringfence.core.settings import Settings

VALUE = "canary-3f9a"
WAYS: dict[str, Callable[[Secret[str]], str]] = {
    "repr": repr,
    "str": str,
    "f-string": lambda s: f"{s}",
    "format": lambda s: f"{s:>20}",
    "percent": lambda s: "%s %r" % (s, s),  # noqa: UP031  # one of the ways
    "json": lambda s: json.dumps({"x": s}, default=str),
    "list": lambda s: str([s]),
    "dict": lambda s: repr({"password": s}),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_format_shows_the_value(way: str) -> None:
    shown = WAYS[way](Secret(VALUE))
    assert MASK in shown.encode().decode("unicode_escape" if way == "json" else "utf-8")
    assert VALUE not in shown


def test_a_dataclass_that_holds_it_does_not_show_it() -> None:
    @dataclass
    class Holder:
        key: Secret[bytes]

    shown = repr(Holder(Secret(VALUE.encode())))
    assert MASK in shown
    assert VALUE not in shown


def test_a_log_record_and_a_traceback_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("key is %s", secret)
    shown = "".join(traceback.format_exception(ValueError(secret)))
    assert MASK in caplog.text
    assert MASK in shown
    assert VALUE not in caplog.text + shown


def test_it_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))


def test_reveal_gives_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert len(Secret(VALUE)) == len(VALUE)


def test_settings_show_no_value_that_may_be_a_secret() -> None:
    settings = Settings(
        database=f"postgresql://shop:{VALUE}@db/shop",
        mail=f"smtps://shop:{VALUE}@mail.example",
        extra={"STRIPE_KEY": VALUE},
    )
    assert VALUE not in repr(settings)
    assert settings.origin in repr(settings)
