"""While the database is away: kept, then acknowledged; alarms go on; taken down once when it is back."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone

from bothwell.devices import beds, hl7v2, standby
from bothwell.devices.journal import Journal, key_from
from bothwell.devices.keeping import Calm
from bothwell.devices.listen import Desk
from bothwell.devices.standby import Standby
from bothwell.devices.telling import Teller
from bothwell.monitoring import feed
from tests.conftest import LOGINS, loading
from tests.room import Bedside, add_device, as_login, bind, open_bedside, open_session, said

KEY = key_from("of these tests")


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside()


class Outage:
    """The database goes away and comes back, as the feed sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._real = {
            (where, name): getattr(where, name)
            for where, name in (
                (feed, "record_all"),
                (feed, "record"),
                (feed, "sites_of"),
                (beds.Ward, "looked"),
            )
        }

    def begin(self) -> None:
        def away(*args: Any, **given: Any) -> Any:
            raise OperationalError("server closed the connection")

        for where, name in self._real:
            self._patch.setattr(where, name, away)

    def end(self) -> None:
        for (where, name), real in self._real.items():
            self._patch.setattr(where, name, real)


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch)


def standing_by(folder: Path, calm: Calm | None = None) -> Standby:
    journal = Journal(folder / "standby.journal", KEY)
    return Standby(journal, Teller(folder / "heard"), calm or Calm(), folder / "standby.aside", KEY)


@pytest.fixture
def on_nobody(bedside: Bedside) -> str:
    with transaction.atomic(), loading():
        return add_device(bedside.cast).identifier


@pytest.fixture
def desk(tmp_path: Path, bedside: Bedside, on_nobody: str) -> Iterator[Desk]:
    with as_login(LOGINS.work):
        yield Desk(standby=standing_by(tmp_path))


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """The pages' end of the line."""
    (tmp_path / "heard").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "heard" / "1"))
        line.setblocking(False)
        yield line


def told(line: socket.socket) -> list[dict[str, Any]]:
    found = []
    while True:
        try:
            found += json.loads(line.recv(2**18))
        except BlockingIOError:
            return found


def alarms_of(bedside: Bedside, line: socket.socket) -> list[str]:
    mine = [each for each in told(line) if each.get("session") == str(bedside.session.id)]
    return [each["priority"] for each in mine[-1]["alarms"]]


def is_accepted(answer: bytes | None) -> bool:
    return answer is not None and b"MSA|AA" in answer


def say(desk: Desk, bedside: Bedside, at: datetime, **values: float) -> bool:
    return is_accepted(desk.answer(said(bedside.device.identifier, at, **values), timezone.now()))


def rows_of(bedside: Bedside) -> list[tuple[str, float]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select code, value from bothwell_sample where session_id = %s order by observed_at, id",
            [bedside.session.id],
        )
        return [(code, float(value)) for code, value in cursor.fetchall()]


def look(desk: Desk) -> bool:
    assert desk.standby is not None
    return desk.standby.look(timezone.now())


def test_what_is_said_meanwhile_is_taken_down_once_and_in_order(
    desk: Desk, bedside: Bedside, outage: Outage
) -> None:
    now = timezone.now()
    assert look(desk)
    assert say(desk, bedside, now - timedelta(seconds=10), heart_rate=70)
    outage.begin()
    assert all(say(desk, bedside, now - timedelta(seconds=9 - n), heart_rate=71 + n) for n in range(5))
    # The monitor did not hear the last answer, and says it again.
    assert say(desk, bedside, now - timedelta(seconds=5), heart_rate=75)
    assert not look(desk)
    outage.end()
    # Back, but what waits comes first: what is said now goes behind it.
    assert say(desk, bedside, now - timedelta(seconds=1), heart_rate=76)
    assert rows_of(bedside) == [("heart_rate", 70)]
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70.0 + n) for n in range(7)]
    assert desk.standby is not None and not desk.standby.waits
    assert look(desk)
    assert len(rows_of(bedside)) == 7


def test_a_killed_listener_leaves_its_journal_to_the_next(
    tmp_path: Path, bedside: Bedside, outage: Outage
) -> None:
    with as_login(LOGINS.work):
        first = standing_by(tmp_path)
        assert first.look(timezone.now())
        outage.begin()
        desk = Desk(standby=first)
        assert say(desk, bedside, timezone.now(), heart_rate=81)
        first.close()  # as the kernel does for a process that is killed
        second = standing_by(tmp_path)
        assert second.waits and not second.look(timezone.now())
        outage.end()
        assert second.look(timezone.now())
        assert rows_of(bedside) == [("heart_rate", 81)]


