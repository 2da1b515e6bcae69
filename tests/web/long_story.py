"""Years of a couple's work, week by week for both: what the score must still draw at a glance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from bothwell.couples.models import new_id
from bothwell.models import (
    Consent,
    ConsentText,
    CoupleCheckin,
    CoupleSession,
    DosingSession,
    ExerciseDone,
    ExerciseGiven,
    Grant,
    Insight,
    InsightDiscussed,
    InsightVersion,
    Receipt,
    Response,
)
from tests.cast import Cast
from tests.conftest import loading
from tests.web.partners import course_of

ASKED = (
    ("phq-9", "measure.individual", 27),
    ("gad-7", "measure.individual", 21),
    ("csi-4", "measure.relationship", 21),
)
RELEASED = ("individual_scores", "relationship_scores", "dosing_summary")
WORDS = "What I saw on the way home, and would like you to know before we speak of it on Friday."


def lay_out(cast: Cast, weeks: int) -> None:
    """Every week three questionnaires and three lines of each, every other a session, a month an insight of each."""
    now = timezone.now().replace(microsecond=0)
    both = (cast.a, cast.b)
    courses = {who.id: course_of(cast, who) for who in both}
    with loading():
        own: dict[str, Any] = {"clinic": cast.clinic, "couple": cast.couple}
        rows: dict[type, list[Any]] = {}

        def add(model: type, **fields: Any) -> Any:
            row = model(id=new_id(), **fields)
            rows.setdefault(model, []).append(row)
            return row

        texts = {
            data: ConsentText.objects.create(
                clinic=cast.clinic, kind="release", code=data, title=data, body="", sha256="x"
            )
            for data in RELEASED
        }
        began = now - timedelta(weeks=weeks)
        for who in both:
            for data in RELEASED:
                add(
                    Consent, **own, subject=who, author=who, text=texts[data], sha256="x", release_class=data,
                    release_to="couples_therapist", signed_name="X", recorded_at=began,
                )  # fmt: skip
        sessions, exercise = [], None
        for week in range(weeks):
            at = began + timedelta(weeks=week)
            if week % 2 == 0:
                sessions.append(
                    add(CoupleSession, **own, author=cast.couples_therapist, at=at + timedelta(days=4),
                        number=len(sessions) + 1, state="held")
                )  # fmt: skip
            if week % 8 == 0:
                exercise = add(
                    ExerciseGiven, **own, author=cast.couples_therapist, exercise="ten-minutes", recorded_at=at,
                    until=at + timedelta(weeks=7),
                )  # fmt: skip
            for place, who in enumerate(both):
                mine = own | {"subject": who, "author": who}
                for instrument, kind, most in ASKED:
                    part = (
                        0.7 - 0.5 * week / weeks if kind == "measure.individual" else 0.3 + 0.5 * week / weeks
                    )
                    total = Decimal(round(most * part) + (week * 7 + place * 3) % 4)
                    add(
                        Response, clinic=cast.clinic, subject=who, author=who, instrument=instrument,
                        instrument_version="1", kind=kind, wave=f"weekly {week}", status="sent",
                        sent_at=at + timedelta(hours=place), total=total, band="",
                    )  # fmt: skip
                add(
                    CoupleCheckin, **mine, week=(at - timedelta(days=at.weekday())).date(), appreciated="x",
                    recorded_at=at + timedelta(days=2),
                )  # fmt: skip
                if exercise and week % 2 == place:
                    add(ExerciseDone, **mine, given=exercise, on_day=(at + timedelta(days=1)).date())
                if week % 4 == place:
                    _shared(add, cast, mine, who, at, sessions[-1])
                if week % 13 == 6 + place:
                    came = at + timedelta(days=place)
                    add(
                        DosingSession, **own, subject=who, author=cast.prescriber, course=courses[who.id],
                        number=week // 13 + 1, scheduled_at=came, arrived_at=came, started_at=came,
                        ended_at=came + timedelta(hours=2), outcome="discharged",
                    )  # fmt: skip
        order = (
            Consent, CoupleSession, ExerciseGiven, Response, CoupleCheckin, ExerciseDone, Insight, InsightVersion,
            Grant, InsightDiscussed, Receipt, DosingSession,
        )  # fmt: skip
        for model in order:
            model._default_manager.bulk_create(rows.get(model, []), batch_size=500)  # type: ignore[attr-defined]


def _shared(add: Any, cast: Cast, mine: dict[str, Any], who: Any, at: Any, session: Any) -> None:
    """An insight given to the other and to the therapist, read by both, taken up in a session."""
    insight = add(Insight, clinic=cast.clinic, subject=who, author=who, recorded_at=at)
    version = add(
        InsightVersion, clinic=cast.clinic, subject=who, author=who, insight=insight, number=1, text=WORDS,
        recorded_at=at,
    )  # fmt: skip
    for audience in ("partner", "couples_therapist"):
        add(Grant, **mine, item_kind="insight", item_id=version.id, audience=audience, opens_at=at)
    other = cast.b if who == cast.a else cast.a
    for reader in (other, cast.couples_therapist):
        add(
            Receipt, clinic=cast.clinic, couple=cast.couple, subject=who, author=reader, item_kind="insight",
            item_id=version.id,
        )  # fmt: skip
    add(
        InsightDiscussed, clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, session=session,
        version=version,
    )  # fmt: skip
