"""A bedside monitor that is not one: sends invented vital signs as a real one would, over HL7 v2 and MLLP.

It runs as a process of its own, knows no patient and sends no patient segment. It shares no code with the
reader of such messages, so that each checks the other.

    python -m bothwell.demo.monitor --host 127.0.0.1 --port 2575 --device 00A0B0FFFEC0D001 --seed 7
"""

from __future__ import annotations

import argparse
import math
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from bothwell.codes import BY_CODE
from bothwell.demo.signals import CONTINUOUS, CUFF, Scenario, Shown, value

START, END = b"\x0b", b"\x1c\x0d"
PROFILE = "IHE_PCD_ORU_R01^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO"
# Where each quantity stands in the monitor: device, virtual device, channel, metric.
PLACES = {
    "systolic": "1.1.1.1",
    "diastolic": "1.1.1.2",
    "mean_pressure": "1.1.1.3",
    "heart_rate": "1.2.1.1",
    "spo2": "1.2.1.2",
    "respiratory_rate": "1.3.1.1",
}
# As much as an hour of silence holds; the oldest go first.
MAX_UNSENT = 2000


class Answer(StrEnum):
    """What came back for a message."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REFUSED = "AR"
    NONE = "no answer"


def stamp(at: datetime) -> str:
    """A time as HL7 writes it, in UTC to the millisecond."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y%m%d%H%M%S}.{utc.microsecond // 1000:03d}+0000"


def oru(*, control_id: str, device_id: str, at: datetime, shown: Iterable[Shown]) -> bytes:
    """An ORU^R01 of the PCD-01 kind, unframed: what the monitor shows at one time, and no patient segment."""
    head = (
        f"MSH|^~\\&|BOTHWELL DEMO^{device_id}^EUI-64||||{stamp(at)}||ORU^R01^ORU_R01|{control_id}|P|2.6"
        f"|||NE|AL||UNICODE UTF-8|||{PROFILE}"
    )
    order = f"OBR|1|{control_id}|{control_id}|182777000^monitoring of patient^SCT|||{stamp(at)}"
    lines = [_obx(number, one, device_id, at) for number, one in enumerate(shown, 1)]
    return ("\r".join([head, order, *lines]) + "\r").encode()


def _obx(number: int, shown: Shown, device_id: str, at: datetime) -> str:
    quantity = BY_CODE[shown.code]
    term, unit = quantity.terms[0], quantity.units[0].term
    sent, status = ("", "X") if shown.value is None else (f"{shown.value:f}", "R")
    return (
        f"OBX|{number}|NM|{term.code}^{term.name}^MDC|{PLACES[shown.code]}|{sent}|{unit.code}^{unit.name}^MDC|||||{status}"
        f"|||{stamp(at)}||||{device_id}^^{device_id}^EUI-64"
    )


def read_answer(message: bytes, control_id: str) -> Answer:
    """The acknowledgement code for this control id; no answer if the message speaks of another or cannot be
    read.
    """
    for line in message.decode("utf-8", "replace").split("\r"):
        parts = line.split("|")
        if parts[0] == "MSA" and len(parts) > 2 and parts[2] == control_id and parts[1] in tuple(Answer):
            return Answer(parts[1])
    return Answer.NONE