def test_a_crash_between_taking_down_and_forgetting_takes_nothing_down_twice(
    desk: Desk, bedside: Bedside, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(desk)
    outage.begin()
    assert say(desk, bedside, timezone.now(), heart_rate=180)
    outage.end()

    def killed(self: Journal, place: object) -> bool:
        raise OSError("as if killed here")

    monkeypatch.setattr(Journal, "empty_if_read", killed)
    assert not look(desk)
    monkeypatch.undo()
    assert desk.standby is not None
    desk.standby._place = standby.Place()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 180)]
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from bothwell_alarm where session_id = %s", [bedside.session.id])
        assert cursor.fetchone() == (1,)


def test_a_monitor_on_nobody_is_neither_kept_nor_acknowledged(
    desk: Desk, on_nobody: str, outage: Outage, tmp_path: Path
) -> None:
    assert look(desk)
    outage.begin()
    before = (tmp_path / "standby.journal").stat().st_size
    for identifier in (on_nobody, "FFFFFFFFFFFFFFFF"):
        assert desk.answer(said(identifier, timezone.now(), heart_rate=70), timezone.now()) is None
    assert (tmp_path / "standby.journal").stat().st_size == before


def test_a_listener_that_never_saw_the_database_keeps_nothing(
    desk: Desk, bedside: Bedside, outage: Outage
) -> None:
    outage.begin()
    assert not say(desk, bedside, timezone.now(), heart_rate=70)


def test_a_disk_that_is_full_is_not_acknowledged(
    desk: Desk, bedside: Bedside, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.standby is not None and look(desk)
    outage.begin()
    assert say(desk, bedside, timezone.now(), heart_rate=70)
    monkeypatch.setattr(desk.standby._journal, "_most_bytes", desk.standby._journal.size_bytes + 10)
    assert not say(desk, bedside, timezone.now(), heart_rate=71)
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70)]
    assert say(desk, bedside, timezone.now(), heart_rate=72)


def no_room(*given: Any, **named: Any) -> Any:
    raise OperationalError("could not extend file: No space left on device")


