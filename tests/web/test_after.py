"""After the dose, on the screen: noting and revising an event, the list of what waits, and the call."""

import re
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.models import (
    AdverseEvent,
    Assignment,
    AuditEntry,
    Contact,
    DosingSession,
    NextDayCall,
    Order,
    Person,
    ProgrammeForm,
    SafetyFlag,
    Sample,
)
from bothwell.privacy import door
from tests.cast import Cast, assign, client_for, make_cast, person
from tests.conftest import loading
from tests.room import open_session

pytestmark = pytest.mark.django_db
PHONE = "555 010 4477"
REACHED = {
    "reached": "yes", "sleep": "well", "mood": "better", "nausea": "no", "headache": "no",
    "dissociation_gone": "yes", "thoughts": "no", "drove": "no",
}  # fmt: skip


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def nurse(cast: Cast) -> Client:
    return client_for(cast.nurse)


def dosed(
    cast: Cast, who: Person, hours_ago: float = 26, route: str = "iv", **changed: object
) -> DosingSession:
    """A dose of that many hours ago, signed off two hours later."""
    with loading():
        made = open_session(cast, who, dosed=True)
        begun = timezone.now() - timedelta(hours=hours_ago)
        DosingSession.objects.filter(id=made.id).update(
            **{"scheduled_at": begun, "arrived_at": begun, "started_at": begun + timedelta(minutes=30),
               "ended_at": begun + timedelta(hours=2), "outcome": "discharged"} | changed,
        )  # fmt: skip
        type(made.course).objects.filter(id=made.course_id).update(route=route, state="ended")
        made.refresh_from_db()
    return made


def reach(who: Person, **columns: object) -> None:
    with loading():
        Contact.objects.filter(subject=who).update(safe_phone=PHONE, call_me="Miss A", **columns)


def local(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


def plain(content: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content.decode()))


def described(session: DosingSession, **more: object) -> dict[str, object]:
    assert session.started_at
    return {
        "request_id": str(uuid4()), "code": "nausea", "grade": "2", "began_at": local(session.started_at),
        "outcome": "resolved", "is_serious": "no", **more,
    }  # fmt: skip


# ── adverse events ────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_asks_only_grades_that_exist_and_fills_none_in(cast: Cast, nurse: Client) -> None:
    page = nurse.get(f"/room/{dosed(cast, cast.a).id}/events?code=syncope").content.decode()
    assert re.findall(r'name="grade" value="(\d)"', page) == ["3"]
    assert not re.search(r'name="grade"[^>]*checked', page)
    assert "To confirm by this clinic" in page


def test_an_event_is_noted_once_and_shown_with_the_readings_near_it(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a)
    with loading():
        for minutes, value in ((0, 171), (40, 122)):
            Sample.objects.create(
                clinic=cast.clinic, subject=cast.a, author=cast.nurse, session=session, code="systolic",
                value=value, unit="mm[Hg]", observed_at=session.started_at + timedelta(minutes=minutes),
            )  # fmt: skip
    address, given = f"/room/{session.id}/events", described(session)
    for _ in range(2):
        assert nurse.post(address, given).status_code == 302
    words = plain(nurse.get(address).content)
    assert words.count("Nausea, grade 2") == 1
    assert "Systolic 171" in words
    assert "Systolic 122" not in words


def test_what_is_missing_comes_back_with_everything_typed(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a)
    answer = nurse.post(
        f"/room/{session.id}/events", described(session, grade="3", note="Pale & cold", is_serious="")
    )
    assert answer.status_code == 422
    words = plain(answer.content)
    assert "does the prescriber know?" in words
    assert "Say whether it is serious." in words
    assert "Pale &amp; cold" in words
    with door.opened(cast.nurse.id):
        assert not AdverseEvent.objects.exists()


def test_looking_at_the_readings_keeps_nothing(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a)
    answer = nurse.post(f"/room/{session.id}/events", described(session, note="Still here", look="1"))
    assert answer.status_code == 200
    assert "Still here" in answer.content.decode()
    with door.opened(cast.nurse.id):
        assert not AdverseEvent.objects.exists()


def test_a_revision_begins_with_what_was_kept_and_both_stay(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a)
    assert session.started_at
    told = {
        "prescriber": "Prescriber told.", "prescriber_told": str(cast.prescriber.id),
        "prescriber_told_at": local(timezone.localtime(session.started_at + timedelta(hours=1))),
    }  # fmt: skip
    nurse.post(f"/room/{session.id}/events", described(session, action_taken="Rest", **told))
    with door.opened(cast.nurse.id):
        event = AdverseEvent.objects.get()
    address = f"/room/{session.id}/events/{event.id}/revise"
    page = nurse.get(address).content.decode()
    assert re.search(r'value="Prescriber told."[^>]*checked', page)
    assert ">\nRest</textarea>" in page
    assert re.search(rf'value="{cast.prescriber.id}" selected', page)
    assert f"Prescriber told: {cast.prescriber.signs_as}" in plain(
        nurse.get(f"/room/{session.id}/events").content
    )
    again = described(session, grade="1", reason="")
    assert nurse.post(address, again).status_code == 422
    assert nurse.post(address, again | {"reason": "It was milder"}).status_code == 302
    words = plain(nurse.get(f"/room/{session.id}/events").content)
    assert "Nausea, grade 1" in words
    assert "Earlier versions: 1" in words
    assert "It was milder" in words
    stale = nurse.post(address, described(session, reason="Once more"))
    assert stale.status_code == 409
    assert "Somebody else has revised this already" in plain(stale.content)


