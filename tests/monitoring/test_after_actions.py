"""What is written after a dose: kept once, revised beside the old, by whom it may be; and the task a call can raise."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.models import (
    AdverseEvent,
    Assignment,
    AuditEntry,
    Contact,
    DosingSession,
    NextDayCall,
    NextDayThoughts,
    Person,
    SafetyFlag,
    StaffRole,
)
from bothwell.monitoring import adverse, next_day
from bothwell.monitoring import after_actions as actions
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading
from tests.room import open_session

pytestmark = pytest.mark.django_db
ANSWERS = {
    "sleep": "well", "mood": "same", "nausea": "no", "headache": "no", "dissociation_gone": "yes",
    "thoughts": "no", "drove": "no",
}  # fmt: skip


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def session(cast: Cast) -> DosingSession:
    """A dose yesterday, signed off."""
    with loading():
        made = open_session(cast, cast.a, dosed=True)
        day = timedelta(hours=26)
        now = timezone.now()
        DosingSession.objects.filter(id=made.id).update(
            scheduled_at=now - day, arrived_at=now - day, started_at=now - day + timedelta(minutes=30),
            ended_at=now - day + timedelta(hours=2), outcome="discharged",
        )  # fmt: skip
        made.refresh_from_db()
    return made


def nausea(**changed: object) -> adverse.Said:
    said = adverse.Said(
        code="nausea", grade=2, began_at=timezone.now() - timedelta(hours=24), outcome="resolved",
        is_serious=False,
    )  # fmt: skip
    return replace(said, **changed)  # type: ignore[arg-type]


def told(cast: Cast) -> dict[str, object]:
    """The prescriber knows of it."""
    return {
        "prescriber": adverse.Prescriber.TOLD, "prescriber_told": str(cast.prescriber.id),
        "prescriber_told_at": timezone.now() - timedelta(hours=23),
    }  # fmt: skip


def note(
    by: Person, session: DosingSession, said: adverse.Said | None = None, **more: object
) -> AdverseEvent:
    given = {"request_id": uuid4()} | more
    with door.opened(by.id):
        return actions.note_event(by=by, session_id=session.id, said=said or nausea(), **given)  # type: ignore[arg-type]


def ring(by: Person, session: DosingSession, **changed: object) -> NextDayCall:
    request_id = changed.pop("request_id", uuid4())
    said = replace(
        next_day.Said(at=timezone.now(), was_reached=True, answers=ANSWERS),
        **changed,  # type: ignore[arg-type]
    )
    with door.opened(by.id):
        return actions.call(by=by, session_id=session.id, said=said, request_id=request_id)  # type: ignore[arg-type]


def count(by: Person, model: type) -> int:
    with door.opened(by.id):
        return model.objects.count()  # type: ignore[attr-defined, no-any-return]


# ── adverse events ────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_kept_once_with_who_wrote_it(cast: Cast, session: DosingSession) -> None:
    key, said = uuid4(), nausea(action_taken="Rest", **told(cast))
    first = note(cast.nurse, session, said, request_id=key)
    again = note(cast.nurse, session, said, request_id=key)
    assert first.id == again.id
    for other in (replace(said, grade=3), replace(said, note="Worse"), replace(said, code="hiccup")):
        with pytest.raises(SentBefore):
            note(cast.nurse, session, other, request_id=key)
    assert count(cast.nurse, AdverseEvent) == 1
    with door.opened(cast.nurse.id):
        kept = AdverseEvent.objects.get()
        assert (kept.term, kept.code, kept.grading, kept.grade) == ("Nausea", "nausea", "ctcae-5", 2)
        assert kept.action_taken == "Rest"
        assert (kept.prescriber_knows, kept.prescriber_told_id) == ("told", cast.prescriber.id)
        assert kept.author_id == cast.nurse.id
    with door.opened(cast.a.id):
        said = AuditEntry.objects.filter(subject=cast.a, action="noted an adverse event")
        assert [entry.actor_id for entry in said] == [cast.nurse.id]


def test_ones_own_words_take_a_generic_grade_and_no_code(cast: Cast, session: DosingSession) -> None:
    kept = note(cast.prescriber, session, nausea(code="other", name=" Itching "))
    assert (kept.term, kept.code, kept.grading) == ("Itching", "", "generic")


def test_what_the_rule_finds_missing_is_refused_in_its_words(cast: Cast, session: DosingSession) -> None:
    with pytest.raises(Refused, match="does the prescriber know"):
        note(cast.nurse, session, nausea(grade=3))
    assert count(cast.nurse, AdverseEvent) == 0


def test_a_revision_stands_beside_the_old_and_only_once(cast: Cast, session: DosingSession) -> None:
    old, key, said = note(cast.nurse, session), uuid4(), nausea(outcome="ongoing")

    def revise(**more: object) -> AdverseEvent:
        given = {"reason": "It came back", "request_id": uuid4()} | more
        with door.opened(cast.prescriber.id):
            return actions.revise_event(
                by=cast.prescriber, event_id=old.id, said=said, **given,  # type: ignore[arg-type]
            )  # fmt: skip

    with pytest.raises(Refused, match="why it is revised"):
        revise(reason=" ")
    new = revise(request_id=key)
    assert revise(request_id=key).id == new.id
    with pytest.raises(SentBefore):
        revise(request_id=key, reason="It never went")
    with pytest.raises(Stale):
        revise()
    with door.opened(cast.nurse.id):
        assert AdverseEvent.objects.get(revised_by__isnull=True).id == new.id
        assert AdverseEvent.objects.get(id=old.id).outcome == "resolved"


def test_a_kept_event_comes_back_as_it_was_described(cast: Cast, session: DosingSession) -> None:
    said = nausea(
        code="dissociation", grade=4, wanted=False, is_serious=True, serious_because=("life-threatening", "other"),
        prescriber=adverse.Prescriber.NOT_YET, action_taken="Sat with them", note="Why", follow_up="Ring",
        follow_up_on=timezone.now().date() + timedelta(days=2),
    )  # fmt: skip
    assert actions.as_said(note(cast.nurse, session, said)) == said


def test_who_was_told_and_when_comes_back_and_is_a_prescriber_of_the_clinic(
    cast: Cast, session: DosingSession
) -> None:
    said = nausea(action_taken="Rest", **told(cast))
    assert actions.as_said(note(cast.nurse, session, said)) == said
    for other in (cast.nurse, cast.b):
        with pytest.raises(Refused, match="prescriber of this clinic"):
            note(cast.nurse, session, replace(said, prescriber_told=str(other.id)))


def test_an_older_event_that_says_it_in_its_text_is_read_the_same(cast: Cast, session: DosingSession) -> None:
    with loading():
        old = AdverseEvent.objects.create(
            clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=cast.nurse, session=session,
            term="Nausea", code="nausea", grade=2, began_at=timezone.now() - timedelta(hours=24),
            action_taken="Prescriber not told yet. Rest",
        )  # fmt: skip
    said = actions.as_said(old)
    assert (said.prescriber, said.action_taken) == (adverse.Prescriber.NOT_YET, "Rest")


def test_the_database_keeps_nobody_told_without_whom_and_when(cast: Cast, session: DosingSession) -> None:
    for columns in ({"prescriber_knows": "told"}, {"prescriber_told": cast.prescriber}):
        with loading(), pytest.raises(IntegrityError, match="told_is_whom_and_when"), transaction.atomic():
            AdverseEvent.objects.create(
                clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=cast.nurse, session=session,
                term="Nausea", grade=2, began_at=timezone.now(), **columns,
            )  # fmt: skip


@pytest.mark.parametrize("who", ["a", "b", "therapist_a", "couples_therapist", "lead", "coordinator", "safety",
                                 "stranger_prescriber"])  # fmt: skip
def test_nobody_but_nurse_and_prescriber_of_the_person_writes(
    who: str, cast: Cast, session: DosingSession
) -> None:
    by = getattr(cast, who)
    with pytest.raises(Refused):
        note(by, session)
    with pytest.raises(Refused):
        ring(by, session)


@pytest.mark.parametrize("who", ["b", "couples_therapist", "therapist_a", "lead", "coordinator"])
def test_the_partner_and_the_couples_therapist_see_none_of_it(
    who: str, cast: Cast, session: DosingSession
) -> None:
    note(cast.nurse, session)
    ring(cast.nurse, session)
    assert count(getattr(cast, who), AdverseEvent) == 0
    assert count(getattr(cast, who), NextDayCall) == 0


def test_nothing_that_was_kept_can_be_changed(cast: Cast, session: DosingSession) -> None:
    note(cast.nurse, session)
    ring(cast.nurse, session)
    for model in (AdverseEvent, NextDayCall):
        with (
            door.opened(cast.nurse.id),
            pytest.raises(Exception, match="permission denied"),
            transaction.atomic(),
        ):
            model.objects.update(note="otherwise")


# ── the call ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_that_reached_them_is_done_and_no_second_one_is_kept(
    cast: Cast, session: DosingSession
) -> None:
    said: dict[str, object] = {"request_id": uuid4(), "at": timezone.now()}
    asked = ANSWERS | {"questions": "May I swim?", "hack": "x"}
    done = ring(cast.nurse, session, answers=asked, **said)
    assert done.is_closed
    assert "thoughts" not in done.answers
    with door.opened(cast.prescriber.id):
        assert NextDayCall.objects.get(id=done.id).told == ANSWERS | {"questions": "May I swim?"}
    assert ring(cast.nurse, session, answers=asked, **said).id == done.id
    for other in ({"answers": ANSWERS}, {"answers": asked | {"thoughts": "now"}}, {"note": "Tired"}):
        with pytest.raises(SentBefore):
            ring(cast.nurse, session, **{"answers": asked, **said, **other})
    with pytest.raises(Stale):
        ring(cast.prescriber, session)
    assert count(cast.nurse, SafetyFlag) == 0


def test_who_was_not_reached_is_rung_again_until_given_up_with_a_reason(
    cast: Cast, session: DosingSession
) -> None:
    missed = {"was_reached": False, "answers": {"tried": "no_answer"}}
    with pytest.raises(Refused, match="when to ring again"):
        ring(cast.nurse, session, **missed)
    again_at = timezone.now() + timedelta(hours=2)
    assert not ring(cast.nurse, session, **missed, next_at=again_at).is_closed
    with pytest.raises(Refused, match="Say why"):
        ring(cast.nurse, session, **missed, is_given_up=True)
    assert ring(cast.nurse, session, **missed, is_given_up=True, note="Wrote to them").is_closed


def test_no_message_is_left_with_who_asked_for_none(cast: Cast, session: DosingSession) -> None:
    left = {
        "was_reached": False,
        "answers": {"tried": "message"},
        "next_at": timezone.now() + timedelta(hours=2),
    }
    with pytest.raises(Refused, match="no message be left"):
        ring(cast.nurse, session, **left)
    with loading():
        Contact.objects.filter(subject=cast.a).update(may_leave_message=True)
    assert ring(cast.nurse, session, **left).answers == {"tried": "message"}


@pytest.mark.parametrize(("answer", "is_acute"), [("yes", False), ("now", True)])
def test_thoughts_of_not_living_raise_the_task_of_prescriber_and_therapist(
    answer: str, is_acute: bool, cast: Cast, session: DosingSession
) -> None:
    key, at = uuid4(), timezone.now()
    for _ in range(2):
        ring(cast.nurse, session, request_id=key, at=at, answers=ANSWERS | {"thoughts": answer})
    for owner in (cast.prescriber, cast.therapist_a):
        with door.opened(owner.id):
            (flag,) = SafetyFlag.objects.all()
            assert (flag.subject_id, flag.is_acute, flag.response_id) == (cast.a.id, is_acute, None)
            assert "on the telephone" in flag.what
    for other in (cast.a, cast.b, cast.couples_therapist, cast.therapist_b):
        assert count(other, SafetyFlag) == 0


def test_thoughts_told_after_the_call_was_done_are_kept_and_raised_too(
    cast: Cast, session: DosingSession
) -> None:
    ring(cast.nurse, session)
    with pytest.raises(Stale):
        ring(cast.prescriber, session)
    ring(cast.prescriber, session, answers=ANSWERS | {"thoughts": "now"})
    assert (count(cast.prescriber, NextDayCall), count(cast.prescriber, SafetyFlag)) == (2, 1)


def test_what_was_answered_about_it_is_for_those_who_act_on_it(cast: Cast, session: DosingSession) -> None:
    with loading():
        colleague = Person.objects.create(clinic=cast.clinic, kind="staff", name_used="Nurse 2")
        about: dict[str, object] = {"clinic": cast.clinic, "since": timezone.now() - timedelta(days=9)}
        StaffRole.objects.create(**about, person=colleague, role="nurse")
        Assignment.objects.create(**about, staff=colleague, role="nurse", subject=cast.a)
    in_the_evening = {"at": session.ended_at, "answers": ANSWERS | {"thoughts": "yes"}}
    first = ring(cast.nurse, session, **in_the_evening)
    assert not first.is_closed
    # While the call of the next day is still to be made, whoever may make it reads what was said.
    assert count(colleague, NextDayThoughts) == 1
    ring(cast.nurse, session)
    for who in (cast.nurse, cast.prescriber, cast.therapist_a, cast.a):
        assert count(who, NextDayThoughts) == 2
    for who in (colleague, cast.b, cast.lead, cast.couples_therapist, cast.therapist_b, cast.coordinator):
        assert count(who, NextDayThoughts) == 0
    with door.opened(colleague.id):
        assert ["thoughts" in call.told for call in NextDayCall.objects.all()] == [False, False]
    with loading():
        Assignment.objects.filter(staff=cast.nurse, subject=cast.a).update(
            until=timezone.now() - timedelta(hours=1)
        )
    assert count(cast.nurse, NextDayThoughts) == 0


@pytest.mark.parametrize(
    "state", [{"outcome": "turned_back", "started_at": None}, {"ended_at": None, "outcome": ""}]
)
def test_no_call_without_a_dose_or_before_the_end(
    state: dict[str, object], cast: Cast, session: DosingSession
) -> None:
    with loading():
        DosingSession.objects.filter(id=session.id).update(**state)
    with pytest.raises(Refused, match="No call is due"):
        ring(cast.nurse, session)


def test_the_database_closes_no_call_without_a_reason(cast: Cast, session: DosingSession) -> None:
    with door.opened(cast.nurse.id), pytest.raises(IntegrityError), transaction.atomic():
        NextDayCall(
            clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=cast.nurse, session=session,
            at=timezone.now(), was_reached=False, is_closed=True,
        ).save(force_insert=True)  # fmt: skip
