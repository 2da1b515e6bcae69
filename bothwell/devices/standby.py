"""Stands in while the database is away: what bound monitors say is kept in a journal, and alarms go on.

It keeps nothing of a monitor that is on nobody, acknowledges nothing that is not safely on the disk, and writes
no value, name or identifier into a log. The bedside monitor stays primary; what is shown meanwhile says that it
is not in the record yet.

How it goes
* While all is well it looks each second who is on which monitor, and remembers the last minutes of what was said.
* The database does not answer: readings of bound monitors go to the journal, are acknowledged once they are on the
  disk, and are folded in memory; the pages' process is told the alarms that stand and the newest values.
* It answers again: the journal is taken down in order. Until that is done, new messages of those monitors go
  behind it in the journal, so that none overtakes another. Taken down twice is taken down once.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from bothwell.devices import hl7v2
from bothwell.devices.beds import Bed, Ward
from bothwell.devices.er7 import Refusal
from bothwell.devices.journal import CannotKeep, Journal, Place, key_from
from bothwell.devices.keeping import AWAY, Calm, kind_of
from bothwell.devices.reading import Reading
from bothwell.devices.telling import Teller
from bothwell.monitoring import feed

OUTAGE = (OperationalError, InterfaceError)
AT_ONCE = 256
# After so many short rounds monitors are held for a moment, or a busy ward would never be caught up with.
PATIENT_ROUNDS = 3
HELD_AT_MOST_S = 2.0
# A wrong guess of a zone may put every time ahead, and a share of unknown air is no pressure: whoever only looks for
# the devices minds neither.
ANY_TIME = timedelta(days=2)
ANY_AIR_MMHG = 760


def is_outage(error: Exception) -> bool:
    """Whether the database is not to be reached, or cannot write; any other trouble is no reason to stand in."""
    return isinstance(error, OUTAGE)


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it lies in the journal."""

    readings: Sequence[Reading]


