"""What changes a course, and who may: each refusal a sentence, each double post nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.enrolment import couple_actions
from bothwell.models import (
    AuditEntry,
    Consent,
    ConsentText,
    Couple,
    CoupleSession,
    Course,
    Credential,
    DecisionSignature,
    DisclosureAgreement,
    DisclosureSignature,
    DosingSession,
    HoldReason,
    JointDecision,
    MedicalFact,
    Person,
    Preparation,
    ProtocolVersion,
    Resolution,
    Step,
)
from bothwell.pathway import (
    assessment_actions,
    course_actions,
    decision_actions,
    eligibility,
    preparation_actions,
    protocol_actions,
    rights_actions,
    steps,
    workup_actions,
)
from bothwell.pathway.facts import FACTS, Answer, Severity
from bothwell.pathway.models import Verdict
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast, person
from tests.conftest import loading

pytestmark = pytest.mark.django_db

K, P = steps.Kind, steps.Phase
NUMBERS = {
    "systolic_mmhg": Decimal(128),
    "diastolic_mmhg": Decimal(78),
    "weight_kg": Decimal(70),
    "bmi": Decimal("24.1"),
    "asa_class": Decimal(2),
    "lorazepam_equivalent_mg_per_day": Decimal(0),
}
HEALTHY = {spec.code: NUMBERS[spec.code] if spec.answer is Answer.NUMBER else False for spec in FACTS}
WORDS = "We propose three infusions, because two medicines did not help."


@dataclass
class Clinic:
    """The cast with a signed protocol and a course for Ben."""

    cast: Cast
    course_id: UUID

    @contextmanager
    def eyes_of(self, who: Person) -> Iterator[Course]:
        with door.opened(who.id):
            yield Course.objects.select_related("protocol", "couple", "subject").get(id=self.course_id)

    def put(self, **fields: object) -> None:
        """Put the course somewhere, as the loader of invented clinics may."""
        with loading():
            Course.objects.filter(id=self.course_id).update(**fields)

    def facts(self, **changed: object) -> None:
        with door.opened(self.cast.prescriber.id):
            workup_actions.record_facts(
                by=self.cast.prescriber,
                subject=self.cast.b,
                values={**HEALTHY, **changed},  # type: ignore[arg-type]
                source="visit",
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

    def session(self, **fields: object) -> DosingSession:
        with loading():
            given = {"scheduled_at": timezone.now(), **fields}
            return DosingSession.objects.create(
                clinic=self.cast.clinic,
                subject=self.cast.b,
                couple=self.cast.couple,
                number=1,
                course_id=self.course_id,
                **given,
            )


@pytest.fixture
def clinic() -> Clinic:
    cast = make_cast()
    with door.opened(cast.lead.id):
        version = protocol_actions.load_protocols(by=cast.lead)[0]
        protocol_actions.sign_protocol(by=cast.lead, protocol_id=version.id, signed_name="Lea")
        course = course_actions.begin(by=cast.lead, subject=cast.b, couple=cast.couple)
    return Clinic(cast, course.id)


def refused(clinic: Clinic, who: Person, **asked: object) -> str:
    with clinic.eyes_of(who), pytest.raises(Refused) as told:
        course_actions.take_step(by=who, course_id=clinic.course_id, **asked)  # type: ignore[arg-type]
    return told.value.reason


# -------------------------------------------------------------------------------------------------- protocols


def test_loading_twice_keeps_one_version_and_only_the_lead_loads_and_signs(clinic: Clinic) -> None:
    cast = clinic.cast
    with door.opened(cast.lead.id):
        again = protocol_actions.load_protocols(by=cast.lead)
        assert ProtocolVersion.objects.count() == len(again)
    with door.opened(cast.prescriber.id):
        with pytest.raises(Refused, match="lead"):
            protocol_actions.load_protocols(by=cast.prescriber)
        with pytest.raises(Refused, match="lead"):
            protocol_actions.sign_protocol(by=cast.prescriber, protocol_id=again[0].id, signed_name="Helen")


def test_a_signature_needs_a_name_and_a_protocol_and_stays_the_first(clinic: Clinic) -> None:
    lead = clinic.cast.lead
    with loading():
        another = person(clinic.cast.clinic, "Max", "staff", "lead")
    with door.opened(lead.id):
        version = protocol_actions.protocol_in_use()
        assert version is not None
        with pytest.raises(Refused, match="name"):
            protocol_actions.sign_protocol(by=lead, protocol_id=version.id, signed_name="  ")
        with pytest.raises(Refused, match="no such protocol"):
            protocol_actions.sign_protocol(by=lead, protocol_id=uuid4(), signed_name="Lea")
        again = protocol_actions.sign_protocol(by=lead, protocol_id=version.id, signed_name="Somebody else")
        assert (again.signed_name, again.signed_at) == ("Lea", version.signed_at)
    with door.opened(another.id), pytest.raises(Refused, match="Lea has signed this version already"):
        protocol_actions.sign_protocol(by=another, protocol_id=version.id, signed_name="Max")


def test_without_a_signed_protocol_no_course_begins() -> None:
    cast = make_cast()
    with door.opened(cast.lead.id), pytest.raises(Refused, match="No protocol is signed"):
        course_actions.begin(by=cast.lead, subject=cast.a, couple=cast.couple)


def test_a_person_has_one_open_course_and_strangers_begin_none(clinic: Clinic) -> None:
    cast = clinic.cast
    with door.opened(cast.lead.id), pytest.raises(Refused, match="open course"):
        course_actions.begin(by=cast.lead, subject=cast.b, couple=cast.couple)
    with door.opened(cast.stranger_prescriber.id), pytest.raises(Refused, match="care team"):
        course_actions.begin(by=cast.stranger_prescriber, subject=cast.a, couple=cast.couple)


# ------------------------------------------------------------------------------------------------------ steps


def test_a_step_is_refused_until_each_gate_is_vouched_for_then_kept_with_who_said_so(clinic: Clinic) -> None:
    helen = clinic.cast.prescriber
    reason = refused(clinic, helen, kind=K.ADVANCE, attested=["referral_recorded"])
    assert "contacted alone" in reason
    with clinic.eyes_of(helen):
        taken = course_actions.take_step(
            by=helen,
            course_id=clinic.course_id,
            kind=K.ADVANCE,
            steps_seen=1,
            attested=["referral_recorded", "contacted_separately", "made_up"],
        )
        assert taken.course.phase == P.EVALUATION
        kept = Step.objects.get(number=2)
        assert kept.author_id == helen.id
        assert kept.why == "contacted separately; referral recorded"


def test_the_clinics_own_gates_can_be_vouched_for_and_are_asked_for(clinic: Clinic) -> None:
    clinic.put(phase=P.EVALUATION)
    clinic.facts()
    helen = clinic.cast.prescriber
    assessed(clinic)
    common = ["psychiatric_evaluation_recorded"]
    told = refused(clinic, helen, kind=K.ADVANCE, attested=common)
    assert told.startswith("Not yet: Laboratory values and ECG"), "its sentence, not its code"
    with clinic.eyes_of(helen) as course:
        assert course_actions.gate_words(course, "laboratory_reviewed").startswith(
            "Laboratory values and ECG"
        )
        taken = course_actions.take_step(
            by=helen, course_id=course.id, kind=K.ADVANCE, attested=[*common, "laboratory_reviewed"]
        )
        assert taken.course.phase == P.JOINT_DECISION


FITS = "They hold each other well enough; nothing in the relationship speaks against it."


def assessed(clinic: Clinic, by: Person | None = None, words: str = FITS) -> Step:
    dana = by or clinic.cast.couples_therapist
    with clinic.eyes_of(dana) as course:
        return assessment_actions.record(
            by=dana, course_id=course.id, words=words, steps_seen=course.steps_taken
        )


def test_the_couples_assessment_is_its_therapists_to_record_and_nobody_vouches_for_it(clinic: Clinic) -> None:
    clinic.put(phase=P.EVALUATION)
    clinic.facts()
    helen, cast = clinic.cast.prescriber, clinic.cast
    vouched = ["psychiatric_evaluation_recorded", "couple_assessment_recorded", "laboratory_reviewed"]
    assert refused(clinic, helen, kind=K.ADVANCE, attested=vouched).startswith(
        "Not yet: The couples therapist has recorded"
    )
    for who in (helen, cast.nurse, cast.therapist_b, cast.lead, cast.b):
        with pytest.raises(Refused, match="couples therapist records"):
            assessed(clinic, who)
    with pytest.raises(Refused, match="in a sentence or two"):
        assessed(clinic, words="They fit. ")
    first = assessed(clinic)
    assert (first.from_phase, first.to_phase, first.why) == (P.EVALUATION, P.EVALUATION, FITS)
    with clinic.eyes_of(cast.couples_therapist) as course, pytest.raises(Stale):
        assessment_actions.record(
            by=cast.couples_therapist, course_id=course.id, words=FITS, steps_seen=course.steps_taken - 1
        )
    again = assessed(clinic, words="After a second meeting: wait for the summer, then go on.")
    for who in (helen, cast.nurse, cast.therapist_b, cast.b):
        with clinic.eyes_of(who) as course:
            assert assessment_actions.assessment_of(course) == again
            assert "couple_assessment_recorded" in course_actions.met_gates(course)
    with door.opened(cast.a.id):
        assert not Step.objects.exists()
    with clinic.eyes_of(helen) as course:
        step = {"by": helen, "course_id": course.id, "kind": K.ADVANCE, "attested": vouched}
        assert course_actions.take_step(**step).course.phase == P.JOINT_DECISION  # type: ignore[arg-type]
    clinic.put(phase=P.DOSING_SERIES)
    with pytest.raises(Refused, match="has gone on"):
        assessed(clinic)


def test_for_somebody_without_a_partner_here_the_assessment_is_vouched_for(clinic: Clinic) -> None:
    with clinic.eyes_of(clinic.cast.prescriber) as course:
        assert "couple_assessment_recorded" not in course_actions.attestable(course)
        course.couple_id = None
        assert "couple_assessment_recorded" in course_actions.attestable(course)
    parted(clinic)
    with clinic.eyes_of(clinic.cast.prescriber) as course:
        assert "couple_assessment_recorded" in course_actions.attestable(course), "its therapist has gone"


@pytest.mark.parametrize("gate", ["workup_clear", "joint_decision_signed", "consents_signed"])
def test_what_a_row_must_prove_nobody_can_vouch_for(clinic: Clinic, gate: str) -> None:
    with clinic.eyes_of(clinic.cast.prescriber) as course:
        assert gate not in course_actions.attestable(course)


def test_an_old_page_moves_nothing(clinic: Clinic) -> None:
    helen = clinic.cast.prescriber
    with clinic.eyes_of(helen):
        with pytest.raises(Stale):
            course_actions.take_step(
                by=helen, course_id=clinic.course_id, kind=K.STOP, why="Moved away.", steps_seen=7
            )
        assert Step.objects.count() == 1


def test_strangers_find_no_course_and_the_safety_circle_takes_no_step(clinic: Clinic) -> None:
    cast = clinic.cast
    for who in (cast.stranger_prescriber, cast.a, cast.other_lead):
        with door.opened(who.id), pytest.raises(Refused, match="no such course"):
            course_actions.take_step(by=who, course_id=clinic.course_id, kind=K.STOP, why="Because.")


def test_a_holds_reason_is_kept_apart_and_read_by_fewer(clinic: Clinic) -> None:
    cast = clinic.cast
    with clinic.eyes_of(cast.nurse):
        course_actions.take_step(
            by=cast.nurse, course_id=clinic.course_id, kind=K.HOLD, why="New chest pain."
        )
    with clinic.eyes_of(cast.couples_therapist) as course:
        assert course.state == steps.State.ON_HOLD
        assert Step.objects.get(number=2).why == "Clinical hold."
        assert not HoldReason.objects.exists()
    with clinic.eyes_of(cast.prescriber):
        assert HoldReason.objects.get().text == "New chest pain."


def test_a_hold_about_safety_is_read_by_those_who_may_know_of_it(clinic: Clinic) -> None:
    cast = clinic.cast
    with clinic.eyes_of(cast.therapist_b):
        course_actions.take_step(
            by=cast.therapist_b,
            course_id=clinic.course_id,
            kind=K.HOLD,
            why="Said something that worries me.",
            hold_kind=HoldReason.Kind.SUICIDE,
        )
    with clinic.eyes_of(cast.prescriber):
        assert HoldReason.objects.count() == 1
    for who in (cast.b, cast.couples_therapist, cast.lead):
        with clinic.eyes_of(who):
            assert not HoldReason.objects.exists()


def test_the_lead_too_may_hold(clinic: Clinic) -> None:
    lead = clinic.cast.lead
    with clinic.eyes_of(lead):
        taken = course_actions.take_step(
            by=lead, course_id=clinic.course_id, kind=K.HOLD, why="A complaint is looked into."
        )
        assert taken.course.state == steps.State.ON_HOLD
    with clinic.eyes_of(clinic.cast.prescriber):
        assert HoldReason.objects.get().text == "A complaint is looked into."


def test_only_the_prescriber_resumes_and_with_a_reason(clinic: Clinic) -> None:
    cast = clinic.cast
    clinic.put(state=steps.State.ON_HOLD)
    assert "prescriber" in refused(clinic, cast.nurse, kind=K.RESUME, why="Fine again.")
    assert "reason" in refused(clinic, cast.prescriber, kind=K.RESUME, why="  ")
    with clinic.eyes_of(cast.prescriber):
        taken = course_actions.take_step(
            by=cast.prescriber, course_id=clinic.course_id, kind=K.RESUME, why="Seen, well."
        )
        assert taken.course.state == steps.State.ACTIVE


def test_the_person_stops_their_own_course_and_the_partner_cannot(clinic: Clinic) -> None:
    ben = clinic.cast.b
    with clinic.eyes_of(ben):
        taken = course_actions.take_step(
            by=ben, course_id=clinic.course_id, kind=K.STOP, why="I do not want this."
        )
        assert taken.course.state == steps.State.STOPPED
    assert "stopped" in refused(clinic, ben, kind=K.STOP, why="Again.")


def test_a_reason_too_long_is_refused_before_anything_moves(clinic: Clinic) -> None:
    helen = clinic.cast.prescriber
    assert "longer than" in refused(clinic, helen, kind=K.STOP, why="x" * 30_000)
    with clinic.eyes_of(helen) as course:
        assert course.state == steps.State.ACTIVE


def test_open_steps_are_those_of_ones_own_roles(clinic: Clinic) -> None:
    cast = clinic.cast
    expected = {
        cast.prescriber: {K.ADVANCE, K.HOLD, K.STOP},
        cast.nurse: {K.HOLD, K.STOP},
        cast.couples_therapist: {K.HOLD, K.STOP},
        cast.lead: {K.HOLD},
        cast.b: {K.STOP},
    }
    for who, kinds in expected.items():
        with clinic.eyes_of(who) as course:
            assert {row.event for row in course_actions.open_steps(course, who)} == kinds


def test_after_parting_the_couples_therapist_holds_no_role_in_the_course(clinic: Clinic) -> None:
    dana = clinic.cast.couples_therapist
    with loading():
        clinic.cast.couple.parted_at = timezone.now()
        clinic.cast.couple.save()
    with door.opened(dana.id):
        assert rights_actions.roles_towards(dana, clinic.cast.b.id, clinic.cast.couple.id) == frozenset()


# ------------------------------------------------------------------------------------------------------ gates


def test_a_session_still_ahead_hides_nothing_of_todays_visit(clinic: Clinic) -> None:
    now = timezone.now()
    clinic.session(scheduled_at=now + timedelta(days=3))
    today = clinic.session(arrived_at=now - timedelta(hours=3))
    helen = clinic.cast.prescriber

    def met() -> frozenset[str]:
        with clinic.eyes_of(helen) as course:
            return course_actions.met_gates(course) & {
                "first_dose_given",
                "no_dose_given",
                "discharge_signed",
            }

    assert met() == {"no_dose_given"}
    with loading():
        DosingSession.objects.filter(id=today.id).update(started_at=now - timedelta(hours=2))
    assert met() == {"first_dose_given"}
    with loading():
        DosingSession.objects.filter(id=today.id).update(ended_at=now)
    assert met() == {"discharge_signed"}


def test_of_a_few_gates_no_more_is_read_than_they_need(clinic: Clinic) -> None:
    clinic.session(arrived_at=timezone.now())
    with clinic.eyes_of(clinic.cast.prescriber) as course:
        every = course_actions.met_gates(course)
        assert "no_dose_given" in every
        for name in (*every, "consents_signed", "discharge_signed"):
            assert course_actions.met_gates(course, {name}) == every & {name}
        with CaptureQueriesContext(connection) as seen:
            course_actions.met_gates(course, {"disclosure_agreement_signed"})
        assert len(seen) <= 3


def test_sessions_remain_counts_from_the_block_and_is_not_met_by_who_sees_none(clinic: Clinic) -> None:
    cast, now = clinic.cast, timezone.now()
    clinic.put(phase=P.COUPLE_INTEGRATION, sessions_planned=2)

    def remain(who: Person) -> bool:
        with clinic.eyes_of(who) as course:
            return "sessions_remain" in course_actions.met_gates(course)

    def gave(days_ago: int) -> None:
        at = now - timedelta(days=days_ago)
        clinic.session(scheduled_at=at, arrived_at=at, started_at=at, ended_at=at + timedelta(hours=2))

    gave(20)
    assert remain(cast.prescriber)
    assert not remain(cast.couples_therapist)
    gave(15)
    assert not remain(cast.prescriber)
    with loading():
        Step.objects.create(
            clinic=cast.clinic,
            subject=cast.b,
            couple=cast.couple,
            author=cast.prescriber,
            course_id=clinic.course_id,
            number=9,
            event="advance",
            from_phase=P.REVIEW,
            to_phase=P.PREPARATION,
            to_state="active",
            why="Another.",
            recorded_at=now - timedelta(days=10),
        )
    gave(5)
    assert remain(cast.prescriber)


def test_a_couples_session_counts_when_it_followed_alike_for_all_who_see_the_course(clinic: Clinic) -> None:
    cast, now = clinic.cast, timezone.now()
    clinic.put(phase=P.COUPLE_INTEGRATION)
    with loading():
        Step.objects.create(
            clinic=cast.clinic,
            subject=cast.b,
            couple=cast.couple,
            author=cast.prescriber,
            course_id=clinic.course_id,
            number=2,
            event="advance",
            from_phase=P.DOSING_SERIES,
            to_phase=P.INDIVIDUAL_INTEGRATION,
            to_state="active",
            why="Discharged.",
            recorded_at=now - timedelta(days=5),
        )
        early = CoupleSession.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
            number=1,
            state="held",
            at=now - timedelta(days=6),
        )

    def held(who: Person) -> bool:
        with clinic.eyes_of(who) as course:
            return "couples_session_held" in course_actions.met_gates(course)

    assert not held(cast.couples_therapist)
    with loading():
        CoupleSession.objects.filter(id=early.id).update(at=now - timedelta(days=1))
    for name in ("couples_therapist", "prescriber", "nurse", "therapist_b", "lead", "b"):
        assert held(getattr(cast, name)), name
    with door.opened(cast.prescriber.id):
        assert not CoupleSession.objects.exists()  # the yes is all there is


def came_to_integration(clinic: Clinic, *, days_ago: int) -> None:
    """The course stands at the couple's integration, to which it came by the discharge so long ago."""
    clinic.put(phase=P.COUPLE_INTEGRATION, steps_taken=2)
    step(clinic, 2, "advance", days_ago)


