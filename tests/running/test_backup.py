"""What was saved comes back whole, in another place, with the key that reads it; or nothing changes."""

import json
import os
import stat
import tarfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bothwell.running import backup
from bothwell.running.postgres import temporary_cluster
from bothwell.running.roles import Logins
from bothwell.running.secrets import FILE_NAME, NOTES_KEY, load
from bothwell.running.serve import Wish, database, prepare_logins, stamped
from bothwell.running.trouble import CannotRun

SCRATCH = (
    "create table scratch (id int primary key, word text, day daterange, exclude using gist (day with &&))",
    "alter table scratch enable row level security",
    "alter table scratch force row level security",
    "create policy odd on scratch to bothwell_viewer using (id % 2 = 1)",
    "grant select on scratch to bothwell_viewer",
    "alter table scratch no force row level security",
    "insert into scratch values (1, 'ünø', '[2026-01-01,2026-01-02)'), (2, 'two', null), (3, E'a\\nb', null)",
    "alter table scratch force row level security",
)


def logins_of(wish: Wish) -> Logins:
    with database(wish, load(wish.home), {}) as server:
        return prepare_logins(server.dsn, load(wish.home), {})


def execute(dsn: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Wish:
    """A clinic with one table, whose policy shows odd rows only."""
    wish = Wish(tmp_path_factory.mktemp("first"))
    with database(wish, load(wish.home), {}) as server:
        logins = prepare_logins(server.dsn, load(wish.home), {})
        execute(logins.owner, *SCRATCH)
    return wish


@pytest.fixture(scope="module")
def saved(clinic: Wish, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backup.save(clinic, tmp_path_factory.mktemp("safe") / "clinic.bothwell", {})


def test_a_backup_is_one_closed_file(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    with tarfile.open(saved) as tar:
        assert tar.getnames() == [backup.MANIFEST, backup.DUMP, FILE_NAME, NOTES_KEY]


def test_it_comes_back_whole_in_another_place(clinic: Wish, saved: Path, tmp_path: Path) -> None:
    other = Wish(tmp_path / "second")
    theirs = load(other.home)
    backup.restore(other, saved, {}, replace=False)
    mine = load(other.home)
    assert mine.secret_key == load(clinic.home).secret_key
    assert mine.admin_password == theirs.admin_password
    assert (other.home / NOTES_KEY).read_text() == (clinic.home / NOTES_KEY).read_text()
    with database(other, mine, {}) as server:
        logins = prepare_logins(server.dsn, mine, {})
        found = execute(logins.admin, "select id, word, day is null from scratch order by id")
        assert found == [(1, "ünø", False), (2, "two", True), (3, "a\nb", True)]
        assert execute(logins.owner, "select count(*) from scratch") == [(0,)]
        with psycopg.connect(logins.web) as connection:
            connection.execute("set local role bothwell_viewer")
            assert connection.execute("select id from scratch order by id").fetchall() == [(1,), (3,)]


def test_existing_data_are_replaced_only_when_told(clinic: Wish, saved: Path) -> None:
    with stamped(clinic.home, "migrated", "done"):
        pass
    with database(clinic, load(clinic.home), {}) as server:
        owner = prepare_logins(server.dsn, load(clinic.home), {}).owner
        execute(
            owner, "create table later (id int)", "create schema aside", "create table aside.more (id int)"
        )
    with pytest.raises(CannotRun, match=r"holds 3 tables.*--yes"):
        backup.restore(clinic, saved, {}, replace=False)
    backup.restore(clinic, saved, {}, replace=True)
    with database(clinic, load(clinic.home), {}) as server:
        admin = prepare_logins(server.dsn, load(clinic.home), {}).admin
        assert execute(admin, "select to_regclass('later'), to_regclass('aside.more')") == [(None, None)]
        assert execute(admin, "select count(*) from scratch") == [(3,)]
    with stamped(clinic.home, "migrated", "done") as due:
        assert due


def test_a_backup_can_be_made_while_bothwell_runs_and_a_restore_cannot(clinic: Wish, tmp_path: Path) -> None:
    with database(clinic, load(clinic.home), {}):
        made = backup.save(clinic, tmp_path / "running.bothwell", {})
        with pytest.raises(CannotRun, match="Another Bothwell already runs"):
            backup.restore(clinic, made, {}, replace=True)


def test_an_own_server_is_saved_and_restored_too(clinic: Wish, tmp_path: Path) -> None:
    with database(clinic, load(clinic.home), {}) as server:
        admin = prepare_logins(server.dsn, load(clinic.home), {}).admin
        environment = {"DATABASE_URL": admin}
        made = backup.save(clinic, tmp_path / "own.bothwell", environment)
        execute(admin, "delete from scratch")
        backup.restore(clinic, made, environment, replace=True)
        assert execute(admin, "select count(*) from scratch") == [(3,)]


def test_a_restore_into_an_own_server_takes_a_superuser_and_the_next_start_does_not(
    saved: Path, tmp_path: Path
) -> None:
    wish = Wish(tmp_path / "second")
    with temporary_cluster() as dsn:
        execute(dsn, "create role keeper login createrole password 'kept'")
        execute(dsn, "create database theirs owner keeper")
        keeper = make_conninfo(dsn, user="keeper", password="kept", dbname="theirs")
        with pytest.raises(CannotRun, match=r"nothing has changed.*too few rights.*superuser"):
            backup.restore(wish, saved, {"DATABASE_URL": keeper}, replace=True)
        superuser = make_conninfo(dsn, dbname="theirs")
        backup.restore(wish, saved, {"DATABASE_URL": superuser}, replace=True)
        logins = prepare_logins(keeper, load(wish.home), {"DATABASE_URL": keeper})
        assert execute(superuser, "select count(*) from scratch") == [(3,)]
        assert execute(logins.owner, "create table later (id int)") == []


def test_a_restore_that_fails_changes_nothing(clinic: Wish, saved: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bothwell"
    with tarfile.open(saved) as tar:
        tar.extractall(tmp_path, filter="data")
    dump = (tmp_path / backup.DUMP).read_bytes()
    (tmp_path / backup.DUMP).write_bytes(dump[: len(dump) * 3 // 4])
    with tarfile.open(broken, "w") as tar:
        for name in (backup.MANIFEST, backup.DUMP, FILE_NAME):
            tar.add(tmp_path / name, name)
    with pytest.raises(CannotRun, match="nothing has changed"):
        backup.restore(clinic, broken, {}, replace=True)
    with database(clinic, load(clinic.home), {}) as server:
        admin = prepare_logins(server.dsn, load(clinic.home), {}).admin
        assert execute(admin, "select count(*) from scratch") == [(3,)]


def test_a_backup_never_replaces_a_file(clinic: Wish, saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(CannotRun, match="never replaces a file"):
        backup.save(clinic, saved, {})
    assert saved.read_bytes() == before


def test_a_clinic_that_never_ran_has_nothing_to_save(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="nothing to save"):
        backup.save(Wish(home), tmp_path / "nothing.bothwell", {})


@pytest.mark.parametrize("content", [b"", b"not a backup at all", None])
def test_what_is_not_a_backup_is_told(home: Path, tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "strange"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(CannotRun, match=r"not a Bothwell backup|no file"):
        backup.restore(Wish(home), source, {}, replace=True)
    assert not home.exists()


def test_a_later_form_is_told(saved: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    with tarfile.open(saved) as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / backup.MANIFEST).write_text(json.dumps({"format": "bothwell backup 2"}))
    with tarfile.open(later, "w") as tar:
        for name in (backup.MANIFEST, backup.DUMP, FILE_NAME):
            tar.add(tmp_path / name, name)
    with pytest.raises(CannotRun, match="another version"):
        backup.unpack(later, tmp_path)


def test_the_password_is_on_no_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/said"; test "$PGPASSWORD" = "hidden-word"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("POSTGRES_BINDIR", str(tmp_path))
    backup._tool("pg_dump", "postgres://keeper:hidden-word@db.example/care", what="The backup")
    assert "hidden-word" not in (tmp_path / "said").read_text()
    assert "PGPASSWORD" not in os.environ


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("query would be affected by row-level security policy", "BYPASSRLS"),
        (
            "aborting because of server version mismatch",
            "POSTGRES_BINDIR",
        ),
        ("could not write: No space left on device", "full"),
        ("COPY scratch: duplicate key (word)=(sorrow)", "gave up"),
    ],
)
def test_each_failed_program_has_its_sentence(words: str, told: str) -> None:
    sentence = str(backup._tool_trouble("The backup", "pg_dump", words))
    assert told in sentence
    assert "sorrow" not in sentence
