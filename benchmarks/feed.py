"""How many messages of bedside monitors are acknowledged a second, each safely on disk, and how soon.

    python -m benchmarks.feed

Beside it, in the same run: bare inserts of the same rows with a commit each, and another reader.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import hl7
import psycopg

from benchmarks.stage import LOGINS, environment, prepare, row
from bothwell.couples.models import new_id
from bothwell.demo.monitor import Connection
from bothwell.devices import hl7v2
from tests.room import Bedside, said

SECONDS = 1500
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2 * SECONDS)


def message(bedside: Bedside, number: int) -> bytes:
    """What a monitor shows each two seconds: three values."""
    at = BEGIN + timedelta(seconds=2 * number)
    values = {"heart_rate": 70 + number % 5, "spo2": 97, "respiratory_rate": 14}
    return said(bedside.device.identifier, at, control_id=f"b{number}", **values)


def send(bedside: Bedside, port: int, first: int, count: int, took: list[float]) -> None:
    """One monitor: each message waits for its acknowledgement before the next is sent."""
    line = Connection("127.0.0.1", port)
    for number in range(first, first + count):
        frame = message(bedside, number)
        begun = time.perf_counter()
        answer = line.exchange(frame, f"b{number}")
        took.append(time.perf_counter() - begun)
        assert answer == "AA", answer
    line.close()


def side_by_side(calls: list[Callable[[], None]]) -> float:
    threads = [threading.Thread(target=call) for call in calls]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def measure_feed(bedsides: list[Bedside], port: int, first: int, each: int) -> float:
    took: list[float] = []
    seconds = side_by_side(
        [lambda one=one: send(one, port, first, each, took) for one in bedsides]  # type: ignore[misc]
    )
    rate = len(took) / seconds
    print(row(f"acknowledged, kept on disk: {len(bedsides)} monitor(s)", took, rate))
    return rate


def measure_bare(bedsides: list[Bedside], first: int, each: int) -> float:
    """The same three rows and a commit, by psycopg alone: no reading, no locks, no alarms, no notice."""
    took: list[float] = []

    def insert(bedside: Bedside) -> None:
        with psycopg.connect(LOGINS.work, autocommit=True) as connection:
            for number in range(first, first + each):
                at = BEGIN - timedelta(days=1) + timedelta(seconds=number)
                begun = time.perf_counter()
                connection.execute(BARE, values(bedside, at))
                took.append(time.perf_counter() - begun)

    seconds = side_by_side([lambda one=one: insert(one) for one in bedsides])  # type: ignore[misc]
    rate = len(took) / seconds
    print(row(f"bare insert of the same rows and commit: {len(bedsides)} connection(s)", took, rate))
    return rate


BARE = (
    "insert into bothwell_sample "
    "(id, clinic_id, subject_id, couple_id, recorded_at, session_id, device_id, code, "
    "value, unit, observed_at, detail, is_artefact, reason) values "
    + ", ".join(["(%s, %s, %s, %s, now(), %s, %s, %s, 1, '', %s, '{}', false, '')"] * 3)
)


def values(bedside: Bedside, at: datetime) -> list[object]:
    session = bedside.session
    who = (session.clinic_id, session.subject_id, session.couple_id, session.id, bedside.device.id)
    return [value for code in ("a", "b", "c") for value in (new_id(), *who, code, at)]


def measure_readers(bedside: Bedside) -> float:
    frame = message(bedside, 0)
    text = frame.decode()

    def rate(call: Callable[[], object], count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            call()
        return count / (time.perf_counter() - begun)

    ours = rate(lambda: hl7v2.read(frame, BEGIN, UTC), 4000)
    theirs = rate(lambda: hl7.parse(text), 1000)
    print(f"{'reading a message: ours':<58}{ours:9.0f}/s")
    print(f"{'reading a message: hl7 (its form alone, no meaning)':<58}{theirs:9.0f}/s")
    print(f"  ours is {ours / theirs:.1f} times as fast")
    return ours / theirs


def main() -> None:
    """Print the report."""
    bedsides = prepare(8)
    command = [sys.executable, "-m", "django", "listen", "--port", "0"]
    listener = subprocess.Popen(command, env=environment("work", LOGINS.work), stdout=subprocess.PIPE)
    assert listener.stdout is not None
    port = int(listener.stdout.readline().decode().rpartition(":")[2])
    try:
        measure_feed(bedsides[:1], port, 0, 50)
        for count, first in ((1, 100), (4, 400), (8, 700)):
            ours = measure_feed(bedsides[:count], port, first, 250)
            bare = measure_bare(bedsides[:count], first, 250)
            print(
                f"  a message costs {bare / ours:.1f} bare inserts; at one each 2 s: {2 * ours:.0f} monitors"
            )
        measure_readers(bedsides[0])
    finally:
        listener.terminate()
        listener.wait()


if __name__ == "__main__":
    main()
