"""What some of the invented couples asked about their records: copies, a parting, a court, and shelter at home.

Nobody here was ever a patient.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bothwell.demo.people import Pair
from bothwell.demo.place import Place
from bothwell.models import (
    Couple,
    Disclosure,
    JointRequest,
    JointSignature,
    LegalHold,
    PartingRequest,
    Person,
    RecordAnswer,
    RecordRequest,
    Shelter,
)
from bothwell.records import rights

COPIES: Final = "nwosu-halloran"
PARTING: Final = "chou-okafor"
FOR_BOTH: Final = "duval-reyes"


def ask(place: Place, pair: Pair, couple: Couple, people: dict[str, Person]) -> None:
    """What this couple asked, if anything."""
    match pair.key:
        case key if key == COPIES:
            _copies(place, people["a"], people["b"])
        case key if key == PARTING:
            _parting(place, couple, people["a"])
        case key if key == FOR_BOTH:
            _for_both(place, couple, people["a"])
    if pair.parted_weeks:
        _held(place, people["a"])
    for side in pair.safety:
        _sheltered(place, people[side])


def _copies(place: Place, given: Person, waits: Person) -> None:
    """One has been given and can be fetched; the other waits for an answer."""
    asked = _request(place, given, 20, RecordRequest.Scope.COUPLE)
    place.sheaf.add(
        RecordAnswer, "given", subject=given, author=place.role("coordinator"), request=asked,
        kind=RecordAnswer.Kind.GIVEN, words="You can fetch it whenever it suits you.", recorded_at=place.at(3, 10),
    )  # fmt: skip
    place.sheaf.add(
        Disclosure, "letter", subject=given, author=place.role("lead"), at=place.at(31, 15), recorded_at=place.at(31, 15),
        recipient="Dr Paula Jensen, general practice", what="A letter: medicines and dates of sessions",
        ground="authorised",
    )  # fmt: skip
    _request(place, waits, 6, RecordRequest.Scope.OWN)


def _request(place: Place, who: Person, days: int, scope: RecordRequest.Scope) -> RecordRequest:
    at = place.at(days, 19)
    row = place.sheaf.add(
        RecordRequest, who.name_used, subject=who, author=who, scope=scope, due_on=rights.due_on(at.date()),
        recorded_at=at,
    )  # fmt: skip
    place.sheaf.log(
        at, "asked for a copy", who.id, subject_id=who.id, item_kind="record.request", item_id=row.id
    )
    return row


def _parting(place: Place, couple: Couple, who: Person) -> None:
    at = place.at(2, 21)
    row = place.sheaf.add(
        PartingRequest, who.name_used, subject=who, couple=couple, author=who, recorded_at=at,
        words="We have lived apart since the autumn. Please speak with me first; not at home.",
    )  # fmt: skip
    place.sheaf.log(
        at, "asked about parting", who.id, subject_id=who.id, item_kind="parting.asked", item_id=row.id
    )


def _for_both(place: Place, couple: Couple, who: Person) -> None:
    at = place.at(4, 20)
    row = place.sheaf.add(
        JointRequest, who.name_used, couple=couple, author=who, recorded_at=at,
        recipient="Dr Ellis Hale, couples therapist in Portland", purpose="We move in spring and want to go on there.",
    )  # fmt: skip
    place.sheaf.add(
        JointSignature, who.name_used, couple=couple, subject=who, author=who, request=row, is_yes=True,
        signed_name=who.name_used, recorded_at=at + timedelta(minutes=1),
    )  # fmt: skip


def _held(place: Place, who: Person) -> None:
    place.sheaf.add(
        LegalHold, who.name_used, subject=who, author=place.role("lead"), recorded_at=place.at(9, 11),
        reason="County court, family division: counsel’s letter of that week",
    )  # fmt: skip


def _sheltered(place: Place, who: Person) -> None:
    at = place.at(6, 17)
    place.sheaf.add(Shelter, who.name_used, subject=who, author=who, recorded_at=at)
    place.sheaf.log(at, "asked for shelter", who.id, subject_id=who.id, item_kind="shelter", sealed=True)