def step(clinic: Clinic, number: int, event: str, days_ago: int) -> None:
    with loading():
        Step.objects.create(
            clinic=clinic.cast.clinic, subject=clinic.cast.b, author=clinic.cast.prescriber,
            course_id=clinic.course_id, number=number, event=event, from_phase=P.DOSING_SERIES,
            to_phase=P.INDIVIDUAL_INTEGRATION, to_state="active", why="So it was.",
            recorded_at=timezone.now() - timedelta(days=days_ago),
        )  # fmt: skip


def session_held(clinic: Clinic, couple: Couple, *, days_ago: int) -> None:
    with loading():
        CoupleSession.objects.create(
            clinic=clinic.cast.clinic, couple=couple, author=clinic.cast.couples_therapist, number=1,
            state="held", at=timezone.now() - timedelta(days=days_ago),
        )  # fmt: skip


def parted(clinic: Clinic) -> None:
    with door.opened(clinic.cast.lead.id):
        couple_actions.part(by=clinic.cast.lead, couple_id=clinic.cast.couple.id, reason="They said so.")


def found(clinic: Clinic, name: str) -> tuple[bool, bool]:
    """Whether the prescriber finds this gate met, and whether they may vouch for it."""
    with clinic.eyes_of(clinic.cast.prescriber) as course:
        return name in course_actions.met_gates(course), name in course_actions.attestable(course)


