"""Takes calls from bedside monitors (HL7 v2 over MLLP) and acknowledges each message once it is safely kept.

It never acknowledges before the database has it, and never writes what a message said into a log. With a
certificate it speaks TLS only; without, nothing is encrypted: keep it on the monitors' own network.

What a monitor is answered
* AA: kept, or known already; also when the monitor is on nobody. Then nothing is kept: there is nobody to
  keep it for, and a monitor that sends it again and again would delay what comes later. Observations that were
  left out are named by their place (ERR), and codes that are not read here once in the log.
* AR: nothing like this is taken here: not a result message, an unreadable header, a device nobody has set up.
* AE: this one message cannot be kept: its form is broken, or none of its values can be read.
* Nothing, while the database does not answer: the monitor keeps the message and sends it again.

Messages of one connection are taken in order, those of several side by side.
"""

import asyncio
import gc
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue

from django.db import connection, connections

from bothwell.couples.models import new_id
from bothwell.devices import hl7v2, mllp
from bothwell.devices.er7 import AckCode, Refusal
from bothwell.devices.keeping import AWAY, Calm, Clocks, Sites, kind_of
from bothwell.devices.reading import HARMLESS
from bothwell.devices.standby import OUTAGE, Standby
from bothwell.monitoring import feed, ticking
from bothwell.monitoring.feed import Site

# A message of a monitor has a few kilobytes; a gateway's for a ward still fits.
LIMIT_BYTES = 256 * 1024
# While one of them waits for the database, the other reads. More would only make each batch smaller.
KEEPERS = 2
# What came while the last batch was committed goes into the next, up to so much of it.
MOST_AT_ONCE = 256
MOST_BYTES_AT_ONCE = 1024 * 1024
MOST_CONNECTIONS = 256
TICK_EVERY_S = 1.0
# After a start every monitor gets time to call again before its silence counts.
GRACE_S = 10.0
STOP_PATIENCE_S = 3.0
# To find the device in a message that speaks of shares of the air only; no value is taken from it.
ANY_AIR_MMHG = 760
# So many codes that are not read here are named in the log, each once.
MOST_UNREAD = 50
# A call that does not get through to encryption by then is given up.
HANDSHAKE_S = 10.0


Call = tuple[bytes, datetime]
"""One message as it came, and when."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message, nothing while the database does not answer; and what the clocks it named showed."""

    said: hl7v2.Message | Refusal | None = None
    newest: Mapping[str, datetime] = field(default_factory=dict)