def test_a_full_disk_silences_no_alarm(
    desk: Desk, bedside: Bedside, outage: Outage, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away and the journal takes nothing: what is not acknowledged is heard all the same."""
    assert desk.standby is not None and look(desk)
    outage.begin()
    monkeypatch.setattr(desk.standby._journal, "_most_bytes", 0)
    now = timezone.now()
    assert not say(desk, bedside, now, spo2=78)
    assert alarms_of(bedside, heard) == ["high"]
    assert not say(desk, bedside, now, spo2=78)  # said again: it is one alarm
    assert not look(desk)
    assert alarms_of(bedside, heard) == ["high"]
    outage.end()
    assert say(desk, bedside, now, spo2=78) and look(desk)
    assert rows_of(bedside) == [("spo2", 78)]


def test_a_database_that_can_be_read_and_takes_nothing_silences_no_alarm(
    desk: Desk, bedside: Bedside, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One full disk holds both: only the writing fails, and the look around finds everything well."""
    assert desk.standby is not None and look(desk)
    with monkeypatch.context() as full:
        full.setattr(feed, "record_all", no_room)
        full.setattr(desk.standby._journal, "_most_bytes", 0)
        assert not say(desk, bedside, timezone.now(), spo2=78)
        assert alarms_of(bedside, heard) == ["high"]
        assert not look(desk), "no signal is taken for lost by a watch that cannot write"
        assert alarms_of(bedside, heard) == ["high"], "it is told again each second"
        # A monitor that says the same again until it is acknowledged says nothing new: that is missed too.
        assert not desk.standby.look(timezone.now() + timedelta(seconds=10))
        assert sorted(alarms_of(bedside, heard)) == ["high", "technical"]
    assert say(desk, bedside, timezone.now(), spo2=77) and look(desk)
    assert [each for each in told(heard) if each.get("is_back")], "the pages are told when it is over"


def test_an_alarm_meanwhile_is_told_at_once_and_stored_after(
    desk: Desk, bedside: Bedside, outage: Outage, heard: socket.socket
) -> None:
    assert look(desk)
    outage.begin()
    assert say(desk, bedside, timezone.now(), spo2=80)
    newest = told(heard)[-1]
    assert newest["session"] == str(bedside.session.id) and newest["clinic"] == str(bedside.clinic_id)
    assert [(a["code"], a["priority"], a["is_in_record"]) for a in newest["alarms"]] == [
        ("spo2", "high", False)
    ]
    assert newest["readings"][0]["value"] == 80
    outage.end()
    assert look(desk)
    assert told(heard)[-1] == {"is_back": True}
    with connection.cursor() as cursor:
        cursor.execute(
            "select code, priority, text from bothwell_alarm where session_id = %s", [bedside.session.id]
        )
        assert cursor.fetchall() == [("spo2", "high", newest["alarms"][0]["text"])]


def test_an_alarm_that_stood_before_is_not_raised_anew(
    desk: Desk, bedside: Bedside, outage: Outage, heard: socket.socket
) -> None:
    now = timezone.now()
    assert look(desk)
    assert say(desk, bedside, now - timedelta(seconds=3), spo2=80)
    assert look(desk)
    outage.begin()
    assert say(desk, bedside, now - timedelta(seconds=2), spo2=80)
    assert [each["is_in_record"] for each in told(heard)[-1]["alarms"]] == [True]
    assert say(desk, bedside, now - timedelta(seconds=1), spo2=95)
    assert [each["is_over"] for each in told(heard)[-1]["alarms"]] == [True]


def test_a_signal_that_goes_meanwhile_is_missed(
    desk: Desk, bedside: Bedside, outage: Outage, heard: socket.socket
) -> None:
    assert desk.standby is not None and look(desk)
    assert say(desk, bedside, timezone.now(), heart_rate=70)
    assert look(desk)
    outage.begin()
    assert not desk.standby.look(timezone.now())
    assert alarms_of(bedside, heard) == []
    desk.standby.look(timezone.now() + timedelta(seconds=9))
    assert alarms_of(bedside, heard) == ["technical"]


def test_what_cannot_be_taken_down_is_kept_aside_and_stops_nothing(
    desk: Desk, bedside: Bedside, outage: Outage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    assert look(desk)
    outage.begin()
    for n in range(3):
        assert say(desk, bedside, now - timedelta(seconds=5 - n), heart_rate=70 + n)
    outage.end()
    real = feed.record_all

    def picky(messages: Any) -> Any:
        if any(reading.value == 71 for message, _ in messages for reading in message.readings):
            raise ValueError("a fault of ours")
        return real(messages)

    monkeypatch.setattr(feed, "record_all", picky)
    monkeypatch.setattr(feed, "record", lambda message, received_at: picky([(message, received_at)])[0])
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70), ("heart_rate", 72)]
    aside = Journal(tmp_path / "standby.aside", KEY)
    assert [b"71" in record for record, _ in aside.records(standby.Place())] == [True]


def test_log_lines_say_nothing_of_anybody(
    desk: Desk, bedside: Bedside, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert look(desk)
        outage.begin()
        say(desk, bedside, timezone.now(), spo2=61)
        look(desk)
        outage.end()
        look(desk)
    assert "journal" in caplog.text
    for secret in ("61", bedside.device.identifier, str(bedside.session.id)):
        assert secret not in "".join(each.getMessage() for each in caplog.records)


def test_a_correction_survives_the_journal(desk: Desk, bedside: Bedside, outage: Outage) -> None:
    at = timezone.now() - timedelta(seconds=20)
    assert look(desk) and say(desk, bedside, at, heart_rate=70)
    outage.begin()
    corrected = said(bedside.device.identifier, at, heart_rate=75).replace(b"|||||R|", b"|||||C|")
    assert is_accepted(desk.answer(corrected, timezone.now()))
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70), ("heart_rate", 75)]


def test_a_reading_comes_back_from_the_journal_as_it_went_in(bedside: Bedside) -> None:
    now = timezone.now()
    read = hl7v2.read(said("00A0B0FFFEC0D001", now, heart_rate=70, systolic=121.5), now, standby.UTC)
    assert isinstance(read, hl7v2.Message)
    kept, received_at = standby._report(standby._written(read.readings, now))
    assert tuple(kept.readings) == read.readings and received_at == now