def test_a_hold_and_its_end_do_not_undo_a_couples_session(clinic: Clinic) -> None:
    came_to_integration(clinic, days_ago=20)
    session_held(clinic, clinic.cast.couple, days_ago=15)
    step(clinic, 3, "hold", 10)
    step(clinic, 4, "resume", 9)
    assert found(clinic, "couples_session_held") == (True, False)


@pytest.mark.parametrize("began_alone", [True, False])
def test_for_somebody_in_no_couple_now_somebody_vouches_and_the_review_is_reached(
    clinic: Clinic, began_alone: bool
) -> None:
    came_to_integration(clinic, days_ago=5)
    assert found(clinic, "couples_session_held") == (False, False)
    parted(clinic)
    if began_alone:
        clinic.put(couple=None)
    assert found(clinic, "couples_session_held") == (False, True)
    helen = clinic.cast.prescriber
    with clinic.eyes_of(helen) as course:
        taken = course_actions.take_step(
            by=helen, course_id=course.id, kind=K.ADVANCE, to=P.REVIEW, attested=["couples_session_held"]
        )
    assert taken.course.phase == P.REVIEW


def test_what_was_held_before_a_parting_counts_until_there_is_a_new_couple_whose_own_then_count(
    clinic: Clinic,
) -> None:
    cast = clinic.cast
    came_to_integration(clinic, days_ago=5)
    session_held(clinic, cast.couple, days_ago=4)
    parted(clinic)
    assert found(clinic, "couples_session_held") == (True, True)
    with door.opened(cast.lead.id):
        again = couple_actions.pair(by=cast.lead, one=cast.a, other=cast.b, request_id=uuid4())
    assert found(clinic, "couples_session_held") == (False, False)
    session_held(clinic, again, days_ago=1)
    assert found(clinic, "couples_session_held") == (True, False)


