"""Reads what a bedside monitor reports (HL7 v2 ORU^R01) into readings with their time, unit and device.

It never reads who the patient is: which monitor is on which patient is confirmed by a person. It repeats no
content of a message in a problem, a refusal or an acknowledgement (but for the public code of a quantity that is
not read here), guesses no time and no unit, and never raises on any bytes.

Which device spoke. Each reading carries the EUI-64 of OBX-18; one without its own takes that of its part of
the containment tree (the first number of OBX-4), then that of its group if the group names exactly one. Only
when no device is named does the sender of MSH-3 and MSH-4 stand in, written `sender:...`: a gateway may speak
for several monitors, so whoever binds a device can tell the two apart.

When. OBX-14, else OBR-7. A time without a zone is in the clinic's time zone. A time without at least the
minute, or later than its arrival by more than `MAX_AHEAD`, is refused: the alarms follow source time and must
not be led ahead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from bothwell.codes import CodeTrouble, Converted, Quantity, System, converted, quantity_of
from bothwell.devices.er7 import MAX_CONTROL_ID, AckCode, Refusal, Segment, escape, refusal, tokenize
from bothwell.devices.reading import (
    HUNDREDTH,
    MAX_AHEAD,
    Problem,
    ProblemKind,
    Reading,
    Status,
    source_of,
)

__all__ = ["Message", "Problem", "ProblemKind", "Reading", "Status", "ack", "read", "read_time", "refuse"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one message said, without anything about the patient.

    `newest` is the newest time each device named, also one that was refused for being ahead of its arrival:
    what its clock shows, whatever becomes of the readings.
    """

    control_id: str
    sending_application: str
    sending_facility: str
    device_id: str
    location: str
    readings: tuple[Reading, ...]
    problems: tuple[Problem, ...]
    newest: Mapping[str, datetime] = field(default_factory=dict)


# ── the message ──


def read(
    message: bytes, received_at: datetime, default_timezone: tzinfo, ambient_mmhg: int | None = None
) -> Message | Refusal:
    """The readings of one message, or why the whole of it was refused; times in UTC, values in our units.

    `ambient_mmhg`: the pressure of the air where the device stands; without it a gas told in per cent is left out.
    """
    segments = tokenize(message)
    if isinstance(segments, Refusal):
        return segments
    head = segments[0]
    refusal = _refused_header(head) or _refused_body(segments)
    if refusal is not None:
        return refusal
    observations = list(_observations(segments))
    outcomes = [
        _reading(observation, head.part(10), received_at, default_timezone, ambient_mmhg)
        for observation in observations
    ]
    readings = tuple(outcome for outcome in outcomes if isinstance(outcome, Reading))
    return Message(
        control_id=head.part(10),
        sending_application=head.part(3),
        sending_facility=head.part(4),
        device_id=readings[0].device_id if readings else _sender(head),
        location=_location(segments),
        readings=readings,
        problems=tuple(outcome for outcome in outcomes if isinstance(outcome, Problem)),
        newest=_newest(zip(observations, outcomes, strict=True), default_timezone),
    )


def _newest(read: Iterable[tuple[_Observation, Reading | Problem]], zone: tzinfo) -> Mapping[str, datetime]:
    """By device the newest time among the values it measured."""
    newest: dict[str, datetime] = {}
    for observation, outcome in read:
        if isinstance(outcome, Reading):
            at: datetime | None = outcome.observed_at
        else:
            at = _observed_at(observation, zone) if outcome.kind is ProblemKind.AHEAD else None
        if at is not None:
            newest[observation.device_id] = max(at, newest.get(observation.device_id, at))
    return newest


def _refused_header(head: Segment) -> Refusal | None:
    """A header we cannot act on. Messages marked as test or training never reach a chart."""
    if not 0 < len(head.part(10)) <= MAX_CONTROL_ID:
        return refusal(head, AckCode.REFUSED, "101", "The message has no usable control id")
    if head.part(9, 1) != "ORU":
        return refusal(head, AckCode.REFUSED, "200", "Only observation reports are taken here")
    if head.part(9, 2) != "R01":
        return refusal(head, AckCode.REFUSED, "201", "Only unsolicited observation reports are taken here")
    if head.part(11) not in ("P", ""):
        return refusal(head, AckCode.REFUSED, "202", "Test and training messages are not taken")
    if not head.part(12).startswith("2."):
        return refusal(head, AckCode.REFUSED, "203", "Only version 2 messages are taken")
    return None


