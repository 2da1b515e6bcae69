"""What bedside monitors say, taken down: what came together in one transaction, acknowledged only after it.

It never keeps what a monitor says while it is on nobody, and speaks for no person: its login is the feed's own.

Where a reading goes. A person confirmed which monitor is on whom, from when and until when. A reading belongs
to the session whose confirmation held when it was observed, so what a monitor held back for the last patient
never lands on the next; a clock that is known to be off is allowed for (`clocks.by_ours`). What was observed before
a session ended and comes later is kept, without an alarm.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from bothwell.later import tell
from bothwell.monitoring import clocks, vitals
from bothwell.monitoring.held import Channel, Watched, lock_all, rows, save
from bothwell.monitoring.watch import Entry, insert_all, judge, printable, touched

# What a reading's column can hold; a monitor that says more has said nothing.
BEYOND_ALL = Decimal(1_000_000)
# Longer than a time may be ahead of its arrival (`vitals`), or a clock be known to be ahead without being refused.
AHEAD_AT_MOST = timedelta(minutes=10)
# The status of a value that takes the place of an earlier one.
CORRECTS = "C"


class Reported(Protocol):
    """One value as a monitor reported it, read and in our unit."""

    @property
    def code(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def observed_at(self) -> datetime: ...
    @property
    def status(self) -> str: ...
    @property
    def device_id(self) -> str: ...
    @property
    def body_site(self) -> str: ...
    @property
    def is_questionable(self) -> bool: ...
    @property
    def source_ref(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def told(self) -> str: ...
    @property
    def ambient_mmhg(self) -> int | None: ...


class Report(Protocol):
    """One message of a monitor, or of a gateway that speaks for several."""

    @property
    def readings(self) -> Sequence[Reported]: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a message's readings: taken down, known already, or of a monitor that is on nobody.

    `is_known`: at least one of the devices that spoke is this database's.
    """

    is_known: bool
    kept: int = 0
    repeated: int = 0
    on_nobody: int = 0


# ── what monitors say ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Site:
    """Where a device stands: its clinic's time zone, and the pressure of the air there where the clinic told it."""

    zone: tzinfo = UTC
    ambient_mmhg: int | None = None


def sites_of(identifiers: Collection[str]) -> dict[str, Site]:
    """Where each of these devices stands; a device not known here is left out."""
    found = rows(
        "select d.identifier, c.timezone, c.ambient_pressure_mmhg from bothwell_device d "
        "join bothwell_clinic c on c.id = d.clinic_id where d.identifier = any(%s) and not d.is_retired",
        [_speakable(identifiers)],
    )
    return {identifier: Site(ZoneInfo(name), ambient) for identifier, name, ambient in found}


def known_among(providers: Collection[str]) -> set[str]:
    """Which of these devices are this database's, by themselves or by a part (`device#part`)."""
    found = rows(
        "select split_part(identifier, '#', 1) from bothwell_device "
        "where split_part(identifier, '#', 1) = any(%s) and not is_retired",
        [_speakable(providers)],
    )
    return {provider for (provider,) in found}


def record(message: Report, *, received_at: datetime) -> Recorded:
    """Take one message down: readings, what they mean for the alarms, and a word to the open pages.

    Said twice, it changes nothing the second time. Runs as the feed's own login, for nobody.
    """
    (recorded,) = record_all([(message, received_at)])
    return recorded


@transaction.atomic
def record_all(messages: Sequence[tuple[Report, datetime]]) -> list[Recorded]:
    """Take several messages down in one transaction, in their order, each with the time it came: all or none.

    What each leaves behind is what it would have left alone.
    """
    bindings = _bindings([reading for message, _ in messages for reading in message.readings])
    said = [_placed(message.readings, bindings, received_at) for message, received_at in messages]
    sessions = {session.id: session for each in said for session, _, _ in each.placed}
    # All at once and in one order everywhere, so that two batches never wait for each other in a ring.
    channels = lock_all(
        [(sessions[key], code) for key, code in {(s.id, r.code) for each in said for s, r, _ in each.placed}]
    )
    touched_ones: dict[UUID, Channel] = {}
    for together in _in_turn(said):
        touched_ones |= _hear(together, channels)
    save(list(touched_ones.values()))
    _tell({session_id for each in said for session_id in each.new_in})
    return [each.recorded() for each in said]