def test_events_can_be_noted_while_the_session_is_on(cast: Cast, nurse: Client) -> None:
    with loading():
        session = open_session(cast, cast.a, dosed=True)
    page = nurse.get(f"/room/{session.id}/events?code=anxiety").content.decode()
    assert re.search(r'name="began_at" value="\d{4}-', page)
    assert nurse.post(f"/room/{session.id}/events", described(session, code="anxiety")).status_code == 302


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_to_be_rung_stands_there_with_how_until_reached(cast: Cast, nurse: Client) -> None:
    reach(cast.a)
    session = dosed(cast, cast.a, hours_ago=50)
    words = plain(nurse.get("/after").content)
    assert "Overdue since" in words
    assert PHONE in words
    assert "Miss A" in words
    assert "Do not leave a message." in words
    answer = nurse.post(
        f"/after/{session.id}/call", REACHED | {"request_id": str(uuid4()), "at": local(timezone.now())}
    )
    assert answer.status_code == 302
    words = plain(nurse.get("/after").content)
    assert PHONE not in words
    assert "Sleep: well" in words


def test_a_message_may_be_left_where_it_may(cast: Cast, nurse: Client) -> None:
    reach(cast.a, may_leave_message=True)
    session = dosed(cast, cast.a, hours_ago=50)
    assert "Do not leave a message" not in plain(nurse.get("/after").content)
    assert "a message was left" in plain(nurse.get(f"/after/{session.id}/call").content)


def test_without_a_safe_number_nobody_is_rung(cast: Cast, nurse: Client) -> None:
    dosed(cast, cast.a, hours_ago=50)
    assert "Do not call: no number on file is safe." in plain(nurse.get("/after").content)


def test_how_to_ring_is_not_shown_before_a_call_is_due(cast: Cast, nurse: Client) -> None:
    reach(cast.a)
    dosed(cast, cast.a, hours_ago=2.1)
    words = plain(nurse.get("/after").content)
    assert "to be rung from" in words
    assert PHONE not in words


def test_every_look_is_in_the_log_of_the_person(cast: Cast, nurse: Client) -> None:
    dosed(cast, cast.a, hours_ago=50)
    nurse.get("/after")
    with door.opened(cast.a.id):
        kinds = AuditEntry.objects.filter(subject=cast.a, actor_id=cast.nurse.id, action="viewed")
        assert sorted(kinds.values_list("item_kind", flat=True)) == ["contact", "dosing.flowsheet"]


def test_only_people_whose_flowsheet_one_writes_stand_there(cast: Cast) -> None:
    reach(cast.a)
    dosed(cast, cast.a, hours_ago=50)
    other = client_for(cast.stranger_prescriber)
    assert "Amara" not in plain(other.get("/after").content)
    with loading():
        both = person(cast.clinic, "Rae", "staff", "nurse", "individual_therapist")
        assign(both, "individual_therapist", subject=cast.a)
    assert "Amara" not in plain(client_for(both).get("/after").content)
    with loading():
        Assignment.objects.filter(staff=both).update(role="nurse")
    assert "Amara" in plain(client_for(both).get("/after").content)


def test_follow_ups_stand_there_by_day_in_their_newest_version(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a)
    today = timezone.now().date()
    about = {"clinic": cast.clinic, "subject": cast.a, "author": cast.nurse, "session": session, "grade": 3,
             "began_at": session.started_at}  # fmt: skip
    with loading():
        old = AdverseEvent.objects.create(
            **about, term="Headache", follow_up_on=today - timedelta(days=2), follow_up="Ring again"
        )
        AdverseEvent.objects.create(
            **about, term="Vomiting", follow_up_on=today + timedelta(days=2), follow_up="Weigh them"
        )
        AdverseEvent.objects.create(**about, term="Syncope", action_taken="Prescriber not told yet. Lay down")
    words = plain(nurse.get("/after").content)
    assert words.index("Tell the prescriber") < words.index("Ring again") < words.index("Weigh them")
    assert "Later: 1" in words
    with loading():
        AdverseEvent.objects.create(**about, term="Headache", revises=old, reason="Gone")
    assert "Ring again" not in plain(nurse.get("/after").content)