def test_whoever_began_alone_and_is_a_couple_now_needs_its_agreement_and_who_is_alone_needs_none(
    clinic: Clinic,
) -> None:
    clinic.put(couple=None)
    assert found(clinic, "disclosure_agreement_signed") == (False, False)
    parted(clinic)
    assert found(clinic, "disclosure_agreement_signed") == (True, False)


def test_whether_a_couples_session_was_held_is_answered_to_nobody_without_the_course(clinic: Clinic) -> None:
    cast = clinic.cast
    with loading():
        Step.objects.create(
            clinic=cast.clinic, subject=cast.b, couple=cast.couple, author=cast.prescriber,
            course_id=clinic.course_id, number=2, event="advance", from_phase=P.DOSING_SERIES,
            to_phase=P.INDIVIDUAL_INTEGRATION, to_state="active", why="Discharged.",
            recorded_at=timezone.now() - timedelta(days=5),
        )  # fmt: skip
        CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=1, state="held",
            at=timezone.now() - timedelta(days=1),
        )  # fmt: skip

    def told(who: Person) -> bool:
        with door.opened(who.id), connection.cursor() as cursor:
            cursor.execute("select door.couples_session_held(%s)", [clinic.course_id])
            return bool(cursor.fetchone()[0])

    assert told(cast.prescriber)
    outside = ("a", "therapist_a", "coordinator", "stranger_prescriber", "stranger_a", "other_lead")
    for name in outside:
        assert not told(getattr(cast, name)), name


