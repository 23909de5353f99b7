"""What the workers of one host share, so that a revocation is known on the next request."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.storage.postgres.news import News

URL = "postgresql://app:secret@db.example:5432/accounts"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., News]]:
    """Makes what one worker has of it."""
    workers: list[News] = []

    def make(url: str = URL) -> News:
        workers.append(News(url, tmp_path))
        workers[-1].open()
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def test_what_one_tells_all_who_share_the_database_know(opened: Callable[..., News]) -> None:
    """DESIGN section 6: the next request in every worker of a host."""
    one, other = opened(), opened(URL.replace("secret", "another"))
    before = other.count
    one.tell()
    assert other.count > before


def test_two_at_once_are_both_seen(opened: Callable[..., News]) -> None:
    """Whoever looks between two that tell must see a change after the second as well."""
    one, other, watching = opened(), opened(), opened()
    one.tell()
    seen = watching.count
    other.tell()
    assert watching.count > seen


def test_another_database_is_not_disturbed(opened: Callable[..., News]) -> None:
    one, other = opened(), opened(URL + "_of_others")
    before = other.count
    one.tell()
    assert other.count == before


def test_the_file_names_no_address_and_is_for_its_user_alone(
    tmp_path: Path, opened: Callable[..., News]
) -> None:
    opened()
    (file,) = tmp_path.iterdir()
    assert "example" not in file.name
    assert file.stat().st_mode & 0o077 == 0


def test_the_last_one_removes_it(tmp_path: Path, opened: Callable[..., News]) -> None:
    one, other = opened(), opened()
    one.close()
    before = other.count
    newcomer = opened()
    newcomer.tell()
    assert other.count > before
    newcomer.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def take_by_link(name: Path) -> None:
    name.symlink_to(name.parent / "elsewhere")


STRANGERS: tuple[Callable[[Path], None], ...] = (
    take_by_link, os.mkfifo, Path.mkdir,  # what root may not make of another user's, the next do
)  # fmt: skip


@pytest.mark.parametrize("take", STRANGERS)
def test_what_stands_in_its_place_is_not_opened_and_stops_nothing(
    tmp_path: Path, opened: Callable[..., News], take: Callable[[Path], None]
) -> None:
    """Issue 9: any local user could take the name first, and so stop a start (CWE-59, CWE-377)."""
    name = first_name(tmp_path, opened)
    take(name)
    one, other = opened(), opened()
    before = other.count
    one.tell()
    assert other.count > before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a file of another user's")
def test_a_file_of_another_users_is_not_trusted(
    tmp_path: Path, opened: Callable[..., News]
) -> None:
    name = first_name(tmp_path, opened)
    name.write_text("strange")
    name.chmod(0o666)
    os.chown(name, 65534, 65534)
    one, other = opened(), opened()
    before = other.count
    one.tell()
    assert other.count > before
    assert name.read_text() == "strange"


def test_whoever_comes_when_the_stranger_has_gone_finds_the_others(
    tmp_path: Path, opened: Callable[..., News]
) -> None:
    name = first_name(tmp_path, opened)
    take_by_link(name)
    one = opened()
    name.unlink()
    other = opened()
    before = other.count
    one.tell()
    assert other.count > before


def test_where_every_name_is_taken_the_start_goes_on_and_says_so(
    tmp_path: Path, opened: Callable[..., News], caplog: pytest.LogCaptureFixture
) -> None:
    name = first_name(tmp_path, opened)
    for each in (name, *(Path(f"{name}-{number}") for number in range(1, 16))):
        take_by_link(each)
    news = opened()
    assert "other users have taken" in caplog.text
    before = news.count
    news.hear()
    assert news.count == before + 1


def first_name(folder: Path, opened: Callable[..., News]) -> Path:
    """Which name the file has where nobody has taken one."""
    worker = opened()
    (name,) = folder.iterdir()
    worker.close()
    return name


def test_once_closed_it_counts_for_this_process_alone(opened: Callable[..., News]) -> None:
    news = opened()
    news.close()
    before = news.count
    news.tell()
    news.hear()
    assert news.count == before + 2


def test_a_file_that_somebody_removed_is_missed_at_once(
    tmp_path: Path, opened: Callable[..., News]
) -> None:
    """RemoveIPC of systemd tidies /dev/shm up when its user logs out; newcomers make another."""
    old = opened()
    before = old.count
    (file,) = tmp_path.iterdir()
    file.unlink()
    newcomer = opened()
    newcomer.tell()
    assert old.count > before
    before = newcomer.count
    old.tell()
    assert newcomer.count > before


def test_a_number_that_was_seen_does_not_come_back(
    tmp_path: Path, opened: Callable[..., News]
) -> None:
    news = opened()
    news.tell()
    seen = [news.count]
    for _ in range(3):
        (file,) = tmp_path.iterdir()
        file.unlink()
        seen.append(news.count)
        news.tell()
        seen.append(news.count)
    assert seen == sorted(set(seen))


def test_a_database_of_several_hosts_has_news_too(opened: Callable[..., News]) -> None:
    """As asyncpg takes them, one of which is writable."""
    opened("postgresql://app:secret@one.example:5432,two.example:5432/accounts").tell()
