"""Says what is read of a bedside monitor's message, so that a monitor can be tried before anybody depends on it.

Keeps nothing, and asks the listener only when told to. Who a message says the patient is, is not read here either.
"""

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bothwell.codes import BY_CODE
from bothwell.devices import hl7v2
from bothwell.devices.er7 import Refusal
from bothwell.devices.mllp import Framer, frame
from bothwell.running.trouble import CannotRun

PATIENCE_S = 10.0
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