def test_consents_agreement_and_preparation_are_read_from_their_rows(clinic: Clinic) -> None:
    cast = clinic.cast
    clinic.put(phase=P.CONSENT, route="iv")
    wanted = {"consents_signed", "disclosure_agreement_signed", "preparation_recorded"}

    def met() -> frozenset[str]:
        with clinic.eyes_of(cast.prescriber) as course:
            return course_actions.met_gates(course) & wanted

    assert met() == frozenset()
    with loading():
        texts = {
            code: ConsentText.objects.create(
                clinic=cast.clinic, kind=kind, code=code, title=code, body="", sha256="x"
            )
            for kind, code in (("treatment", "iv"), ("disclosure", "no_secrets"))
        }
        Consent.objects.create(
            clinic=cast.clinic, subject=cast.b, author=cast.b, text=texts["iv"], sha256="x", signed_name="Ben"
        )
        agreement = DisclosureAgreement.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
            mode="no_secrets",
            version=1,
            text=texts["no_secrets"],
            sha256="x",
        )
        DisclosureSignature.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            subject=cast.a,
            author=cast.a,
            agreement=agreement,
            signed_name="A",
        )
    assert met() == {"consents_signed"}
    with loading():
        DisclosureSignature.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            subject=cast.b,
            author=cast.b,
            agreement=agreement,
            signed_name="B",
        )
    assert met() == {"consents_signed", "disclosure_agreement_signed"}
    with clinic.eyes_of(cast.nurse) as course:
        given = {"escort_name": "Kim", "escort_phone": "1", "fasting_explained": True}
        for _ in range(2):  # the second post changes nothing
            preparation_actions.prepare(by=cast.nurse, course=course, antiemetic_plan="Ondansetron", **given)
        assert Preparation.objects.count() == 1
    assert met() == wanted


def test_only_the_care_team_prepares(clinic: Clinic) -> None:
    dana = clinic.cast.couples_therapist
    with clinic.eyes_of(dana) as course, pytest.raises(Refused, match="care team"):
        preparation_actions.prepare(
            by=dana,
            course=course,
            escort_name="",
            escort_phone="",
            fasting_explained=False,
            antiemetic_plan="",
        )


def test_the_prescriber_plans_a_series_within_a_block(clinic: Clinic) -> None:
    cast = clinic.cast
    with clinic.eyes_of(cast.prescriber) as course:
        for _ in range(2):
            course_actions.plan_series(by=cast.prescriber, course=course, sessions=6)
        course.refresh_from_db()
        assert course.sessions_planned == 6
        with pytest.raises(Refused, match="between 1 and 12"):
            course_actions.plan_series(by=cast.prescriber, course=course, sessions=13)
    with loading():
        assert AuditEntry.objects.filter(action="planned a series").count() == 1
    with clinic.eyes_of(cast.b) as course, pytest.raises(Refused, match="prescriber"):
        course_actions.plan_series(by=cast.b, course=course, sessions=12)


# ------------------------------------------------------------------------------------------------------ facts


