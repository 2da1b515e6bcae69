"""Twenty rooms at once: how soon what a monitor says is on every open page, and whether anything is lost on the way.

    python -m benchmarks.load --minutes 10

Twenty simulated monitors say six values each second over real sockets to the listener; two hundred pages follow, nine
on each room and one on each board. Every few seconds one room's saturation falls for a moment and calls. The pages'
and the listener's processes are those `bothwell serve` starts. Nothing is asserted: a number is read by somebody.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
from django.conf import settings

from benchmarks import crowd
from benchmarks.live import cookie_of
from benchmarks.stage import LOGINS, environment, percentile, prepare
from bothwell.demo.monitor import oru
from bothwell.demo.signals import Shown
from bothwell.devices import mllp
from tests.room import Bedside, as_login

ROOMS = 20
PAGES_A_ROOM = 9
CALL_EVERY = 15


@dataclass
class Page:
    """One stream of a room or a board; what it saw, and when."""

    topic: str
    about: str
    samples: dict[tuple[str, str], float] = field(default_factory=dict)
    alarms: dict[str, float] = field(default_factory=dict)
    broke: int = 0

    async def open(self, port: int, cookie: str) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        self.writer.write(
            f"GET /live/{self.topic}/{self.about} HTTP/1.1\r\nHost: localhost\r\n"
            f"Cookie: {settings.SESSION_COOKIE_NAME}={cookie}\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"event: changed")
        self.task = asyncio.create_task(self.read())

    async def read(self) -> None:
        while line := await self.reader.readline():
            if line.startswith(b'data: {"samples"'):
                at = time.time()
                told = json.loads(line.removeprefix(b"data: "))
                for one in told["samples"]:
                    self.samples.setdefault((one["code"], one["observed_at"]), at)
                for alarm in told["alarms"]:
                    self.alarms.setdefault(alarm["id"], at)
        self.broke += 1


@dataclass
class Monitor:
    """One monitor: six values each second, each message until it is acknowledged."""

    bedside: Bedside
    number: int
    said: dict[tuple[str, str], float] = field(default_factory=dict)
    fell: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    async def run(self, port: int, seconds: int, begin: float) -> None:
        line = crowd.Line(self.bedside.device.identifier)
        await line.open(port)
        for second in range(seconds):
            await asyncio.sleep(max(0.0, begin + second + self.number / ROOMS - time.time()))
            falls = (second + self.number) % (CALL_EVERY * 4) == CALL_EVERY
            now = time.time()
            at = datetime.fromtimestamp(int(now * 1000) / 1000, UTC)
            shown = [
                Shown(code, 0, Decimal(86 if falls and code == "spo2" else value))
                for code, value in crowd.SIX.items()
            ]
            said_at = time.time()
            await line.exchange(
                mllp.frame(
                    oru(control_id=f"{second}", device_id=self.bedside.device.identifier, at=at, shown=shown)
                )
            )
            self.said |= {(code, at.isoformat()): said_at for code in crowd.SIX}
            self.fell += [said_at] if falls else []
        self.took = line.took
        line.writer.close()


@contextlib.contextmanager
def clinic() -> Iterator[tuple[int, int]]:
    """The pages' and the listener's processes; their ports."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    pages = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
        *("--log-level", "warning", "--port", str(port), "bothwell.asgi:application"),
    ]
    listen = [sys.executable, "-m", "django", "listen", "--port", "0"]
    web = subprocess.Popen(pages, env=environment("web", LOGINS.web), start_new_session=True)
    feed = subprocess.Popen(listen, env=environment("work", LOGINS.work), stdout=subprocess.PIPE)
    try:
        assert feed.stdout is not None
        listening = int(feed.stdout.readline().decode().rpartition(":")[2])
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, listening
    finally:
        feed.terminate()
        feed.wait()
        os.killpg(web.pid, signal.SIGKILL)
        web.wait()


async def measure(bedsides: list[Bedside], cookies: list[str], ports: tuple[int, int], seconds: int) -> None:
    """Let it run, then print what came when, and what did not."""
    pages = []
    for bedside, cookie in zip(bedsides, cookies, strict=True):
        rooms = [Page("room", str(bedside.session.id)) for _ in range(PAGES_A_ROOM)]
        for page in [*rooms, Page("board", str(bedside.clinic_id))]:
            await page.open(ports[0], cookie)
            pages.append(page)
    monitors = [Monitor(bedside, number) for number, bedside in enumerate(bedsides)]
    loads = [os.getloadavg()[0]]
    begin = time.time() + 1
    await asyncio.gather(*(monitor.run(ports[1], seconds, begin) for monitor in monitors))
    await asyncio.sleep(5)
    loads.append(os.getloadavg()[0])
    report(monitors, pages, loads)
    for page in pages:
        page.task.cancel()
        page.writer.close()


def report(monitors: list[Monitor], pages: list[Page], loads: list[float]) -> None:
    by_room = {str(monitor.bedside.session.id): monitor for monitor in monitors}
    late, lost, calls, unheard = [], 0, [], 0
    for page in (page for page in pages if page.topic == "room"):
        monitor = by_room[page.about]
        for key, said_at in monitor.said.items():
            if key in page.samples:
                late.append(page.samples[key] - said_at)
            else:
                lost += 1
        seen = sorted(page.alarms.values())
        unheard += max(0, len(monitor.fell) - len(seen))
        calls += [at - fell for at, fell in zip(seen, monitor.fell, strict=False)]
    said = sum(len(monitor.said) for monitor in monitors)
    with psycopg.connect(LOGINS.work) as database:
        found = database.execute(
            "select count(*) from bothwell_sample where session_id = any(%s)",
            [[monitor.bedside.session.id for monitor in monitors]],
        ).fetchone()
    took = [one for monitor in monitors for one in monitor.took]
    print(f"load {loads[0]:.1f} before, {loads[1]:.1f} after; {len(monitors)} monitors, {len(pages)} pages")
    print(f"said {said} values, {found[0] if found else 0} in the database, {lost} of {lost + len(late)} not on a page; "
          f"{sum(page.broke for page in pages)} streams broke")  # fmt: skip
    for what, each in (
        ("said to acknowledged", took),
        ("said to page", late),
        ("said to alarm on a page", calls),
    ):
        if len(each) > 1:
            print(
                f"{what:<26} p50 {percentile(each, 50) * 1e3:8.0f}   p99 {percentile(each, 99) * 1e3:8.0f} ms  n {len(each)}"
            )
    print(f"{unheard} alarms did not come to a page that followed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rooms", type=int, default=ROOMS)
    asked = parser.parse_args()
    bedsides = prepare(asked.rooms)
    with as_login(LOGINS.web):
        cookies = [cookie_of(bedside.cast.nurse) for bedside in bedsides]
    with clinic() as ports:
        asyncio.run(measure(bedsides, cookies, ports, int(asked.minutes * 60)))


if __name__ == "__main__":
    main()
