"""What a curious partner, or a curious colleague, tries: errors, counts, numbers, timings, sequence, other doors."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection
from django.utils import timezone

from bothwell.later import later, tell
from bothwell.models import (
    AuditEntry,
    BreakGlass,
    Course,
    Discharge,
    DosingSession,
    GateCheck,
    Grant,
    Insight,
    InsightVersion,
    Invitation,
    JointDecision,
    JointRequest,
    JointSignature,
    Person,
    ProtocolVersion,
    Receipt,
    Request,
    Response,
    Shelter,
    User,
)
from bothwell.privacy import audit, door
from tests.cast import Cast, assign, make_cast, pair, person
from tests.conftest import loading
from tests.privacy.looking import eyes_of
from tests.privacy.worlds import filled

pytestmark = pytest.mark.django_db

MINUTE_AGO = timezone.now() - timedelta(minutes=1)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def saved(thing: Any) -> Any:
    with loading():
        thing.save(force_insert=True)
    return thing


def a_session(cast: Cast, subject: Person, **known: Any) -> DosingSession:
    """A dosing session of one person in the cast's couple."""
    protocol = saved(filled(ProtocolVersion, {}, clinic=cast.clinic))
    couple = cast.couple if subject in (cast.a, cast.b) else cast.strangers
    about = {"clinic": cast.clinic, "subject": subject, "couple": couple, "author": cast.prescriber}
    course = saved(filled(Course, {"ProtocolVersion": protocol}, **about))
    return saved(
        filled(DosingSession, {"Course": course}, **about, **({"scheduled_at": timezone.now()} | known))
    )


def an_insight(who: Person) -> InsightVersion:
    insight = saved(Insight(clinic_id=who.clinic_id, subject=who, author=who))
    return saved(
        InsightVersion(clinic_id=who.clinic_id, subject=who, author=who, insight=insight, number=1, text="x")
    )


def answer(viewer: Person, thing: Any) -> tuple[str, str]:
    """What the database answers to this person's new row: the kind of error and its whole text."""
    with eyes_of(viewer.id) as cursor:
        try:
            thing.save_base(raw=True, force_insert=True)
        except (ProgrammingError, IntegrityError) as error:
            cause = error.__cause__
            assert isinstance(cause, psycopg.Error)
            return type(
                cause
            ).__name__, f"{cause} {cause.diag.message_detail or ''} {cause.diag.message_hint or ''}"
        finally:
            connection.needs_rollback = False
            del cursor
    return "accepted", ""


# ------------------------------------------------------------------------------------------- keys and constraints


def test_a_row_that_names_a_hidden_row_fails_as_one_that_names_nothing(cast: Cast) -> None:
    strangers = a_session(cast, cast.stranger_a)
    about = {
        "clinic": cast.clinic,
        "subject": cast.a,
        "couple": cast.couple,
        "author": cast.nurse,
        "name": "fasting",
        "value": True,
    }
    hidden = answer(cast.nurse, GateCheck(session_id=strangers.id, **about))
    missing = answer(cast.nurse, GateCheck(session_id=uuid4(), **about))
    assert hidden == missing
    assert hidden[0] == "InsufficientPrivilege"
    assert answer(cast.nurse, GateCheck(session=a_session(cast, cast.a), **about))[0] == "accepted"


def test_nobody_signs_off_or_probes_the_session_of_somebody_else(cast: Cast) -> None:
    """`one discharge a session` must not answer a nurse who does not care for that person."""
    session = a_session(cast, cast.stranger_a)
    with loading():
        carl = filled(
            Discharge,
            {"DosingSession": session},
            clinic=cast.clinic,
            subject=cast.stranger_a,
            author=cast.prescriber,
        )
    attempt = {
        "clinic": cast.clinic,
        "subject": cast.a,
        "author": cast.nurse,
        "outcome": "x",
        "criteria": {},
        "signed_name": "x",
    }
    before = answer(cast.nurse, Discharge(session=session, **attempt))
    saved(carl)
    after = answer(cast.nurse, Discharge(session=session, **attempt))
    assert before == after
    assert before[0] == "InsufficientPrivilege"


