"""How many messages of bedside monitors are acknowledged a second, each safely on disk, and how soon.

    python -m benchmarks.feed

Beside it, in the same run: bare inserts of the same rows with a commit each, and another reader.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import hl7
import psycopg

from benchmarks import crowd
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


def measure_crowd(bedsides: list[Bedside], port: int, each: int, begin: datetime, what: str) -> float:
    """Samples a second of all monitors together, each as fast as it is acknowledged."""
    before = os.getloadavg()[0]
    devices = [one.device.identifier for one in bedsides]
    took, seconds = asyncio.run(crowd.crowd(devices, port, each, begin))
    rate = len(took) * len(crowd.SIX) / seconds
    print(row(f"{what}: {len(devices)} monitors x {each} messages of 6", took, len(took) / seconds))
    print(
        f"  {rate:.0f} samples/s acknowledged after commit; load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    return rate


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[int]:
    """A process that prints its port last on its first line."""
    process = subprocess.Popen(command, env=environment("work", LOGINS.work), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().decode().rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=200)
    parser.add_argument("--messages", type=int, default=60)
    asked = parser.parse_args()
    bedsides = prepare(max(8, asked.monitors))
    listen = [sys.executable, "-m", "django", "listen", "--port", "0"]
    naive = [sys.executable, "-m", "benchmarks.crowd", LOGINS.work]
    with started(listen) as port:
        measure_feed(bedsides[:1], port, 0, 50)
        for count, first in ((1, 100), (4, 400), (8, 700)):
            ours = measure_feed(bedsides[:count], port, first, 250)
            bare = measure_bare(bedsides[:count], first, 250)
            print(
                f"  a message costs {bare / ours:.1f} bare inserts; at one each 2 s: {2 * ours:.0f} monitors"
            )
        crowded = bedsides[: asked.monitors]
        day_ago = BEGIN - timedelta(minutes=5)
        measure_crowd(crowded, port, asked.messages, day_ago, "ours")
        with started(naive) as plain:
            theirs = measure_crowd(
                crowded, plain, max(5, asked.messages // 6), day_ago - timedelta(hours=2), "naive"
            )
        ours = measure_crowd(crowded, port, asked.messages, day_ago + timedelta(minutes=2), "ours again")
        print(f"  {ours / theirs:.1f} times a listener with a commit for each sample")
    measure_readers(bedsides[0])


if __name__ == "__main__":
    main()