@dataclass
class Desk:
    """Answers messages in whatever thread asks, those that came together at once."""

    calm: Calm = field(default_factory=Calm)
    sites: Sites = field(default_factory=Sites)
    standby: Standby | None = None
    clocks: Clocks = field(init=False)
    _usual: Site = field(default_factory=Site)
    _unread: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.calm)

    def answer(self, message: bytes, received_at: datetime) -> bytes | None:
        """The acknowledgement, once it is true; none while the database does not answer."""
        call = (message, received_at)
        (outcome,) = self.outcomes([call])
        self.clocks.heard(outcome.newest, received_at)
        return self.acknowledgement(outcome)

    def outcomes(self, calls: Sequence[Call]) -> list[Outcome]:
        """What became of each, once it is true: all that are kept are in the database together."""
        # While a journal waits to be taken down, what follows goes behind it: none overtakes another.
        behind = {number: kept for number, call in enumerate(calls) if (kept := self._waiting_behind(call))}
        left = [call for number, call in enumerate(calls) if number not in behind]
        taken = iter(self._taken(left) if left else [])
        return [
            Outcome(behind[number], behind[number].newest) if number in behind else next(taken)
            for number in range(len(calls))
        ]

    def acknowledgement(self, outcome: Outcome) -> bytes | None:
        """What the monitor is told."""
        said = outcome.said
        if said is None:
            return None
        if isinstance(said, Refusal):
            self.calm.say(f"a message was refused ({said.ack_code}): {said.reason}")
        self._name_unread({problem.named for problem in said.problems if problem.named} - self._unread)
        return hl7v2.ack(said, at=datetime.now(UTC), control_id=new_id().hex)

    def _name_unread(self, codes: set[str]) -> None:
        """Say once of each code that it is none of ours: who waits for its values learns why none come."""
        for code in sorted(codes)[: MOST_UNREAD - len(self._unread)]:
            self._unread.add(code)
            self.calm.say(f"a monitor sends {code}, which is not read here; docs/room.md lists what is")

    def _waiting_behind(self, call: Call) -> hl7v2.Message | None:
        return self.standby.take(*call) if self.standby and self.standby.waits else None

    def _taken(self, calls: Sequence[Call]) -> list[Outcome]:
        for is_last in (False, True):
            try:
                return list(self._take(calls))
            except AWAY as error:
                # Once more, over a new connection: the old one may have died idle, or lost to a deadlock.
                connection.close()
                if is_last and (len(calls) == 1 or isinstance(error, OUTAGE)):
                    return [self._without_database(call, error) for call in calls]
            except Exception as error:
                connection.close()
                if len(calls) == 1:
                    # This message's own fault, or ours: it must not stand in the way of all that follow.
                    self.calm.say(f"a message could not be kept: {kind_of(error)}")
                    return [Outcome(_refused_late(*calls[0]))]
                break
        # One of them is at fault: one by one, so that it spoils none of the others.
        return [outcome for call in calls for outcome in self._taken([call])]

    def _without_database(self, call: Call, error: Exception) -> Outcome:
        if self.standby and self.standby.is_outage(error) and (kept := self.standby.take(*call)):
            return Outcome(kept, kept.newest)
        self.calm.say(f"the database takes no message, monitors send again: {kind_of(error)}")
        return Outcome()

    def _take(self, calls: Sequence[Call]) -> list[Outcome]:
        """Read all, keep all that hold readings in one transaction; then what became of each."""
        read = [self._read(*call) for call in calls]
        held = [
            (one, received_at)
            for one, (_, received_at) in zip(read, calls, strict=True)
            if isinstance(one, hl7v2.Message) and one.readings
        ]
        recorded = iter(feed.record_all(held) if held else [])
        outcomes = []
        for one, (_, received_at) in zip(read, calls, strict=True):
            if isinstance(one, Refusal):
                outcomes.append(Outcome(one))
            elif not one.readings:
                outcomes.append(Outcome(_without_values(one), one.newest))
            else:
                outcomes.append(Outcome(self._kept(one, next(recorded), received_at), one.newest))
        return outcomes

    def _kept(
        self, read: hl7v2.Message, recorded: feed.Recorded, received_at: datetime
    ) -> hl7v2.Message | Refusal:
        if not recorded.is_known:
            return _not_known(read)
        for kind in {problem.kind for problem in read.problems} - HARMLESS:
            self.calm.say(f"a value was left out of a message: {kind}")
        if self.standby:
            self.standby.seen(read, received_at)
        return read

    def _read(self, message: bytes, received_at: datetime) -> hl7v2.Message | Refusal:
        """The message as it is to be understood where its device stands: times without a zone, shares of the air."""
        guess = self._usual
        read = hl7v2.read(message, received_at, guess.zone, guess.ambient_mmhg)
        if isinstance(read, Refusal):
            return read
        # A wrong guess may have put every time ahead of its arrival, or left out what is told in per cent: look for
        # the devices without minding.
        found = read
        if not read.readings:
            again = hl7v2.read(message, received_at + timedelta(days=2), guess.zone, ANY_AIR_MMHG)
            if isinstance(again, Refusal) or not again.readings:
                return read
            found = again
        site = next(iter(self.sites.of({reading.device_id for reading in found.readings}).values()), None)
        if site is None:
            return _not_known(found)
        self._usual = site
        return read if site == guess else hl7v2.read(message, received_at, site.zone, site.ambient_mmhg)


def _not_known(message: hl7v2.Message) -> Refusal:
    return hl7v2.refuse(message, AckCode.REFUSED, "204", "This device is not known here")


def _without_values(message: hl7v2.Message) -> hl7v2.Message | Refusal:
    """A message without a value is fine, unless values were there and none could be read."""
    if all(problem.kind in HARMLESS for problem in message.problems):
        return message
    return hl7v2.refuse(message, AckCode.ERROR, "102", "None of the values could be read", message.problems)


def _refused_late(message: bytes, received_at: datetime) -> Refusal:
    read = hl7v2.read(message, received_at, UTC)
    if isinstance(read, Refusal):
        return read
    return hl7v2.refuse(read, AckCode.ERROR, "207", "The message could not be kept")


def _too_large() -> bytes:
    refusal = Refusal(AckCode.REFUSED, "207", f"A message may have {LIMIT_BYTES} bytes")
    return hl7v2.ack(refusal, at=datetime.now(UTC), control_id=new_id().hex)


# ── those that keep ───────────────────────────────────────────────────────────────────────────────────────