def test_facts_posted_twice_are_kept_once_and_numbers_come_back_as_numbers(clinic: Clinic) -> None:
    cast, post = clinic.cast, uuid4()
    at = timezone.now() - timedelta(hours=1)
    with clinic.eyes_of(cast.nurse):
        for _ in range(2):
            workup_actions.record_facts(
                by=cast.nurse,
                subject=cast.b,
                values={"weight_kg": Decimal("70.5"), "maoi": None},
                source="visit",
                observed_at=at,
                request_id=post,
            )
        assert {fact.code: fact.value for fact in workup_actions.facts_of(cast.b.id)} == {
            "weight_kg": Decimal("70.5"),
            "maoi": None,
        }
    with loading():
        entry = AuditEntry.objects.get(action="recorded facts")
        assert (entry.why, entry.subject_id) == ("maoi, weight_kg", cast.b.id)


def test_of_one_form_all_is_kept_or_nothing_and_other_words_are_not_taken_for_the_same(
    clinic: Clinic,
) -> None:
    cast, at = clinic.cast, timezone.now() - timedelta(hours=1)
    first = {"systolic_mmhg": Decimal(150), "diastolic_mmhg": Decimal(85)}
    again = {"systolic_mmhg": Decimal(128), "diastolic_mmhg": Decimal(80)}
    about = {"by": cast.nurse, "subject": cast.b, "source": "visit", "observed_at": at, "request_id": uuid4()}

    def kept() -> int:
        return MedicalFact.objects.filter(subject=cast.b, code__in=[*first, "aneurysm_or_avm"]).count()

    with clinic.eyes_of(cast.nurse):
        before = kept()
        for when, told in ((at + timedelta(hours=2), "future"), (at, "another time")):
            with pytest.raises(Refused, match=told):
                workup_actions.record_facts(**about, values=first, second=(again, when))
        assert kept() == before, "the first reading neither"
        later = (again, at + timedelta(minutes=5))
        for _ in range(2):
            assert len(workup_actions.record_facts(**about, values=first, second=later)) == 4
        for more in ({"aneurysm_or_avm": True}, {"systolic_mmhg": Decimal(190)}):
            with pytest.raises(SentBefore):
                workup_actions.record_facts(**about, values=first | more, second=later)
        with pytest.raises(SentBefore):
            workup_actions.record_facts(**about, values=first)
        assert kept() == before + 4


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"horoscope": True}, "not facts"),
        ({"weight_kg": True}, "Weight"),
        ({"weight_kg": Decimal("NaN")}, "Weight"),
        ({"weight_kg": Decimal(-1)}, "Weight"),
        ({"maoi": "yes"}, "MAO"),
    ],
)
def test_what_is_no_answer_is_refused(clinic: Clinic, values: dict[str, object], told: str) -> None:
    cast = clinic.cast
    with clinic.eyes_of(cast.prescriber), pytest.raises(Refused, match=told):
        workup_actions.record_facts(
            by=cast.prescriber,
            subject=cast.b,
            values=values,
            source="visit",
            observed_at=timezone.now(),  # type: ignore[arg-type]
        )


def test_facts_are_recorded_by_prescriber_and_nurse_in_the_past_from_somewhere(clinic: Clinic) -> None:
    cast, now = clinic.cast, timezone.now()
    for who in (cast.couples_therapist, cast.therapist_b, cast.b, cast.lead):
        with clinic.eyes_of(who), pytest.raises(Refused, match="prescriber and the nurse"):
            workup_actions.record_facts(
                by=who, subject=cast.b, values={"maoi": False}, source="visit", observed_at=now
            )
    with clinic.eyes_of(cast.nurse):
        with pytest.raises(Refused, match="future"):
            workup_actions.record_facts(
                by=cast.nurse,
                subject=cast.b,
                values={"maoi": False},
                source="visit",
                observed_at=now + timedelta(hours=1),
            )
        with pytest.raises(Refused, match="where this comes from"):
            workup_actions.record_facts(
                by=cast.nurse, subject=cast.b, values={"maoi": False}, source=" ", observed_at=now
            )


def test_a_correction_stands_in_the_place_of_the_wrong_entry_and_both_stay(clinic: Clinic) -> None:
    clinic.facts(maoi=True)
    helen = clinic.cast.prescriber
    with clinic.eyes_of(helen):
        wrong = MedicalFact.objects.get(code="maoi")
        with pytest.raises(Refused, match="why"):
            workup_actions.correct_fact(by=helen, fact_id=wrong.id, value=False, reason=" ")
        workup_actions.correct_fact(
            by=helen, fact_id=wrong.id, value=False, reason="Misheard the name of the medicine."
        )
        with pytest.raises(Stale):
            workup_actions.correct_fact(by=helen, fact_id=wrong.id, value=None, reason="Once more.")
        standing = [fact.value for fact in workup_actions.facts_of(clinic.cast.b.id) if fact.code == "maoi"]
        assert standing == [False]
        assert MedicalFact.objects.filter(code="maoi").count() == 2
    with clinic.eyes_of(clinic.cast.b), pytest.raises(Refused, match="prescriber and the nurse"):
        workup_actions.correct_fact(by=clinic.cast.b, fact_id=wrong.id, value=False, reason="I say so.")
    with door.opened(clinic.cast.a.id), pytest.raises(Refused, match="no such entry"):
        workup_actions.correct_fact(by=clinic.cast.a, fact_id=wrong.id, value=False, reason="I say so.")


