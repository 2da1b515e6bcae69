"""Appointments and calendars: whose they are, when they collide, what a stranger with an address learns, and the video room."""

import re
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import icalendar
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from bothwell.dosing import visit_actions
from bothwell.integration import session_actions
from bothwell.messaging import appointment_actions as actions
from bothwell.models import Appointment, AuditEntry, CalendarFeed, Clinic, CoupleSession, Person, Room, User
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import session_of

pytestmark = pytest.mark.django_db
AT = (timezone.now() + timedelta(days=5)).replace(hour=15, minute=0, second=0, microsecond=0)
SECRET = re.compile(r"/calendar/([A-Za-z0-9_-]{43})\.ics")


@pytest.fixture
def cast() -> Cast:
    cache.clear()
    return make_cast()


def make(
    by: Person, person: Person, staff: Person, at: datetime = AT, minutes: int = 50, **more: object
) -> Appointment:
    with door.opened(by.id):
        given = {"kind": Appointment.Kind.INTEGRATION, "request_id": uuid4(), **more}
        return actions.make(by=by, person=person, staff_id=staff.id, at=at, minutes=minutes, **given)  # type: ignore[arg-type]


def meets(cast: Cast, at: datetime = AT, place: str = "") -> CoupleSession:
    with loading():
        return CoupleSession.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
            at=at,
            number=1,
            place=place,
        )


def proved(client: Client, ago_s: float = 0.0) -> Client:
    """The browser of somebody who has just been asked for their password again, and knew it."""
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - ago_s, "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()
    return client


def address_of(client: Client) -> str:
    proved(client)
    said = client.post("/appointments/calendar", {"request_id": uuid4()}).content.decode()
    found = SECRET.search(said)
    assert found
    return found.group()


def events(client: Client, address: str) -> list[icalendar.Event]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))


# ── making them ──


def test_the_office_books_anybody_on_the_team_and_a_clinician_themselves(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.therapist_a)
    make(cast.nurse, cast.a, cast.nurse, AT + timedelta(hours=2))
    for by, staff in (
        (cast.nurse, cast.prescriber),
        (cast.coordinator, cast.therapist_b),
        (cast.therapist_b, cast.therapist_b),
    ):
        with pytest.raises(Refused):
            make(by, cast.a, staff, AT + timedelta(hours=4))


def test_nobody_is_in_two_places(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.nurse)
    for person, staff, at in (
        (cast.a, cast.therapist_a, AT + timedelta(minutes=40)),
        (cast.b, cast.nurse, AT - timedelta(minutes=30)),
    ):
        with pytest.raises(Refused):
            make(cast.coordinator, person, staff, at)
    make(cast.coordinator, cast.b, cast.nurse, AT + timedelta(minutes=50))
    make(cast.coordinator, cast.b, cast.therapist_b)


def test_a_visit_is_in_the_way_of_its_own_person_only(cast: Cast) -> None:
    session_of(cast, cast.a, AT - timedelta(hours=1))
    with pytest.raises(Refused):
        make(cast.coordinator, cast.a, cast.therapist_a)
    make(cast.coordinator, cast.b, cast.therapist_b)


def test_what_whoever_books_may_not_see_is_in_the_way_all_the_same(cast: Cast) -> None:
    """A nurse sees no couples session, and not what another clinician has with somebody of their own."""
    meets(cast)
    with pytest.raises(Refused, match="something else"):
        make(cast.nurse, cast.a, cast.nurse, AT + timedelta(minutes=20))
    with loading():
        Appointment.objects.create(
            clinic=cast.clinic, subject=cast.stranger_a, author=cast.coordinator, kind="other",
            staff=cast.nurse, at=AT + timedelta(hours=3), minutes=50,
        )  # fmt: skip
    with door.opened(cast.nurse.id):
        assert not Appointment.objects.exists()  # no longer, or not yet, of their care team
    with pytest.raises(Refused, match="colleague has something else"):
        make(cast.nurse, cast.a, cast.nurse, AT + timedelta(hours=3, minutes=20))