class Keepers:
    """Threads that keep what waits, all of it in one commit, as soon as the last is done.

    When little comes nobody waits for company; when much comes, one commit serves many.
    """

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._loop = loop
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        for number in range(KEEPERS):
            threading.Thread(target=self._run, name=f"feed-{number}", daemon=True).start()

    async def answer(self, message: bytes, received_at: datetime) -> bytes | None:
        """The acknowledgement, once it is true; none while the database does not answer."""
        waiting = _Waiting((message, received_at), self._loop.create_future())
        self._waiting.put(waiting)
        return await waiting.answer

    def stop(self) -> None:
        """What is being kept is kept and answered; what has not been begun, monitors send again."""
        with suppress(Empty):
            while True:
                if (waiting := self._waiting.get_nowait()) is not None:
                    _deliver([waiting], [None])
        for _ in range(KEEPERS):
            self._waiting.put(None)

    def _run(self) -> None:
        while batch := self._next():
            calls = [waiting.call for waiting in batch]
            try:
                outcomes = self._desk.outcomes(calls)
                answers = [self._desk.acknowledgement(outcome) for outcome in outcomes]
            except Exception as error:
                # Not a message's fault: those are caught one by one. Say nothing, and they come again.
                self._desk.calm.say(f"messages could not be answered: {kind_of(error)}")
                outcomes, answers = [], [None] * len(batch)
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(_deliver, batch, answers)
            for (_, received_at), outcome in zip(calls, outcomes, strict=False):
                self._desk.clocks.heard(outcome.newest, received_at)

    def _next(self) -> list["_Waiting"]:
        """All that waits, as much as is kept at once; nothing once we are to stop."""
        batch: list[_Waiting] = []
        waiting = self._waiting.get()
        size = 0
        while waiting is not None:
            batch.append(waiting)
            size += len(waiting.call[0])
            if len(batch) == MOST_AT_ONCE or size > MOST_BYTES_AT_ONCE:
                return batch
            try:
                waiting = self._waiting.get_nowait()
            except Empty:
                return batch
        if batch:
            self._waiting.put(None)
        return batch


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message whose monitor waits for an answer."""

    call: Call
    answer: asyncio.Future[bytes | None]


def _deliver(batch: Sequence[_Waiting], answers: Sequence[bytes | None]) -> None:
    for waiting, answer in zip(batch, answers, strict=True):
        if not waiting.answer.done():
            waiting.answer.set_result(answer)


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────


class Listener:
    """The server: conversations side by side, a tick each second, and a quick, orderly end."""

    def __init__(self, host: str, port: int, encryption: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self.encryption = encryption
        self.desk = Desk()
        self._clock = ThreadPoolExecutor(1, "tick")
        self._talking: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[str, int], None]) -> None:
        """Listen until SIGTERM or SIGINT; `ready` is told where. Raises OSError if the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._stopping = self._loop.create_future()
        _seldom_look_for_garbage()
        # Threads here live as long as the process: each keeps one connection of its own.
        connections["default"].settings_dict["OPTIONS"]["pool"] = False
        self._stop_on_signals()
        self.desk.standby = Standby.at_home(self.desk.calm)
        self._keepers = Keepers(self.desk, self._loop)
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
        self._keepers.stop()
        left = {*self._talking, ticking}
        _, unfinished = await asyncio.wait(left, timeout=STOP_PATIENCE_S)
        for task in unfinished:
            task.cancel()
        self._clock.shutdown(wait=False, cancel_futures=True)
        if self.desk.standby:
            self.desk.standby.close()

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
                await _send(writer, await self._keepers.answer(message, received_at))
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
        """Each second, look around, and whether a signal has gone: that once monitors had time to call."""
        begun = self._loop.time()
        while not self._stopping.done():
            may_miss = self._loop.time() - begun >= GRACE_S
            await self._loop.run_in_executor(self._clock, self._look, may_miss)
            await asyncio.wait({self._stopping}, timeout=TICK_EVERY_S)

    def _look(self, may_miss: bool) -> None:
        now = datetime.now(UTC)
        try:
            # While the journal holds what the database has not got, a silence there means nothing.
            is_well = self.desk.standby is None or self.desk.standby.look(now)
            if is_well and may_miss:
                ticking.tick(now)
        except Exception as error:
            connection.close()
            self.desk.calm.say(f"the watch for lost signals paused: {kind_of(error)}")


def _seldom_look_for_garbage() -> None:
    """What is remembered of each channel lives long: going through all of it again and again took two fifths of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


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
