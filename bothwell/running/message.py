"""Says what is read of a bedside monitor's message, so that a monitor can be tried before anybody depends on it.

Keeps nothing, and asks the listener only when told to. Who a message says the patient is, is not read here either.
"""

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bothwell.codes import BY_CODE
from bothwell.devices import hl7v2
from bothwell.devices.er7 import Refusal
from bothwell.devices.mllp import Framer, frame
from bothwell.running.trouble import CannotRun

PATIENCE_S = 10.0
# As `monitoring.feed` has it: what a clock shows that is ahead was observed earlier than it says.
AHEAD_AT_MOST = timedelta(minutes=10)
# As far as a clinic's clock stands from UTC.
OF_A_ZONE = timedelta(hours=14)
# To find what a message holds that speaks of shares of the air only; no value is taken from it.
ANY_AIR_MMHG = 760
# Fields that hold a time: the message's own, the group's, the observation's.
TIMES = {"MSH": 6, "OBR": 7, "OBX": 14}


def text_of(file: Path) -> bytes:
    """The message in the file, its lines ended as HL7 has them. Raises CannotRun."""
    try:
        said = file.expanduser().read_bytes()
    except OSError as error:
        raise CannotRun(f"{file} could not be read ({error.strerror}).") from None
    lines = [line for line in re.split(rb"[\r\n]+", said.strip(b"\x0b\x1c\r\n ")) if line.strip()]
    return b"".join(line + b"\r" for line in lines)


def as_if_measured(message: bytes, now: datetime) -> bytes:
    """The same message with `now` in the place of every time it names."""
    stamp = now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000").encode()

    def renewed(line: bytes) -> bytes:
        fields, place = line.split(b"|"), TIMES.get(line[:3].decode("ascii", "replace"), 0)
        if place and len(fields) > place and fields[place]:
            fields[place] = stamp
        return b"|".join(fields)

    return b"\r".join(renewed(line) for line in message.split(b"\r"))


def what_is_read(message: bytes, now: datetime) -> Iterator[str]:
    """A line for each observation, and one for each monitor with its identifier; times in UTC."""
    read = hl7v2.read(message, now, UTC)
    if isinstance(read, Refusal):
        yield f"not taken ({read.ack_code}): {read.reason}"
        return
    told = {int(each.source_ref.rpartition("#")[2]): _read(each) for each in read.readings}
    told |= {
        each.observation: f"left out: {' '.join(filter(None, [each.kind, each.named or each.code]))}"
        for each in read.problems
    }
    for number, words in sorted(told.items()):
        yield f"OBX {number:<3} {words}"
    for device in sorted({each.device_id for each in read.readings}):
        yield f"monitor {device}: it is heard once this identifier stands at Clinic → Rooms"


def _read(reading: hl7v2.Reading) -> str:
    mark = ", questionable" if reading.is_questionable else ""
    title = BY_CODE[reading.code].title
    return f"{title} {reading.value.normalize():f} {reading.unit}, {reading.observed_at:%Y-%m-%d %H:%M:%S} UTC{mark}"


def on_somebody(message: bytes, now: datetime, dsn: str, *, is_zoned: bool) -> list[str]:
    """The monitors of this message whose readings would be taken down for somebody, in a clinic that is no demonstration.

    `is_zoned`: whether its times name their zone; else the clinic's own may lie half a day from UTC. Raises CannotRun.
    """
    # What would be ahead of us in UTC may be on time by the clinic's clock: here nothing is left out for it.
    read = hl7v2.read(message, now if is_zoned else now + OF_A_ZONE, UTC, ANY_AIR_MMHG)
    if isinstance(read, Refusal) or not read.readings:
        return []
    earliest = min(each.observed_at for each in read.readings) - (
        AHEAD_AT_MOST if is_zoned else AHEAD_AT_MOST + OF_A_ZONE
    )
    devices = sorted({each.device_id for each in read.readings})
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            found = connection.execute(
                "select distinct d.identifier from bothwell_device d join bothwell_clinic c on c.id = d.clinic_id "
                "join bothwell_binding b on b.device_id = d.id and (b.until is null or b.until > %s) "
                "join bothwell_dosingsession s on s.id = b.session_id and (s.ended_at is null or s.ended_at > %s) "
                "where d.identifier = any(%s) and not d.is_retired and not c.is_demo order by 1",
                [earliest, earliest, [each for each in devices if each.isprintable()]],
            ).fetchall()
    except psycopg.Error as error:
        raise CannotRun(
            "Not sent: the database does not say whether this monitor is on somebody. Is Bothwell running?"
        ) from error
    return [identifier for (identifier,) in found]


def answer_of(message: bytes, host: str, port: int) -> list[str]:
    """What the listener there answers, a line for each segment. Raises CannotRun."""
    framer = Framer()
    try:
        with socket.create_connection((host, port), PATIENCE_S) as call:
            call.sendall(frame(message))
            while data := call.recv(65536):
                if answers := framer.feed(data):
                    return answers[0].decode("utf-8", "replace").strip().split("\r")
    except TimeoutError:
        raise CannotRun(
            f"No answer came from {host}:{port}. Is the database running? A monitor sends again."
        ) from None
    except OSError:
        raise CannotRun(
            f"Nobody listens at {host}:{port}. Is Bothwell running? `bothwell status` says where."
        ) from None
    raise CannotRun(
        f"{host}:{port} hung up without an answer. With a certificate it takes encrypted calls only."
    )
