"""The clinic's secrets are made once, closed to others, and never made anew beside a locked database."""

import errno
import stat
from pathlib import Path

import pytest

from bothwell.running.secrets import (
    FILE_NAME,
    FOLDERS,
    NOTES_KEY,
    NOTES_MARK,
    Secrets,
    home_from,
    load,
    parse,
    write,
    write_notes_key,
)
from bothwell.running.trouble import CannotRun, disk_trouble


def test_they_are_made_once_and_only_the_owner_can_read_them(home: Path) -> None:
    first = load(home)
    assert load(home) == first
    assert stat.S_IMODE((home / FILE_NAME).stat().st_mode) == 0o600
    for folder in (home, *(home / name for name in FOLDERS)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_two_are_alike_and_none_is_shown(home: Path) -> None:
    made = load(home)
    values = list(vars(made).values())
    assert len(set(values)) == len(values) == 5
    assert all(len(value) >= 48 for value in values)
    assert not any(value in repr(made) for value in values)


def test_a_folder_left_open_is_closed(home: Path) -> None:
    home.mkdir(mode=0o755)
    load(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_file_others_can_read_is_refused(home: Path) -> None:
    load(home)
    (home / FILE_NAME).chmod(0o644)
    with pytest.raises(CannotRun, match="chmod 600"):
        load(home)


def test_lost_secrets_are_not_made_anew_beside_a_database(home: Path) -> None:
    load(home)
    (home / FILE_NAME).unlink()
    (home / "postgres").mkdir()
    with pytest.raises(CannotRun, match="last backup"):
        load(home)
    assert not (home / FILE_NAME).exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"secret_key": "only-this-one"}'])
def test_a_damaged_file_is_told_without_being_quoted(home: Path, damage: str) -> None:
    load(home)
    (home / FILE_NAME).write_text(damage)
    with pytest.raises(CannotRun, match="damaged") as told:
        load(home)
    assert "only-this-one" not in str(told.value)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    made = Secrets()
    write(made, tmp_path / FILE_NAME)
    assert parse(tmp_path / FILE_NAME) == made


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.ENOSPC, "full"), (errno.EACCES, "user who owns it"), (errno.EROFS, "read-only")],
)
def test_a_disk_that_refuses_has_its_sentence(number: int, told: str) -> None:
    assert told in str(disk_trouble(Path("/clinic"), OSError(number, "no")))


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(CannotRun, match="could not be written"):
        load(tmp_path / "home")


def test_the_folder_is_the_one_named_or_var() -> None:
    assert home_from({"BOTHWELL_HOME": "/srv/clinic"}) == Path("/srv/clinic")
    assert home_from({}) == Path.cwd() / "var"


# ── the key of therapists' own notes ──


def test_the_key_of_own_notes_lies_apart_and_stays(home: Path) -> None:
    load(home)
    key = (home / NOTES_KEY).read_text()
    assert len(key) >= 48
    assert key not in (home / FILE_NAME).read_text()
    assert key not in (home / NOTES_MARK).read_text()
    assert stat.S_IMODE((home / NOTES_KEY).stat().st_mode) == 0o600
    load(home)
    assert (home / NOTES_KEY).read_text() == key


def test_a_lost_or_other_key_of_own_notes_is_told_and_never_made_anew(home: Path) -> None:
    load(home)
    key = (home / NOTES_KEY).read_text()
    (home / NOTES_KEY).unlink()
    with pytest.raises(CannotRun, match=r"missing.*last backup"):
        load(home)
    assert not (home / NOTES_KEY).exists()
    (home / NOTES_KEY).touch(0o600)
    (home / NOTES_KEY).write_text("another key altogether")
    with pytest.raises(CannotRun, match="not the key"):
        load(home)
    write_notes_key(key, home)
    load(home)


def test_a_key_of_own_notes_that_others_can_read_is_refused(home: Path) -> None:
    load(home)
    (home / NOTES_KEY).chmod(0o640)
    with pytest.raises(CannotRun, match="chmod 600"):
        load(home)
