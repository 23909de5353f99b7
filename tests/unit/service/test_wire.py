"""Messages give nothing away when they are formatted by accident (ATTACKS M01)."""

import pytest
from msgspec import Struct

from ringfence.authn.signin import Credentials
from ringfence.service import wire

CANARY = "canary-3f9a"


@pytest.mark.parametrize(
    "message",
    [
        wire.NewPassword(token=CANARY, password=CANARY),
        wire.SignIn(login="alice@example.com", password=CANARY, client_key=CANARY),
        wire.PasswordChange(current=CANARY, new=CANARY),
        wire.Tokens(access_token=CANARY, expires_in=900, aal=1),
        Credentials(login="alice@example.com", password=CANARY, client_key=CANARY.encode()),
    ],
)
def test_no_message_shows_its_secret(message: Struct | Credentials) -> None:
    shown = f"{message} {message!r} {[message]}"
    assert type(message).__name__ in shown
    assert CANARY not in shown