def test_a_busy_ward_is_caught_up_with(desk: Desk, bedside: Bedside, outage: Outage) -> None:
    """Monitors that speak as fast as they are acknowledged do not keep the journal from ever being empty."""
    assert desk.standby is not None and look(desk)
    outage.begin()
    first = timezone.now() - timedelta(seconds=60)
    assert say(desk, bedside, first, heart_rate=70)
    outage.end()
    ended, said_in_all = threading.Event(), [first]

    def speak() -> None:
        while not ended.is_set():
            at = timezone.now()
            if desk.standby is not None and desk.standby.waits:
                assert desk.standby.take(said(bedside.device.identifier, at, heart_rate=71), at) is not None
                said_in_all.append(at)

    speaking = [threading.Thread(target=speak) for _ in range(3)]
    for each in speaking:
        each.start()
    is_done = look(desk)
    ended.set()
    for each in speaking:
        each.join()
    assert is_done
    while desk.standby.waits:
        assert look(desk)
    # The monitor's clock tells milliseconds: two said within one are one.
    assert len(rows_of(bedside)) == len({f"{at:%H%M%S}{at.microsecond // 1000}" for at in said_in_all})


# ── a gateway speaks for several monitors ──


def together(*messages: bytes) -> bytes:
    """One message of a gateway: what these messages say of their devices, one behind the other."""
    first, *others = messages
    parts = [message[message.index(b"OBR|") :] for message in others]
    return first + b"".join(part.replace(b"OBR|1|", b"OBR|%d|" % n) for n, part in enumerate(parts, 2))


def lying_in(standing_by: Standby) -> list[str]:
    """The devices the journal holds something of, in order."""
    records = standing_by._journal.records(standby.Place())
    return [each.device_id for record, _ in records for each in standby._report(record)[0].readings]


def test_a_monitor_put_on_since_the_last_look_loses_nothing_behind_its_gateway(
    desk: Desk, bedside: Bedside, on_nobody: str, outage: Outage
) -> None:
    assert desk.standby is not None and look(desk)
    # A nurse puts the second monitor on somebody, and then the database goes away.
    with as_login(LOGINS.web), loading():
        other = open_session(bedside.cast, bedside.cast.stranger_a)
        device = type(bedside.device).objects.get(identifier=on_nobody)
        bind(bedside.cast, other, device, timezone.now())
    outage.begin()
    at = timezone.now()
    message = together(said(bedside.device.identifier, at, heart_rate=70), said(on_nobody, at, spo2=80))
    assert is_accepted(desk.answer(message, timezone.now()))
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70)]
    assert rows_of(replace(bedside, session=other)) == [("spo2", 80)]


def test_of_a_monitor_that_turns_out_to_be_on_nobody_nothing_stays(
    desk: Desk, bedside: Bedside, on_nobody: str, outage: Outage, tmp_path: Path
) -> None:
    assert desk.standby is not None and look(desk)
    outage.begin()
    at, stranger = timezone.now(), "FFFFFFFFFFFFFFFF"
    parts = [(bedside.device.identifier, 70), (on_nobody, 71), (stranger, 72)]
    message = together(*(said(device, at, heart_rate=value) for device, value in parts))
    assert is_accepted(desk.answer(message, timezone.now()))
    # Of a monitor nobody has set up here nothing is kept at all.
    assert lying_in(desk.standby) == [bedside.device.identifier, on_nobody]
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70)]
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from bothwell_sample s join bothwell_device d on d.id = s.device_id "
            "where d.identifier = %s",
            [on_nobody],
        )
        assert cursor.fetchone() == (0,)
    assert (tmp_path / "standby.journal").stat().st_size == len(b"BWJRNL1\n")


def test_what_came_before_a_look_that_saw_the_monitor_on_nobody_is_kept_nowhere(
    desk: Desk, bedside: Bedside, on_nobody: str, outage: Outage
) -> None:
    assert desk.standby is not None
    received_at = timezone.now()
    assert desk.standby.look(received_at + timedelta(seconds=1))
    outage.begin()
    at = received_at - timedelta(seconds=1)
    message = together(said(bedside.device.identifier, at, heart_rate=70), said(on_nobody, at, spo2=80))
    assert is_accepted(desk.answer(message, received_at))
    assert lying_in(desk.standby) == [bedside.device.identifier]


# ── what cannot be taken down ──


