"""Somebody holds a lock that readings wait for and does not let go: they are kept, alarms go on, and the database ends it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from bothwell.devices.mllp import frame
from tests.conftest import LOGINS
from tests.devices.test_listen import answer_of, kept, start
from tests.devices.test_standby import told
from tests.room import Bedside, open_bedside, said


@pytest.fixture
def bedside(django_db_setup: None, django_db_blocker: object) -> Iterator[Bedside]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield open_bedside()
        connection.close()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The pages' end of the line; its path must be short."""
    with TemporaryDirectory(prefix="heard-") as folder:
        monkeypatch.setenv("BOTHWELL_HEARD", folder)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind(f"{folder}/1")
            line.setblocking(False)
            yield line


def test_readings_that_wait_for_a_lock_are_kept_and_judged_in_time(
    bedside: Bedside, heard: socket.socket, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    listening = start(tmp_path)
    request.addfinalizer(listening.kill)
    device = bedside.device.identifier

    def say(call: socket.socket, spo2: int) -> None:
        call.sendall(frame(said(device, timezone.now(), control_id=f"v{spo2}", spo2=spo2)))
        assert f"MSA|AA|v{spo2}".encode() in answer_of(call)

    with socket.create_connection(("127.0.0.1", listening.port), 20) as call:
        say(call, 97)
        # Time for a look at who is on which monitor.
        time.sleep(2.5)
        with psycopg.connect(LOGINS.admin) as holder:
            holder.execute(
                "select 1 from bothwell_channel where session_id = %s for update", [bedside.session.id]
            )
            begun_s = time.monotonic()
            say(call, 80)
            first_s = time.monotonic() - begun_s
            say(call, 81)
            deadline = time.monotonic() + 10
            alarms: list[str] = []
            while alarms != ["high"] and time.monotonic() < deadline:
                mine = [each for each in told(heard) if each.get("session") == str(bedside.session.id)]
                alarms = [each["priority"] for each in mine[-1]["alarms"]] if mine else alarms
                time.sleep(0.1)
            assert alarms == ["high"]
            assert len(kept(bedside.session)) == 1
            holder.rollback()
        # Two seconds for the lock, once more over a new connection, and the machine's own slowness.
        assert first_s < 8
        deadline = time.monotonic() + 20
        while len(kept(bedside.session)) < 3 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(kept(bedside.session)) == 3
    log = listening.said()
    assert "kept in the journal" in log and "has everything" in log
    assert device not in log


def shown(role: str, dsn: str, *names: str) -> list[str]:
    """What the database says of these settings on a connection of a process of this role."""
    program = (
        "import sys, django; django.setup(); from django.db import connection as c\n"
        "for name in sys.argv[1:]:\n"
        "    with c.cursor() as cursor: cursor.execute(f'show {name}'); print(cursor.fetchone()[0])\n"
        "if c.pool: c.close_pool()"
    )
    told = {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": role, "BOTHWELL_DSN": dsn}
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        env=os.environ | told,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout.decode().split()


IDLE = "idle_in_transaction_session_timeout"


def test_each_role_has_the_databases_patience_it_needs(django_db_setup: None) -> None:
    assert shown("web", LOGINS.web, IDLE, "lock_timeout") == ["20s", "0"]
    assert shown("work", LOGINS.work, IDLE, "lock_timeout") == ["1min", "2s"]
    assert shown("owner", LOGINS.owner, IDLE, "lock_timeout") == ["0", "0"]


def test_what_a_clinic_says_of_its_connections_stays(django_db_setup: None) -> None:
    dsn = f"{LOGINS.work} options='-c statement_timeout=77s'"
    assert shown("work", dsn, "statement_timeout", "lock_timeout") == ["77s", "2s"]


def test_a_page_that_hangs_in_a_transaction_lets_go_of_its_locks(bedside: Bedside) -> None:
    """The same setting, shortened: the database ends the session, and the lock is free."""
    lock = "select 1 from bothwell_channel where session_id = %s for update nowait"
    with psycopg.connect(LOGINS.admin) as loader:
        loader.execute(
            "insert into bothwell_channel (id, clinic_id, subject_id, couple_id, session_id, code, state, recorded_at) "
            "select gen_random_uuid(), clinic_id, subject_id, couple_id, id, 'spo2', '{}', now() "
            "from bothwell_dosingsession where id = %s",
            [bedside.session.id],
        )
    with psycopg.connect(LOGINS.admin, options=f"-c {IDLE}=500ms") as hanging:
        hanging.execute(lock, [bedside.session.id])
        with psycopg.connect(LOGINS.admin, autocommit=True) as other:
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(lock, [bedside.session.id])
            time.sleep(2)
            assert other.execute(lock, [bedside.session.id]).fetchone() == (1,)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            hanging.execute("select 1")
