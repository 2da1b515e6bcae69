"""What the journal took is there after any crash, and nobody can read it without the key."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.devices.journal import MARK, CannotKeep, Journal, Place, key_from

KEY = key_from("a secret of this installation")


def held(journal: Journal) -> list[bytes]:
    return [record for record, _ in journal.records(Place())]


def end_of(journal: Journal) -> Place:
    return [Place(), *(place for _, place in journal.records(Place()))][-1]


def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    for each in (b"first", b"second", b""):
        journal.append(each)
    journal.close()
    again = Journal(tmp_path / "j", KEY)
    assert held(again) == [b"first", b"second", b""]
    assert not again.is_torn


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "j", KEY).append(b"heart_rate 187")
    written = (tmp_path / "j").read_bytes()
    assert b"heart_rate" not in written and b"187" not in written
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_only_one_process_has_it(tmp_path: Path) -> None:
    kept = Journal(tmp_path / "j", KEY)
    with pytest.raises(CannotKeep):
        Journal(tmp_path / "j", KEY)
    kept.close()
    Journal(tmp_path / "j", KEY).close()


@given(cut=st.integers(1, 200))
def test_a_torn_record_spoils_none_before_it(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "j"
    journal = Journal(path, KEY)
    journal.append(b"whole")
    whole = journal.size_bytes
    journal.append(b"x" * 200)
    journal.close()
    os.truncate(path, journal.size_bytes - cut)
    again = Journal(path, KEY)
    assert held(again) == [b"whole"] and again.is_torn
    again.append(b"next")
    again.close()
    third = Journal(path, KEY)
    assert held(third) == [b"whole", b"next"]
    assert third.size_bytes > whole
    third.close()


def test_what_another_secret_sealed_is_not_destroyed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"of before the restore")
    journal.close()
    before = (tmp_path / "j").read_bytes()
    other = Journal(tmp_path / "j", key_from("another"))
    assert held(other) == []
    other.append(b"new")
    beside = tmp_path / "j.unreadable-1"
    assert beside.read_bytes() == before
    assert beside.stat().st_mode & 0o777 == 0o600


def test_a_record_moved_to_another_place_is_not_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"one")
    journal.append(b"two")
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    half = (len(whole) - len(MARK)) // 2
    first, second = whole[len(MARK) : len(MARK) + half], whole[len(MARK) + half :]
    (tmp_path / "j").write_bytes(MARK + second + first)
    assert held(Journal(tmp_path / "j", KEY)) == []


def test_it_is_emptied_only_if_nothing_came_meanwhile(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"one")
    read = end_of(journal)
    journal.append(b"two")
    assert not journal.empty_if_read(read)
    assert held(journal) == [b"one", b"two"]
    assert journal.empty_if_read(end_of(journal))
    assert journal.is_empty and (tmp_path / "j").read_bytes() == MARK


def test_it_never_grows_past_its_bound(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY, most_bytes=300)
    journal.append(b"x" * 200)
    with pytest.raises(CannotKeep):
        journal.append(b"x" * 200)
    assert held(journal) == [b"x" * 200]
    journal.append(b"y")
    assert held(journal) == [b"x" * 200, b"y"]


def test_a_disk_that_takes_half_a_record_has_taken_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"kept")
    real = os.pwrite

    def full(file: int, data: bytes, at: int) -> int:
        if len(data) < 40:
            raise OSError(28, "No space left on device")
        return real(file, data[:20], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(CannotKeep):
        journal.append(b"lost" * 4)
    monkeypatch.undo()
    journal.append(b"after")
    journal.close()
    again = Journal(tmp_path / "j", KEY)
    assert held(again) == [b"kept", b"after"] and not again.is_torn


def test_a_disk_that_does_not_sync_keeps_nothing_of_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"kept")

    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(CannotKeep):
        journal.append(b"lost")
    monkeypatch.undo()
    assert held(journal) == [b"kept"]
    journal.append(b"after")
    assert held(journal) == [b"kept", b"after"]


def test_many_at_once_are_all_kept_and_share_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j", KEY)
    syncs, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (syncs.append(file), real(file)))
    said = [[f"{thread}-{number}".encode() for number in range(40)] for thread in range(8)]

    def add(records: list[bytes]) -> None:
        for each in records:
            journal.append(each)

    threads = [threading.Thread(target=add, args=(each,)) for each in said]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    kept = held(journal)
    assert sorted(kept) == sorted(record for each in said for record in each)
    for each in said:
        assert [record for record in kept if record in each] == each, "one thread's order changed"
    assert len(syncs) <= len(kept)


def test_what_was_cut_off_while_it_waited_for_the_disk_is_not_called_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put aside between the writing of a record and the wait for the disk."""
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"taken down")
    read = end_of(journal)
    waiting = journal._syncing

    class Cut:
        """The wait for the disk, before which everything from that place on is put aside."""

        def __enter__(self) -> None:
            monkeypatch.undo()
            journal.put_aside(read)
            waiting.acquire()

        def __exit__(self, *trouble: object) -> None:
            waiting.release()

    monkeypatch.setattr(journal, "_syncing", Cut())
    with pytest.raises(CannotKeep):
        journal.append(b"said meanwhile")
    assert held(journal) == [b"taken down"]
    journal.append(b"after")
    assert held(journal) == [b"taken down", b"after"]


@pytest.mark.parametrize("forget", ["empty_if_read", "put_aside"])
def test_a_disk_that_fails_while_it_forgets_loses_nothing_that_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: str
) -> None:
    journal = Journal(tmp_path / "j", KEY)
    for each in (b"one", b"two"):
        journal.append(each)
    read = end_of(journal)
    real, calls = os.fsync, []

    def failing(file: int) -> None:
        calls.append(file)
        if file == journal._file:
            raise OSError(5, "Input/output error")
        real(file)

    monkeypatch.setattr(os, "fsync", failing)
    with suppress(OSError):
        getattr(journal, forget)(read)
    assert calls
    monkeypatch.undo()
    left = held(journal)
    journal.append(b"three")
    assert held(journal) == [*left, b"three"]
    assert (tmp_path / "j").stat().st_size == journal.size_bytes
    journal.close()
    again = Journal(tmp_path / "j", KEY)
    assert held(again) == [*left, b"three"]


def test_a_journal_that_is_closed_takes_nothing_and_touches_no_other_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.append(b"kept")
    journal.close()
    with (tmp_path / "another").open("wb+") as another:
        with pytest.raises(CannotKeep):
            journal.append(b"late")
        assert another.read() == b""
