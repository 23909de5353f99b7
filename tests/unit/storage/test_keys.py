"""Keys are made once, kept to their owner, and never made anew beside others."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, RSAKey

from ringfence.authn.keys import KEPT_AFTER, PUBLISHED_BEFORE, Keys
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import MASK
from ringfence.storage import key_files
from ringfence.storage import keys as storage_keys
from ringfence.storage.keys import KeyFolder, Kind, load_or_create, rotate
from tests.unit.authn.flows import NOON

SINGLE = ["salt.key", "sealing.key", "log.key", "pepper-1.key"]
ALL = [*SINGLE, "signing-0.pem"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fresh keys."""
    made = tmp_path / "keys"
    load_or_create(made)
    return made


def material(loaded: Keys) -> tuple[object, ...]:
    secrets = (*loaded.peppers.values(), loaded.salt, loaded.sealing[0].key, loaded.log)
    return (*(key.kid for key in loaded.signing), *(secret.reveal() for secret in secrets))


def rotated(folder: Path, now: datetime) -> str | None:
    return rotate(folder, now).kid


def problems(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_or_create(folder)
    return str(refused.value)


# --------------------------------------------------------------------------------- first start


def test_the_first_start_makes_every_key_for_its_owner_alone(tmp_path: Path) -> None:
    """DESIGN section 6."""
    folder = tmp_path / "deep" / "keys"
    before = os.umask(0)  # the mode does not depend on the umask
    try:
        load_or_create(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(file.name for file in folder.iterdir()) == sorted(ALL)
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_each_key_is_another_one_of_32_bytes(folder: Path) -> None:
    """MUSTS P17; ASVS 11.1.1: one purpose, one key."""
    contents = {(folder / name).read_bytes() for name in SINGLE}
    assert len(contents) == 4
    assert {len(content) for content in contents} == {32}


def test_a_later_start_reads_the_same_keys(folder: Path) -> None:
    assert material(load_or_create(folder)) == material(load_or_create(folder))


def test_a_folder_that_is_there_and_empty_is_filled(tmp_path: Path) -> None:
    """A volume that was mounted for it."""
    tmp_path.chmod(0o700)
    load_or_create(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_the_key_id_is_the_thumbprint(folder: Path) -> None:
    """RFC 7638."""
    loaded = load_or_create(folder).signing[0]
    key = ECKey.import_key((folder / "signing-0.pem").read_bytes())
    assert loaded.kid == key.thumbprint()


@pytest.mark.parametrize("done", range(len(ALL)))
def test_a_first_start_that_was_cut_short_is_finished_by_the_next(folder: Path, done: int) -> None:
    kept = {name: (folder / name).read_bytes() for name in ALL[:done]}
    for name in ALL[done:]:
        (folder / name).unlink()
    (folder / "unfinished").touch(0o600)
    (folder / f"{ALL[done]}.new").write_bytes(b"half")  # it fell here
    load_or_create(folder)
    assert sorted(file.name for file in folder.iterdir()) == sorted(ALL)
    assert {name: (folder / name).read_bytes() for name in kept} == kept


def test_no_key_shows_in_a_repr(folder: Path) -> None:
    """ATTACKS M01."""
    loaded = load_or_create(folder)
    shown = repr(loaded)
    assert shown.count(MASK) >= len(SINGLE)
    for name in SINGLE:
        assert repr((folder / name).read_bytes())[2:-1] not in shown
    assert "PRIVATE" not in shown
    assert "ECKey" not in shown


# ------------------------------------------------------------------------- what stops the start


@pytest.mark.parametrize("name", ALL)
def test_a_key_that_is_missing_beside_others_is_not_made_anew(folder: Path, name: str) -> None:
    """With another salt key or pepper no password would match, and nobody would know why."""
    (folder / name).unlink()
    assert "is missing" in problems(folder)
    assert not (folder / name).exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
@pytest.mark.parametrize("name", ["salt.key", "signing-0.pem"])
def test_a_file_that_is_open_to_others_stops_the_start(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    assert problems(folder) == f"keys/{name} is open to other users"


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o705, 0o711, 0o777])
def test_a_folder_that_is_open_to_others_stops_the_start(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    assert problems(folder) == "keys is open to other users"


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 31, b"x" * 33, b"x" * 100_000])
def test_a_key_of_another_length_stops_the_start(folder: Path, content: bytes) -> None:
    (folder / "salt.key").write_bytes(content)
    assert problems(folder).startswith("keys/salt.key is ")


def test_a_signing_key_of_another_kind_stops_the_start(folder: Path) -> None:
    others = {
        "P-384": ECKey.generate_key("P-384").as_pem(private=True),
        "public": ECKey.generate_key("P-256").as_pem(private=False),
        "RSA": RSAKey.generate_key(2048).as_pem(private=True),
        "rubbish": b"rubbish",
        "bytes": b"\xff" * 200,
        "empty": b"",
        "long": b"x" * 100_000,
    }
    for content in others.values():
        (folder / "signing-0.pem").write_bytes(content)
        assert problems(folder).startswith("keys/signing-0.pem is ")


def test_a_symbolic_link_stops_the_start(folder: Path, tmp_path: Path) -> None:
    """Whoever may write a link must not choose the key."""
    (folder / "salt.key").rename(tmp_path / "elsewhere")
    (folder / "salt.key").symlink_to(tmp_path / "elsewhere")
    assert problems(folder) == "keys/salt.key is not a plain file of this user"


def test_a_folder_that_is_a_link_stops_the_start(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert problems(tmp_path / "link").startswith("link cannot be used")


def test_what_is_no_file_stops_the_start(folder: Path) -> None:
    (folder / "salt.key").unlink()
    os.mkfifo(folder / "salt.key", 0o600)
    (folder / "log.key").unlink()
    (folder / "log.key").mkdir(0o700)
    assert problems(folder).splitlines() == [
        "keys/salt.key is of another kind than expected",
        "keys/log.key is of another kind than expected",
    ]


def test_what_is_no_folder_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("x")
    assert problems(tmp_path / "keys").startswith("keys cannot be used")


def test_keys_of_another_user_stop_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    someone_else = os.geteuid() + 1
    monkeypatch.setattr(key_files.os, "geteuid", lambda: someone_else)
    assert problems(folder) == "keys belongs to another user"


def test_every_problem_is_named_at_once_and_no_value_is(folder: Path) -> None:
    (folder / "salt.key").write_bytes(b"my secret")
    (folder / "log.key").chmod(0o644)
    (folder / "sealing.key").unlink()
    (folder / "pepper-1.key").unlink()
    found = problems(folder)
    assert len(found.splitlines()) == 4
    assert "secret" not in found


# ------------------------------------------------------------------------------------ rotation


def test_a_new_signing_key_is_published_before_it_signs(folder: Path) -> None:
    old = load_or_create(folder).signing[0].kid
    new = rotated(folder, NOON)
    loaded = load_or_create(folder)
    assert [key.kid for key in loaded.signing] == [old, new]
    begins = NOON + PUBLISHED_BEFORE
    assert loaded.signer(begins - timedelta(seconds=1)).kid == old
    assert loaded.signer(begins).kid == new


def test_a_key_goes_once_no_token_of_it_can_be_valid(folder: Path) -> None:
    old = load_or_create(folder).signing[0].kid
    second = rotated(folder, NOON)
    over = NOON + PUBLISHED_BEFORE + KEPT_AFTER
    third = rotated(folder, over)
    assert [key.kid for key in load_or_create(folder).signing] == [old, second, third]
    fourth = rotated(folder, over + timedelta(seconds=1))
    assert [key.kid for key in load_or_create(folder).signing] == [second, third, fourth]


def test_keys_that_are_made_in_the_same_second_are_kept_apart(folder: Path) -> None:
    kids = [rotated(folder, NOON) for _ in range(3)]
    assert [key.kid for key in load_or_create(folder).signing][1:] == kids


def test_rotation_leaves_every_other_key_as_it_is(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in ALL}
    rotated(folder, NOON)
    assert {name: (folder / name).read_bytes() for name in ALL} == before


def test_there_is_nothing_to_rotate_where_there_are_no_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        rotated(tmp_path / "missing", NOON)
    assert not (tmp_path / "missing").exists()
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigurationError, match="is missing"):
        rotated(tmp_path, NOON)
    assert not list(tmp_path.iterdir())


def test_a_leaked_key_is_replaced_at_once(folder: Path) -> None:
    rotated(folder, NOON)
    new = rotate(folder, NOON, at_once=True)
    loaded = load_or_create(folder)
    assert [key.kid for key in loaded.signing] == [new.kid]
    assert loaded.signer(NOON).kid == new.kid


def test_a_new_sealing_key_is_read_before_it_seals_and_the_old_one_opens_on(folder: Path) -> None:
    old = load_or_create(folder).sealer(NOON).reveal()
    new = rotate(folder, NOON, Kind.SEALING)
    loaded = load_or_create(folder)
    begins = NOON + PUBLISHED_BEFORE
    assert (new.begins, len(loaded.sealing)) == (begins, 2)
    assert loaded.sealer(begins - timedelta(seconds=1)).reveal() == old
    assert loaded.sealer(begins).reveal() != old
    rotate(folder, begins + KEPT_AFTER + timedelta(seconds=1), Kind.SEALING)
    assert old not in [each.key.reveal() for each in load_or_create(folder).sealing]


def test_a_new_pepper_takes_none_away(folder: Path) -> None:
    old = load_or_create(folder).peppers[1].reveal()
    assert rotate(folder, NOON, Kind.PEPPER).name == "pepper-2.key"
    peppers = load_or_create(folder).peppers
    assert (set(peppers), peppers[1].reveal()) == ({1, 2}, old)
    assert peppers[2].reveal() != old


# -------------------------------------------------------------------------------- while it runs


def settle(folder: Path) -> None:
    """As if it had changed long ago."""
    os.utime(folder, (0, 0))


def test_a_folder_that_has_not_changed_is_not_read_again(folder: Path) -> None:
    settle(folder)
    reader = KeyFolder(folder)
    assert reader.news() is not None
    assert reader.news() is None
    rotate(folder, NOON)
    changed = reader.news()
    assert changed is not None
    assert len(changed.signing) == 2


def test_a_change_within_the_tick_of_the_last_reading_is_noticed(folder: Path) -> None:
    """Both have the same time: only a folder that changed a while ago is left alone."""
    reader = KeyFolder(folder)
    assert reader.news() is not None
    before = folder.stat()
    rotate(folder, NOON)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = reader.news()
    assert changed is not None
    assert len(changed.signing) == 2


def test_a_file_that_was_mended_in_place_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``chmod`` does not change the time of the folder."""
    monkeypatch.setattr(storage_keys, "_PAUSE_SECONDS", 0.0)
    reader = KeyFolder(folder)
    assert reader.news() is not None
    rotate(folder, NOON)
    (new,) = [file for file in folder.glob("signing-*.pem") if file.name != "signing-0.pem"]
    new.chmod(0o644)
    settle(folder)
    with pytest.raises(ConfigurationError, match="open to other users"):
        reader.news()
    new.chmod(0o600)
    changed = reader.news()
    assert changed is not None
    assert len(changed.signing) == 2


def test_a_folder_that_cannot_be_used_is_not_read_at_each_question(folder: Path) -> None:
    reader = KeyFolder(folder)
    for problem in (0o644, 0o600):  # the second is no problem any more, and not looked at yet
        (folder / "salt.key").chmod(problem)
        with pytest.raises(ConfigurationError, match=r"salt\.key is open to other users"):
            reader.news()


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.BrainpoolP256R1()], ids=lambda c: c.name)
def test_a_key_of_an_unknown_curve_is_refused_by_name(
    folder: Path, curve: ec.EllipticCurve
) -> None:
    """Of joserfc it is a KeyError."""
    pem = ec.generate_private_key(curve).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "signing-5.pem"
    file.write_bytes(pem)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"signing-5\.pem is not a private key"):
        KeyFolder(folder).news()


def test_a_folder_that_goes_away_is_said_to_be_gone(folder: Path) -> None:
    reader = KeyFolder(folder)
    folder.rename(folder.with_name("away"))
    with pytest.raises(ConfigurationError, match="keys cannot be used"):
        reader.news()


def test_a_pepper_is_known_by_its_version(folder: Path) -> None:
    (folder / "pepper-2.key").write_bytes(b"q" * 32)
    (folder / "pepper-2.key").chmod(0o600)
    (folder / "pepper-0.key").write_bytes(b"ignored: versions count from 1")
    assert set(load_or_create(folder).peppers) == {1, 2}


def test_the_first_signing_key_signs_from_the_beginning_of_time(folder: Path) -> None:
    loaded = load_or_create(folder)
    assert loaded.signing[0].signs_from == datetime(1970, 1, 1, tzinfo=UTC)
    assert loaded.signer(NOON) == loaded.signing[0]
