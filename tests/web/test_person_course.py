"""The office's side of a course: the referral, the evaluation begun, sessions planned; and nothing of a chart."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from bothwell.models import AuditEntry, CloseTo, Course, DosingSession, HoldReason, Person, Room, Step
from bothwell.pathway import office_actions, steps
from bothwell.privacy import door
from tests.cast import client_for, person
from tests.conftest import loading
from tests.web.desks import Desk, desk

pytestmark = pytest.mark.django_db
BOTH = ["referral_recorded", "contacted_separately"]
WHY = "Referred by Dr Okafor after two medicines did not help."


@pytest.fixture
def made() -> Desk:
    """Ben's course waits at the referral."""
    made = desk()
    made.course(made.cast.b, phase="referral")
    return made


def path(made: Desk) -> str:
    return f"/people/{made.cast.b.id}/course"


def look(made: Desk, who: Person | None = None) -> str:
    response = client_for(who or made.cast.coordinator).get(path(made))
    assert response.status_code == 200
    return response.content.decode()


def post(made: Desk, do: str, **data: Any) -> tuple[int, str]:
    response = client_for(made.cast.coordinator).post(path(made), {"do": do, **data})
    return response.status_code, response.content.decode()


def stands(made: Desk) -> Course:
    with door.opened(made.cast.prescriber.id):
        return Course.objects.get(subject=made.cast.b)


def at(days: float = 3) -> str:
    return (timezone.localtime() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "who",
    ["a", "b", "lead", "prescriber", "nurse", "therapist_b", "couples_therapist", "safety", "other_lead"],
)
def test_for_others_there_is_no_such_page(made: Desk, who: str) -> None:
    client = client_for(getattr(made.cast, who))
    assert client.get(path(made)).status_code == 404
    assert client.post(path(made), {"do": "evaluation", "why": WHY}).status_code == 404
    assert stands(made).phase == "referral"


def test_the_coordinator_finds_it_from_the_list_of_people(made: Desk) -> None:
    client = client_for(made.cast.coordinator)
    assert "Waits at the referral" in client.get("/people").content.decode()
    assert f'href="{path(made)}"' in client.get(f"/people/{made.cast.b.id}").content.decode()
    assert path(made) not in client_for(made.cast.nurse).get(f"/people/{made.cast.b.id}").content.decode()


# ── the referral ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_evaluation_begins_with_who_referred_and_what_was_done(made: Desk) -> None:
    seen = stands(made).steps_taken
    assert "Begin the evaluation" in look(made)
    assert post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=seen)[0] == 302
    course = stands(made)
    assert (course.phase, course.steps_taken) == ("evaluation", seen + 1)
    with door.opened(made.cast.b.id):
        step = Step.objects.get(course=course, number=seen + 1)
        assert (step.author_id, step.to_phase) == (made.cast.coordinator.id, "evaluation")
        assert step.why.endswith(WHY)
        assert AuditEntry.objects.filter(actor=made.cast.coordinator, action="step: advance").exists()
    text = look(made)
    assert "Nothing can be arranged just now" in text
    assert "Begin the evaluation" not in text
    assert post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=seen)[0] == 302, "a second press"
    assert stands(made).steps_taken == seen + 1
    status, text = post(made, "evaluation", why="Asked by Dr Zqother.", attested=BOTH, steps_seen=seen)
    assert status == 409
    assert "No evaluation can be begun in this course now." in text
    assert "What you sent is not kept" in text and "Asked by Dr Zqother." in text


def test_the_same_words_of_a_colleague_are_not_ones_own_second_press(made: Desk) -> None:
    seen = stands(made).steps_taken
    assert post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=seen)[0] == 302
    with loading():
        other = person(made.cast.clinic, "Zoe", "staff", "coordinator")
    given = {"do": "evaluation", "why": WHY, "attested": BOTH, "steps_seen": seen}
    assert client_for(other).post(path(made), given).status_code == 409
    course = stands(made)
    with loading():
        step = Step.objects.get(course=course, number=seen + 1)
    for who, is_theirs in ((made.cast.coordinator, True), (other, False), (made.cast.prescriber, False)):
        with door.opened(who.id), connection.cursor() as cursor:
            cursor.execute("select door.office_took_step(%s)", [step.id])
            assert cursor.fetchone() == (is_theirs,)


