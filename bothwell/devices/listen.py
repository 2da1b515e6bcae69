"""Takes calls from bedside monitors (HL7 v2 over MLLP) and acknowledges each message once it is safely kept.

It never acknowledges before the database has it, and never writes what a message said into a log. With a
certificate it speaks TLS only; without, nothing is encrypted: keep it on the monitors' own network.

What a monitor is answered
* AA: kept, or known already; also when the monitor is on nobody. Then nothing is kept: there is nobody to
  keep it for, and a monitor that sends it again and again would delay what comes later.
* AR: nothing like this is taken here: not a result message, an unreadable header, a device nobody has set up.
* AE: this one message cannot be kept: its form is broken, or none of its values can be read.
* Nothing, while the database does not answer: the monitor keeps the message and sends it again.

Messages of one connection are taken in order, those of several side by side.
"""

import asyncio
import signal
import socket
import ssl
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from django.db import connection, connections

from bothwell.couples.models import new_id
from bothwell.devices import hl7v2, mllp
from bothwell.devices.er7 import AckCode, Refusal
from bothwell.devices.keeping import AWAY, Calm, Clocks, kind_of
from bothwell.devices.reading import HARMLESS
from bothwell.monitoring import actions

# A message of a monitor has a few kilobytes; a gateway's for a ward still fits.
LIMIT_BYTES = 256 * 1024
WORKERS = 4
MOST_CONNECTIONS = 256
TICK_EVERY_S = 1.0
# After a start every monitor gets time to call again before its silence counts.
GRACE_S = 10.0
STOP_PATIENCE_S = 3.0
ZONE_LIVES_S = 30.0
# A call that does not get through to encryption by then is given up.
HANDSHAKE_S = 10.0


@dataclass
class Desk:
    """Answers a message in whatever thread asks; remembers time zones for half a minute, and clocks for seconds."""

    calm: Calm = field(default_factory=Calm)
    clocks: Clocks = field(init=False)
    _zones: dict[str, tuple[tzinfo, float]] = field(default_factory=dict)
    _usual: tzinfo = UTC

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.calm)

    def answer(self, message: bytes, received_at: datetime) -> bytes | None:
        """The acknowledgement, once it is true; none while the database does not answer."""
        for is_last in (False, True):
            try:
                outcome = self._take(message, received_at)
                break
            except AWAY as error:
                # Once more, over a new connection: the old one may have died idle, or lost to a deadlock.
                connection.close()
                if is_last:
                    self.calm.say(f"the database takes no message, monitors send again: {kind_of(error)}")
                    return None
            except Exception as error:
                # This message's own fault, or ours: it must not stand in the way of all that follow.
                connection.close()
                self.calm.say(f"a message could not be kept: {kind_of(error)}")
                outcome = _refused_late(message, received_at)
                break
        if isinstance(outcome, Refusal):
            self.calm.say(f"a message was refused ({outcome.ack_code}): {outcome.reason}")
        return hl7v2.ack(outcome, at=datetime.now(UTC), control_id=new_id().hex)

    def _take(self, message: bytes, received_at: datetime) -> hl7v2.Message | Refusal:
        read = self._read(message, received_at)
        if isinstance(read, Refusal):
            return read
        outcome = self._kept(read, received_at)
        self.clocks.heard(read.newest, received_at)
        return outcome

    def _kept(self, read: hl7v2.Message, received_at: datetime) -> hl7v2.Message | Refusal:
        if not read.readings:
            return _without_values(read)
        recorded = actions.record(read, received_at=received_at)
        if not recorded.is_known:
            return _not_known(read)
        for kind in {problem.kind for problem in read.problems} - HARMLESS:
            self.calm.say(f"a value was left out of a message: {kind}")
        return read

    def _read(self, message: bytes, received_at: datetime) -> hl7v2.Message | Refusal:
        """The message, times without a zone taken in the zone of the clinic its device stands in."""
        guess = self._usual
        read = hl7v2.read(message, received_at, guess)
        if isinstance(read, Refusal):
            return read
        # A wrong guess may have put every time ahead of its arrival: look for the devices without minding.
        found = read if read.readings else hl7v2.read(message, received_at + timedelta(days=2), guess)
        if isinstance(found, Refusal) or not found.readings:
            return found
        zone = self._zone({reading.device_id for reading in found.readings})
        if zone is None:
            return _not_known(found)
        self._usual = zone
        return read if zone == guess else hl7v2.read(message, received_at, zone)

    def _zone(self, identifiers: Collection[str]) -> tzinfo | None:
        """The zone of the first of these devices that is known here."""
        now = time.monotonic()
        known = {
            each: self._zones[each][0] for each in identifiers if self._zones.get(each, (UTC, 0.0))[1] > now
        }
        if not known:
            known = actions.zones_of(identifiers)
            self._zones |= {each: (zone, now + ZONE_LIVES_S) for each, zone in known.items()}
        return next(iter(known.values()), None)


