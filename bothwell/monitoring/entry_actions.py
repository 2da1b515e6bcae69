"""What a nurse charts at the bedside by hand, and its corrections, each a new row.

Nothing here decides when an alarm stands; it hands every value to the fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.later import tell
from bothwell.monitoring import vitals
from bothwell.monitoring.models import Alarm, Note, Sample
from bothwell.monitoring.watch import Entry, Watched, fold, insert, lock, printable
from bothwell.monitoring.writing_actions import KIND, once, session_to_write
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale

CENT = Decimal("0.01")
"""As exact as a value is kept."""
BESIDE_A_VALUE = ("wanted", "body_site")
"""What a form says beside a value."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What an entry left behind; `is_repeat` if it was there already."""

    samples: tuple[Sample, ...]
    raised: tuple[Alarm, ...] = ()
    is_repeat: bool = False


@transaction.atomic
def enter(
    *,
    by: Person,
    session: DosingSession,
    readings: Mapping[str, Decimal],
    request_id: UUID,
    observed_at: datetime | None = None,
    wanted: bool | None = None,
    body_site: str = "",
    note: str = "",
    detail: Mapping[str, str] | None = None,
) -> Entered:
    """Take down what a person measured or saw, by quantity in our unit, and a sentence if they wrote one.

    `wanted` says of a dissociation whether it was wanted; `detail` stays beside each value, as by which clock
    it was timed. Sent again with the same `request_id`, it changes nothing. Raises Refused with what would be taken,
    SentBefore where the same form said something else before.
    """
    watched = session_to_write(session.id)
    at, now = observed_at or timezone.now(), timezone.now()
    # What is entered as of now is taken, even should our own clock have been set back behind the arrival.
    Refused.unless(vitals.plausible_time(at, now, session.arrived_at if observed_at else None))
    _check(watched, readings, at, note)
    once(request_id)
    known = Sample.objects.filter(session_id=watched.id, request_id=request_id)
    notes = Note.objects.filter(session_id=watched.id, request_id=request_id)
    if (kept := tuple(known)) or notes.exists():
        details = {code: _detail(code, wanted, body_site) for code in readings}
        _must_be_as_entered(kept, notes.first(), readings, details, observed_at, note.strip())
        return Entered(kept, is_repeat=True)
    entries = [
        Entry(
            code=code,
            value=value.quantize(CENT),
            unit=BY_CODE[code].unit,
            observed_at=at,
            author_id=by.id,
            request_id=request_id,
            detail=_detail(code, wanted, body_site) | dict(detail or {}),
        )
        for code, value in readings.items()
    ]
    raised = _take_down(watched, entries, now)
    if note.strip():
        _note(watched, by, request_id, at, note.strip())
    audit.log("entered readings", by=by, subject=watched.subject_id, item_kind=KIND, item_id=watched.id)
    return Entered(tuple(known.all()), tuple(raised))


def _must_be_as_entered(
    kept: Sequence[Sample],
    noted: Note | None,
    readings: Mapping[str, Decimal],
    details: Mapping[str, Mapping[str, Any]],
    observed_at: datetime | None,
    note: str,
) -> None:
    """Raise SentBefore unless a form says again what it said before: the values, beside them where and how, the time if one
    was typed, the sentence.
    """
    times = {one.observed_at for one in kept} | ({noted.at} if noted else set())
    is_same = (
        {one.code: one.value for one in kept}
        == {code: value.quantize(CENT) for code, value in readings.items()}
        and all(one.detail.get(name) == said for one in kept for name, said in details[one.code].items())
        and all(name in details[one.code] for one in kept for name in BESIDE_A_VALUE if name in one.detail)
        and (noted.text if noted else "") == note
        and (observed_at is None or times == {observed_at})
    )
    if not is_same:
        raise SentBefore


def _check(session: Watched, readings: Mapping[str, Decimal], at: datetime, note: str) -> None:
    if not readings and not note.strip():
        raise Refused("There is nothing to enter yet.")
    if len(note) > settings.LONGEST_TEXT:
        raise Refused(f"A note holds up to {settings.LONGEST_TEXT} characters. Shorten it, or write two.")
    if session.ended_at is not None and at > session.ended_at:
        raise Refused("This session was signed off before that time.")
    for code, value in readings.items():
        Refused.unless(vitals.plausible(code, value))
    if "systolic" in readings and "diastolic" in readings:
        pressures = (readings["systolic"], readings["diastolic"], readings.get("mean_pressure"))
        Refused.unless(vitals.plausible_pressures(*pressures))


def _detail(code: str, wanted: bool | None, body_site: str) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if code == "dissociation" and wanted is not None:
        detail["wanted"] = wanted
    if body_site and not BY_CODE[code].is_by_hand:
        detail["body_site"] = printable(body_site)
    return detail


def _take_down(session: Watched, entries: Sequence[Entry], now: datetime) -> list[Alarm]:
    channels = lock(session, {entry.code for entry in entries}) if entries else {}
    new = insert(session, entries)
    if len(new) != len(entries):
        raise Stale("Somebody else was first. Look again; nothing was written.")
    raised = fold(session, channels, new, now, by_hand=True)
    tell("room", session.id)
    return raised


def _note(session: Watched, by: Person, request_id: UUID, at: datetime, text: str) -> None:
    Note(
        clinic_id=session.clinic_id,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        author=by,
        session_id=session.id,
        request_id=request_id,
        at=at,
        text=text,
    ).save(force_insert=True)


@transaction.atomic
def correct(*, by: Person, sample_id: UUID, value: Decimal, reason: str, request_id: UUID) -> Sample:
    """Put a right value in the place of a wrong one; both stay on record. Raises Refused, Stale if it has been corrected
    already, or SentBefore where the same form said something else before.
    """
    wrong = Sample.objects.filter(id=sample_id).first()
    if wrong is None:
        raise Refused("There is no such reading here.")
    session = session_to_write(wrong.session_id)
    if not reason.strip():
        raise Refused("Say why the value was wrong.")
    Refused.unless(vitals.plausible(wrong.code, value))
    once(request_id)
    known = Sample.objects.filter(session_id=session.id, request_id=request_id, code=wrong.code).first()
    if known is not None:
        said = (wrong.id, value.quantize(CENT), reason.strip()[:300], False)
        if said != (known.corrects_id, known.value, known.reason, known.is_artefact):
            raise SentBefore
        return known
    entry = in_place_of(wrong, by, reason, request_id)
    entry = replace(entry, value=value.quantize(CENT))
    _take_down(session, [entry], timezone.now())
    audit.log("corrected a reading", by=by, subject=session.subject_id, item_kind=KIND, item_id=entry.id)
    return Sample.objects.get(id=entry.id)


def in_place_of(wrong: Sample, by: Person, reason: str, request_id: UUID) -> Entry:
    """The row that will stand for a wrong one: the same but for whose it is and why."""
    root = wrong
    while root.corrects is not None:
        root = root.corrects
    return Entry(
        code=wrong.code,
        value=wrong.value,
        unit=wrong.unit,
        observed_at=wrong.observed_at,
        source=wrong.source,
        author_id=by.id,
        request_id=request_id,
        detail=wrong.detail,
        corrects_id=wrong.id,
        root_id=root.id,
        reason=reason.strip()[:300],
    )