def test_words_for_a_course_that_ended_meanwhile_stay_on_the_page(made: Desk) -> None:
    seen = stands(made).steps_taken
    with loading():
        Course.objects.filter(subject=made.cast.b).update(state="ended")
    status, text = post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=seen)
    assert status == 422
    assert "There is no open course for this person." in text and WHY in text
    status, text = post(made, "schedule", at=at(), request_id=uuid4())
    assert status == 422
    assert "No session can be planned in this course now." in text and at()[:10] in text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"why": WHY, "attested": BOTH[:1]}, "Each partner was contacted alone"),
        ({"why": WHY}, "Who referred and why is recorded"),
        ({"why": " ", "attested": BOTH}, "Write who referred them, and why, in a sentence."),
        ({"why": "Dr", "attested": BOTH}, "Write who referred them, and why, in a sentence."),
        ({"why": "x" * 1001, "attested": BOTH}, "1000"),
        ({"why": WHY, "attested": [*BOTH, "made_up"]}, "Choose from those that stand here."),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    made: Desk, given: dict[str, Any], sentence: str
) -> None:
    status, text = post(made, "evaluation", **given, steps_seen=stands(made).steps_taken)
    assert status == 422
    assert sentence in text
    assert given["why"].strip() in text
    assert stands(made).phase == "referral"


def test_of_a_referral_on_hold_it_is_not_said_that_the_evaluation_began(made: Desk) -> None:
    course = stands(made)
    with loading():
        Course.objects.filter(id=course.id).update(state="on_hold")
    text = look(made)
    assert "Nothing can be arranged just now" in text
    assert "The evaluation has begun" not in text
    status, text = post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=course.steps_taken)
    assert status == 409
    assert "No evaluation can be begun in this course now." in text
    assert stands(made).phase == "referral"


def test_an_old_page_moves_nothing(made: Desk) -> None:
    status, text = post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=stands(made).steps_taken + 3)
    assert status == 409
    assert "moved since the page was opened" in text
    assert stands(made).phase == "referral"
    assert f'name="steps_seen" value="{stands(made).steps_taken}"' in text, (
        "sent once more it speaks of what stands"
    )
    assert post(made, "evaluation", why=WHY, attested=BOTH, steps_seen=10**12)[0] == 422


def test_the_database_lets_nobody_else_begin_an_evaluation_and_the_office_nothing_more(made: Desk) -> None:
    course = stands(made)

    def moves(who: Person) -> bool:
        with door.opened(who.id), connection.cursor() as cursor:
            cursor.execute("select door.begin_evaluation(%s, %s)", [course.id, course.steps_taken])
            return bool(cursor.fetchone()[0])

    for name in ("a", "b", "lead", "prescriber", "nurse", "couples_therapist", "other_lead"):
        assert not moves(getattr(made.cast, name)), name
    with door.opened(made.cast.coordinator.id):
        assert not Course.objects.exists()
        assert not Step.objects.exists()
        assert Course.objects.filter(id=course.id).update(phase="consent") == 0
    with loading():
        Course.objects.filter(id=course.id).update(phase="joint_decision")
    assert not moves(made.cast.coordinator)
    assert stands(made).phase == "joint_decision"


def test_whoever_is_close_to_them_finds_no_referral(made: Desk) -> None:
    with loading():
        CloseTo.objects.create(
            clinic=made.cast.clinic, staff=made.cast.coordinator, subject=made.cast.b, author=made.cast.lead
        )
    assert client_for(made.cast.coordinator).get(path(made)).status_code == 404
    assert "Waits at the referral" not in client_for(made.cast.coordinator).get("/people").content.decode()


