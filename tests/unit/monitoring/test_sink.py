"""Where lines go: never waiting, nothing lost without a word."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import pytest

from ringfence.monitoring.sink import MOST_WAITING, Descriptor, Lines, LogFile, open_log


class Full:
    """Takes lines while there is room for them."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        if len(self.taken) >= self.room:
            raise OSError(errno.ENOSPC, "full")
        self.taken.append(line)


@dataclass
class Pipe:
    """Two ends, each an object that may be closed twice."""

    reader: FileIO
    writer: FileIO


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reader, writer = os.pipe()
    with FileIO(reader) as first, FileIO(writer, "w") as second:
        yield Pipe(first, second)


def test_only_its_owner_reads_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.close(open_log(str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    log = Descriptor(open_log(str(path)))
    log(b"after\n")
    log.close()
    assert path.read_bytes() == b"before\nafter\n"


def test_what_comes_after_the_end_is_written_nowhere(tmp_path: Path) -> None:
    log = Descriptor(open_log(str(tmp_path / "log")))
    log.close()
    with (tmp_path / "other").open("wb") as other:  # takes the number that is free now
        lines = Lines(log)
        lines.put(b"late\n")
        assert lines.trouble == "OSError"
        assert other.tell() == 0
    assert (tmp_path / "other").read_bytes() == b""


def test_a_reader_that_has_stopped_stops_nobody(pipe: Pipe) -> None:
    lines = Lines(Descriptor(pipe.writer.fileno()))
    sent = [b"%05d" % number + b"x" * 4000 + b"\n" for number in range(40)]
    for line in sent:
        lines.put(line)  # a pipe holds 16 of them
    assert lines.trouble == "BlockingIOError"
    read = b""
    while not lines.retry():
        read += pipe.reader.read(65536)
    pipe.writer.close()
    read += pipe.reader.readall()
    assert read == b"".join(sent)
    assert not lines.lost


def test_a_reader_that_is_gone_stops_nobody(pipe: Pipe) -> None:
    pipe.reader.close()
    lines = Lines(Descriptor(pipe.writer.fileno()))
    lines.put(b"x\n")
    assert lines.trouble == "BrokenPipeError"


def test_what_a_full_disk_cut_off_comes_before_the_next_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = os.write
    room = [3, 0, 2, 100, 100]

    def write(descriptor: int, data: bytes) -> int:
        some = min(room.pop(0), len(data))
        if some == 0:
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data[:some])

    monkeypatch.setattr(os, "write", write)
    path = tmp_path / "log"
    lines = Lines(Descriptor(open_log(str(path))))
    lines.put(b"first\n")  # three bytes fit
    lines.put(b"second\n")  # none
    assert lines.trouble == "OSError"
    assert not lines.retry()  # two more
    assert lines.retry()
    assert path.read_bytes() == b"first\nsecond\n"


def test_lines_wait_in_order_and_go_out_when_there_is_room() -> None:
    full = Full(room=1)
    lines = Lines(full)
    for line in (b"1", b"2", b"3"):
        lines.put(line)
    assert (full.taken, lines.trouble) == ([b"1"], "OSError")
    full.room = 9
    assert lines.retry()
    assert (full.taken, lines.trouble) == ([b"1", b"2", b"3"], "")


def test_what_waits_is_bounded_and_what_is_beyond_is_counted() -> None:
    """Ledger 44: dropped, but never without a word."""
    full = Full(room=0)
    lines = Lines(full)
    for number in range(MOST_WAITING + 7):
        lines.put(b"%d" % number)
    assert lines.lost == 7
    full.room = MOST_WAITING + 1
    lines.put(b"last")
    assert len(full.taken) == MOST_WAITING + 1
    assert full.taken[-1] == b"last"


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """What rotates logs renames them. With a descriptor alone, the old file grows on."""
    path, moved = tmp_path / "log", tmp_path / "log.1"
    log, kept = LogFile(str(path)), Descriptor(open_log(str(path)))
    log(b"1\n")
    path.rename(moved)
    log(b"2\n")
    kept(b"by its descriptor\n")
    assert (moved.read_bytes(), path.read_bytes()) == (b"1\nby its descriptor\n", b"2\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for each in (log, kept):
        each.close()


def test_who_removes_the_log_does_not_silence_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path))
    path.unlink()
    log(b"1\n")
    log.close()
    assert path.read_bytes() == b"1\n"


def test_lines_wait_as_long_as_the_folder_of_the_log_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = LogFile(str(folder / "log"))
    lines = Lines(log)
    (folder / "log").unlink()
    folder.rmdir()
    lines.put(b"1\n")
    lines.put(b"2\n")
    assert lines.trouble == "FileNotFoundError"
    folder.mkdir()
    assert lines.retry()
    log.close()
    assert (folder / "log").read_bytes() == b"1\n2\n"


def test_who_may_not_begin_a_new_log_goes_on_in_the_old_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that dropped its privileges after the start; the log was rotated since."""
    path = tmp_path / "log"
    lines = Lines(LogFile(str(path)))
    path.rename(tmp_path / "log.1")

    def denied(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", denied)
    lines.put(b"after\n")
    assert (lines.trouble, (tmp_path / "log.1").read_bytes()) == ("", b"after\n")
