"""Keys are read again in a running process; the database is told of them."""

import signal
from dataclasses import replace

from ringfence.authn.keyring import KeyRing
from ringfence.authn.keys import Keys, fingerprints
from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.secret import Secret
from ringfence.stack.reload import Reload
from ringfence.storage import open_stores
from tests.unit.authn.credentials import keys, signing_key
from tests.unit.authn.flows import NOON, Collector

OLD = keys()
NEW = replace(OLD, signing=(*OLD.signing, signing_key(1)))


class Folder:
    """What is read: keys, or what is wrong with them."""

    def __init__(self) -> None:
        self.now: Keys | str = OLD

    def news(self) -> Keys:
        if isinstance(self.now, str):
            raise ConfigurationError(self.now)
        return self.now


class Rig:
    """A process that reads a folder."""

    def __init__(self, folder: Folder | None = None) -> None:
        self.folder = folder or Folder()
        self.ring = KeyRing(OLD, self.folder.news)
        self.known = open_stores("memory:").fingerprints
        self.sink = Collector()
        self.reload = Reload(self.ring, self.known, self.sink, lambda: NOON)

    @property
    def codes(self) -> list[str]:
        return [event.code.name for event in self.sink.events]


async def test_a_new_key_is_taken_written_down_and_known_to_the_database() -> None:
    rig = Rig()
    await rig.reload.look()
    assert rig.codes == []
    rig.folder.now = NEW
    await rig.reload.look()
    assert rig.ring.keys is NEW
    assert rig.codes == ["keys.read"]
    assert await rig.known.known() == fingerprints(NEW)


async def test_keys_that_cannot_be_read_are_said_once_and_those_before_stay() -> None:
    rig = Rig()
    rig.folder.now = "keys cannot be used: Input/output error"
    await rig.reload.look()
    await rig.reload.look()
    assert rig.codes == ["keys.unreadable"]
    assert rig.ring.keys is OLD
    rig.folder.now = OLD
    await rig.reload.look()
    rig.folder.now = "keys cannot be used: Input/output error"
    await rig.reload.look()
    assert rig.codes == ["keys.unreadable"] * 2


async def test_a_database_that_is_away_is_told_later() -> None:
    rig = Rig()
    told = rig.known.add

    async def away(_fingerprints: object) -> None:
        raise StoreError("accounts", "away")

    rig.known.add = away  # pyright: ignore[reportAttributeAccessIssue]  # an outage
    rig.folder.now = replace(OLD, peppers={**OLD.peppers, 2: Secret(b"q" * 32)})
    await rig.reload.look()
    assert "pepper-2.key" not in await rig.known.known()
    rig.known.add = told  # it is back
    await rig.reload.look()
    assert "pepper-2.key" in await rig.known.known()


async def test_it_listens_for_sighup_as_long_as_it_runs() -> None:
    before = signal.getsignal(signal.SIGHUP)
    rig = Rig()
    rig.reload.start()
    assert signal.getsignal(signal.SIGHUP) != before
    await rig.reload.stop()
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_program_that_listens_itself_is_left_alone() -> None:
    def own(_number: int, _frame: object) -> None:
        """Ends the program."""

    before = signal.signal(signal.SIGHUP, own)
    try:
        rig = Rig()
        rig.reload.start()
        assert signal.getsignal(signal.SIGHUP) is own
        await rig.reload.stop()
        assert signal.getsignal(signal.SIGHUP) is own
    finally:
        signal.signal(signal.SIGHUP, before)


class Broken(Folder):
    """Raises what no reader should."""

    def news(self) -> Keys:
        raise KeyError("secp224r1")


async def test_whatever_a_look_raises_the_next_one_comes() -> None:
    rig = Rig(Broken())
    await rig.reload.look()
    await rig.reload.look()
    assert [event.code.name for event in rig.sink.events] == ["keys.unreadable"]
    assert rig.sink.events[0].facts == {"problems": "KeyError"}