def test_a_record_that_cannot_be_read_goes_aside_and_the_others_are_taken_down(
    desk: Desk, bedside: Bedside, outage: Outage, tmp_path: Path
) -> None:
    assert desk.standby is not None and look(desk)
    outage.begin()
    assert say(desk, bedside, timezone.now(), heart_rate=70)
    for broken in (b"no JSON", b"{}", b'{"received_at": 1, "readings": [{"colour": 1}]}'):
        desk.standby._journal.append(broken)
    assert say(desk, bedside, timezone.now(), heart_rate=71)
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70), ("heart_rate", 71)]
    aside = Journal(tmp_path / "standby.aside", KEY)
    assert len(list(aside.records(standby.Place()))) == 3


def test_what_the_database_always_refuses_goes_aside_after_three_tries_and_stops_nothing(
    desk: Desk, bedside: Bedside, outage: Outage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    assert desk.standby is not None and look(desk)
    outage.begin()
    for n in range(3):
        assert say(desk, bedside, now - timedelta(seconds=5 - n), heart_rate=70 + n)
    outage.end()
    real = feed.record_all

    def picky(messages: Any) -> Any:
        if any(reading.value == 71 for message, _ in messages for reading in message.readings):
            raise ProgrammingError("a column that is not there")
        return real(messages)

    monkeypatch.setattr(feed, "record_all", picky)
    monkeypatch.setattr(feed, "record", lambda message, received_at: picky([(message, received_at)])[0])
    # A migration may be under way: it is not given up at once.
    assert [look(desk) for _ in range(5)] == [False] * 5
    assert rows_of(bedside) == [("heart_rate", 70)]
    assert not (tmp_path / "standby.aside").exists()
    monkeypatch.setattr(standby, "SETTLES_S", 0.0)
    assert look(desk)
    assert rows_of(bedside) == [("heart_rate", 70), ("heart_rate", 72)]
    aside = Journal(tmp_path / "standby.aside", KEY)
    assert [b"71" in record for record, _ in aside.records(standby.Place())] == [True]


def test_a_bed_whose_alarms_fail_stops_no_other(
    desk: Desk, bedside: Bedside, outage: Outage, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_login(LOGINS.web):
        other = open_bedside()
    assert desk.standby is not None and look(desk)
    outage.begin()
    real = beds.Bed.told

    def failing(bed: beds.Bed, at: datetime) -> dict[str, Any]:
        if bed.session.id == bedside.session.id:
            raise KeyError("a fault of ours")
        return real(bed, at)

    monkeypatch.setattr(beds.Bed, "told", failing)
    at = timezone.now()
    parts = [said(each.device.identifier, at, spo2=80) for each in (bedside, other)]
    assert is_accepted(desk.answer(together(*parts), at))
    assert alarms_of(other, heard) == ["high"]
    assert not look(desk)
    assert alarms_of(other, heard) == ["high"]


def test_of_beds_another_process_hears_nothing_is_told(
    tmp_path: Path, bedside: Bedside, outage: Outage, heard: socket.socket
) -> None:
    with as_login(LOGINS.work):
        journal = Journal(tmp_path / "other.journal", KEY)
        of_sdc = Standby(
            journal, Teller(tmp_path / "heard"), Calm(), tmp_path / "other.aside", KEY, standby.speaks_sdc
        )
        assert of_sdc.look(timezone.now())
        outage.begin()
        assert not of_sdc.look(timezone.now())
    assert [each for each in told(heard) if each.get("session") == str(bedside.session.id)] == []


# ── a monitor whose clock is wrong ──


def test_an_alarm_is_shown_though_the_monitors_clock_is_an_hour_slow(
    desk: Desk, outage: Outage, heard: socket.socket
) -> None:
    with as_login(LOGINS.web):
        bedside = open_bedside(is_bound=False)
    now, hour = timezone.now(), timedelta(hours=1)
    for second in range(0, 60, 10):
        at = now - timedelta(seconds=60 - second)
        feed.look_at_clocks({bedside.device.identifier: at - hour}, received_at=at)
    with as_login(LOGINS.web), loading():
        bind(bedside.cast, bedside.session, bedside.device, now)
    assert look(desk)
    outage.begin()
    assert say(desk, bedside, timezone.now() - hour, spo2=80)
    assert alarms_of(bedside, heard) == ["high"]
    outage.end()
    assert look(desk)
    assert rows_of(bedside) == [("spo2", 80)]
