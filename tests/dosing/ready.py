"""One person on the day of a session, with everything signed that must be signed before they arrive."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.utils import timezone

from bothwell.dosing import checklist_actions, gates
from bothwell.models import (
    Consent,
    ConsentText,
    Course,
    DecisionSignature,
    Device,
    DosingSession,
    JointDecision,
    MedicalFact,
    Order,
    Person,
    ProtocolVersion,
    Room,
    Sample,
)
from bothwell.pathway import protocol as protocols
from bothwell.pathway.eligibility import Pressure
from tests.cast import Cast
from tests.conftest import loading


@dataclass
class Ready:
    """Amara, expected now; Ben likewise. Two rooms, a monitor."""

    cast: Cast
    course: Course
    order: Order
    session: DosingSession
    partners: DosingSession
    room: Room
    other_room: Room
    device: Device

    def clock(self, at: datetime, written: str = "%H:%M") -> str:
        """As the clinic's clock has it, which is what its people type."""
        return at.astimezone(ZoneInfo(self.cast.clinic.timezone)).strftime(written)


def make_ready(cast: Cast) -> Ready:
    """Lay it all out; nobody has arrived."""
    with loading():
        _where_it_is_noon(cast)
        path = protocols.shipped()[0]
        rules = protocols.load(path)
        version = ProtocolVersion.objects.create(
            clinic=cast.clinic, name=rules.name, version=rules.version, sha256=rules.sha256,
            source=path.read_text(encoding="utf-8"), signed_by=cast.lead, signed_at=timezone.now(),
            signed_name="Lea",
        )  # fmt: skip
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="treatment", code="iv", title="Infusion", body="What this is.",
            sha256=hashlib.sha256(b"What this is.").hexdigest(),
        )  # fmt: skip
        room, other = (Room.objects.create(clinic=cast.clinic, name=name) for name in ("Room 2", "Room 3"))
        course, order, session = _way(cast, cast.a, version, text)
        _, _, partners = _way(cast, cast.b, version, text)
        device = Device.objects.create(
            clinic=cast.clinic, identifier=f"MON-{uuid4().hex[:6]}", name="Monitor 2", room=room
        )
    return Ready(cast, course, order, session, partners, room, other, device)


def _where_it_is_noon(cast: Cast) -> None:
    """The clinic lies where it is about noon now: what must be of today is, at whatever hour this runs."""
    ahead = 12 - timezone.now().hour  # "Etc/GMT-3" is three hours ahead
    cast.clinic.timezone = f"Etc/GMT{-ahead:+d}"
    cast.clinic.save(update_fields=["timezone"])


def _way(
    cast: Cast, who: Person, version: ProtocolVersion, text: ConsentText
) -> tuple[Course, Order, DosingSession]:
    of = {"clinic": cast.clinic, "subject": who, "couple": cast.couple}
    course = Course.objects.create(
        **of, author=cast.prescriber, protocol=version, route="iv", phase="preparation", state="active",
        sessions_planned=4, steps_taken=5,
    )  # fmt: skip
    decision = JointDecision.objects.create(
        **of, author=cast.prescriber, course=course, route="iv", summary="Go on."
    )
    for signer, signs_as in (
        (cast.prescriber, "prescriber"),
        (cast.couples_therapist, "couples_therapist"),
        (who, "partner"),
    ):
        DecisionSignature.objects.create(
            **of, author=signer, decision=decision, signs_as=signs_as, verdict="proceed",
            signed_name=signer.name_used,
        )  # fmt: skip
    MedicalFact.objects.create(
        clinic=cast.clinic, subject=who, author=cast.prescriber, code="pregnancy_possible", value=False,
        source="visit", observed_at=timezone.now() - timedelta(days=9),
    )  # fmt: skip
    Consent.objects.create(**of, author=who, text=text, sha256=text.sha256, signed_name=who.name_used)
    order = Order.objects.create(
        **of, author=cast.prescriber, course=course, route="iv", dose_mg=Decimal("34"),
        weight_kg=Decimal("68"), minutes=40, product="Ketamine", concentration_mg_per_ml=Decimal("50"),
        antiemetic="Ondansetron 4 mg",
    )  # fmt: skip
    session = DosingSession.objects.create(
        **of, author=cast.nurse, course=course, number=1, scheduled_at=timezone.now()
    )
    return course, order, session


def calm(minutes_ago: float = 1) -> tuple[Pressure, ...]:
    """One pressure at rest, below the hold limit."""
    return (Pressure(Decimal(124), Decimal(78), timezone.now() - timedelta(minutes=minutes_ago)),)


def answer_all(ready: Ready, by: Person | None = None) -> None:
    """Every item of the checklist, answered well. The door is open for `by`."""
    now, by = timezone.now(), by or ready.cast.nurse
    answers = {
        "consent_reaffirmed": True,
        "suicide_rescreened": {"risk": False},
        "weight": "68.0",
        "fasting": {
            "confirmed": True,
            "food_at": (now - timedelta(hours=10)).isoformat(),
            "drink_at": (now - timedelta(hours=3)).isoformat(),
        },
        "antiemetic": "given",
        "escort": {"name": "Ruth", "phone": "555-0100", "is_here": False},
        "medications": {"changed": False, "what": ""},
        "equipment": [code for code, _ in gates.EQUIPMENT],
        "staffing": {
            "prescriber": str(ready.cast.prescriber.id),
            "nurse": str(ready.cast.nurse.id),
            "second": str(ready.cast.prescriber.id),
        },
    }
    for name, value in answers.items():
        checklist_actions.check(
            by=by, session_id=ready.session.id, name=name, value=value, request_id=uuid4()
        )


def chart(ready: Ready, minute: float, session: DosingSession | None = None, **values: float) -> None:
    """Values the monitor said `minute` minutes after the first dose (before it: negative). As the loader."""
    of = session or ready.session
    at = (of.started_at or timezone.now()) + timedelta(minutes=minute)
    with loading():
        Sample.objects.bulk_create(
            Sample(
                clinic=ready.cast.clinic, subject_id=of.subject_id, couple_id=of.couple_id,
                session=of, device=ready.device, code=code, value=Decimal(str(value)), unit="",
                observed_at=at, recorded_at=at,
            )
            for code, value in values.items()
        )  # fmt: skip


def started_ago(
    ready: Ready, minutes: int, session: DosingSession | None = None, room: Room | None = None
) -> DosingSession:
    """The session as if its dose had been begun so long ago, in a room; as the loader."""
    of, now = session or ready.session, timezone.now()
    begun = now - timedelta(minutes=minutes)
    with loading():
        DosingSession.objects.filter(id=of.id).update(
            arrived_at=begun - timedelta(minutes=30),
            started_at=begun,
            order_id=ready.order.id,
            room=room or ready.room,
        )
        Course.objects.filter(id=of.course_id).update(phase="dosing_series")
        of.refresh_from_db()
    return of