def _refused_body(segments: list[Segment]) -> Refusal | None:
    """A body that could mix two patients or holds no observation."""
    names = [segment.name for segment in segments]
    if names.count("MSH") > 1:
        return refusal(segments[0], AckCode.ERROR, "100", "One frame holds more than one message")
    if names.count("PID") > 1:
        return refusal(segments[0], AckCode.ERROR, "100", "One message speaks of more than one patient")
    if "OBX" not in names:
        return refusal(segments[0], AckCode.ERROR, "100", "The message holds no observation")
    return None


def _location(segments: list[Segment]) -> str:
    """Where the monitor says it stands (PV1-3: point of care, room, bed)."""
    for segment in segments:
        if segment.name == "PV1":
            return " ".join(part for part in segment.parts(3)[:3] if part)[:80]
    return ""


def _sender(head: Segment) -> str:
    return f"sender:{head.part(3)}/{head.part(4)}"[:80]


# ── one observation ──


@dataclass(frozen=True, slots=True)
class _Observation:
    """An OBX with what it inherits: its group's OBR, its device, and its place in the message from 1."""

    obx: Segment
    group: Segment | None
    device_id: str
    number: int


def _observations(segments: list[Segment]) -> Iterator[_Observation]:
    """Every OBX with its inherited parts, in the order sent."""
    number = 0
    for group, members in _groups(segments):
        devices = [(_root(obx), _eui64(obx)) for obx in members]
        by_root: dict[str, set[str]] = {}
        for root, device in devices:
            if device:
                by_root.setdefault(root, set()).add(device)
        in_group = {device for _, device in devices if device}
        for obx, (root, device) in zip(members, devices, strict=True):
            number += 1
            inherited = _only(by_root.get(root, set())) if root else ""
            yield _Observation(
                obx, group, device or inherited or _only(in_group) or _sender(segments[0]), number
            )


def _groups(segments: list[Segment]) -> list[tuple[Segment | None, list[Segment]]]:
    """The observations under each OBR; those before any OBR stand alone."""
    groups: list[tuple[Segment | None, list[Segment]]] = [(None, [])]
    for segment in segments:
        if segment.name == "OBR":
            groups.append((segment, []))
        elif segment.name == "OBX":
            groups[-1][1].append(segment)
    return groups


def _only(devices: set[str]) -> str:
    return next(iter(devices)) if len(devices) == 1 else ""


def _containment(obx: Segment) -> str:
    """OBX-4 if it is a dotted path (device, virtual device, channel, metric, facet), else empty."""
    path = obx.part(4)
    return path if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,7}", path) else ""


def _root(obx: Segment) -> str:
    return _containment(obx).split(".")[0]


def _eui64(obx: Segment) -> str:
    """The EUI-64 of OBX-18 as sixteen capital hexadecimal digits, wherever senders put it; empty if there is
    none.
    """
    if not obx.raw(18):
        return ""
    parts = [*obx.parts(18), "", "", "", ""]
    marked = [parts[2], parts[0]] if parts[3].upper() == "EUI-64" else [parts[0]]
    for candidate in marked:
        digits = re.sub(r"[-:. ]", "", candidate).upper()
        if re.fullmatch(r"[0-9A-F]{16}", digits):
            return digits
    return ""