def test_a_course_is_begun_for_somebody_who_has_none(made: Desk) -> None:
    address = f"/people/{made.cast.a.id}/course"
    client = client_for(made.cast.coordinator)
    assert "No course is open" in client.get(address).content.decode()
    assert client.post(address, {"do": "begin", "why": ""}).status_code == 422
    assert client.post(address, {"do": "begin", "why": "She asks for it herself."}).status_code == 302
    assert "Begin the evaluation" in client.get(address).content.decode()
    assert client.post(address, {"do": "begin", "why": "She asks for it herself."}).status_code == 302
    late = client.post(address, {"do": "begin", "why": "Zqagain, her doctor asks."})
    assert late.status_code == 409
    text = late.content.decode()
    assert "This person has an open course already." in text and "Zqagain, her doctor asks." in text
    assert "Begin the evaluation" in text
    assert client.post(address, {"do": "erase"}).status_code == 404
    with door.opened(made.cast.prescriber.id):
        assert Course.objects.get(subject=made.cast.a).couple_id == made.cast.couple.id


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────


def decided(made: Desk) -> None:
    with loading():
        Course.objects.filter(subject=made.cast.b).update(phase="consent")


@pytest.mark.parametrize("state", ["active", "on_hold"])
@pytest.mark.parametrize("phase", list(steps.Phase))
def test_sessions_are_planned_from_the_joint_decision_on_as_the_rule_says(
    made: Desk, phase: str, state: str
) -> None:
    with loading():
        Course.objects.filter(subject=made.cast.b).update(phase=phase, state=state)
    with door.opened(made.cast.coordinator.id):
        standing = office_actions.standing_of(made.cast.coordinator, made.cast.b.id)
    may = bool(steps.takes_sessions(steps.CourseState(steps.Phase(phase), steps.State(state))))
    assert standing is not None
    assert standing.takes_sessions is may
    assert may is (phase not in {"referral", "evaluation", "joint_decision", "ended"} and state == "active")


def test_before_the_joint_decision_nobody_plans_one_and_the_office_is_not_told_why(made: Desk) -> None:
    with loading():
        Course.objects.filter(subject=made.cast.b).update(phase="evaluation")
    text = look(made)
    assert "Schedule a session" not in text
    status, sent = post(made, "schedule", at=at(), request_id=uuid4())
    assert status == 422
    assert "No session can be planned in this course now. Ask the prescriber." in sent and at()[:10] in sent
    with loading():
        Course.objects.filter(subject=made.cast.b).update(state="on_hold")
    seen, held = (re.sub(r"[A-Za-z0-9]{64}", "", one) for one in (text, look(made)))
    assert held == seen, "a hold looks the same"
    with loading():
        assert not DosingSession.objects.filter(subject=made.cast.b).exists()


def test_a_session_is_planned_seen_and_cancelled(made: Desk) -> None:
    decided(made)
    with loading():
        room = Room.objects.create(clinic=made.cast.clinic, name="Room 7")
    given = {"at": at(), "room": room.id, "request_id": uuid4()}
    assert post(made, "schedule", **given)[0] == 302
    assert post(made, "schedule", **given)[0] == 302
    text = look(made)
    assert text.count(", Room 7") == 1
    assert re.search(r"<summary>Cancel<.*</summary><form.*cannot be put back.*>Cancel it</button>", text), (
        "it asks"
    )
    with door.opened(made.cast.prescriber.id):
        (session,) = DosingSession.objects.filter(subject=made.cast.b)
        assert (session.author_id, session.room_id) == (made.cast.coordinator.id, room.id)
    assert post(made, "cancel", session=session.id)[0] == 302
    assert "cancelled" in look(made)
    client = client_for(made.cast.coordinator)
    client.post(path(made), {"do": "cancel", "session": session.id})
    assert "was cancelled already" in client.get(path(made)).content.decode()
    client.post(path(made), {"do": "cancel", "session": uuid4()})
    assert "There is no such session" in client.get(path(made)).content.decode()
    assert post(made, "cancel", session="x")[0] == 422


def test_the_number_of_another_sending_is_no_session_and_the_next_press_is(made: Desk) -> None:
    decided(made)
    made.course(made.cast.a, phase="consent")
    key = str(uuid4())
    client = client_for(made.cast.coordinator)
    there = {"do": "schedule", "at": at(), "request_id": key}
    assert client.post(f"/people/{made.cast.a.id}/course", there).status_code == 302
    for time in (at(), at(4)):
        answer = client.post(path(made), {"do": "schedule", "at": time, "request_id": key})
        assert answer.status_code == 409
        text = answer.content.decode()
        assert "sent a moment ago with other words" in text and time in text and key not in text
    with loading():
        assert str(DosingSession.objects.get(clinic=made.cast.clinic).id) == key
        DosingSession.objects.filter(id=key).update(author=made.cast.nurse)
    assert post(made, "schedule", at=at(), request_id=key)[0] == 409, "nor that of somebody else"


