"""Stands in while the database is away: what bound monitors say is kept in a journal, and alarms go on.

It keeps nothing of a monitor that was seen to be on nobody (`Standby.keep`), acknowledges nothing that is not safely
on the disk, and writes no value, name or identifier into a log. The bedside monitor stays primary; what is shown
meanwhile says that it is not in the record yet.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from bothwell.devices import hl7v2
from bothwell.devices.beds import Bed, Ward
from bothwell.devices.er7 import Refusal
from bothwell.devices.journal import CannotKeep, Journal, Place, key_from
from bothwell.devices.keeping import AWAY, Calm, kind_of
from bothwell.devices.keeping import OUTAGE as OUTAGE
from bothwell.devices.reading import Reading
from bothwell.devices.telling import Teller
from bothwell.monitoring import feed

AT_ONCE = 256
# After so many short rounds monitors are held for a moment, or a busy ward would never be caught up with.
PATIENT_ROUNDS = 3
HELD_AT_MOST_S = 2.0
# A wrong guess of a zone may put every time ahead, and a share of unknown air is no pressure: whoever only looks for
# the devices minds neither.
ANY_TIME = timedelta(days=2)
ANY_AIR_MMHG = 760
# A record the database refuses goes aside after so many tries, this long after the first: a migration that is under
# way refuses everything, and is over by then. Technical, ours.
TRIES = 3
SETTLES_S = 30.0
# Neither the database nor the journal took a message: so long after the last of these it is taken that they still do
# not. Monitors say again within a few seconds what nobody acknowledged. Technical, ours.
STILL_FULL_S = 10.0


def is_outage(error: Exception) -> bool:
    """Whether the database is not to be reached, or cannot write; any other trouble is no reason to stand in."""
    return isinstance(error, OUTAGE)


def speaks_sdc(device: str) -> bool:
    """Whether this monitor is followed by `sdc`: there a device is named by an address of its own."""
    return device.startswith("urn:uuid:")


def speaks_hl7(device: str) -> bool:
    return not speaks_sdc(device)


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it lies in the journal."""

    readings: Sequence[Reading]


@dataclass(slots=True)
class _Failing:
    """The record the database refuses, since when and how often."""

    place: Place
    since_s: float
    tries: int = 0


