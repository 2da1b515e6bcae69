"""A clinic with as many couples as wanted, their scores at some weeks, and what each gave to research."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.utils import timezone

from bothwell import models as tables
from bothwell.couples.models import Clinic, Couple, Person
from bothwell.instruments.catalogue import load
from bothwell.jobs import outcomes
from bothwell.outcomes import actions
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.models import Analysis, AnalysisRun
from bothwell.privacy import door
from tests.cast import person
from tests.conftest import loading

WEEKS = (0, 4, 8, 12, 16)
PHQ, CSI = "phq-9.total", "csi-16.total"
CHANGE = Question(Way.CHANGE, CSI, PHQ, 0, 16)
MOMENTS = Question(Way.MOMENTS, CSI, PHQ, 0, 16)
FIRST = Question(Way.FIRST, CSI, PHQ, 0, 16)
RELIABLE = Question(Way.RELIABLE, first_week=0, last_week=16)


@dataclass
class Many:
    """The clinic, who may ask, and the couples in the order they were made."""

    clinic: Clinic
    lead: Person
    researcher: Person
    text: Any
    began: datetime
    couples: list[tuple[Couple, Person, Person]] = field(default_factory=list)

    def consents(self, who: Person) -> Any:
        return tables.Consent.objects.filter(subject=who, text__kind="research")


def many(count: int, *, seed: int = 1, code: str = "deidentified") -> Many:
    """`count` couples, all of whom gave to research; one’s depression and the other’s content move together."""
    with loading():
        clinic = Clinic.objects.create(name="Many", is_demo=True, set_up_at=timezone.now())
        text = tables.ConsentText.objects.create(
            clinic=clinic, kind="research", code=code, title="Research", body="x", sha256="x"
        )
        began = timezone.now() - timedelta(weeks=20)
        made = Many(
            clinic,
            person(clinic, "Lea", "staff", "lead"),
            person(clinic, "Ada", "staff", "researcher"),
            text,
            began,
        )
    add(made, count, seed=seed)
    return made


def add(made: Many, count: int, *, seed: int = 2, weeks: tuple[int, ...] = WEEKS) -> None:
    """So many couples more."""
    chance = random.Random(seed)
    with loading():
        for _ in range(count):
            pair = [
                tables.Person.objects.create(
                    clinic=made.clinic, kind="partner", name_used=f"P{len(made.couples)}{side}"
                )
                for side in "ab"
            ]
            couple = Couple.objects.create(clinic=made.clinic, formed_at=made.began)
            for side, who in zip("ab", pair, strict=True):
                tables.Membership.objects.create(clinic=made.clinic, couple=couple, person=who, side=side)
                tables.Consent.objects.create(
                    clinic=made.clinic, subject=who, author=who, text=made.text, sha256="x", signed_name="x"
                )
            made.couples.append((couple, pair[0], pair[1]))
            falls = [chance.uniform(0.2, 1.2) for _ in pair]
            starts = [chance.uniform(10, 20) for _ in pair]
            for week in weeks:
                for side, who in enumerate(pair):
                    low = starts[side] - falls[side] * week / 2 + chance.gauss(0, 1)
                    well = 35 + (falls[1 - side] + 0.5 * falls[side]) * week + chance.gauss(0, 2)
                    answer(made, who, "phq-9", week, max(0, min(27, round(low))))
                    answer(made, who, "csi-16", week, max(0, min(81, round(well))), couple)


def answer(
    made: Many, who: Person, instrument: str, week: int, total: int, couple: Couple | None = None
) -> None:
    """One sent questionnaire of one wave; to be called inside `loading()`."""
    known = load(instrument)
    day = (made.began + timedelta(weeks=week)).date()
    tables.Response.objects.create(
        clinic=made.clinic,
        subject=who,
        author=who,
        couple=couple,
        instrument=instrument,
        instrument_version=known.version,
        kind=known.kind.value,
        wave=f"every 4 weeks {day}",
        status="sent",
        sent_at=made.began + timedelta(weeks=week, hours=6),
        total=total,
        scores={known.main: str(total)},
    )


def withdraw(made: Many, place: int) -> None:
    """One of this couple takes it back."""
    who = made.couples[place][1]
    with door.opened(who.id):
        assert made.consents(who).update(withdrawn_at=timezone.now()) == 1


def asked(made: Many, question: Question, by: Person | None = None) -> AnalysisRun:
    """Asked, and reckoned as the job does it."""
    who = by or made.lead
    with door.opened(who.id):
        row = actions.ask(by=who, question=question, request_id=tables.Couple().id)
        run = row.runs.get()
    return reckoned(run.id, who)


def again(made: Many, run: AnalysisRun) -> AnalysisRun:
    """The same asked once more."""
    with door.opened(made.lead.id):
        later = actions.ask_again(by=made.lead, analysis=Analysis.objects.get(id=run.analysis_id))
    return reckoned(later.id, made.lead)


def reckoned(run_id: UUID, who: Person) -> AnalysisRun:
    """The run after its job."""
    outcomes.reckon(SimpleNamespace(job=None), run=str(run_id))
    with door.opened(who.id):
        return AnalysisRun.objects.get(id=run_id)


def entered(run: AnalysisRun) -> int:
    """How many couples' answers stand in it; its own numbers are rounded down."""
    return len({couple for used in uses(run).values() for couple in used})


def uses(run: AnalysisRun) -> dict[str, dict[str, str]]:
    """Whose answers each part used."""
    with loading():
        return dict(tables.AnalysisUse.objects.filter(run=run).values_list("part", "used"))