def test_a_couple_is_named_only_with_one_of_its_own(cast: Cast) -> None:
    """Otherwise `never both partners at once` would tell a colleague when a stranger couple is in."""
    session = a_session(cast, cast.a)
    probe = filled(
        DosingSession,
        {"Course": session.course},
        clinic=cast.clinic,
        subject=cast.a,
        couple=cast.strangers,
        author=cast.nurse,
        scheduled_at=timezone.now(),
        arrived_at=timezone.now(),
    )
    assert answer(cast.nurse, probe)[0] == "InsufficientPrivilege"


def test_whether_my_partner_gave_something_to_others_is_not_told_by_a_constraint(cast: Cast) -> None:
    version = an_insight(cast.a)
    probe = {
        "clinic": cast.clinic,
        "subject": cast.b,
        "author": cast.b,
        "couple": cast.couple,
        "item_kind": "insight",
        "item_id": version.id,
    }
    before = answer(cast.b, Grant(**probe, audience="individual_therapist"))
    saved(Grant(**(probe | {"subject": cast.a, "author": cast.a}), audience="individual_therapist"))
    assert answer(cast.b, Grant(**probe, audience="individual_therapist")) == before
    assert before[0] == "InsufficientPrivilege"


def test_whoever_is_given_an_insight_does_not_learn_who_else_was(cast: Cast) -> None:
    version = an_insight(cast.a)
    for audience in ("partner", "individual_therapist", "couples_therapist"):
        saved(
            Grant(
                clinic=cast.clinic,
                subject=cast.a,
                author=cast.a,
                couple=cast.couple,
                item_kind="insight",
                item_id=version.id,
                audience=audience,
                opens_at=MINUTE_AGO,
            )
        )
    with door.opened(cast.b.id):
        assert [grant.audience for grant in Grant.objects.all()] == ["partner"]
    with door.opened(cast.couples_therapist.id):
        assert {grant.audience for grant in Grant.objects.all()} == {
            "partner",
            "couples_therapist",
            "individual_therapist",
        }


def test_a_receipt_for_what_one_cannot_see_is_refused_like_one_for_nothing(cast: Cast) -> None:
    version = an_insight(cast.a)
    said = [
        answer(cast.b, Receipt(clinic=cast.clinic, author=cast.b, item_kind="insight", item_id=key))
        for key in (version.id, uuid4())
    ]
    assert said[0] == said[1]
    assert said[0][0] == "InsufficientPrivilege"


def test_error_texts_carry_no_value_of_any_row(cast: Cast) -> None:
    version = an_insight(cast.a)
    again = InsightVersion(
        clinic=cast.clinic, subject=cast.a, author=cast.a, insight=version.insight, number=1, text="a secret"
    )
    kind, text = answer(cast.a, again)
    assert kind == "UniqueViolation"
    broken = Response(
        clinic=cast.clinic,
        subject=cast.a,
        author=cast.a,
        kind="measure.individual",
        status="sent",
        instrument="x",
        instrument_version="x",
        wave="x",
        answers={"1": "a secret"},
    )
    kind, other = answer(cast.a, broken)
    assert kind == "CheckViolation"
    for said in (text, other):
        assert "secret" not in said
        assert str(cast.a.id) not in said
        assert str(version.insight_id) not in said


# ---------------------------------------------------------------------------------------- questions with yes or no


def open_session_of(viewer: Person, couple: UUID, but_not: UUID) -> bool:
    with door.opened(viewer.id), connection.cursor() as cursor:
        cursor.execute("select door.couple_has_open_session(%s, %s)", [couple, but_not])
        return bool(cursor.fetchone()[0])