class Standby:
    """One listener's; `take`, `keep` and `seen` may be called from several threads, `look` from one.

    `is_mine`: the monitors that are heard here. What the others say another process hears; of their beds nothing is
    told from here, for here they are silent.
    """

    def __init__(
        self,
        journal: Journal,
        teller: Teller,
        calm: Calm,
        aside: Path,
        key: bytes,
        is_mine: Callable[[str], bool] = speaks_hl7,
    ) -> None:
        self._journal, self._teller, self._calm = journal, teller, calm
        self._aside, self._key, self._is_mine = aside, key, is_mine
        self._failing: _Failing | None = None
        self._ward = Ward()
        self._lock = threading.Lock()
        self._place = Place()
        self._closing = threading.Event()
        self._is_open = threading.Event()
        self._is_open.set()
        self._is_away = False
        self._refused_at_s: float | None = None
        if journal.is_torn:
            calm.say("the journal ended in the middle of a message, which was never acknowledged")
        if not journal.is_empty:
            calm.say("what monitors said while the database was away is taken down now")

    @classmethod
    def at_home(
        cls, calm: Calm, name: str = "standby", is_mine: Callable[[str], bool] = speaks_hl7
    ) -> "Standby | None":
        """That of this installation, in files of this name, which one process has at a time; none without its secret,
        or where another listener stands in already.
        """
        if not settings.SECRET_KEY_IS_SET:
            return None
        run, key = Path(settings.HOME) / "run", key_from(settings.SECRET_KEY)
        try:
            run.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = Journal(run / f"{name}.journal", key)
        except (CannotKeep, OSError) as error:
            calm.say(f"nothing can be kept while the database is away: {kind_of(error)}")
            return None
        return cls(journal, Teller(Path(settings.HEARD)), calm, run / f"{name}.aside", key, is_mine)

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

    def seen(self, message: feed.Report, received_at: datetime) -> None:
        """Remember what was taken down, for the case that the database goes away. Never raises."""
        self._refused_at_s = None
        with suppress(Exception), self._lock:
            self._ward.remember(message.readings, received_at)

    def take(self, message: bytes, received_at: datetime) -> hl7v2.Message | None:
        """The message, once what its bound monitors said is safely in the journal; none if it is not."""
        read = self._read(message, received_at)
        return read if read is not None and self.keep(read.readings, received_at) else None

    def keep(self, readings: Sequence[Reading], received_at: datetime) -> bool:
        """Whether what is said together is safely in the journal; never where none of these monitors is on anybody.

        Who is on which monitor was looked up a second ago or more. A message (a gateway's) that speaks of somebody is
        acknowledged whole, so what else is in it must not be lost: a monitor may have been put on since. Therefore it
        is kept too, encrypted, if it is of a monitor of this clinic and came after the last look; who was on it then
        is decided when it is taken down, and of a monitor on nobody nothing is. What came before a look that saw the
        monitor on nobody is kept nowhere. A message of monitors on nobody alone is not acknowledged, and comes again.

        What the journal cannot take is not acknowledged either, but it is heard: a full disk silences no alarm.
        """
        ward = self._ward
        if not any(ward.bed_of(reading.device_id) for reading in readings):
            return False
        kept = [each for each in readings if ward.may_be_on_somebody(each.device_id, received_at)]
        try:
            self._journal.append(_written(kept, received_at))
        except (CannotKeep, OSError) as error:
            self._calm.say(f"the journal takes no message, monitors send again: {kind_of(error)}")
            is_kept, self._refused_at_s = False, time.monotonic()
        else:
            is_kept = True
            self._go_away()
        # Whatever goes wrong with showing it must not make the monitor say again what is kept.
        with suppress(Exception):
            self._follow(kept, received_at)
        return is_kept

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
                if bed is not None:
                    said.setdefault(bed.session.id, (bed, []))[1].append(reading)
            self._tell(
                received_at,
                [(bed, partial(_hear, bed, theirs, received_at)) for bed, theirs in said.values()],
            )

    def _tell(self, at: datetime, steps: Iterable[tuple[Bed, Callable[[], None]]]) -> None:
        """Carry these beds' watches on, and tell the pages; one that fails stops none of the others."""
        told = []
        for bed, step in steps:
            try:
                step()
                told.append(bed.told(at))
            except Exception as error:
                self._calm.say(f"a bed's alarms could not be followed: {kind_of(error)}")
        self._teller.tell(*told)

    # ── the look around, each second ──

    def look(self, now: datetime) -> bool:
        """Whether the database is well and has everything: what waits is taken down first."""
        try:
            if (self.waits and not self._replay()) or self._takes_nothing():
                self._stand_in(now)
                return False
            ward = self._ward.looked(time.monotonic(), now)
        except AWAY as error:
            connection.close()
            self._calm.say(f"the database is away, alarms go on without it: {kind_of(error)}")
            self._stand_in(now)
            return False
        except Exception as error:
            # Ours to mend; the watch over lost signals must go on all the same.
            connection.close()
            self._calm.say(f"who is on which monitor could not be looked up: {kind_of(error)}")
            if self._journal.is_empty:
                return True
            # While the journal holds what the database has not got, a silence there means nothing.
            self._stand_in(now)
            return False
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

    def _takes_nothing(self) -> bool:
        """Whether a database that can be read seems to take no word, and the journal none either: their disk is full."""
        at_s = self._refused_at_s
        return at_s is not None and time.monotonic() - at_s < STILL_FULL_S

    def _stand_in(self, now: datetime) -> None:
        self._is_away = True
        with self._lock:
            mine = [bed for bed in self._ward.beds.values() if any(map(self._is_mine, bed.devices))]
            self._tell(now, [(bed, partial(bed.pass_time, now)) for bed in mine])

    # ── when it is back ──

    def _replay(self) -> bool:
        """Take the journal down; whether all of it is. Raises what a database that is away raises."""
        rounds = 0
        try:
            while not self._closing.is_set():
                batch = list(islice(self._journal.records(self._place), AT_ONCE))
                if batch:
                    if not self._take_down(batch):
                        return False
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

    def _take_down(self, batch: Sequence[tuple[bytes, Place]]) -> bool:
        """Whether all of these are done with. Raises what a database that is away raises."""
        try:
            feed.record_all([_report(record) for record, _ in batch])
        except OUTAGE:
            connection.close()
            raise
        except Exception:
            connection.close()
            return all(self._take_one(record, place) for record, place in batch)
        self._place, self._refused_at_s = batch[-1][1], None
        return True

    def _take_one(self, record: bytes, place: Place) -> bool:
        """Whether this one is done with: taken down, or such that it never will be and kept aside, so that it stands
        in nobody's way. `place`: behind it.
        """
        try:
            report, received_at = _report(record)
            feed.record(report, received_at=received_at)
        except OUTAGE:
            connection.close()
            raise
        except Exception as error:
            connection.close()
            if not self._is_at_fault(place, error) or not self._put_aside(record, error):
                return False
        self._place, self._failing = place, None
        return True

    def _is_at_fault(self, place: Place, error: Exception) -> bool:
        """Whether it is this record, and not a database that is being migrated and refuses whatever it is given.
        Raises what a database that is away raises.
        """
        if not isinstance(error, AWAY):
            return True
        now_s = time.monotonic()
        if self._failing is None or self._failing.place != place:
            self._failing = _Failing(place, now_s)
        self._failing.tries += 1
        self._calm.say(f"the database refuses a message of the journal, it is tried again: {kind_of(error)}")
        if self._failing.tries < TRIES or now_s - self._failing.since_s < SETTLES_S:
            return False
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        return True

    def _put_aside(self, record: bytes, error: Exception) -> bool:
        self._calm.say(f"a message of the journal cannot be taken down, it is kept aside: {kind_of(error)}")
        try:
            aside = Journal(self._aside, self._key)
            try:
                aside.append(record)
            finally:
                aside.close()
        except (CannotKeep, OSError) as trouble:
            self._calm.say(f"nothing can be kept aside: {kind_of(trouble)}")
            return False
        return True


def _hear(bed: Bed, readings: Iterable[Reading], received_at: datetime) -> None:
    """What was held back from before this patient is in the journal, and is nobody's alarm here."""
    bed.hear([each for each in readings if bed.is_of(each, received_at)], received_at)


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
