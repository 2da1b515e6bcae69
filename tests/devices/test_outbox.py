"""What a device said waits, in order, until the database has it; a broken report does not stop the others."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, ProgrammingError

from bothwell.devices import outbox
from bothwell.devices.keeping import Calm
from bothwell.devices.metrics import Report
from bothwell.devices.outbox import Outbox
from bothwell.monitoring.feed import Recorded

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


class Database:
    """Takes reports down, unless it is away or the report is one it chokes on."""

    def __init__(self) -> None:
        self.kept: list[Report] = []
        self.is_away = False
        self.chokes_on: list[Report] = []
        self.tries = 0

    def record(self, report: Report, *, received_at: datetime) -> Recorded:
        assert received_at == NOON
        self.tries += 1
        if self.is_away:
            raise OperationalError("Quillfeather")
        if any(report is one for one in self.chokes_on):
            raise KeyError("Quillfeather")
        self.kept.append(report)
        return Recorded(True, kept=1)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    one = Database()
    monkeypatch.setattr(outbox.feed, "record", one.record)
    monkeypatch.setattr(outbox.connection, "close", lambda: None)
    return one


def reports(count: int) -> list[Report]:
    return [Report((), (), {str(number): NOON}) for number in range(count)]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def started(most: int = 1000) -> Outbox:
    one = Outbox(Calm(), most=most, retry_s=0.01)
    one.start()
    return one


def test_what_came_while_the_database_was_away_is_kept_in_order(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    box, said = started(), reports(50)
    database.is_away = True
    for one in said:
        box.put(one, NOON)
    eventually(lambda: database.tries > 3)
    database.is_away = False
    eventually(lambda: len(database.kept) == 50)
    assert all(kept is one for kept, one in zip(database.kept, said, strict=True))
    assert box.stop(5) == 0
    assert "waits: OperationalError" in caplog.text
    assert "Quillfeather" not in caplog.text


def test_a_report_that_can_never_be_kept_does_not_stop_what_follows(database: Database) -> None:
    box, said = started(), reports(3)
    database.chokes_on = [said[1]]
    for one in said:
        box.put(one, NOON)
    assert box.stop(5) == 0
    assert [id(one) for one in database.kept] == [id(said[0]), id(said[2])]


def test_what_is_still_waiting_at_the_end_is_counted(database: Database) -> None:
    database.is_away = True
    box = started()
    for one in reports(7):
        box.put(one, NOON)
    assert box.stop(0.2) == 7


def test_without_room_the_oldest_go_and_it_is_said(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.is_away = True
    box, said = started(most=5), reports(8)
    for one in said:
        box.put(one, NOON)
    database.is_away = False
    eventually(lambda: any(one is said[-1] for one in database.kept))
    assert [id(one) for one in database.kept][-5:] == [id(one) for one in said[3:]]
    assert "the oldest readings are lost" in caplog.text
    box.stop(5)


def test_many_threads_put_and_all_is_kept_once(database: Database) -> None:
    box, said = started(), reports(200)
    threads = [
        threading.Thread(target=lambda part=part: [box.put(one, NOON) for one in said[part::4]])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box.stop(10) == 0
    assert sorted(map(id, database.kept)) == sorted(map(id, said))


class StandsIn:
    """Keeps what is of monitors on somebody."""

    def __init__(self, *of_nobody: Report) -> None:
        self.kept: list[Report] = []
        self.seen_ones: list[Report] = []
        self._of_nobody = of_nobody

    def keep(self, readings: object, received_at: datetime) -> bool:
        is_kept = not any(readings is each.readings for each in self._of_nobody)
        if is_kept:
            self.kept.append(readings)  # type: ignore[arg-type]
        return is_kept

    def seen(self, report: object, received_at: datetime) -> None:
        self.seen_ones.append(report)  # type: ignore[arg-type]


def spoken(count: int) -> list[Report]:
    """Reports whose readings can be told apart."""
    return [Report([f"reading {number}"], (), {}) for number in range(count)]  # type: ignore[arg-type]


def test_what_waits_goes_to_whoever_stands_in_and_what_is_of_nobody_goes_on_to_wait(
    database: Database,
) -> None:
    said = spoken(6)
    box, standing_in = Outbox(Calm(), retry_s=0.01), StandsIn(said[0], said[3])
    box.standby = standing_in
    database.is_away = True
    for one in said:
        box.put(one, NOON)
    box.start()
    eventually(lambda: len(standing_in.kept) == 4)
    assert standing_in.kept == [said[number].readings for number in (1, 2, 4, 5)]
    database.is_away = False
    eventually(lambda: len(database.kept) == 2)
    assert [id(one) for one in database.kept] == [id(said[0]), id(said[3])]
    assert box.stop(5) == 0
    assert [id(one) for one in standing_in.seen_ones] == [id(said[0]), id(said[3])]
    assert len(standing_in.kept) == 4


def test_a_database_that_refuses_is_no_reason_to_stand_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*args: object, **given: object) -> Recorded:
        database.tries += 1
        raise ProgrammingError("a migration")

    box, standing_in = Outbox(Calm(), retry_s=0.01), StandsIn()
    box.standby = standing_in
    monkeypatch.setattr(outbox.feed, "record", refuses)
    box.put(spoken(1)[0], NOON)
    box.start()
    eventually(lambda: database.tries > 5)
    assert standing_in.kept == []
    assert box.stop(0.1) == 1