def test_whether_a_session_is_open_is_answered_to_those_who_may_see_blocked_time(cast: Cast) -> None:
    a_session(cast, cast.b, arrived_at=timezone.now() - timedelta(minutes=5))
    asked = {name for name, who in cast.everyone().items() if open_session_of(who, cast.couple.id, cast.a.id)}
    assert asked == {
        "a",
        "b",
        "prescriber",
        "nurse",
        "therapist_a",
        "therapist_b",
        "couples_therapist",
        "lead",
        "coordinator",
    }


def test_after_parting_nobody_learns_of_the_others_open_session(cast: Cast) -> None:
    a_session(cast, cast.b, arrived_at=timezone.now() - timedelta(minutes=5))
    with loading():
        cast.couple.parted_at = timezone.now()
        type(cast.couple).objects.filter(id=cast.couple.id).update(parted_at=cast.couple.parted_at)
    assert not open_session_of(cast.a, cast.couple.id, cast.a.id)
    assert open_session_of(cast.nurse, cast.couple.id, cast.a.id), "the gate before a dose still asks"


def busy(viewer: Person) -> list[tuple[Any, ...]]:
    with door.opened(viewer.id), connection.cursor() as cursor:
        cursor.execute("select * from door.busy()")
        return list(cursor.fetchall())


def test_past_sessions_of_a_partner_cannot_be_counted(cast: Cast) -> None:
    course = a_session(cast, cast.b).course
    for weeks in (1, 2, 3):
        when = timezone.now() - timedelta(weeks=weeks)
        saved(
            filled(
                DosingSession,
                {"Course": course},
                clinic=cast.clinic,
                subject=cast.b,
                couple=cast.couple,
                author=cast.nurse,
                scheduled_at=when,
            )
        )
    assert len(busy(cast.a)) == 1
    assert busy(cast.stranger_a) == []
    assert busy(cast.other_lead) == []


def decided(viewer: Person, decision: UUID) -> bool | None:
    with door.opened(viewer.id), connection.cursor() as cursor:
        cursor.execute("select door.decided(%s)", [decision])
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def test_decided_says_nothing_to_a_partner_who_was_not_told_and_nothing_of_what_is_not_there(
    cast: Cast,
) -> None:
    session = a_session(cast, cast.a)
    decision = saved(
        filled(
            JointDecision,
            {"Course": session.course},
            clinic=cast.clinic,
            subject=cast.a,
            couple=cast.couple,
            author=cast.prescriber,
        )
    )
    assert decided(cast.b, decision.id) is None
    assert decided(cast.b, uuid4()) is None
    assert decided(cast.a, decision.id) is False
    saved(
        Grant(
            clinic=cast.clinic,
            subject=cast.a,
            author=cast.a,
            couple=cast.couple,
            item_kind="decision.status",
            item_id=decision.id,
            audience="partner",
            opens_at=MINUTE_AGO,
        )
    )
    assert decided(cast.b, decision.id) is False
    with door.opened(cast.b.id):
        assert not JointDecision.objects.exists(), "the answer, never the paper"


# ------------------------------------------------------------------------------------------------------- safety


def test_the_violence_screen_is_gone_for_its_subject_once_sent(cast: Cast) -> None:
    request = saved(
        filled(
            Request, {}, clinic=cast.clinic, subject=cast.a, author=cast.therapist_a, kind="screen.violence"
        )
    )
    with door.opened(cast.a.id):
        draft = filled(
            Response, {}, clinic=cast.clinic, subject=cast.a, author=cast.a, kind="screen.violence"
        )
        draft.save(force_insert=True)
        assert Response.objects.filter(id=draft.id).exists()
        assert (
            Response.objects.filter(id=draft.id, status="draft").update(status="sent", sent_at=timezone.now())
            == 1
        )
        audit.log("sent answers", by=cast.a, subject=cast.a, item_kind=draft.kind, item_id=draft.id)
    with loading():  # another day
        Response.objects.filter(id=draft.id).update(sent_at=timezone.now() - timedelta(days=1))
    seen = {name for name, who in cast.everyone().items() if _sees(who, Response, draft.id)}
    assert seen == {"safety"}
    assert not _sees(cast.a, Request, request.id)
    assert not _sees(cast.b, Request, request.id)
    assert {name for name, who in cast.everyone().items() if _sees_log_of(who, draft.id)} == {"safety"}


