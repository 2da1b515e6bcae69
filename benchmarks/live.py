"""How soon a reading that was committed is on every open page that follows the room.

    python -m benchmarks.live

Beside it, in the same run: how soon a bare LISTEN hears the same commits.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime

import psycopg
from django.conf import settings
from django.db import transaction

from benchmarks.stage import LOGINS, environment, percentile, prepare, row
from bothwell.devices import hl7v2
from bothwell.models import Person
from bothwell.monitoring import feed
from tests.cast import assign, client_for, person
from tests.conftest import loading
from tests.room import Bedside, as_login, said

CLIENTS = 50
COMMITS = 200
EVERY_S = 0.1


class Client:
    """One open page; notes when each reading arrived, by the time it was observed."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.heard: dict[str, float] = {}

    async def open(self, port: int, cookie: str) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(
            f"GET /live/room/{self.room} HTTP/1.1\r\nHost: localhost\r\n"
            f"Cookie: {settings.SESSION_COOKIE_NAME}={cookie}\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"event: changed")
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        while line := await self.reader.readline():
            at = time.perf_counter()
            if line.startswith(b'data: {"samples"'):
                for sample in json.loads(line.removeprefix(b"data: "))["samples"]:
                    self.heard.setdefault(sample["observed_at"], at)


def commit(bedside: Bedside) -> tuple[str, float]:
    """One message as the listener would keep it; when it was observed, and when it was committed."""
    now = datetime.now(UTC)
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    read = hl7v2.read(said(bedside.device.identifier, at, heart_rate=70, spo2=97), at, UTC)
    assert isinstance(read, hl7v2.Message)
    feed.record(read, received_at=at)
    return at.isoformat(), time.perf_counter()


async def bare_ear(heard: list[float]) -> None:
    connection = await psycopg.AsyncConnection.connect(LOGINS.web, autocommit=True)
    await connection.execute("listen bothwell")
    async for notice in connection.notifies():
        if notice.payload.startswith("readings:"):
            heard.append(time.perf_counter())


async def measure(title: str, bedsides: list[Bedside], cookies: dict[str, list[str]], port: int) -> None:
    """Commit at a steady pace, in turns over the rooms; print how late each page was."""
    clients = [Client(str(bedsides[number % len(bedsides)].session.id)) for number in range(CLIENTS)]
    for number, client in enumerate(clients):
        mine = cookies[client.room]
        await client.open(port, mine[number // len(bedsides) % len(mine)])
    bare: list[float] = []
    ear = asyncio.create_task(bare_ear(bare))
    await asyncio.sleep(0.5)
    loop = asyncio.get_running_loop()
    committed: dict[str, dict[str, float]] = defaultdict(dict)
    everything: list[float] = []
    for number in range(COMMITS):
        bedside = bedsides[number % len(bedsides)]
        observed_at, at = await loop.run_in_executor(None, commit, bedside)
        committed[str(bedside.session.id)][observed_at] = at
        everything.append(at)
        await asyncio.sleep(EVERY_S)
    await asyncio.sleep(1)
    ear.cancel()
    late = [
        max(0.0, one.heard[observed] - at) for one in clients for observed, at in committed[one.room].items()
    ]
    floor = [max(0.0, heard - at) for at, heard in zip(everything, bare, strict=True)]
    for client in clients:
        client.reading.cancel()
        client.writer.close()
    print(row(f"commit to page: {title}", late))
    print(row("commit to a bare LISTEN, same commits", floor))
    print(f"  at the median {percentile(late, 50) / percentile(floor, 50):.1f} times a bare LISTEN")


def cookie_of(who: Person) -> str:
    return client_for(who).cookies[settings.SESSION_COOKIE_NAME].value


def nurses(bedside: Bedside, count: int) -> list[Person]:
    with transaction.atomic(), loading():
        made = [person(bedside.cast.clinic, f"Nurse {number}", "staff", "nurse") for number in range(count)]
        for nurse in made:
            assign(nurse, "nurse", subject=bedside.session.subject)
    return made


def main() -> None:
    """Print the report."""
    bedsides = prepare(10)
    crowd = nurses(bedsides[0], 5)
    with as_login(LOGINS.web):
        own = {str(one.session.id): [cookie_of(one.cast.nurse)] for one in bedsides}
        of_one = {str(bedsides[0].session.id): [cookie_of(nurse) for nurse in crowd]}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
        *("--log-level", "warning", "--port", str(port), "bothwell.asgi:application"),
    ]
    server = subprocess.Popen(command, env=environment("web", LOGINS.web), start_new_session=True)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        with as_login(LOGINS.work):
            asyncio.run(measure(f"{CLIENTS} pages, 5 a room", bedsides, own, port))
            asyncio.run(measure(f"{CLIENTS} pages, all on one room", bedsides[:1], of_one, port))
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


if __name__ == "__main__":
    main()
