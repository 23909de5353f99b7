"""Who acts at a seam: what the request's layers provide, else the process's, else the guarded."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from ringfence.core.codes import Layer
from ringfence.core.event import Event
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams, current
from ringfence.core.seam import Seam, compose

ACTS = Seam[str](Layer.BOUNDARY, "guarded")
OTHER = Seam[str](Layer.BOUNDARY, "other")
CARELESS: Seams = {ACTS: "careless"}


class Nowhere:
    def emit(self, event: Event) -> None: ...


@contextmanager
def request(seams: Seams = NO_SEAMS) -> Generator[None]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    token = current.set(Exchange({}, request_id="r", now=now, sink=Nowhere(), seams=seams))
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def composed(seams: Seams) -> Generator[None]:
    end = compose(seams)
    try:
        yield
    finally:
        end()


def test_the_guarded_implementation_acts_where_nobody_provides_another() -> None:
    assert ACTS.current() == "guarded"
    with request(), composed(NO_SEAMS):
        assert ACTS.current() == "guarded"


def test_a_request_has_what_its_own_layers_provide() -> None:
    with request(CARELESS):
        assert (ACTS.current(), OTHER.current()) == ("careless", "other")
    assert ACTS.current() == "guarded"


def test_the_application_of_the_process_decides_nothing_within_another_ones_request() -> None:
    with composed(CARELESS), request():
        assert ACTS.current() == "guarded"


def test_outside_of_requests_the_one_application_of_the_process_decides() -> None:
    with composed(CARELESS):
        assert (ACTS.current(), OTHER.current()) == ("careless", "other")
    assert ACTS.current() == "guarded"


def test_a_thread_without_the_requests_context_is_outside() -> None:
    with composed(CARELESS), request(), ThreadPoolExecutor() as threads:
        assert threads.submit(ACTS.current).result() == "careless"


def test_where_applications_disagree_the_guarded_implementation_acts() -> None:
    with composed(CARELESS), composed(NO_SEAMS):
        assert ACTS.current() == "guarded"
    with composed(CARELESS), composed({ACTS: "careless, too"}):
        assert ACTS.current() == "guarded"
    with composed(CARELESS), composed(dict(CARELESS)):
        assert ACTS.current() == "careless"


def test_the_end_of_one_application_leaves_the_other() -> None:
    with composed(CARELESS):
        with composed(NO_SEAMS):
            pass
        assert ACTS.current() == "careless"