class Standby:
    """One listener's; `take` and `seen` may be called from several threads, `look` from one."""

    def __init__(self, journal: Journal, teller: Teller, calm: Calm, aside: Path, key: bytes) -> None:
        self._journal, self._teller, self._calm = journal, teller, calm
        self._aside, self._key = aside, key
        self._ward = Ward()
        self._lock = threading.Lock()
        self._place = Place()
        self._closing = threading.Event()
        self._is_open = threading.Event()
        self._is_open.set()
        self._is_away = False
        if journal.is_torn:
            calm.say("the journal ended in the middle of a message, which was never acknowledged")
        if not journal.is_empty:
            calm.say("what monitors said while the database was away is taken down now")

    @classmethod
    def at_home(cls, calm: Calm) -> "Standby | None":
        """That of this installation; none without its secret, or where another listener stands in already."""
        if not settings.SECRET_KEY_IS_SET:
            return None
        run, key = Path(settings.HOME) / "run", key_from(settings.SECRET_KEY)
        try:
            run.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = Journal(run / "standby.journal", key)
        except (CannotKeep, OSError) as error:
            calm.say(f"nothing can be kept while the database is away: {kind_of(error)}")
            return None
        return cls(journal, Teller(Path(settings.HEARD)), calm, run / "standby.aside", key)

    @property
    def waits(self) -> bool:
        """Whether the journal holds something the database has not got; asked in the last moment of that, it waits."""
        self._is_open.wait(HELD_AT_MOST_S)
        return not self._journal.is_empty

    def is_outage(self, error: Exception) -> bool:
        return is_outage(error)

    def close(self) -> None:
        """Stop taking down; what is left is taken down at the next start."""
        self._closing.set()
        self._journal.close()

    # ── what monitors say ──

    def seen(self, message: hl7v2.Message, received_at: datetime) -> None:
        """Remember what was taken down, for the case that the database goes away. Never raises."""
        with suppress(Exception), self._lock:
            self._ward.remember(message.readings, received_at)

    def take(self, message: bytes, received_at: datetime) -> hl7v2.Message | None:
        """The message, once what its bound monitors said is safely in the journal; none if it is not."""
        read = self._read(message, received_at)
        if read is None:
            return None
        bound = [reading for reading in read.readings if self._ward.bed_of(reading.device_id)]
        if not bound:
            return None
        try:
            self._journal.append(_written(bound, received_at))
        except (CannotKeep, OSError) as error:
            self._calm.say(f"the journal takes no message, monitors send again: {kind_of(error)}")
            return None
        self._go_away()
        # The message is kept: whatever goes wrong with showing it must not make the monitor say it again.
        with suppress(Exception):
            self._follow(bound, received_at)
        return read

    def _read(self, message: bytes, received_at: datetime) -> hl7v2.Message | None:
        """The message as it is to be understood where its first bound monitor stands."""
        found = hl7v2.read(message, received_at + ANY_TIME, UTC, ANY_AIR_MMHG)
        if isinstance(found, Refusal):
            return None
        beds = (self._ward.bed_of(reading.device_id) for reading in found.readings)
        bed = next((bed for bed in beds if bed is not None), None)
        read = hl7v2.read(message, received_at, bed.site.zone, bed.site.ambient_mmhg) if bed else None
        return None if read is None or isinstance(read, Refusal) else read

    def _follow(self, readings: Iterable[Reading], received_at: datetime) -> None:
        said: dict[Any, tuple[Bed, list[Reading]]] = {}
        with self._lock:
            for reading in readings:
                bed = self._ward.bed_of(reading.device_id)
                # What was held back from before this patient is in the journal, and is nobody's alarm here.
                if bed is not None and reading.observed_at >= bed.devices[reading.device_id]:
                    said.setdefault(bed.session.id, (bed, []))[1].append(reading)
            for bed, theirs in said.values():
                bed.hear(theirs, received_at)
                self._teller.tell(bed.told(received_at))

    # ── the look around, each second ──

    def look(self, now: datetime) -> bool:
        """Whether the database is well and has everything: what waits is taken down first."""
        try:
            if self.waits and not self._replay():
                self._stand_in(now)
                return False
            ward = self._ward.looked(time.monotonic())
        except AWAY as error:
            connection.close()
            self._calm.say(f"the database is away, alarms go on without it: {kind_of(error)}")
            self._stand_in(now)
            return False
        except Exception as error:
            # Ours to mend; the watch over lost signals must go on all the same.
            connection.close()
            self._calm.say(f"who is on which monitor could not be looked up: {kind_of(error)}")
            return True
        with self._lock:
            self._ward = ward
        self._come_back()
        return True

    def _go_away(self) -> None:
        if not self._is_away:
            self._is_away = True
            self._calm.say("the database is away: what bound monitors say is kept in the journal")

    def _come_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._teller.tell({"is_back": True})
            self._calm.say("the database is back, and has everything")

    def _stand_in(self, now: datetime) -> None:
        self._is_away = True
        with self._lock:
            for bed in self._ward.beds.values():
                bed.pass_time(now)
            self._teller.tell(*(bed.told(now) for bed in self._ward.beds.values()))

    # ── when it is back ──

    def _replay(self) -> bool:
        """Take the journal down; whether all of it is. Raises what a database that is away raises."""
        rounds = 0
        try:
            while not self._closing.is_set():
                batch = list(islice(self._journal.records(self._place), AT_ONCE))
                if batch:
                    self._take_down([record for record, _ in batch])
                    self._place = batch[-1][1]
                elif self._emptied():
                    return True
                rounds += len(batch) < AT_ONCE
                if rounds >= PATIENT_ROUNDS:
                    self._is_open.clear()
        except OSError as error:
            self._calm.say(f"the journal cannot be emptied: {kind_of(error)}")
        finally:
            self._is_open.set()
        return False

    def _emptied(self) -> bool:
        """Whether nothing was added meanwhile; then what was taken down is forgotten. Raises OSError."""
        if self._journal.empty_if_read(self._place):
            self._place = Place()
            return True
        if self._journal.is_catching_up:
            time.sleep(0.001)
        elif next(self._journal.records(self._place), None) is None:
            self._calm.say("a part of the journal cannot be read: it is kept aside")
            self._journal.put_aside(self._place)
        return False

    def _take_down(self, records: Sequence[bytes]) -> None:
        reports = [_report(record) for record in records]
        try:
            _record_all(reports)
        except AWAY:
            connection.close()
            raise
        except Exception:
            connection.close()
            for record, report in zip(records, reports, strict=True):
                self._take_one(record, report)

    def _take_one(self, record: bytes, report: tuple[Kept, datetime]) -> None:
        """One by one, so that what cannot be taken down stands in nobody's way; it is kept aside."""
        try:
            feed.record(report[0], received_at=report[1])
        except AWAY:
            connection.close()
            raise
        except Exception as error:
            connection.close()
            self._calm.say(
                f"a message of the journal cannot be taken down, it is kept aside: {kind_of(error)}"
            )
            aside = Journal(self._aside, self._key)
            try:
                aside.append(record)
            finally:
                aside.close()


def _record_all(reports: Sequence[tuple[Kept, datetime]]) -> None:
    """All of them in one transaction."""
    feed.record_all(reports)


# ── what lies in the journal ──────────────────────────────────────────────────────────────────────────────


def _written(readings: Sequence[Reading], received_at: datetime) -> bytes:
    whole = {
        "received_at": _plain(received_at),
        "readings": [
            {each.name: _plain(getattr(reading, each.name)) for each in fields(reading)}
            for reading in readings
        ],
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def _report(record: bytes) -> tuple[Kept, datetime]:
    whole = json.loads(record)
    readings = [
        Reading(**{name: _read_back(value) for name, value in reading.items()})
        for reading in whole["readings"]
    ]
    return Kept(readings), _read_back(whole["received_at"])


def _plain(value: Any) -> Any:
    """The value in JSON, times and numbers marked as such."""
    match value:
        case datetime():
            return {"at": value.astimezone(UTC).isoformat()}
        case Decimal():
            return {"number": str(value)}
        case Mapping():
            return {"map": {str(key): _plain(each) for key, each in value.items()}}
        case bool() | int() | None:
            return value
        case str():
            return str(value)
    raise TypeError(type(value).__name__)


def _read_back(value: Any) -> Any:
    match value:
        case {"at": str(at)}:
            return datetime.fromisoformat(at)
        case {"number": str(number)}:
            return Decimal(number)
        case {"map": dict(within)}:
            return {key: _read_back(each) for key, each in within.items()}
    return value