def _not_known(message: hl7v2.Message) -> Refusal:
    return hl7v2.refuse(message, AckCode.REFUSED, "204", "This device is not known here")


def _without_values(message: hl7v2.Message) -> hl7v2.Message | Refusal:
    """A message without a value is fine, unless values were there and none could be read."""
    if all(problem.kind in HARMLESS for problem in message.problems):
        return message
    return hl7v2.refuse(message, AckCode.ERROR, "102", "None of the values could be read")


def _refused_late(message: bytes, received_at: datetime) -> Refusal:
    read = hl7v2.read(message, received_at, UTC)
    if isinstance(read, Refusal):
        return read
    return hl7v2.refuse(read, AckCode.ERROR, "207", "The message could not be kept")


def _too_large() -> bytes:
    refusal = Refusal(AckCode.REFUSED, "207", f"A message may have {LIMIT_BYTES} bytes")
    return hl7v2.ack(refusal, at=datetime.now(UTC), control_id=new_id().hex)


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────


class Listener:
    """The server: conversations side by side, a tick each second, and a quick, orderly end."""

    def __init__(self, host: str, port: int, encryption: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self.encryption = encryption
        self.desk = Desk()
        self._pool = ThreadPoolExecutor(WORKERS, "feed")
        self._clock = ThreadPoolExecutor(1, "tick")
        self._talking: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[str, int], None]) -> None:
        """Listen until SIGTERM or SIGINT; `ready` is told where. Raises OSError if the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._stopping = self._loop.create_future()
        # Threads here live as long as the process: each keeps one connection of its own.
        connections["default"].settings_dict["OPTIONS"]["pool"] = False
        self._stop_on_signals()
        server = await asyncio.start_server(
            self._called,
            self.host,
            self.port,
            ssl=self.encryption,
            ssl_handshake_timeout=HANDSHAKE_S if self.encryption else None,
        )
        ready(*server.sockets[0].getsockname()[:2])
        ticking = asyncio.create_task(self._tick())
        await self._stopping
        server.close()
        await self._finish(ticking)

    def _stop_on_signals(self) -> None:
        def stop() -> None:
            if not self._stopping.done():
                self._stopping.set_result(None)

        for each in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(each, stop)

    async def _finish(self, ticking: asyncio.Task[None]) -> None:
        """Messages being kept are kept and answered; what has not been begun, monitors send again."""
        left = {*self._talking, ticking}
        _, unfinished = await asyncio.wait(left, timeout=STOP_PATIENCE_S)
        for task in unfinished:
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._clock.shutdown(wait=False, cancel_futures=True)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talking.add(task)
        try:
            if len(self._talking) > MOST_CONNECTIONS:
                self.desk.calm.say("too many connections at once: a call was not taken")
                return
            _keep_alive(writer)
            await self._converse(reader, writer)
        except (OSError, TimeoutError):
            self.desk.calm.say("a connection broke off")
        finally:
            self._talking.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, too_large = mllp.Framer(LIMIT_BYTES), 0
        while data := await self._read(reader):
            received_at = datetime.now(UTC)
            for message in framer.feed(data):
                answer = await self._loop.run_in_executor(self._pool, self.desk.answer, message, received_at)
                await _send(writer, answer)
                if self._stopping.done():
                    return
            for _ in range(framer.oversized_frames - too_large):
                self.desk.calm.say("a message was refused: too large")
                await _send(writer, _too_large())
            too_large = framer.oversized_frames

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next; nothing once the other side hung up or we are to stop."""
        reading = asyncio.ensure_future(reader.read(65536))
        await asyncio.wait({reading, self._stopping}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return b"" if self._stopping.done() else reading.result()
        reading.cancel()
        return b""

    async def _tick(self) -> None:
        """Each second, look whether a signal has gone; begin once monitors had time to call."""
        wait_s = GRACE_S
        while not self._stopping.done():
            await asyncio.wait({self._stopping}, timeout=wait_s)
            if self._stopping.done():
                return
            wait_s = TICK_EVERY_S
            await self._loop.run_in_executor(self._clock, self._look)

    def _look(self) -> None:
        try:
            actions.tick(datetime.now(UTC))
        except Exception as error:
            connection.close()
            self.desk.calm.say(f"the watch for lost signals paused: {type(error).__name__}")


async def _send(writer: asyncio.StreamWriter, answer: bytes | None) -> None:
    if answer is not None:
        writer.write(mllp.frame(answer))
        # A monitor that does not read its answers is not listened to for ever.
        await asyncio.wait_for(writer.drain(), 10)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """So that a cable pulled out is noticed within a minute or so."""
    channel = writer.get_extra_info("socket")
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            channel.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
