"""What an exchange keeps of one request is bounded."""

from ringfence.core.exchange import refusal
from tests.unit.boundary.exchanges import during, exchange


def test_the_refusals_of_one_request_are_kept_up_to_a_limit() -> None:
    """A WebSocket that is refused something for hours must not fill the memory."""
    with during(exchange()) as made:
        refused = [refusal("file.outside", number=number) for number in range(101)]
        assert made.refusals == refused[:100]


def test_outside_of_a_request_a_refusal_is_made_and_kept_nowhere() -> None:
    assert refusal("file.outside", reason="x").facts == {"reason": "x"}