def test_a_room_holds_one_at_a_time_and_what_is_no_room_any_number(cast: Cast) -> None:
    with loading():
        Room.objects.create(clinic=cast.clinic, name="Blue room")
    make(cast.coordinator, cast.a, cast.nurse, place="Blue room")
    for place in ("blue Room ", "Blue room"):
        with pytest.raises(Refused, match="has that room"):
            make(cast.therapist_b, cast.b, cast.therapist_b, AT + timedelta(minutes=20), place=place)
    make(cast.therapist_b, cast.b, cast.therapist_b, AT + timedelta(minutes=50), place="Blue room")
    make(cast.coordinator, cast.a, cast.nurse, AT + timedelta(hours=3), place="By telephone")
    make(cast.therapist_b, cast.b, cast.therapist_b, AT + timedelta(hours=3), place="By telephone")


def test_the_calendar_answers_nobody_who_books_nothing_there(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.nurse)
    asked = "select door.is_taken(%s, %s, %s, interval '3 hours', %s)"
    for viewer, about, answer in (
        (cast.coordinator, cast.a, True),
        (cast.nurse, cast.a, True),
        (cast.coordinator, cast.nurse, True),
        (cast.therapist_b, cast.a, False),
        (cast.b, cast.a, False),
        (cast.couples_therapist, cast.a, False),
        (cast.therapist_b, cast.nurse, False),
        (cast.other_lead, cast.nurse, False),
    ):
        with door.opened(viewer.id), connection.cursor() as cursor:
            cursor.execute(asked, [about.id, AT, AT + timedelta(minutes=30), uuid4()])
            assert cursor.fetchone() == (answer,), (viewer.name_used, about.name_used)


def test_posted_twice_it_is_made_once(cast: Cast) -> None:
    number = uuid4()
    for _ in range(2):
        make(cast.coordinator, cast.a, cast.nurse, request_id=number)
    with door.opened(cast.a.id):
        assert Appointment.objects.count() == 1


def test_moved_and_cancelled_it_stays_on_record(cast: Cast) -> None:
    row = make(cast.coordinator, cast.a, cast.nurse)
    with door.opened(cast.nurse.id):
        moved = actions.move(
            by=cast.nurse,
            appointment_id=row.id,
            at=AT + timedelta(minutes=20),
            minutes=30,
            place="Room 2",
            is_video=False,
        )
        assert (moved.at, moved.place) == (AT + timedelta(minutes=20), "Room 2")
    with door.opened(cast.prescriber.id), pytest.raises(Refused):
        actions.cancel(by=cast.prescriber, appointment_id=row.id)
    with door.opened(cast.coordinator.id):
        actions.cancel(by=cast.coordinator, appointment_id=row.id)
        actions.cancel(by=cast.coordinator, appointment_id=row.id)
    with door.opened(cast.nurse.id), pytest.raises(Stale):
        actions.move(by=cast.nurse, appointment_id=row.id, at=AT, minutes=30, place="", is_video=False)
    with door.opened(cast.a.id):
        assert Appointment.objects.get().state == "cancelled"
        log = AuditEntry.objects.filter(item_id=row.id).order_by("at").values_list("action", flat=True)
        assert [each.split()[0] for each in log] == ["made", "moved", "cancelled"]


def test_a_page_that_is_behind_moves_and_cancels_nothing_newer(cast: Cast) -> None:
    row = make(cast.coordinator, cast.a, cast.nurse)
    nurse, address = client_for(cast.nurse), f"/people/{cast.a.id}/appointments/{row.id}"
    was = nurse.get(address).context["was"]
    post = {
        "was": was,
        "at": f"{AT + timedelta(days=2):%Y-%m-%dT%H:%M}",
        "minutes": 30,
        "place": "Room 9",
        "request_id": uuid4(),
    }
    with door.opened(cast.coordinator.id):
        actions.move(
            by=cast.coordinator, appointment_id=row.id, at=AT + timedelta(days=1), minutes=50, place="Room 2", is_video=False
        )  # fmt: skip
    late = nurse.post(address, post)
    text = late.content.decode()
    assert late.status_code == 422
    assert "Somebody changed it since you looked" in text
    assert "Room 2" in text
    assert 'value="Room 9"' in text
    assert nurse.post(address, {"do": "cancel", "was": was})["Location"] == address
    with door.opened(cast.a.id):
        kept = Appointment.objects.get()
    assert (kept.state, kept.place) == ("planned", "Room 2")
    assert nurse.post(address, post | {"was": late.context["was"]}).status_code == 302
    with door.opened(cast.a.id):
        assert Appointment.objects.get().place == "Room 9"


