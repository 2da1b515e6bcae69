"""A wrong key of therapists' own notes is told at the start, wherever it comes from; the right one is put back by a restore."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from bothwell.integration.process_notes import NONCE_BYTES, name_of, seal
from bothwell.running import backup, notes_key
from bothwell.running.cli import main
from bothwell.running.roles import Logins
from bothwell.running.secrets import NOTES_KEY, NOTES_KEY_READY, NOTES_MARK, load, write_notes_key
from bothwell.running.serve import Wish, database, prepare_logins
from bothwell.running.trouble import CannotRun

TABLES = (
    "create table bothwell_noteskey (number smallint primary key, name varchar(16), sealed bytea, since timestamptz)",
    "create table bothwell_processnote (id uuid, author_id uuid, sealed bytea, recorded_at timestamptz default now())",
    "alter table bothwell_noteskey enable row level security",
    "alter table bothwell_noteskey force row level security",
    "create policy named on bothwell_noteskey for all to bothwell_owner using (true) with check (true)",
    "alter table bothwell_processnote enable row level security",
    "alter table bothwell_processnote force row level security",
)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[tuple[Wish, Logins]]:
    """A clinic with the two tables that matter here."""
    wish = Wish(tmp_path / "clinic")
    with database(wish, load(wish.home), {}) as server:
        logins = prepare_logins(server.dsn, load(wish.home), {})
        execute(logins.owner, *TABLES)
        yield wish, logins


def execute(dsn: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_its_name_is_kept_once_and_the_key_never(clinic: tuple[Wish, Logins]) -> None:
    wish, logins = clinic
    key = (wish.home / NOTES_KEY).read_text()
    for _ in range(2):
        notes_key.check(logins.owner, wish.home, {})
    ((name, sealed),) = execute(logins.owner, "select name, sealed from bothwell_noteskey")
    assert name == name_of(key) == notes_key.name_kept(logins.owner)
    assert key.encode() not in bytes(sealed)  # type: ignore[arg-type]


@pytest.mark.parametrize("told", [True, False])
def test_another_key_is_told_wherever_it_comes_from(clinic: tuple[Wish, Logins], told: bool) -> None:
    wish, logins = clinic
    notes_key.check(logins.owner, wish.home, {})
    environment = {notes_key.NAMED_BY: "another"} if told else {}
    if not told:
        write_notes_key("another", wish.home)
    with pytest.raises(CannotRun, match=r"not the one that therapists' own notes are sealed with") as refused:
        notes_key.check(logins.owner, wish.home, environment)
    assert (notes_key.NAMED_BY in str(refused.value)) == told


def test_where_no_name_is_kept_yet_the_key_must_open_what_is_there(clinic: tuple[Wish, Logins]) -> None:
    wish, logins = clinic
    ids = "00000000-0000-0000-0000-000000000001"
    sealed = seal("x", secret="the right one", note=UUID(ids), author=UUID(ids), nonce=bytes(NONCE_BYTES))
    with psycopg.connect(logins.admin) as connection:
        connection.execute("insert into bothwell_processnote values (%s, %s, %s)", (ids, ids, sealed))
    with pytest.raises(CannotRun):
        notes_key.check(logins.owner, wish.home, {})
    notes_key.check(logins.owner, wish.home, {notes_key.NAMED_BY: "the right one"})
    assert execute(logins.owner, "select count(*) from bothwell_processnote") == [(0,)]  # forced again


def test_a_restore_that_was_cut_off_after_the_database_is_finished_at_the_start(
    clinic: tuple[Wish, Logins],
) -> None:
    wish, logins = clinic
    key = (wish.home / NOTES_KEY).read_text()
    notes_key.check(logins.owner, wish.home, {})
    write_notes_key("of the machine restored to", wish.home)
    notes_key.lay_ready(key, wish.home)
    notes_key.check(logins.owner, wish.home, {})
    assert (wish.home / NOTES_KEY).read_text() == key
    assert not (wish.home / NOTES_KEY_READY).exists()
    load(wish.home)


def test_a_lost_key_is_no_dead_end_for_whoever_types_the_words(
    clinic: tuple[Wish, Logins], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wish, logins = clinic
    notes_key.check(logins.owner, wish.home, {})
    monkeypatch.setenv("BOTHWELL_HOME", str(wish.home))
    monkeypatch.setattr("builtins.input", lambda: "yes")
    (wish.home / NOTES_KEY).unlink()
    with pytest.raises(SystemExit) as ended:
        main(["new-notes-key"])
    assert ended.value.code == 1
    assert (wish.home / NOTES_MARK).exists()
    monkeypatch.setattr("builtins.input", lambda: "the old notes stay closed")
    with pytest.raises(SystemExit) as ended:
        main(["new-notes-key"])
    assert ended.value.code == 0
    assert name_of((wish.home / NOTES_KEY).read_text()) in capsys.readouterr().out
    notes_key.check(logins.owner, wish.home, {})
    assert execute(logins.owner, "select count(*) from bothwell_noteskey") == [(2,)]


# ── backups ──


def test_a_backup_names_the_key_and_a_restore_writes_it(clinic: tuple[Wish, Logins], tmp_path: Path) -> None:
    wish, logins = clinic
    notes_key.check(logins.owner, wish.home, {})
    made = backup.save(wish, tmp_path / "made", {})
    other = Wish(tmp_path / "other")
    backup.restore(other, made, {}, replace=False)
    assert (other.home / NOTES_KEY).read_text() == (wish.home / NOTES_KEY).read_text()
    assert not (other.home / NOTES_KEY_READY).exists()


def test_a_key_that_its_keeper_keeps_is_in_no_backup_and_a_restore_asks_for_it(
    clinic: tuple[Wish, Logins], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wish, logins = clinic
    named = {notes_key.NAMED_BY: "kept elsewhere"}
    notes_key.check(logins.owner, wish.home, named)
    made = backup.save(wish, tmp_path / "made", named)
    assert "keep it yourself" in capsys.readouterr().err
    with tarfile.open(made) as tar:
        assert NOTES_KEY not in tar.getnames()
    other = Wish(tmp_path / "other")
    with pytest.raises(CannotRun, match=notes_key.NAMED_BY):
        backup.restore(other, made, {}, replace=False)
    assert not (other.home / "postgres").exists()
    backup.restore(other, made, named, replace=False)
    backup.restore(other, made, {}, replace=True, without_process_notes=True)


def test_a_restore_that_cannot_write_the_key_leaves_the_database_alone(
    clinic: tuple[Wish, Logins], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish, logins = clinic
    notes_key.check(logins.owner, wish.home, {})
    made = backup.save(wish, tmp_path / "made", {})
    other = Wish(tmp_path / "other")

    def full(key: str, home: Path) -> None:
        raise CannotRun("the disk is full")

    monkeypatch.setattr(notes_key, "lay_ready", full)
    with pytest.raises(CannotRun, match="full"):
        backup.restore(other, made, {}, replace=False)
    with database(other, load(other.home), {}) as server:
        admin = prepare_logins(server.dsn, load(other.home), {}).admin
        assert execute(admin, "select to_regclass('bothwell_noteskey')") == [(None,)]