def test_the_office_is_told_how_close_a_session_is_to_another_and_not_by_which_route(made: Desk) -> None:
    decided(made)
    client = client_for(made.cast.coordinator)

    def plan(days: float) -> str:
        given = {"do": "schedule", "at": at(days), "request_id": uuid4()}
        return client.post(path(made), given, follow=True).content.decode()

    assert "prescriber whether" not in plan(3)
    asked = "by route and stage the protocol asks for 2 to 7. Ask the prescriber whether this is enough here."
    close = plan(8)
    assert "5 days lie between it and the session of" in close and asked in close
    assert "1 day lies between it and the session of" in plan(4)
    assert "That day has a session" in plan(8)
    assert asked not in plan(15)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"at": at(-1)}, "lies in the past"),
        ({"at": ""}, "Choose a day and a time."),
        ({"at": at(), "room": str(uuid4())}, "This one is no longer there. Choose another."),
    ],
)
def test_what_is_no_time_is_said(made: Desk, given: dict[str, str], sentence: str) -> None:
    decided(made)
    status, text = post(made, "schedule", **given, request_id=uuid4())
    assert status == 422
    assert sentence in text


def test_under_a_hold_none_is_planned_and_nothing_says_why(made: Desk) -> None:
    course = stands(made)
    with loading():
        step = Step.objects.create(
            clinic=made.cast.clinic, subject=made.cast.b, author=made.cast.prescriber, course=course, number=90,
            event="hold", from_phase="referral", to_phase="referral", to_state="on_hold", why="Zqhold",
        )  # fmt: skip
        HoldReason.objects.create(
            clinic=made.cast.clinic, subject=made.cast.b, author=made.cast.prescriber, step=step,
            kind="screen.suicide", text="Zqreason",
        )  # fmt: skip
        Course.objects.filter(id=course.id).update(state="on_hold")
    wanted = at()
    status, text = post(made, "schedule", at=wanted, request_id=uuid4())
    assert status == 422
    assert "No session can be planned in this course now. Ask the prescriber." in text
    assert f'value="{wanted}"' in text
    for trace in ("Zqhold", "Zqreason", "on hold", "hold"):
        assert trace not in text


def test_nothing_of_a_chart_stands_there(made: Desk) -> None:
    with loading():
        Course.objects.filter(subject=made.cast.b).update(phase="dosing_series", route="iv")
        Step.objects.filter(subject=made.cast.b).update(why="Zqwhy")
    text = look(made)
    for trace in ("dosing", "Dosing", "IV", "Zqwhy", "series"):
        assert trace not in text


def test_the_office_function_is_nobodys_but_the_coordinators(made: Desk) -> None:
    for name in ("a", "b", "lead", "prescriber", "nurse", "couples_therapist", "safety", "other_lead"):
        with door.opened(getattr(made.cast, name).id), connection.cursor() as cursor:
            cursor.execute("select count(*) from door.office_courses()")
            assert cursor.fetchone() == (0,), name
    with (
        door.opened(made.cast.coordinator.id),
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError),
        transaction.atomic(),
    ):
        cursor.execute("update bothwell_course set phase = 'evaluation', recorded_at = now()")


def test_what_must_be_done_before_is_asked_for_and_not_said_twice(made: Desk) -> None:
    page = look(made)
    assert "Tick what is done" in page
    assert "optional" not in page.split("Tick what is done")[1][:80]
    seen = stands(made).steps_taken
    for ticked in ([], BOTH[:1]):
        status, text = post(made, "evaluation", why=WHY, attested=ticked, steps_seen=seen)
        assert status == 422
        assert text.count("Each partner was contacted alone") == 1
        assert "Tick " in text.split('class="errors"')[1]