@dataclass(slots=True)
class _Message:
    """One message's readings on the sessions they belong to; `kept` and `new_in`: what became of them."""

    received_at: datetime
    is_known: bool
    count: int
    placed: list[tuple[Watched, Reported, UUID]]
    kept: int = 0
    new_in: set[UUID] = field(default_factory=set)

    def recorded(self) -> Recorded:
        if not self.is_known:
            return Recorded(is_known=False)
        heard = len(self.placed)
        return Recorded(True, self.kept, heard - self.kept, self.count - heard)


def _placed(
    readings: Sequence[Reported], bindings: Mapping[str, list[Any]], received_at: datetime
) -> _Message:
    """Each reading on the session whose monitor said it, as a person confirmed: by our clock, as they did."""
    placed = []
    for reading in readings:
        for device_id, clock, since, until, session in bindings.get(reading.device_id, ()):
            at = clocks.by_ours(clock, reading.observed_at, received_at)
            if session and since <= at and (until is None or at < until):
                placed.append((session, reading, device_id))
                break
    is_known = any(reading.device_id in bindings for reading in readings)
    return _Message(received_at, is_known, len(readings), placed)


def _in_turn(said: Sequence[_Message]) -> Iterator[list[_Message]]:
    """Those that can be taken down at once; one that corrects looks first at what those before it left."""
    together: list[_Message] = []
    for message in said:
        corrects = any(reading.status == CORRECTS for _, reading, _ in message.placed)
        if corrects and together:
            yield together
            together = []
        together.append(message)
        if corrects:
            yield together
            together = []
    if together:
        yield together


def _hear(said: Sequence[_Message], channels: Mapping[UUID, Mapping[str, Channel]]) -> dict[UUID, Channel]:
    """Take these messages' readings down and judge what is new, each in its turn; the channels to be saved."""
    entries = [
        [
            (session, entry)
            for session, reading, device_id in message.placed
            if abs(reading.value) < BEYOND_ALL
            and (entry := _entry_of(reading, device_id, message.received_at)) is not None
        ]
        for message in said
    ]
    known = insert_all([each for of_message in entries for each in of_message])
    changed: dict[UUID, Channel] = {}
    for message, of_message in zip(said, entries, strict=True):
        new: dict[UUID, tuple[Watched, list[Entry]]] = {}
        for session, entry in of_message:
            if entry.id in known:
                new.setdefault(session.id, (session, []))[1].append(entry)
        for session, its in (new[key] for key in sorted(new)):
            judge(session, channels[session.id], its, message.received_at, by_hand=False)
            for code in touched(session, its):
                changed[channels[session.id][code].id] = channels[session.id][code]
            message.kept += len(its)
        message.new_in.update(new)
    return changed


def _tell(sessions: Collection[UUID]) -> None:
    """Every open page of these sessions looks again at commit; once, however much is new."""
    if sessions:
        rows(
            "select pg_notify('bothwell', 'readings:' || id) from unnest(%s::text[]) as id",
            [[str(each) for each in sorted(sessions)]],
        )


def _bindings(readings: Iterable[Reported]) -> dict[str, list[Any]]:
    """By device identifier: (device, clock, since, until, session) of every confirmation that may concern these."""
    readings = list(readings)
    found: dict[str, list[Any]] = {}
    if not readings:
        return found
    # What a clock shows that is ahead was observed earlier than it says.
    earliest = min(reading.observed_at for reading in readings) - AHEAD_AT_MOST
    # Read only where a time is off: nearly never, and it is long.
    now = datetime.now(UTC)
    off = {each.device_id for each in readings if clocks.may_be_off(each.observed_at, now)}
    all_bindings = rows(
        "select d.identifier, d.id, case when d.identifier = any(%s) then d.clock::text end, "
        "b.recorded_at, least(b.until, s.ended_at), "
        "s.id, s.clinic_id, s.subject_id, s.couple_id, s.started_at, s.ended_at, p.id, p.sha256, k.route "
        "from bothwell_device d "
        "left join bothwell_binding b on b.device_id = d.id and (b.until is null or b.until > %s) "
        "left join bothwell_dosingsession s on s.id = b.session_id "
        "left join bothwell_course k on k.id = s.course_id "
        "left join bothwell_protocolversion p on p.id = k.protocol_id "
        "where d.identifier = any(%s) and not d.is_retired",
        [_speakable(off), earliest, _speakable({reading.device_id for reading in readings})],
    )
    read: dict[str, clocks.Clock] = {}
    for identifier, device_id, written, since, until, *session in all_bindings:
        watched = Watched(*session) if session[0] else None
        if identifier not in read:
            read[identifier] = clocks.from_json(json.loads(written)) if written else clocks.Clock()
        found.setdefault(identifier, []).append((device_id, read[identifier], since, until, watched))
    return found