def test_forms_wait_for_a_nasal_dose_until_they_are_sent(cast: Cast, nurse: Client) -> None:
    session, other = dosed(cast, cast.a, route="in", hours_ago=24 * 9), dosed(cast, cast.b)
    words, page = plain(nurse.get("/after").content), nurse.get("/after").content.decode()
    assert "not begun. Overdue since" in words
    assert f"/room/{session.id}/programme" in page
    assert f"/room/{other.id}/programme" not in page
    about = {"clinic": cast.clinic, "subject": cast.a, "author": cast.nurse, "session": session, "form": "f",
             "signed_name": "L"}  # fmt: skip
    with loading():
        ProgrammeForm.objects.create(**about, number=1, state="signed")
    assert "signed. Overdue since" in plain(nurse.get("/after").content)
    with loading():
        ProgrammeForm.objects.create(
            **about, number=2, state="sent", sent_at=timezone.now(), sent_how="by telefax"
        )
    assert "/programme" not in nurse.get("/after").content.decode()


def test_the_route_of_the_order_counts_before_that_of_the_course(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a, route="iv")
    with loading():
        order = Order.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.prescriber, course=session.course, route="in",
            dose_mg=56, weight_kg=70, product="Esketamine",
        )  # fmt: skip
        DosingSession.objects.filter(id=session.id).update(order=order)
    assert f"/room/{session.id}/programme" in nurse.get("/after").content.decode()


def test_the_list_asks_equally_often_however_much_waits(cast: Cast, nurse: Client) -> None:
    def load(who: Person, number: int) -> None:
        session = dosed(cast, who, hours_ago=50 + 30 * number, route="in")
        about = {"clinic": cast.clinic, "subject": who, "author": cast.nurse, "session": session}
        with loading():
            AdverseEvent.objects.create(
                **about, term="Headache", grade=1, began_at=session.started_at, follow_up="Ring",
                follow_up_on=timezone.now().date(),
            )  # fmt: skip
            NextDayCall.objects.create(
                **about, at=session.ended_at, was_reached=False, answers={"tried": "no_answer"}
            )
            if number % 2:
                NextDayCall.objects.create(**about, at=timezone.now(), was_reached=True, is_closed=True)

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert nurse.get("/after").status_code == 200
        return len(asked)

    for number, who in enumerate((cast.a, cast.b)):
        load(who, number)
    statements()
    few = statements()
    for number in range(2, 8):
        load(cast.a if number % 2 else cast.b, number)
    assert statements() == few


# ── the call ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_that_missed_them_asks_when_to_ring_again(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a, hours_ago=50)
    address = f"/after/{session.id}/call"
    given = {"request_id": str(uuid4()), "at": local(timezone.now()), "reached": "no", "tried": "no_answer",
             "note": "Engaged tone"}  # fmt: skip
    answer = nurse.post(address, given)
    assert answer.status_code == 422
    assert "Say when to ring again" in plain(answer.content)
    assert "Engaged tone" in plain(answer.content)
    assert (
        nurse.post(address, given | {"next_at": local(timezone.now() + timedelta(hours=5))}).status_code
        == 302
    )
    words = plain(nurse.get("/after").content)
    assert "to be rung from" in words
    assert "Do not call" not in words


def test_a_message_is_not_offered_where_none_may_be_left(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a, hours_ago=50)
    address = f"/after/{session.id}/call"
    assert 'value="message"' not in nurse.get(address).content.decode()
    answer = nurse.post(
        address,
        {"request_id": str(uuid4()), "at": local(timezone.now()), "reached": "no", "tried": "message"},
    )
    assert answer.status_code == 422


def test_thoughts_of_not_living_raise_the_task_and_say_so_at_once(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a, hours_ago=50)
    answer = nurse.post(
        f"/after/{session.id}/call",
        REACHED | {"thoughts": "now", "request_id": str(uuid4()), "at": local(timezone.now())},
        follow=True,
    )
    assert "A safety task stands with the prescriber" in plain(answer.content)
    with door.opened(cast.prescriber.id):
        assert SafetyFlag.objects.get().is_acute
    tasks = client_for(cast.prescriber).get("/tasks")
    assert "Told on the telephone after a session" in plain(tasks.content)


def test_a_session_without_a_dose_has_no_call(cast: Cast, nurse: Client) -> None:
    session = dosed(cast, cast.a, outcome="turned_back", started_at=None)
    assert nurse.get(f"/after/{session.id}/call").status_code == 404
    assert nurse.get(f"/room/{session.id}/events").status_code == 200


@pytest.mark.parametrize("who", ["a", "b", "therapist_a", "couples_therapist", "lead", "coordinator"])
def test_the_list_is_for_nurses_and_prescribers(who: str, cast: Cast) -> None:
    assert client_for(getattr(cast, who)).get("/after").status_code == 404