def _reading(
    observation: _Observation,
    control_id: str,
    received_at: datetime,
    zone: tzinfo,
    ambient_mmhg: int | None,
) -> Reading | Problem:
    """The observation as a reading, or the first reason it is not one."""
    obx = observation.obx
    named = _quantity(obx)
    if named is CodeTrouble.NAME_DISAGREES:
        return Problem(observation.number, ProblemKind.CODE_DISAGREES)
    if isinstance(named, CodeTrouble):
        return Problem(observation.number, ProblemKind.CODE_UNKNOWN, named=_named(obx))
    quantity, said = named

    def problem(kind: ProblemKind) -> Problem:
        return Problem(observation.number, kind, quantity.code)

    status = _status(obx)
    if isinstance(status, ProblemKind):
        return problem(status)
    if _validity(obx) & INVALID:
        return problem(ProblemKind.VALIDITY)
    told = _value(obx, quantity, ambient_mmhg)
    if isinstance(told, ProblemKind):
        return problem(told)
    observed_at = _observed_at(observation, zone)
    if observed_at is None:
        return problem(ProblemKind.TIME)
    if observed_at > received_at + MAX_AHEAD:
        return problem(ProblemKind.AHEAD)
    return Reading(
        code=quantity.code,
        value=told.value.quantize(HUNDREDTH),
        unit=quantity.unit,
        observed_at=observed_at,
        status=status,
        device_id=observation.device_id,
        body_site=(obx.part(20, 2) or obx.part(20, 1))[:40],
        containment=_containment(obx),
        is_questionable="QUES" in _validity(obx),
        source_ref=f"{control_id}#{observation.number}",
        source=source_of(said, _containment(obx)),
        told=told.told,
        ambient_mmhg=told.ambient_mmhg,
    )


def _quantity(obx: Segment) -> tuple[Quantity, str] | CodeTrouble:
    """What OBX-3 names and the code that said so: its first, else its alternate. A first code that disagrees
    is never overruled.
    """
    parts = [*obx.parts(3), "", "", "", "", "", ""]
    first = quantity_of(parts[0], parts[1], parts[2])
    if first is CodeTrouble.UNKNOWN:
        second = quantity_of(parts[3], parts[4], parts[5])
        return second if isinstance(second, CodeTrouble) else (second, parts[3])
    return first if isinstance(first, CodeTrouble) else (first, parts[0])


# Codes of the second partition of ISO/IEEE 11073-10101, what is measured of a person; a number outside of it may
# be anything, so it is not repeated.
MEASUREMENTS = range(2 << 16, 3 << 16)


def _named(obx: Segment) -> str:
    """The code of OBX-3 if it looks like one of a public nomenclature, with its system; else empty."""
    code, system = obx.part(3), obx.part(3, 3)
    if system == System.MDC and re.fullmatch(r"[0-9]{6}", code) and int(code) in MEASUREMENTS:
        return f"MDC {code}"
    if system == System.LOINC and re.fullmatch(r"[0-9]{1,5}-[0-9]", code):
        return f"LOINC {code}"
    return ""


# How a device marks a measurement it does not stand by (OBX-8); QUES, questionable, is kept and marked.
INVALID = frozenset({"INV", "NAV", "OFF", "CAL", "CALIB", "TEST", "DEMO"})


def _validity(obx: Segment) -> frozenset[str]:
    return frozenset(mark.split(obx.marks.component)[0].strip().upper() for mark in obx.repetitions(8))


def _status(obx: Segment) -> Status | ProblemKind:
    """OBX-11; a value sent without a status, or as preliminary, counts as not yet validated."""
    match obx.part(11):
        case "F":
            return Status.FINAL
        case "C":
            return Status.CORRECTED
        case "R" | "P" | "":
            return Status.RAW
        case "X":
            return ProblemKind.NOT_OBTAINED
        case _:
            return ProblemKind.STATUS


def _value(obx: Segment, quantity: Quantity, ambient_mmhg: int | None) -> Converted | ProblemKind:
    """OBX-5 in our unit."""
    if obx.part(2) != "NM":
        return ProblemKind.TYPE
    sent = obx.raw(5).strip()
    marks = {obx.marks.component, obx.marks.repetition, obx.marks.escape, obx.marks.subcomponent}
    # A mark inside the value means several values, or a text: never one number.
    if marks & set(sent) or not re.fullmatch(r"[+-]?([0-9]{1,8}(\.[0-9]{0,8})?|\.[0-9]{1,8})", sent):
        return ProblemKind.VALUE
    parts = [*obx.parts(6), "", ""]
    told = converted(quantity, Decimal(sent), (parts[0], parts[1], parts[2]), ambient_mmhg)
    return ProblemKind.UNIT if isinstance(told, CodeTrouble) else told


# ── time ──


_TIME = re.compile(
    r"(?P<day>[0-9]{8})(?P<minute>[0-9]{4})(?P<second>[0-9]{2}(?:\.(?P<fraction>[0-9]{1,6}))?)?(?P<zone>[+-][0-9]{4})?"
)