def _speakable(identifiers: Iterable[str]) -> list[str]:
    """Without those no database could hold."""
    return [identifier for identifier in identifiers if identifier.isprintable()]


def _entry_of(reading: Reported, device_id: UUID, received_at: datetime) -> Entry | None:
    """What is to be inserted for a reading; none for a correction that is known already."""
    detail: dict[str, Any] = {"ref": printable(reading.source_ref)}
    if reading.told:
        detail |= {"told": printable(reading.told), "ambient_mmhg": reading.ambient_mmhg}
    if reading.body_site:
        detail["body_site"] = printable(reading.body_site)
    if reading.is_questionable:
        detail["questionable"] = "yes"
    entry = Entry(
        code=reading.code,
        value=reading.value,
        unit=reading.unit,
        observed_at=reading.observed_at,
        source=printable(reading.source)[:100],
        device_id=device_id,
        detail=detail,
        # Outside what anything living shows: kept as it came, and never an alarm.
        is_artefact=not vitals.plausible(reading.code, reading.value),
        received_at=received_at,
    )
    return _as_correction(entry) if reading.status == CORRECTS else entry


def _as_correction(entry: Entry) -> Entry | None:
    """The entry as a new row behind the last value of its line; itself if there is no first value yet."""
    line = rows(
        "with recursive line as ("
        " select id, observed_at, value, detail, source, 0 as depth from ("
        # The value of this very source; of another place in the device only where there is but one to correct.
        "  select *, count(*) over () as several from bothwell_sample"
        "  where device_id = %s and code = %s and observed_at = %s and corrects_id is null"
        " ) s where s.source = %s or (s.several = 1 and split_part(s.source, '@', 1) = split_part(%s, '@', 1))"
        " union all"
        # A correction has the time of what it corrects: so it lies in the same month.
        " select s.id, s.observed_at, s.value, s.detail, s.source, line.depth + 1"
        "  from bothwell_sample s join line on s.corrects_id = line.id and s.observed_at = line.observed_at"
        ") select id, value, detail->>'ref', source from line order by depth",
        [entry.device_id, entry.code, entry.observed_at, entry.source, entry.source],
    )
    if not line:
        return entry
    last_id, last_value, _, source = line[-1]
    if last_value == entry.value or any(ref == entry.detail["ref"] for _, _, ref, _ in line):
        return None
    return replace(
        entry, corrects_id=last_id, root_id=line[0][0], source=source, reason="corrected by the device"
    )


@transaction.atomic
def look_at_clocks(shown: Mapping[str, datetime], *, received_at: datetime) -> None:
    """Remember how the clocks of these monitors stand to ours: by identifier, the newest time each spoke of.

    No reading is changed by it. When a clock begins or ceases to be wrong, the room it is in is told.
    """
    known = rows(
        "select d.id, d.identifier, d.clock::text, b.session_id from bothwell_device d "
        "left join bothwell_binding b on b.device_id = d.id and b.until is null "
        "where d.identifier = any(%s) and not d.is_retired order by d.id for no key update of d",
        [_speakable(shown)],
    )
    for device_id, identifier, written, session_id in known:
        before = clocks.from_json(json.loads(written))
        clock = clocks.look(before, shown[identifier], received_at)
        if clock == before:
            continue
        rows(
            "update bothwell_device set clock = %s::jsonb where id = %s returning id",
            [json.dumps(clocks.to_json(clock)), device_id],
        )
        if session_id and clocks.trouble(clock) != clocks.trouble(before):
            tell("room", session_id)