def test_an_answer_cannot_be_dated_ahead_to_stay_in_sight(cast: Cast) -> None:
    ahead = filled(
        Response,
        {},
        clinic=cast.clinic,
        subject=cast.a,
        author=cast.a,
        kind="screen.violence",
        status="sent",
        sent_at=timezone.now() + timedelta(days=1),
    )
    assert answer(cast.a, ahead)[0] == "InsufficientPrivilege"


def test_a_log_line_about_safety_that_is_not_sealed_is_refused(cast: Cast) -> None:
    entry = AuditEntry(
        clinic=cast.clinic, actor=cast.safety, action="viewed", subject=cast.a, item_kind="screen.violence"
    )
    assert answer(cast.safety, entry)[0] == "InsufficientPrivilege"


def test_who_is_in_the_safety_circle_is_not_seen_by_the_two_nor_by_the_team(cast: Cast) -> None:
    asked = {}
    for name, who in cast.everyone().items():
        with door.opened(who.id):
            asked[name] = cast.a.care_team.filter(role="safety").count()
    assert {name for name, found in asked.items() if found} == {"safety", "lead"}


def _sees(who: Person, model: Any, key: UUID) -> bool:
    with door.opened(who.id):
        return bool(model.objects.filter(id=key).exists())


def _sees_log_of(who: Person, item: UUID) -> bool:
    with door.opened(who.id):
        return AuditEntry.objects.filter(item_id=item).exists()


# --------------------------------------------------------------------------------------- logins, jobs, other clinics


def test_logins_of_another_clinic_are_not_counted(cast: Cast) -> None:
    with door.opened(cast.other_lead.id):
        assert set(User.objects.values_list("person_id", flat=True)) == {
            cast.other_lead.id,
            cast.other_partner.id,
        }
    with door.opened(cast.b.id):
        assert list(User.objects.values_list("person_id", flat=True)) == [cast.b.id]
    with eyes_of(cast.lead.id), pytest.raises(ProgrammingError, match="permission denied"):
        list(User.objects.values_list("email", flat=True))


def test_nobody_is_invited_into_the_login_of_their_partner_or_of_another_clinic(cast: Cast) -> None:
    with loading():
        partner_at_the_desk = person(cast.clinic, "Dom", "staff", "coordinator")
        loved = person(cast.clinic, "Eli")
        pair(cast.clinic, partner_at_the_desk, loved)
    for whom, by, expected in (
        (loved, partner_at_the_desk, "InsufficientPrivilege"),
        (cast.other_partner, cast.coordinator, "InsufficientPrivilege"),
        (cast.a, cast.coordinator, "accepted"),
    ):
        invitation = filled(Invitation, {}, clinic=cast.clinic, person=whom, made_by=by)
        assert answer(by, invitation)[0] == expected


def test_jobs_are_put_in_line_and_not_read(cast: Cast) -> None:
    with door.opened(cast.a.id):
        later("mail.send", id=uuid4())
    for column in ("args", "task_name", "*"):
        with eyes_of(cast.b.id) as cursor, pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute(f"select {column} from procrastinate_jobs")
    with eyes_of(cast.b.id) as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("update procrastinate_jobs set status = 'cancelled'")


def test_word_to_open_pages_carries_a_topic_and_an_identifier(cast: Cast) -> None:
    said: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        said.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        tell("person", cast.a.id)
    assert said == [("select pg_notify('bothwell', %s)", [f"person:{cast.a.id}"])]


