"""A story to look at: Amara and Ben with sessions, shared words, exercises, answers and a course for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.utils import timezone

from bothwell.integration import session_actions
from bothwell.integration.actions import choose_audience, current_version, write
from bothwell.integration.insights import Words
from bothwell.integration.models import Modality
from bothwell.models import (
    Consent,
    ConsentText,
    Couple,
    CoupleSession,
    Course,
    Credential,
    DosingSession,
    ExerciseDone,
    ExerciseGiven,
    InsightVersion,
    Person,
    Response,
)
from bothwell.pathway import course_actions, protocol_actions, workup_actions
from bothwell.pathway.facts import FACTS, Answer
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import Cast, make_cast
from tests.conftest import loading

NUMBERS = {
    "systolic_mmhg": Decimal(128),
    "diastolic_mmhg": Decimal(78),
    "weight_kg": Decimal(70),
    "bmi": Decimal("24.1"),
    "asa_class": Decimal(2),
    "lorazepam_equivalent_mg_per_day": Decimal(0),
}
HEALTHY = {spec.code: NUMBERS[spec.code] if spec.answer is Answer.NUMBER else False for spec in FACTS}
PHQ = (18, 17, 18, 17, 16, 13, 11, 12, 9, 8, 8, 6)
GAD = (15, 15, 14, 15, 14, 13, 13, 14, 12, 9, 8, 7)


@dataclass
class Desk:
    """The cast with everything its therapist and its prescriber work with."""

    cast: Cast

    # ----------------------------------------------------------------------------------------- what people do

    def release(self, giver: Person, data: str, to: str = "couples_therapist") -> Consent:
        with loading():
            text, _ = ConsentText.objects.get_or_create(
                clinic=self.cast.clinic,
                kind="release",
                code=data,
                defaults={"title": data, "body": "", "sha256": "x"},
            )
            return Consent.objects.create(
                clinic=self.cast.clinic,
                subject=giver,
                author=giver,
                text=text,
                sha256="x",
                release_class=data,
                release_to=to,
                signed_name=giver.name_used,
                couple=self.cast.couple,
            )

    def answers(
        self, who: Person, instrument: str, totals: tuple[int, ...], kind: str = "measure.individual"
    ) -> None:
        with loading():
            for number, total in enumerate(totals):
                at = timezone.now() - timedelta(days=2 + 7 * (len(totals) - 1 - number))
                Response.objects.create(
                    clinic=self.cast.clinic,
                    subject=who,
                    author=who,
                    instrument=instrument,
                    instrument_version="1",
                    kind=kind,
                    wave=f"w{number}",
                    status="sent",
                    sent_at=at,
                    total=total,
                    band="",
                )

    def share(self, author: Person, words: str, *audiences: Relation, days_ago: int = 0) -> InsightVersion:
        with door.opened(author.id):
            insight = write(by=author, words=Words(words), request_id=uuid4())
            given = choose_audience(
                by=author, insight_id=insight.id, version_id=current_version(insight).id, audiences=audiences
            )
            assert given is not None
        if days_ago:
            from bothwell.models import Grant

            with loading():
                Grant.objects.filter(item_id=given.id).update(
                    opens_at=timezone.now() - timedelta(days=days_ago)
                )
        return given

    def session(self, days: float, **fields: object) -> CoupleSession:
        dana = self.cast.couples_therapist
        at, now = timezone.now() + timedelta(days=days), timezone.now()
        with door.opened(dana.id):
            made = session_actions.plan_session(
                by=dana,
                couple=self.cast.couple,
                at=max(at, now - timedelta(hours=11)),
                minutes=60,
                place="Room 2",
                request_id=uuid4(),
            )
            # One held longer ago is planned for today and moved there, as its therapist would.
            return session_actions.move_session(
                by=dana, session_id=made.id, at=at, minutes=60, place="Room 2"
            )

    def record(self, session: CoupleSession, *versions: InsightVersion, summary: str = "") -> None:
        dana = self.cast.couples_therapist
        with door.opened(dana.id):
            session_actions.record_session(
                by=dana,
                session_id=session.id,
                modality=Modality.EFT,
                summary=summary,
                stage="Stage 2, restructuring: owning needs",
                focus="The circle of chasing and hiding",
                text="Saw it.",
                discussed=[version.id for version in versions],
            )

    def exercise(self, code: str, days_ago: int, done: tuple[int, ...] = ()) -> ExerciseGiven:
        dana = self.cast.couples_therapist
        with door.opened(dana.id):
            given = session_actions.give_exercise(
                by=dana, couple=self.cast.couple, code=code, words="", until=None, request_id=uuid4()
            )
        with loading():
            ExerciseGiven.objects.filter(id=given.id).update(
                recorded_at=timezone.now() - timedelta(days=days_ago)
            )
            for ago in done:
                ExerciseDone.objects.create(
                    clinic=self.cast.clinic,
                    couple=self.cast.couple,
                    subject=self.cast.b,
                    author=self.cast.b,
                    given=given,
                    on_day=timezone.localdate() - timedelta(days=ago),
                )
        return given

    def course(self, who: Person, **fields: object) -> Course:
        lead = self.cast.lead
        with door.opened(lead.id):
            if protocol_actions.protocol_in_use() is None:
                version = protocol_actions.load_protocols(by=lead)[0]
                protocol_actions.sign_protocol(by=lead, protocol_id=version.id, signed_name="Lea")
            course = course_actions.begin(by=lead, subject=who, couple=self.cast.couple)
        self.put(course, **fields)
        return course

    def put(self, course: Course, **fields: object) -> None:
        if fields:
            with loading():
                Course.objects.filter(id=course.id).update(**fields)

    def dose(self, who: Person, course: Course, number: int, days: int) -> DosingSession:
        at = timezone.now() + timedelta(days=days)
        came = {
            "arrived_at": at,
            "started_at": at,
            "ended_at": at + timedelta(hours=2),
            "outcome": "discharged",
        }
        with loading():
            return DosingSession.objects.create(
                clinic=self.cast.clinic,
                subject=who,
                couple=self.cast.couple,
                course=course,
                number=number,
                scheduled_at=at,
                **(came if days < 0 else {}),
            )

    def facts(self, who: Person, **changed: object) -> None:
        with door.opened(self.cast.prescriber.id):
            workup_actions.record_facts(
                by=self.cast.prescriber,
                subject=who,
                values={**HEALTHY, **changed},
                source="visit",  # type: ignore[arg-type]
                observed_at=timezone.now() - timedelta(minutes=30),
            )

    def credentials(self) -> None:
        with loading():
            for who in (self.cast.prescriber, self.cast.couples_therapist):
                for kind in Credential.Kind:
                    Credential.objects.create(
                        clinic=self.cast.clinic,
                        person=who,
                        kind=kind,
                        reference="123",
                        filed_by=self.cast.lead,
                    )

    def agreement_texts(self) -> None:
        with loading():
            for code in ("no_secrets", "confidential"):
                ConsentText.objects.create(
                    clinic=self.cast.clinic,
                    kind="disclosure",
                    code=code,
                    title=code,
                    body="The text.",
                    sha256="x",
                )


def desk() -> Desk:
    """Only the cast, with names as on the screens."""
    cast = make_cast()
    with loading():  # their story is older than today
        Couple.objects.filter(id=cast.couple.id).update(formed_at=timezone.now() - timedelta(days=1000))
    with loading():
        Person.objects.filter(id=cast.couples_therapist.id).update(title="LMFT")
        Person.objects.filter(id=cast.prescriber.id).update(title="MD")
        Person.objects.filter(id=cast.b.id).update(pronouns="he/him")
        Person.objects.filter(id=cast.a.id).update(pronouns="she/her")
    return Desk(cast)


def full_story() -> Desk:
    """The whole story of the picture: two lines, six sessions, exercises, shared words, a course each."""
    made = desk()
    a, b = made.cast.a, made.cast.b
    both, therapist = (Relation.PARTNER, Relation.COUPLES_THERAPIST), (Relation.COUPLES_THERAPIST,)
    for who in (a, b):
        for data in ("individual_scores", "relationship_scores", "dosing_summary"):
            made.release(who, data)
    made.answers(a, "phq-9", PHQ)
    made.answers(b, "gad-7", GAD)
    made.answers(a, "csi-16", (30, 34, 41, 46), "measure.relationship")
    hide = made.share(a, "I hide when I think I have failed you", *both, days_ago=48)
    fear = made.share(b, "My silence is fear, not anger", *both, days_ago=20)
    for days, taken in ((-70, ()), (-56, ()), (-42, (hide,)), (-28, ()), (-14, (fear,))):
        made.record(
            made.session(days), *taken, summary="You both saw the circle, and stood beside each other."
        )
    made.session(-1 / 24 / 15)
    made.session(14)
    made.share(
        b, "On the drive home I saw I go quiet so that I can’t say the wrong thing.", *both, days_ago=3
    )
    made.share(a, "I would like to ask for help before I am angry.", *therapist, days_ago=2)
    made.exercise("ten_minutes_in_the_evening", 35, (30, 24, 16, 2))
    made.exercise("one_thank_you_a_day", 8, (3,))
    of_a, of_b = made.course(a, phase="maintenance", route="iv"), made.course(b, phase="joint_decision")
    for number, days in enumerate((-48, -43, -36, -29), 1):
        made.dose(a, of_a, number, days)
    for number, days in enumerate((-20, -15, -8, 7), 1):
        made.dose(b, of_b, number, days)
    made.credentials()
    made.agreement_texts()
    made.facts(
        b,
        systolic_mmhg=Decimal(152),
        diastolic_mmhg=Decimal(94),
        lorazepam_equivalent_mg_per_day=Decimal(1),
        severe_untreated_sleep_apnoea=True,
        maoi=None,
    )
    return made
