"""Each limit is the number that was decided on.

The tests of a limit use its name, so that they try it and one more whatever it is. They could not
tell a limit that was lifted by mistake. Here the numbers stand a second time (STYLE, "Tests").
"""

from datetime import timedelta
from importlib import import_module

import pytest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
KIB, MIB = 1024, 1024 * 1024

#: By module; the attributes of a class are those of a value that is made without arguments.
DECIDED: dict[str, dict[str, object]] = {
    "authn.asgi": {"MARGIN": MINUTE},
    "authn.blocklist": {"_SHORTEST": 3, "_LONGEST_WORD": 24, "_LONGEST_UNIT": 48},
    "authn.factors": {
        "LIFETIME": 5 * MINUTE,
        "ENROLMENT_LIFETIME": 10 * MINUTE,
        "TRIES": 5,
        "MOST_PASSKEYS": 20,
    },
    "authn.passkeys": {
        "CHALLENGE_BYTES": 32,
        "TIMEOUT_MILLISECONDS": 300_000,
        "LONGEST_ID_BYTES": 1023,
    },
    "authn.recovery_codes": {"COUNT": 10, "CODE_BYTES": 16},
    "authn.second_factor": {"RECENT": 10 * MINUTE, "HIGHEST_AAL": 2},
    "authn.totp": {
        "STEP": timedelta(seconds=30),
        "DIGITS": 6,
        "SECRET_BYTES": 20,
        "SKEW": 1,
    },
    "authn.hashing": {
        "HashingLimits.workers": 3,
        "HashingLimits.reserved": 1,
        "HashingLimits.places": 16,
        "HashingLimits.patience": timedelta(seconds=2),
    },
    "authn.keys": {"PUBLISHED_BEFORE": 10 * MINUTE, "KEPT_AFTER": HOUR},
    "authn.login": {"LOGIN_LIMIT": 254, "LOCAL_LIMIT": 64},
    "authn.passwords": {"SHORTEST": 15, "LONGEST_BYTES": KIB},
    "authn.refresh": {
        "RefreshLimits.idle": 7 * DAY,
        "RefreshLimits.absolute": 30 * DAY,
        "RefreshLimits.grace": timedelta(seconds=10),
    },
    "authn.tokens": {
        "LIFETIME": 15 * MINUTE,
        "CLOCKS_DIFFER_BY": timedelta(seconds=5),
        "LONGEST": 4096,
    },
    "authz.implication": {"_MOST_ATOMS": 16},
    "boundary.files.root": {"NAME_LIMIT_BYTES": 255, "PATH_LIMIT_BYTES": KIB},
    "boundary.request.body": {
        "BodyLimits.body_bytes": MIB,
        "BodyLimits.pairs": 1000,
        "BodyLimits.parts": 100,
        "BodyLimits.patience": timedelta(seconds=10),
        "BodyLimits.pace_bytes": 16 * KIB,
    },
    "boundary.request.head": {
        "_LENGTH_DIGITS": 15,
        "HeadLimits.headers": 100,
        "HeadLimits.headers_bytes": 32 * KIB,
        "HeadLimits.target_bytes": 8 * KIB,
    },
    "boundary.request.multipart": {"_HEAD_LIMIT_BYTES": 4 * KIB},
    "boundary.request.strict_json": {"DEPTH": 32, "VALUES": 20_000},
    "boundary.urls.redirect": {"_LENGTH": 2048},
    "core.exchange": {"_MOST_REFUSALS": 100},
    "monitoring.crash": {"_MOST_FRAMES": 6, "_MOST_CAUSES": 8, "_MOST_WORDS": 16 * KIB},
    "monitoring.logs": {"_MOST_TRACEBACK": 2 * KIB},
    "monitoring.rate": {"MOST_A_SECOND": 100, "MOST_SOURCES": 1024},
    "monitoring.record": {"MOST_CHARACTERS": 512, "MOST_FACTS": 16, "MOST_BYTES": 4 * KIB},
    "monitoring.redaction": {"_SHORTEST_KNOWN": 5},
    "monitoring.sink": {"MOST_WAITING": 1000},
    "monitoring.terminal": {"_MOST_CHARACTERS": 80},
    "network.asgi": {"_MOST_REMEMBERED": 4096},
    "network.client": {"_MOST_HOPS": 16},
    "output.cookies": {"MOST_BYTES": 4 * KIB},
    "output.scrub": {"_MOST_FIELDS": 8},
    "service.call": {"_MOST_USER_AGENT": 256},
    "service.courier": {"_LONGEST_PAUSE_SECONDS": 0.5},
    "service.mailers": {"_PATIENCE_SECONDS": 10},
}


@pytest.mark.parametrize(
    ("module", "name", "decided"),
    [(module, name, value) for module, found in DECIDED.items() for name, value in found.items()],
)
def test_a_limit_is_the_number_that_was_decided_on(module: str, name: str, decided: object) -> None:
    thing: object = import_module(f"ringfence.{module}")
    owner, _, attribute = name.rpartition(".")
    if owner:
        thing = getattr(thing, owner)()
    assert getattr(thing, attribute) == decided