def test_a_pressure_taken_at_one_moment_stays_a_pair_when_corrected(clinic: Clinic) -> None:
    clinic.facts(systolic_mmhg=Decimal(182))
    helen = clinic.cast.prescriber
    with clinic.eyes_of(helen) as course:
        assert workup_actions.findings_of(course)[0].kind is Severity.HOLD
        wrong = MedicalFact.objects.get(code="systolic_mmhg")
        workup_actions.correct_fact(
            by=helen, fact_id=wrong.id, value=Decimal(128), reason="A slip of the pen."
        )
        assert workup_actions.may_clear(course)


def test_a_hold_is_decided_by_the_prescriber_with_a_reason_until_newer_evidence(clinic: Clinic) -> None:
    clinic.facts(arrhythmia=True)
    cast, post = clinic.cast, uuid4()
    with clinic.eyes_of(cast.prescriber) as course:
        assert "Arrhythmia" in workup_actions.may_clear(course).reason
        with pytest.raises(Refused, match="sentence"):
            workup_actions.resolve(by=cast.prescriber, course=course, finding="arrhythmia", reason="fine")
        for _ in range(2):
            workup_actions.resolve(
                by=cast.prescriber,
                course=course,
                finding="arrhythmia",
                request_id=post,
                reason="Cardiology saw single benign extrasystoles.",
            )
        assert Resolution.objects.count() == 1
        assert workup_actions.may_clear(course)
        workup_actions.record_facts(
            by=cast.prescriber,
            subject=cast.b,
            values={"arrhythmia": True},
            source="ECG",
            observed_at=timezone.now(),
        )
        assert not workup_actions.may_clear(course)
    with clinic.eyes_of(cast.nurse) as course, pytest.raises(Refused, match="prescriber"):
        workup_actions.resolve(
            by=cast.nurse, course=course, finding="arrhythmia", reason="It seems quite fine to me."
        )


def test_a_caution_is_weighed_with_a_reason_that_clears_no_hold_and_new_evidence_asks_anew(
    clinic: Clinic,
) -> None:
    code, helen = "lorazepam_equivalent_mg_per_day", clinic.cast.prescriber
    clinic.facts(**{code: Decimal(1)})

    def finding(course: Course) -> eligibility.Finding:
        return next(one for one in workup_actions.findings_of(course) if one.code == code)

    def decided(course: Course) -> tuple[bool, bool]:
        known = workup_actions.resolutions_of(clinic.cast.b.id)
        one = finding(course)
        return eligibility.is_weighed(one, known), eligibility.is_resolved(one, known)

    with clinic.eyes_of(helen) as course:
        assert (finding(course).kind, decided(course)) == (Severity.CAUTION, (False, False))
        workup_actions.resolve(
            by=helen, course=course, finding=code, reason="1 mg at night only; the dose stays as planned."
        )
        assert decided(course) == (True, False)
        assert Resolution.objects.get().finding == f"caution:{code}"
        # A higher dose, observed before the reason was written and recorded after it: the old reason decides nothing.
        workup_actions.correct_fact(
            by=helen,
            fact_id=MedicalFact.objects.get(code=code).id,
            value=Decimal(9),
            reason="It is nine, not one.",
        )
        assert (finding(course).kind, decided(course)) == (Severity.HOLD, (False, False))
        assert not workup_actions.may_clear(course)


def test_an_absolute_is_never_decided_away_nor_is_there_anything_to_decide_in_a_clear_one(
    clinic: Clinic,
) -> None:
    clinic.facts(hypersensitivity=True)
    helen = clinic.cast.prescriber
    with clinic.eyes_of(helen) as course:
        with pytest.raises(Refused, match="absolute"):
            workup_actions.resolve(
                by=helen, course=course, finding="hypersensitivity", reason="Only a mild rash then."
            )
        with pytest.raises(Refused, match="does not hold"):
            workup_actions.resolve(
                by=helen, course=course, finding="maoi", reason="Nothing was found, so it is fine."
            )


# --------------------------------------------------------------------------------------------- joint decision


@pytest.fixture
def deciding(clinic: Clinic) -> Clinic:
    clinic.put(phase=P.JOINT_DECISION)
    clinic.facts()
    clinic.credentials()
    return clinic


def put_question(clinic: Clinic, by: Person | None = None, **changed: object) -> JointDecision:
    by = by or clinic.cast.prescriber
    with clinic.eyes_of(by) as course:
        return decision_actions.open_decision(
            by=by, course=course, **{"route": "iv", "summary": WORDS, **changed}
        )  # type: ignore[arg-type]


def sign(
    clinic: Clinic, decision: JointDecision, by: Person, verdict: Verdict = Verdict.PROCEED, words: str = ""
) -> DecisionSignature:
    with door.opened(by.id):
        return decision_actions.sign_decision(
            by=by, decision_id=decision.id, verdict=verdict, words=words, signed_name=by.name_used
        )


def test_three_sign_the_partner_last_and_the_route_is_then_the_courses(deciding: Clinic) -> None:
    cast = deciding.cast
    decision = put_question(deciding)
    with pytest.raises(Refused, match="sign first"):
        sign(deciding, decision, cast.b)
    sign(deciding, decision, cast.couples_therapist)
    with pytest.raises(Refused, match="sign first"):
        sign(deciding, decision, cast.b)
    first = sign(deciding, decision, cast.prescriber)
    assert first.credentials == ["couples", "ketamine", "licence"]
    assert sign(deciding, decision, cast.prescriber, Verdict.DECLINE, "Changed my mind.").id == first.id
    with deciding.eyes_of(cast.prescriber) as course:
        assert course.route == ""
        assert "joint_decision_signed" not in course_actions.met_gates(course)
    sign(deciding, decision, cast.b)
    with deciding.eyes_of(cast.prescriber) as course:
        assert course.route == "iv"
        taken = course_actions.take_step(by=cast.prescriber, course_id=course.id, kind=K.ADVANCE)
        assert taken.course.phase == P.CONSENT


