"""Many bedside monitors at once in one process, each waiting for its acknowledgement; and a plain listener beside ours."""

import asyncio
import secrets
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg

from bothwell.demo.monitor import oru
from bothwell.demo.signals import Shown
from bothwell.devices import hl7v2, mllp

END = b"\x1c\r"
SIX = {
    "heart_rate": 72, "spo2": 97, "respiratory_rate": 14, "systolic": 118, "diastolic": 74, "mean_pressure": 89,
}  # fmt: skip


def message(device: str, at: datetime, number: int) -> bytes:
    """What a monitor shows at one time: six values, quiet."""
    shown = [Shown(code, 0, Decimal(value + number % 3)) for code, value in SIX.items()]
    return mllp.frame(
        oru(control_id=f"{number}-{secrets.token_hex(3)}", device_id=device, at=at, shown=shown)
    )


@dataclass
class Line:
    """One monitor's connection; `took`: seconds to each acknowledgement."""

    device: str
    took: list[float] = field(default_factory=list)

    async def open(self, port: int) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)

    async def exchange(self, framed: bytes) -> None:
        begun = time.perf_counter()
        self.writer.write(framed)
        answer = await self.reader.readuntil(END)
        self.took.append(time.perf_counter() - begun)
        assert b"MSA|AA|" in answer, answer

    async def hurry(self, framed: Sequence[bytes]) -> None:
        """Each as soon as the one before is acknowledged."""
        for each in framed:
            await self.exchange(each)


async def crowd(devices: Sequence[str], port: int, each: int, begin: datetime) -> tuple[list[float], float]:
    """So many messages of every monitor, a second of source time apart, as fast as acknowledged; and how long it took."""
    framed = {
        device: [message(device, begin + timedelta(seconds=number), number) for number in range(each)]
        for device in devices
    }
    lines = [Line(device) for device in devices]
    for line in lines:
        await line.open(port)
    begun = time.perf_counter()
    await asyncio.gather(*(line.hurry(framed[line.device]) for line in lines))
    seconds = time.perf_counter() - begun
    for line in lines:
        line.writer.close()
    return [took for line in lines for took in line.took], seconds


# ── a plain listener: every value an insert and a commit of its own ──

NAIVE = (
    "insert into bothwell_sample (id, clinic_id, subject_id, couple_id, recorded_at, session_id, device_id, code, "
    "source, value, unit, observed_at, detail, is_artefact, reason) "
    "select gen_random_uuid(), b.clinic_id, b.subject_id, b.couple_id, now(), b.session_id, d.id, %s, %s, %s, %s, %s, "
    "'{}', false, '' from bothwell_device d join bothwell_binding b on b.device_id = d.id and b.until is null "
    "where d.identifier = %s on conflict do nothing"
)


class Naive:
    """Reads with our reader, keeps each value by itself, and acknowledges after the last; no alarms, no notices."""

    def __init__(self, dsn: str, workers: int = 4) -> None:
        self._dsn = dsn
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(workers, initializer=self._connect)

    def _connect(self) -> None:
        self._own.connection = psycopg.connect(self._dsn, autocommit=True)

    def keep(self, framed: bytes) -> bytes:
        read = hl7v2.read(framed, datetime.now(UTC), UTC)
        assert isinstance(read, hl7v2.Message)
        for one in read.readings:
            self._own.connection.execute(
                NAIVE, (one.code, one.source, one.value, one.unit, one.observed_at, one.device_id)
            )
        return hl7v2.ack(read, at=datetime.now(UTC), control_id="n")

    async def called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, loop = mllp.Framer(1 << 18), asyncio.get_running_loop()
        while data := await reader.read(65536):
            for each in framer.feed(data):
                writer.write(mllp.frame(await loop.run_in_executor(self._pool, self.keep, each)))


async def naive(dsn: str) -> None:
    """Listen until ended; prints the port."""
    server = await asyncio.start_server(Naive(dsn).called, "127.0.0.1", 0)
    print(f"naive:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(naive(sys.argv[1]))