@dataclass
class Connection:
    """One TCP connection that is opened again whenever it fails."""

    host: str
    port: int
    timeout_seconds: float = 5.0
    _socket: socket.socket | None = None
    _held: bytes = b""

    def exchange(self, message: bytes, control_id: str) -> Answer:
        """Send once and wait for the answer to this message; on any failure the connection is dropped."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection((self.host, self.port), self.timeout_seconds)
                self._held = b""
            self._socket.sendall(START + message + END)
            return self._await(self._socket, control_id)
        except OSError:
            self.close()
            return Answer.NONE

    def _await(self, connection: socket.socket, control_id: str) -> Answer:
        """Read frames until one answers; raises OSError when the time is up or the other side hangs up."""
        deadline = time.monotonic() + self.timeout_seconds
        while True:
            while END in self._held:
                frame, self._held = self._held.split(END, 1)
                answer = read_answer(frame.split(START)[-1], control_id)
                if answer is not Answer.NONE:
                    return answer
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            received = connection.recv(65536)
            if not received or time.monotonic() > deadline:
                raise ConnectionError("no answer")
            self._held += received

    def close(self) -> None:
        """Hang up; the next exchange calls again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class Outbox:
    """Messages in order, each kept under its own control id until it is answered."""

    exchange: Callable[[bytes, str], Answer]
    say: Callable[[str], None]
    max_errors: int = 3
    waiting: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=MAX_UNSENT))
    errors: int = 0

    def put(self, control_id: str, message: bytes) -> None:
        """Add a message behind those that wait."""
        self.waiting.append((control_id, message))

    def send(self) -> bool:
        """Send what waits, oldest first; false once one gets no answer, or an error worth trying again."""
        while self.waiting:
            control_id, message = self.waiting[0]
            answer = self.exchange(message, control_id)
            if answer is Answer.NONE:
                return False
            if answer is Answer.ERROR and self.errors + 1 < self.max_errors:
                self.errors += 1
                return False
            if answer is not Answer.ACCEPTED:
                self.say(f"message {control_id} was not taken ({answer})")
            self.errors = 0
            self.waiting.popleft()
        return True


def due(count: int, interval_seconds: float, bp_interval_seconds: float) -> tuple[str, ...]:
    """What to send at the given beat of the continuous interval: always the sensors, the cuff when its time
    has come.
    """
    every = max(1, round(bp_interval_seconds / interval_seconds))
    return (CUFF if count % every == 0 else ()) + CONTINUOUS


def run(options: argparse.Namespace, connection: Connection, say: Callable[[str], None]) -> None:
    """Send until stopped, or for `--count` messages; what is unanswered is sent again with the same control
    id.
    """
    outbox = Outbox(connection.exchange, say)
    begun = time.monotonic()
    run_id = f"{options.seed}-{datetime.now(UTC):%y%m%d%H%M%S}"
    was_heard = True
    count = 0
    while options.count == 0 or count < options.count or outbox.waiting:
        if options.count == 0 or count < options.count:
            at_seconds = options.start + (time.monotonic() - begun) * options.speed
            shown = [
                Shown(code, at_seconds, value(options.seed, code, at_seconds, Scenario(options.scenario)))
                for code in due(count, options.interval, options.bp_interval)
            ]
            control_id = f"{run_id}-{count}"
            message = oru(control_id=control_id, device_id=options.device, at=datetime.now(UTC), shown=shown)
            outbox.put(control_id, message)
            count += 1
        is_heard = outbox.send()
        if is_heard != was_heard:
            say("the listener answers again" if is_heard else "no answer: will go on trying")
            was_heard = is_heard
        time.sleep(
            max(0.0, begun + count * options.interval - time.monotonic()) if is_heard else options.interval
        )


def arguments(given: list[str]) -> argparse.Namespace:
    """The command line, read and checked."""
    parser = argparse.ArgumentParser(
        prog="python -m bothwell.demo.monitor", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2575)
    parser.add_argument(
        "--device", type=_eui64, default="00A0B0FFFEC0D001", help="EUI-64, sixteen hexadecimal digits"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interval", type=_seconds, default=2.0, help="seconds between sensor readings")
    parser.add_argument("--bp-interval", type=_seconds, default=600.0, help="seconds between cuff readings")
    parser.add_argument(
        "--speed", type=_seconds, default=1.0, help="seconds of the story in one second of the clock"
    )
    parser.add_argument("--start", type=float, default=0.0, help="second of the story to begin at")
    parser.add_argument(
        "--scenario", choices=[scenario.value for scenario in Scenario], default=Scenario.QUIET.value
    )
    parser.add_argument("--count", type=int, default=0, help="stop after so many messages (0: never)")
    return parser.parse_args(given)


def _eui64(text: str) -> str:
    digits = text.replace("-", "").replace(":", "").upper()
    if len(digits) != 16 or set(digits) - set("0123456789ABCDEF"):
        raise argparse.ArgumentTypeError("an EUI-64 has sixteen hexadecimal digits")
    return digits


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than nothing")
    return seconds


def main() -> None:
    """Run from the command line until interrupted."""
    options = arguments(sys.argv[1:])
    connection = Connection(options.host, options.port)
    try:
        run(options, connection, lambda line: print(line, file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        pass
    finally:
        connection.close()


if __name__ == "__main__":
    main()
