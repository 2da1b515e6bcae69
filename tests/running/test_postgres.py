"""The clinic's own database server starts, stops, recovers, and says plainly why it cannot."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bothwell.running import postgres
from bothwell.running.postgres import Cluster, program, running_socket, socket_folder, temporary_cluster
from bothwell.running.secrets import prepare_home
from bothwell.running.trouble import CannotRun


def scalar(dsn: str, question: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def run(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def test_a_temporary_cluster_answers_and_leaves_nothing_behind() -> None:
    with temporary_cluster() as dsn:
        assert scalar(dsn, "select current_setting('is_superuser')") == "on"
        data = Path(str(scalar(dsn, "select current_setting('data_directory')")))
        assert data.is_dir()
    assert not data.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_it_listens_on_no_network_address(cluster: Cluster) -> None:
    with cluster.running() as dsn:
        assert scalar(dsn, "select current_setting('listen_addresses')") == ""
        assert scalar(dsn, "select current_setting('log_error_verbosity')") == "terse"


def test_the_data_are_closed_to_other_users(cluster: Cluster) -> None:
    for folder in (cluster.home, cluster.data, cluster.home / "run"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_log_does_not_repeat_what_was_written(cluster: Cluster) -> None:
    with cluster.running() as dsn:
        run(dsn, "create table once (word text primary key)")
        run(dsn, "insert into once values ('sorrow')")
        with pytest.raises(psycopg.errors.UniqueViolation), psycopg.connect(dsn) as connection:
            connection.execute("insert into once values (%s)", ("sorrow",))
        run(dsn, "drop table once")
    assert "duplicate key" in cluster.log.read_text()
    assert "sorrow" not in cluster.log.read_text()


def test_committed_work_survives_a_server_killed_outright(cluster: Cluster) -> None:
    as_in_a_clinic = Cluster(cluster.home, cluster.password)
    with as_in_a_clinic.serving() as server:
        run(server.dsn, "create table kept as select 7 as answer")
        assert server.process is not None
        server.process.kill()
        server.process.wait()
    assert (cluster.data / "postmaster.pid").exists()
    with cluster.running() as dsn:
        assert scalar(dsn, "select answer from kept") == 7
        run(dsn, "drop table kept")


def test_a_stranger_with_the_old_number_does_not_prevent_a_start(cluster: Cluster) -> None:
    stranger = f"{os.getpid()}\n{cluster.data}\n1\n5432\n/nowhere\n\n0 0\nready   \n"
    (cluster.data / "postmaster.pid").write_text(stranger)
    assert running_socket(cluster.data) is None
    with cluster.running() as dsn:
        assert scalar(dsn, "select 1") == 1


def test_a_zombie_does_not_prevent_a_start(cluster: Cluster) -> None:
    zombie = subprocess.Popen(("true",), cwd=cluster.data)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    (cluster.data / "postmaster.pid").write_text(f"{zombie.pid}\n{cluster.data}\n1\n5432\n\n\n0 0\nready\n")
    with cluster.running() as dsn:
        assert scalar(dsn, "select 1") == 1
    zombie.wait()


ORPHANING = """
import os, sys, pathlib
from bothwell.running import postgres
postgres._dies_with_us = lambda: ()
cluster = postgres.Cluster(pathlib.Path(sys.argv[1]), "only for tests", fast=True)
with cluster.serving() as server:
    print(server.process.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def orphan(cluster: Cluster) -> Iterator[int]:
    """The number of a server whose supervisor was killed outright."""
    with subprocess.Popen(
        (sys.executable, "-c", ORPHANING, str(cluster.home)), stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        number = int(supervisor.stdout.readline())
    yield number
    if postgres._live_server(str(number), cluster.data):
        os.kill(number, signal.SIGKILL)


def test_a_server_whose_supervisor_was_killed_is_replaced(cluster: Cluster, orphan: int) -> None:
    assert running_socket(cluster.data) == cluster.home / "run"
    with cluster.serving() as server:
        assert server.process is not None
        assert server.process.pid != orphan
        assert not postgres._live_server(str(orphan), cluster.data)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is part of Linux")
def test_a_supervisor_killed_outright_takes_its_server_along(cluster: Cluster) -> None:
    script = ORPHANING.replace("postgres._dies_with_us = lambda: ()", "")
    done = subprocess.run((sys.executable, "-c", script, str(cluster.home)), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    postgres._await_nobody_in(cluster.data, 10.0)


def test_two_at_once_in_one_folder_are_refused(cluster: Cluster) -> None:
    with (
        cluster.running(),
        pytest.raises(CannotRun, match="Another Bothwell already runs"),
        cluster.running(),
    ):
        pytest.fail("two supervisors share one data folder")


def test_who_only_needs_the_database_joins_the_running_one(cluster: Cluster) -> None:
    with cluster.running() as first, cluster.available() as second:
        assert first == second
    with cluster.available() as dsn:
        assert scalar(dsn, "select 1") == 1


def test_data_of_another_major_version_are_left_alone(cluster: Cluster) -> None:
    version = cluster.data / "PG_VERSION"
    ours = version.read_text()
    version.write_text("14\n")
    try:
        way_out = "written by PostgreSQL 14.*bothwell backup.*bothwell restore"
        with pytest.raises(CannotRun, match=way_out), cluster.running():
            pytest.fail("foreign data were opened")
    finally:
        version.write_text(ours)


def test_the_wrong_password_is_told_without_being_shown(cluster: Cluster) -> None:
    wrong = Cluster(cluster.home, "forgotten", fast=True)
    with pytest.raises(CannotRun, match=r"secrets\.json") as told, wrong.running():
        pytest.fail("opened with a wrong password")
    assert "forgotten" not in str(told.value)
    assert running_socket(cluster.data) is None


def test_a_path_too_long_for_a_socket_gets_a_short_one() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / ("clinic-" * 16)
        prepare_home(home)
        place = socket_folder(home)
        try:
            with Cluster(home, "only for tests", fast=True).running() as dsn:
                assert scalar(dsn, "select 1") == 1
            assert stat.S_IMODE(place.stat().st_mode) == 0o700
        finally:
            place.rmdir()


def test_a_short_socket_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("other-" * 20)
    place = socket_folder(home)
    place.chmod(0o755)
    try:
        with pytest.raises(CannotRun, match="shorter path"):
            socket_folder(home)
    finally:
        place.rmdir()


def test_missing_programs_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSTGRES_BINDIR", str(tmp_path))
    with pytest.raises(CannotRun, match=r"No PostgreSQL program.*DATABASE_URL"):
        program("postgres")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("initdb: error: could not write: No space left on device", "disk is full"),
        ("FATAL: could not create any Unix-domain sockets", "local disk"),
        ("FATAL: data directory has wrong ownership", "another user"),
        ("", "no reason"),
    ],
)
def test_each_failed_start_has_its_sentence(tmp_path: Path, words: str, told: str) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(words)
    assert told in str(postgres.start_trouble(log))


def test_the_making_of_a_database_is_told_and_a_later_start_is_quiet(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare_home(home)
    made = Cluster(home, "only for tests", fast=True)
    with made.running():
        assert f"making the database in {home / 'postgres'} …" in capfd.readouterr().err
    with made.running():
        assert capfd.readouterr().err == ""


def test_a_half_made_database_is_made_anew(home: Path) -> None:
    prepare_home(home)
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "half").write_text("interrupted")
    with Cluster(home, "only for tests", fast=True).running() as dsn:
        assert scalar(dsn, "select 1") == 1
    assert not (home / "postgres.new").exists()


def test_root_on_a_machine_without_user_namespaces_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CannotRun, match=r"forbids user namespaces.*DATABASE_URL"):
        postgres.unprivileged.__wrapped__()


def test_other_users_need_no_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert postgres.unprivileged.__wrapped__() == ()