def test_a_glass_is_broken_on_one_person_or_one_couple_for_an_hour_at_most(cast: Cast) -> None:
    with loading():
        assign(cast.couples_therapist, "couples_therapist", couple=cast.strangers)
    glass = {
        "clinic": cast.clinic,
        "author": cast.couples_therapist,
        "reason": "because",
        "expires_at": timezone.now() + timedelta(minutes=50),
    }
    assert answer(cast.couples_therapist, BreakGlass(**glass, subject=cast.a))[0] == "accepted"
    assert (
        answer(cast.couples_therapist, BreakGlass(**glass, subject=cast.a, couple=cast.couple))[0]
        == "InsufficientPrivilege"
    )
    assert answer(cast.couples_therapist, BreakGlass(**glass))[0] == "InsufficientPrivilege"
    assert (
        answer(
            cast.couples_therapist,
            BreakGlass(**(glass | {"expires_at": timezone.now() + timedelta(hours=2)}), subject=cast.a),
        )[0]
        == "InsufficientPrivilege"
    )


# ---------------------------------------------------------------------------------------------- lines in the logs

ABOUT_ONE = (
    "couple.alone",
    "cycle.node",
    "message.care",
    "message.therapist",
    "message.alone",
    "parting.asked",
    "record.request",
    "disclosed",
    "legal.hold",
)


@pytest.mark.parametrize("kind", ABOUT_ONE)
def test_a_line_about_one_of_the_two_cannot_stand_in_both_their_logs(cast: Cast, kind: str) -> None:
    about = {"clinic": cast.clinic, "actor": cast.couples_therapist, "action": "wrote", "item_kind": kind}
    of_both = AuditEntry(**about, couple=cast.couple)
    of_one = AuditEntry(**about, couple=cast.couple, subject=cast.a)
    assert answer(cast.couples_therapist, of_both)[0] == "InsufficientPrivilege"
    assert answer(cast.couples_therapist, of_one)[0] == "accepted"
    saved(of_one)
    with eyes_of(cast.b.id):
        assert not AuditEntry.objects.filter(id=of_one.id).exists()


def test_a_legal_hold_stands_in_the_leads_log_and_not_in_ones_own(cast: Cast) -> None:
    about = {"clinic": cast.clinic, "actor": cast.lead, "subject": cast.a, "action": "kept"}
    line = saved(AuditEntry(**about, item_kind="legal.hold"))
    other = saved(AuditEntry(**about, item_kind="medical"))
    for viewer, seen in ((cast.lead, {line.id, other.id}), (cast.a, {other.id}), (cast.b, set())):
        with eyes_of(viewer.id):
            found = AuditEntry.objects.filter(id__in=[line.id, other.id]).values_list("id", flat=True)
            assert set(found) == seen, viewer.name_used


def test_what_a_sheltered_person_opened_is_not_in_their_partners_log(cast: Cast) -> None:
    about = {"clinic": cast.clinic, "actor": cast.b, "subject": cast.a, "action": "opened"}
    before = saved(AuditEntry(**about, item_kind="insight"))
    shelter = saved(Shelter(clinic=cast.clinic, subject=cast.b, author=cast.b))
    under = saved(AuditEntry(**about, item_kind="insight"))

    def stand() -> list[bool]:
        with eyes_of(cast.a.id):
            return [AuditEntry.objects.filter(id=line.id).exists() for line in (before, under)]

    assert stand() == [True, False]
    with loading():
        Shelter.objects.filter(id=shelter.id).update(until=timezone.now())
    assert stand() == [True, False]


def test_nobody_signs_for_the_couple_but_the_two(cast: Cast) -> None:
    asked = saved(filled(JointRequest, {}, clinic=cast.clinic, couple=cast.couple, author=cast.a))
    for viewer, expected in (
        (cast.a, "accepted"),
        (cast.b, "accepted"),
        (cast.lead, "InsufficientPrivilege"),
        (cast.coordinator, "InsufficientPrivilege"),
        (cast.couples_therapist, "InsufficientPrivilege"),
        (cast.stranger_a, "InsufficientPrivilege"),
    ):
        signed = filled(
            JointSignature, {"JointRequest": asked}, clinic=cast.clinic, couple=cast.couple, author=viewer
        )
        assert answer(viewer, signed)[0] == expected, viewer.name_used
