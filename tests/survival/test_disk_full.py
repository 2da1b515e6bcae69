"""The disk takes no more while the database is away: what is not kept is not acknowledged, and nothing else is lost."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bothwell.demo.monitor import Answer, Connection, oru
from bothwell.demo.signals import Shown
from bothwell.devices.journal import CannotKeep, Journal, Place, key_from
from tests.survival.running import Clinic, Monitor, Page, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, with room for 64 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only where a disk may be mounted")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def was_taken(journal: Journal, record: bytes) -> bool:
    try:
        journal.append(record)
    except CannotKeep:
        return False
    return True


def test_a_journal_on_a_full_disk_holds_exactly_what_it_took(small_disk: Path) -> None:
    key = key_from("of this test")
    journal = Journal(small_disk / "j", key)
    said = [b"%04d" % number * 250 for number in range(100)]
    taken = [record for record in said if was_taken(journal, record)]
    assert 40 < len(taken) < 64 and taken == said[: len(taken)]
    with pytest.raises(CannotKeep):
        journal.append(b"still full" * 200)
    journal.close()
    again = Journal(small_disk / "j", key)
    assert [record for record, _ in again.records(Place())] == taken
    last = [place for _, place in again.records(Place())][-1]
    assert again.empty_if_read(last)
    again.append(b"room again")
    assert [record for record, _ in again.records(Place())] == [b"room again"]


def was_acknowledged(clinic: Clinic, device: str, **values: int) -> bool:
    """Whether one message of this monitor, said on a line of its own, was taken."""
    line = Connection("127.0.0.1", clinic.device_port, timeout_seconds=2)
    shown = [Shown(code, 0, Decimal(value)) for code, value in values.items()]
    message = oru(control_id="full", device_id=device, at=datetime.now(UTC), shown=shown)
    answer = line.exchange(message, "full")
    line.close()
    return answer is not Answer.NONE


def test_monitors_keep_what_the_journal_cannot_and_alarms_go_on(
    clinic: Clinic, monitors: tuple[Monitor, ...], cookie: str
) -> None:
    room = Page(clinic, cookie, f"/live/room/{clinic.session_of(monitors[0].device)}")
    room.hear("readings", 10)
    listener = clinic.pid_of("listen")
    journal = clinic.home / "run" / "standby.journal"

    def may_write(most: str) -> None:
        subprocess.run(["prlimit", f"--pid={listener}", f"--fsize={most}:unlimited"], check=True)

    with clinic.frozen():
        os.kill(clinic.postmaster(), signal.SIGKILL)
        until(lambda: journal.stat().st_size > 4000, 20, "the journal is begun")
        may_write(str(journal.stat().st_size + 3000))
        until(
            lambda: all(each.since(time.monotonic() - 3) == 0 for each in monitors),
            30,
            "nothing is acknowledged",
        )
        assert journal.stat().st_size < 20_000
        said_s = time.monotonic()
        # Longer than what the monitors say, of which not one more fits.
        assert not was_acknowledged(
            clinic,
            monitors[0].device,
            heart_rate=74,
            spo2=79,
            respiratory_rate=14,
            systolic=124,
            diastolic=78,
        )
        low = room.hear(
            "standby",
            8,
            lambda data: any(a["code"] == "spo2" and not a["is_in_record"] for a in data["alarms"]),
        )
        assert low.at_s - said_s < 5, "told while nothing can be kept"
        may_write("unlimited")
        there_s = time.monotonic()
        until(
            lambda: all(each.since(there_s) > 3 for each in monitors),
            20,
            "room again: everything is said again",
        )
    assert clinic.pid_of("listen") == listener
    until(clinic.database_answers, 60, "the database is back")
    until(lambda: all(each.is_all_kept_once() for each in monitors), 30, "everything is in the record")
    until(lambda: journal.stat().st_size == 8, 20, "the journal is empty")
    room.close()