def _observed_at(observation: _Observation, zone: tzinfo) -> datetime | None:
    """OBX-14 if it says at least the minute; if it is empty, the same of OBR-7. An unreadable time is not
    replaced.
    """
    own = observation.obx.part(14)
    if own or observation.group is None:
        return read_time(own, zone)
    return read_time(observation.group.part(7), zone)


def read_time(text: str, default_timezone: tzinfo) -> datetime | None:
    """An HL7 time in UTC, or none if it is no time or is coarser than a minute."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    day, minute, second = found["day"], found["minute"], (found["second"] or "00")[:2]
    micro = int((found["fraction"] or "0").ljust(6, "0"))
    try:
        # By hand: strptime took a sixth of the whole reading of a message.
        zone = _zone(found["zone"]) or default_timezone
        date = (int(day[:4]), int(day[4:6]), int(day[6:]))
        local = datetime(*date, int(minute[:2]), int(minute[2:]), int(second), micro, zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(offset: str | None) -> tzinfo | None:
    if offset is None:
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


# ── the acknowledgement ──


ERROR_WORDS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "207": "Application internal error",
}


# What of an observation could not be read: its field, the error code, and the words for the sender. A value that is
# not there (no probe, a test) is nobody's mistake, and nothing is said of it.
LEFT_OUT = {
    ProblemKind.CODE_UNKNOWN: (3, "103", "This code is not read here"),
    ProblemKind.CODE_DISAGREES: (3, "103", "Code and name disagree: the value was left out"),
    ProblemKind.UNIT: (6, "103", "This unit is not accepted for this code: the value was left out"),
    ProblemKind.TYPE: (2, "102", "Only numbers (NM) are read: the value was left out"),
    ProblemKind.VALUE: (5, "102", "This is not one number: the value was left out"),
    ProblemKind.TIME: (14, "102", "There is no usable time: the value was left out"),
    ProblemKind.AHEAD: (14, "102", "This time is ahead of ours: the value was left out"),
}
# A gateway may speak of a whole ward, each second: enough to mend by, and no more.
MOST_LEFT_OUT = 20


def refuse(
    message: Message, ack_code: AckCode, error_code: str, reason: str, problems: tuple[Problem, ...] = ()
) -> Refusal:
    """A refusal of a well-formed message, for reasons found later (an unbound device: code 204)."""
    return Refusal(
        ack_code,
        error_code,
        reason,
        message.control_id,
        message.sending_application,
        message.sending_facility,
        problems,
    )


def ack(received: Message | Refusal, *, at: datetime, control_id: str) -> bytes:
    """The acknowledgement of a message (accepted) or of a refusal (with its code and reason), unframed.

    Either names the first observations that could not be read, by their place: as information where a code is none of
    ours, as a warning where a value was left out of what was accepted.

    `at` is the time of sending; `control_id` names this acknowledgement itself; the sender's own id comes
    back in MSA.
    """
    refused = received if isinstance(received, Refusal) else None
    code = refused.ack_code if refused else AckCode.ACCEPTED
    time = at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    to = f"{escape(received.sending_application)}|{escape(received.sending_facility)}"
    lines = [
        f"MSH|^~\\&|BOTHWELL||{to}|{time}||ACK^R01^ACK|{escape(control_id)}|P|2.6||||||UNICODE UTF-8",
        f"MSA|{code}|{escape(received.control_id)}",
    ]
    if refused:
        words = ERROR_WORDS.get(refused.error_code, ERROR_WORDS["207"])
        lines.append(f"ERR|||{escape(refused.error_code)}^{words}^HL70357|E||||{escape(refused.reason)}")
    told = [each for each in received.problems if each.kind in LEFT_OUT][:MOST_LEFT_OUT]
    lines += [_left_out(each, "E" if refused else "W") for each in told]
    return ("\r".join(lines) + "\r").encode("utf-8", "replace")


def _left_out(problem: Problem, severity: str) -> str:
    """The segment that says which observation could not be read, and for which of its fields."""
    number, code, words = LEFT_OUT[problem.kind]
    grave = "I" if problem.kind is ProblemKind.CODE_UNKNOWN else severity
    return f"ERR||OBX^{problem.observation}^{number}|{code}^{ERROR_WORDS[code]}^HL70357|{grave}||||{words}"