def test_no_prescriber_signs_while_something_holds_but_may_say_not_yet(deciding: Clinic) -> None:
    cast = deciding.cast
    with deciding.eyes_of(cast.prescriber):
        workup_actions.record_facts(
            by=cast.prescriber,
            subject=cast.b,
            values={"arrhythmia": True},
            source="ECG",
            observed_at=timezone.now(),
        )
    decision = put_question(deciding)
    with pytest.raises(Refused, match="Arrhythmia"):
        sign(deciding, decision, cast.prescriber)
    with pytest.raises(Refused, match="what must change"):
        sign(deciding, decision, cast.prescriber, Verdict.DEFER)
    kept = sign(deciding, decision, cast.prescriber, Verdict.DEFER, "After cardiology.")
    assert kept.verdict == Verdict.DEFER


def test_a_missing_or_expired_credential_stops_going_on_and_names_what_is_missing(deciding: Clinic) -> None:
    cast = deciding.cast
    decision = put_question(deciding)
    with loading():
        Credential.objects.filter(person=cast.couples_therapist, kind="couples").update(
            expires_on=timezone.localdate() - timedelta(days=1)
        )
    with pytest.raises(Refused, match="couples therapy"):
        sign(deciding, decision, cast.couples_therapist)
    assert sign(deciding, decision, cast.couples_therapist, Verdict.DEFER, "My licence first.").words


def test_what_lacks_to_sign_is_told_before_by_role(deciding: Clinic) -> None:
    cast = deciding.cast
    with loading():
        kept = Credential.objects.exclude(kind="licence")
        kept.update(expires_on=timezone.localdate() - timedelta(days=1))
    for who, role, lacks in (
        (cast.prescriber, "prescriber", ["ketamine"]),
        (cast.couples_therapist, "couples_therapist", ["ketamine", "couples"]),
        (cast.b, "partner", []),
    ):
        with door.opened(who.id):
            assert decision_actions.credentials_missing(who, role) == lacks


@pytest.mark.parametrize("who", ["nurse", "therapist_b", "lead"])
def test_nobody_else_signs(deciding: Clinic, who: str) -> None:
    decision = put_question(deciding)
    with pytest.raises(Refused, match="is signed by"):
        sign(deciding, decision, getattr(deciding.cast, who))


def test_the_other_partner_does_not_even_find_the_decision(deciding: Clinic) -> None:
    decision = put_question(deciding)
    with pytest.raises(Refused, match="no such decision"):
        sign(deciding, decision, deciding.cast.a)


def test_one_question_at_a_time_and_a_new_one_after_a_no(deciding: Clinic) -> None:
    cast, post = deciding.cast, uuid4()
    decision = put_question(deciding, request_id=post)
    assert put_question(deciding, request_id=post).id == decision.id
    with pytest.raises(SentBefore):
        put_question(deciding, request_id=post, summary="Something else is proposed now, and why.")
    with pytest.raises(Refused, match="before the three already"):
        put_question(deciding)
    sign(deciding, decision, cast.couples_therapist, Verdict.DEFER, "We need two more sessions first.")
    newer = put_question(deciding, cast.couples_therapist, summary=WORDS + " Once more.")
    with pytest.raises(Stale, match="newer question"):
        sign(deciding, decision, cast.prescriber)
    assert sign(deciding, newer, cast.prescriber).decision_id == newer.id


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"route": "nose"}, "route"),
        ({"summary": "Do it."}, "plain words"),
        ({"summary": "x" * 30_000}, "longer than"),
    ],
)
def test_a_question_needs_a_route_of_the_protocol_and_words(
    deciding: Clinic, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        put_question(deciding, **changed)


def test_a_question_waits_for_its_phase_and_for_an_open_course(deciding: Clinic) -> None:
    cast = deciding.cast
    decision = put_question(deciding)
    deciding.put(state=steps.State.STOPPED)
    with pytest.raises(Refused, match="stopped"):
        put_question(deciding)
    with pytest.raises(Refused, match="stopped"):
        sign(deciding, decision, cast.prescriber)
    deciding.put(state=steps.State.ACTIVE, phase=P.EVALUATION)
    with pytest.raises(Refused, match="follows the evaluation"):
        put_question(deciding)
    with pytest.raises(Refused, match="opens a joint decision"):
        put_question(deciding, cast.nurse)


def test_declining_ends_the_course_and_deferring_holds_it(deciding: Clinic) -> None:
    cast = deciding.cast
    with deciding.eyes_of(cast.b):
        taken = course_actions.take_step(
            by=cast.b, course_id=deciding.course_id, kind=K.DEFER, why="After the move."
        )
        assert (taken.course.phase, taken.course.state) == (P.JOINT_DECISION, steps.State.ON_HOLD)
    with deciding.eyes_of(cast.prescriber):
        course_actions.take_step(
            by=cast.prescriber, course_id=deciding.course_id, kind=K.RESUME, why="They moved."
        )
        taken = course_actions.take_step(
            by=cast.prescriber, course_id=deciding.course_id, kind=K.DECLINE, why="Not now."
        )
        assert (taken.course.phase, taken.course.state) == (P.ENDED, steps.State.ENDED)