def test_an_hour_that_is_not_there_is_said_so_and_nothing_is_lost(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(timezone="America/New_York")
    year = timezone.now().year + 1
    first = datetime(year, 3, 1)
    spring = first + timedelta(days=(6 - first.weekday()) % 7 + 7)
    data = {"staff": cast.nurse.id, "kind": "other", "minutes": 50, "place": "zqplace", "request_id": uuid4()}
    office, address = client_for(cast.coordinator), f"/people/{cast.a.id}/appointments"
    answer = office.post(address, {**data, "at": f"{spring:%Y-%m-%d}T02:30"})
    assert answer.status_code == 422
    assert "The clocks change at that hour" in answer.content.decode()
    assert "zqplace" in answer.content.decode()
    assert office.post(address, {**data, "at": f"{spring:%Y-%m-%d}T03:30"}).status_code == 302
    with door.opened(cast.a.id):
        row = Appointment.objects.get()
    assert row.at.astimezone(ZoneInfo("America/New_York")).hour == 3
    assert row.at.astimezone(UTC).hour == 7


# ── seeing them ──


def test_a_partner_sees_their_own_and_the_couples_and_never_the_others(cast: Cast) -> None:
    other = client_for(cast.b)
    before = other.get("/appointments").content
    make(cast.coordinator, cast.a, cast.nurse, place="zqroom")
    session_of(cast, cast.a, AT + timedelta(days=1))
    token = re.compile(rb"[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert token.sub(b"", other.get("/appointments").content) == token.sub(b"", before)
    own = client_for(cast.a).get("/appointments").content.decode()
    assert "zqroom" in own
    assert "Your session" in own
    assert "zqroom" in client_for(cast.a).get("/today").content.decode()
    meets(cast, AT + timedelta(days=2), "zqboth")
    for who in (cast.a, cast.b):
        assert "zqboth" in client_for(who).get("/appointments").content.decode()


def test_two_at_once_are_told_to_the_person_alone(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.nurse)
    meets(cast, AT + timedelta(minutes=10))
    said = "At the same time as something else"
    assert said in client_for(cast.a).get("/appointments").content.decode()
    assert said not in client_for(cast.b).get("/appointments").content.decode()


def test_staff_see_their_own_day_and_the_office_everybodys(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.nurse, place="zqnurse")
    make(cast.coordinator, cast.b, cast.therapist_b, place="zqother")
    day = f"/appointments?day={AT:%Y-%m-%d}"
    said = {
        who.name_used: client_for(who).get(day).content.decode() for who in (cast.nurse, cast.coordinator)
    }
    assert ("zqnurse" in said["Luis"], "zqother" in said["Luis"]) == (True, False)
    assert ("zqnurse" in said["Cora"], "zqother" in said["Cora"]) == (True, True)
    for odd in ("nonsense", "0001-01-01", "9999-12-31", ""):
        assert client_for(cast.nurse).get(f"/appointments?day={odd}").status_code == 200


# ── video ──


def test_the_video_room_is_open_for_its_time_and_for_who_meets(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(video_link="https://video.example.org/{room}")
        soon = Appointment.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.nurse, kind="other", staff=cast.nurse,
            at=timezone.now() + timedelta(minutes=10), is_video=True,
        )  # fmt: skip
    link = re.compile(r'href="(https://video\.example\.org/[a-z2-7]{26})" rel="noopener noreferrer"')
    office = f"/people/{cast.a.id}/appointments"
    mine, theirs = (
        link.findall(client_for(who).get("/appointments").content.decode()) for who in (cast.a, cast.nurse)
    )
    assert len(mine) == 1
    assert mine == theirs == link.findall(client_for(cast.nurse).get(office).content.decode())
    assert not link.findall(client_for(cast.prescriber).get(office).content.decode())
    assert not link.findall(client_for(cast.coordinator).get(office).content.decode())
    assert not link.findall(client_for(cast.coordinator).get("/appointments").content.decode())
    with loading():
        Appointment.objects.filter(id=soon.id).update(at=timezone.now() + timedelta(minutes=20))
    assert not link.findall(client_for(cast.a).get("/appointments").content.decode())


def test_only_an_address_we_would_open_is_kept(cast: Cast) -> None:
    lead = client_for(cast.lead)
    said = lead.get("/clinic/details").content.decode()
    assert 'name="video_link"' in said
    data = {
        "name": "Clinic One", "timezone_name": "UTC", "country": "US", "line-TOTAL_FORMS": 1, "line-INITIAL_FORMS": 0,
        "line-0-label": "Lifeline", "line-0-number": "988", "confirmed": "on", "video_link": "http://x.example/{room}",
    }  # fmt: skip
    wrong = lead.post("/clinic/details", data)
    assert "http://x.example/{room}" in wrong.content.decode()
    assert lead.post("/clinic/details", {**data, "video_link": "https://x.example/{room}"}).status_code == 302
    with door.opened(cast.lead.id):
        assert Clinic.objects.get(id=cast.clinic.id).video_link == "https://x.example/{room}"


# ── the calendar ──


def test_the_calendar_holds_ones_own_times_and_no_word_more(cast: Cast) -> None:
    row = make(cast.coordinator, cast.a, cast.nurse, place="zqplace")
    session_of(cast, cast.a, AT + timedelta(days=1))
    meets(cast, AT + timedelta(days=2), "zqboth")
    make(cast.coordinator, cast.b, cast.therapist_b, AT + timedelta(days=3))
    address = address_of(client_for(cast.a))
    stranger = Client()
    found = events(stranger, address)
    assert [each.start for each in found] == [AT, AT + timedelta(days=1), AT + timedelta(days=2)]
    body = stranger.get(address).content.decode()
    for word in ("zq", "Luis", "Ben", "Dana", "session", "therap", "Clinic", str(row.id), str(cast.a.id)):
        assert word not in body
    other = events(stranger, address_of(client_for(cast.b)))
    assert [each.start for each in other] == [AT + timedelta(days=2), AT + timedelta(days=3)]
    assert not {str(each["UID"]) for each in found} & {str(each["UID"]) for each in other}


def test_moved_and_cancelled_a_meeting_keeps_its_name_and_counts_up(cast: Cast) -> None:
    row, address = make(cast.coordinator, cast.a, cast.nurse), address_of(client_for(cast.a))
    (first,) = events(Client(), address)
    with door.opened(cast.nurse.id):
        actions.move(
            by=cast.nurse,
            appointment_id=row.id,
            at=AT + timedelta(days=1),
            minutes=50,
            place="",
            is_video=False,
        )
    (second,) = events(Client(), address)
    with door.opened(cast.nurse.id):
        actions.cancel(by=cast.nurse, appointment_id=row.id)
    (third,) = events(Client(), address)
    assert {str(each["UID"]) for each in (first, second, third)} == {str(first["UID"])}
    assert [int(each["SEQUENCE"]) for each in (first, second, third)] == [0, 1, 2]
    assert [str(each["STATUS"]) for each in (first, second, third)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_sessions_of_both_and_visits_count_up_too_and_never_down(cast: Cast) -> None:
    dana, address = cast.couples_therapist, address_of(client_for(cast.a))
    meets(cast)
    with loading():
        row = CoupleSession.objects.get()
    visit = session_of(cast, cast.a, AT + timedelta(days=3))
    counted = [sequences(address)]
    for days in (1, 2):
        with door.opened(dana.id):
            session_actions.move_session(
                by=dana, session_id=row.id, at=AT + timedelta(days=days), minutes=60, place=""
            )
        counted.append(sequences(address))
    with door.opened(dana.id):
        session_actions.cancel_session(by=dana, session_id=row.id)
    with door.opened(cast.prescriber.id):
        visit_actions.cancel(by=cast.prescriber, session_id=visit.id)
    counted.append(sequences(address))
    assert counted == [[0, 0], [1, 0], [2, 0], [3, 1]]


def sequences(address: str) -> list[int]:
    return [int(each["SEQUENCE"]) for each in events(Client(), address)]


def test_an_address_is_shown_once_replaced_and_ended(cast: Cast) -> None:
    own, number = proved(client_for(cast.a)), uuid4()
    first = SECRET.search(own.post("/appointments/calendar", {"request_id": number}).content.decode())
    assert first
    again = own.post("/appointments/calendar", {"request_id": number})
    assert again.status_code == 302
    assert not SECRET.search(own.get("/appointments").content.decode())
    with loading():
        assert CalendarFeed.objects.get().token_hash not in first.group()
    second = address_of(own)
    assert Client().get(first.group()).status_code == 404
    assert Client().get(second).status_code == 200
    own.post("/appointments/calendar/end")
    assert Client().get(second).status_code == 404


def test_the_address_is_shown_only_to_who_has_shown_again_who_they_are(cast: Cast) -> None:
    with loading():
        user = User.objects.get(person=cast.a)
        user.set_password("correct-horse-battery")
        user.save()
    own = client_for(cast.a)
    for asked in (own, proved(client_for(cast.a), ago_s=1000)):
        answer = asked.post("/appointments/calendar", {"request_id": uuid4()})
        assert answer["Location"] == "/account/reauthenticate/?next=%2Fappointments"
    with loading():
        assert not CalendarFeed.objects.exists()
    shown = own.post(
        "/account/reauthenticate/", {"password": "correct-horse-battery", "next": "/appointments"}
    )
    assert shown["Location"] == "/appointments"
    assert SECRET.search(own.post("/appointments/calendar", {"request_id": uuid4()}).content.decode())


def test_with_a_new_password_the_address_ends(cast: Cast) -> None:
    with loading():
        user = User.objects.get(person=cast.a)
        user.set_password("correct-horse-battery")
        user.save()
    own, other = client_for(cast.a), address_of(client_for(cast.b))
    address = address_of(own)
    changed = own.post(
        "/account/password/change/",
        {
            "oldpassword": "correct-horse-battery",
            **dict.fromkeys(("password1", "password2"), "a-new-horse-x9"),
        },
    )
    assert changed.status_code == 302
    assert Client().get(address).status_code == 404
    assert Client().get(other).status_code == 200
    with loading():
        assert CalendarFeed.objects.filter(subject=cast.a, ended_at__isnull=False).count() == 1


def test_unknown_ended_and_malformed_are_one_page(cast: Cast) -> None:
    own = client_for(cast.a)
    ended = address_of(own)
    own.post("/appointments/calendar/end")
    answers = [Client().get(each) for each in (ended, f"/calendar/{'x' * 43}.ics", "/calendar/short.ics")]
    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1


def test_who_may_not_sign_in_any_more_has_no_calendar(cast: Cast) -> None:
    address = address_of(client_for(cast.a))
    User.objects.filter(person_id=cast.a.id).update(is_active=False)
    assert Client().get(address).status_code == 404


def test_a_calendar_that_has_not_changed_is_not_sent_again_and_kept_by_nobody(cast: Cast) -> None:
    make(cast.coordinator, cast.a, cast.nurse)
    address = address_of(client_for(cast.a))
    answer = Client().get(address)
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Type"].startswith("text/calendar")
    again = Client().get(address, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().head(address).status_code == 200
    assert Client().post(address).status_code == 405


def test_asked_too_often_it_says_so(cast: Cast) -> None:
    address = address_of(client_for(cast.a))
    assert {Client().get(address).status_code for _ in range(30)} == {200}
    assert Client().get(address).status_code == 429
    assert {Client().get(f"/calendar/{number:043}.ics").status_code for number in range(60)} == {404}
    assert Client().get(f"/calendar/{61:043}.ics").status_code == 429


def test_staff_have_no_calendars_address(cast: Cast) -> None:
    assert client_for(cast.nurse).post("/appointments/calendar", {"request_id": uuid4()}).status_code == 404
