"""``FingerprintStore`` keeps its promises on every adapter; keys and database belong together."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from ringfence.authn.keys import fingerprints
from ringfence.core.errors import ConfigurationError
from ringfence.storage.keys import load, load_or_create, open_keys, rotate
from tests.contract.stores import NOW, Rig, account, digest

ALL = ["log.key", "pepper-1.key", "salt.key", "sealing.key", "signing-0.pem"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def there(folder: Path) -> bool:
    return folder.exists()


def make(folder: Path) -> None:
    folder.mkdir(mode=0o700)


async def test_fingerprints_are_kept_and_never_changed(rig: Rig) -> None:
    await rig.stores.fingerprints.add({"a": digest("first"), "b": digest("b")})
    await rig.stores.fingerprints.add({"a": digest("second"), "c": digest("c")})
    assert await rig.stores.fingerprints.known() == {
        "a": digest("first"),
        "b": digest("b"),
        "c": digest("c"),
    }


async def test_beside_an_empty_database_keys_are_made_and_known(rig: Rig, folder: Path) -> None:
    keys = await open_keys(folder, rig.stores)
    known = await rig.stores.fingerprints.known()
    assert sorted(known) == ALL
    assert known == fingerprints(keys)
    again = await open_keys(folder, rig.stores)
    assert fingerprints(again) == known


async def test_a_database_that_was_made_with_keys_gets_no_new_ones(rig: Rig, folder: Path) -> None:
    """An unmounted volume: new keys were made in silence, and every right password was refused."""
    await open_keys(folder, rig.stores)
    shutil.move(folder, folder.with_suffix(".away"))
    with pytest.raises(ConfigurationError, match="keys is missing, and the database was made"):
        await open_keys(folder, rig.stores)
    assert not there(folder)
    make(folder)  # the mount point, without the volume
    with pytest.raises(ConfigurationError, match="keys/salt.key is missing"):
        await open_keys(folder, rig.stores)
    assert list(os.scandir(folder)) == []


async def test_without_fingerprints_they_were_made_in_silence(rig: Rig, folder: Path) -> None:
    """The pair: what ``load_or_create`` alone does beside the same database."""
    old = fingerprints(await open_keys(folder, rig.stores))
    shutil.rmtree(folder)
    assert fingerprints(load_or_create(folder)) != old


async def test_accounts_alone_are_reason_enough_to_make_no_keys(rig: Rig, folder: Path) -> None:
    """A database of the version before has no fingerprints yet."""
    await rig.stores.accounts.create(account())
    with pytest.raises(ConfigurationError, match="is missing"):
        await open_keys(folder, rig.stores)
    keys = load_or_create(folder)
    assert fingerprints(await open_keys(folder, rig.stores)) == fingerprints(keys)
    assert await rig.stores.fingerprints.known() == fingerprints(keys)


@pytest.mark.parametrize("name", ALL)
async def test_another_key_stops_the_start_and_is_named(
    rig: Rig, folder: Path, tmp_path: Path, name: str
) -> None:
    await open_keys(folder, rig.stores)
    known = await rig.stores.fingerprints.known()
    load_or_create(tmp_path / "others")
    shutil.copy(tmp_path / "others" / name, folder / name)
    with pytest.raises(ConfigurationError) as refused:
        await open_keys(folder, rig.stores)
    assert refused.value.problems == (
        f"keys/{name} is not the key that the database was made with",
    )
    assert await rig.stores.fingerprints.known() == known


async def test_a_pepper_that_is_gone_stops_the_start(rig: Rig, folder: Path) -> None:
    load_or_create(folder)
    (folder / "pepper-2.key").write_bytes(os.urandom(32))
    (folder / "pepper-2.key").chmod(0o600)
    await open_keys(folder, rig.stores)
    (folder / "pepper-1.key").unlink()
    with pytest.raises(ConfigurationError, match=r"keys/pepper-1.key is missing, and the database"):
        await open_keys(folder, rig.stores)


async def test_a_signing_key_comes_and_goes_with_rotation(rig: Rig, folder: Path) -> None:
    await open_keys(folder, rig.stores)
    rotate(folder, NOW)
    keys = await open_keys(folder, rig.stores)
    assert set(fingerprints(keys)) == set(await rig.stores.fingerprints.known())
    (folder / "signing-0.pem").unlink()
    assert len((await open_keys(folder, rig.stores)).signing) == 1


async def test_of_two_hosts_that_start_with_keys_of_their_own_one_is_stopped(
    rig: Rig, tmp_path: Path
) -> None:
    outcomes = await asyncio.gather(
        *(open_keys(tmp_path / name, rig.stores) for name in ("one", "two")),
        return_exceptions=True,
    )
    (stopped,) = [outcome for outcome in outcomes if isinstance(outcome, ConfigurationError)]
    assert stopped.problems


def test_no_key_can_be_told_from_its_fingerprint(folder: Path) -> None:
    """The same key under another name is another fingerprint; none holds any of the key."""
    keys = load_or_create(folder)
    found = fingerprints(keys)
    assert len(set(found.values())) == len(ALL)
    for name in ALL[:4]:
        content = (folder / name).read_bytes()
        assert content not in found.values()
    assert load(folder).salt.reveal() == keys.salt.reveal()
