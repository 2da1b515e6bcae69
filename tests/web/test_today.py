"""Today: what needs me, and how am I? A partner's own page, and staff's day by role."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.instruments.catalogue import load
from bothwell.models import (
    Assignment,
    Clinic,
    CoupleSession,
    Course,
    JointDecision,
    Person,
    Preparation,
    Receipt,
    Request,
    Response,
    Room,
    SessionSummary,
)
from bothwell.pathway import assessment_actions
from bothwell.privacy import door
from bothwell.web.around import greeting
from tests.cast import Cast, client_for, make_cast, person
from tests.conftest import loading
from tests.web.partners import answered, asked, course_of, gave, session_of, wrote

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_an_open_page_looks_again_for_what_others_changed_and_what_it_shows_was_opened(cast: Cast) -> None:
    gave(cast.a, wrote(cast.a, "the garden gate"))
    client, itself = client_for(cast.b), {"HX-Request": "true", "X-By-Itself": "1"}
    part = client.get("/today", headers=itself).content.decode()
    assert "the garden gate" in part
    assert "<html" not in part
    with door.opened(cast.b.id):
        assert Receipt.objects.filter(author=cast.b).count() == 1
    nurse = client_for(cast.nurse)
    page = nurse.get("/today").content.decode()
    assert f'data-live="/live/board/{cast.clinic.id}"' in page
    assert "/live/board/" not in client_for(cast.coordinator).get("/today").content.decode()
    living, sessions = (
        nurse.get(f"/today{part}", headers=itself).content.decode() for part in ("", "?sessions")
    )
    assert "Sessions today" not in living
    assert "Sessions today" in sessions
    assert "<html" not in living + sessions


def test_the_greeting_keeps_the_clinics_clock() -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    assert greeting(day.replace(hour=9)) == "Good morning"
    assert greeting(day.replace(hour=12)) == "Good afternoon"
    assert greeting(day.replace(hour=23)) == greeting(day.replace(hour=2)) == "Good evening"


def test_what_needs_me_with_minutes_and_where_i_was(cast: Cast) -> None:
    request = asked(cast, cast.a)
    asked(cast, cast.a, "gad-7", due_at=timezone.now() + timedelta(days=30))
    client = client_for(cast.a)
    client.post(f"/checkin/{request.id}/1", {"answer": "LA6568-5", "revision": 0, "step": "next"})
    page = client.get("/today").content.decode()
    assert "1 thing, about 3 minutes" in page
    assert "10 questions, 1 already answered" in page
    assert "Worry" not in page
    answered_page = client_for(cast.b).get("/today").content.decode()
    assert "Nothing just now" in answered_page


def test_questions_of_one_occasion_make_one_sitting_with_one_button_to_start_or_go_on(cast: Cast) -> None:
    weekly = [asked(cast, cast.a, each, "weekly 2026-W47") for each in ("csi-4", "gad-7")]
    asked(cast, cast.a, "phq-9", "by hand", timezone.now() + timedelta(days=3))
    client = client_for(cast.a)
    page = client.get("/today").content.decode()
    assert "3 things" in page
    minutes = sum(load(each).minutes for each in ("csi-4", "gad-7"))
    assert f"About {minutes} minutes: this week</h3>" in page
    assert f"About {load('phq-9').minutes} minutes: from your care team</h3>" in page
    assert page.index("this week") < page.index("from your care team")
    starts = re.findall(r'class="btn primary" href="(/checkin/[^"]+)">(\w[\w ]*)<', page)
    assert starts[0] == (f"/checkin/{weekly[0].id}", "Start")
    assert len(starts) == 2
    with loading():
        Response.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, request=weekly[1], instrument="gad-7",
            instrument_version="1", kind=weekly[1].kind, wave=weekly[1].wave, answers={"gad7-1": "LA6568-5"},
        )  # fmt: skip
    page = client.get("/today").content.decode()
    starts = re.findall(r'class="btn primary" href="(/checkin/[^"]+)">(\w[\w ]*)<', page)
    assert starts[0] == (f"/checkin/{weekly[1].id}", "Go on")


def test_what_ran_out_is_gone_without_a_trace(cast: Cast) -> None:
    request = asked(cast, cast.a)
    assert "1 thing" in client_for(cast.a).get("/today").content.decode()
    with loading():
        Request.objects.filter(id=request.id).update(lapses_at=timezone.now())
    assert "Nothing just now" in client_for(cast.a).get("/today").content.decode()


def test_reminders_are_one_step_from_the_first_page(cast: Cast) -> None:
    client = client_for(cast.a)
    assert 'href="/access/contact"' in client.get("/today").content.decode()
    assert "They are on." in client.get("/access/contact").content.decode()
    client.post("/access/reminders", {"do": "off"})
    assert "They are off." in client.get("/access/contact").content.decode()
    assert "They are on." in client_for(cast.b).get("/access/contact").content.decode()
    assert "remind" not in client_for(cast.nurse).get("/access/contact").content.decode()


def test_a_sent_check_in_needs_nobody_any_more(cast: Cast) -> None:
    answered(asked(cast, cast.a), cast.a)
    assert "Nothing just now" in client_for(cast.a).get("/today").content.decode()


def test_my_words_wear_their_circle_and_the_others_only_when_given(cast: Cast) -> None:
    wrote(cast.a, "I keep a list.")
    gave(cast.b, wrote(cast.b, "I go quiet."))
    wrote(cast.b, "not for Amara")
    page = client_for(cast.a).get("/today").content.decode()
    assert "I keep a list." in page
    assert "Only you" in page
    assert "I go quiet." in page
    assert "not for Amara" not in page


def test_my_own_line_says_chance_when_it_is_chance(cast: Cast) -> None:
    for wave, choice in (("w1", 1), ("w2", 1)):
        answered(asked(cast, cast.a, "phq-9", wave), cast.a, choice)
    client = client_for(cast.a)
    assert "from the third on" in client.get("/today").content.decode()
    answered(asked(cast, cast.a, "phq-9", "w3"), cast.a, 1)
    assert "come by chance" in client.get("/today").content.decode()
    answered(asked(cast, cast.a, "phq-9", "w4"), cast.a, 0)
    assert "more than chance would explain" in client.get("/today").content.decode()
    assert "s-line" not in client_for(cast.b).get("/today").content.decode()


def test_own_appointments_and_those_of_the_two_never_the_others(cast: Cast) -> None:
    session_of(cast, cast.a, timezone.now() + timedelta(days=2))
    with loading():
        CoupleSession.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
            at=timezone.now() + timedelta(days=3),
            number=1,
            place="Room 2",
        )
    mine, theirs = (client_for(who).get("/today").content.decode() for who in (cast.a, cast.b))
    assert "Your session" in mine
    assert "Ben and you, with Dana" in mine
    assert "Your session" not in theirs
    assert "Amara and you, with Dana" in theirs


def test_neutral_title_and_leave_on_every_partner_page(cast: Cast) -> None:
    session_of(cast, cast.a, timezone.now() + timedelta(days=2))
    insight = wrote(cast.a, "words")
    request = asked(cast, cast.a)
    client = client_for(cast.a)
    for address in (
        "/today",
        "/today/prepare",
        "/insights",
        "/insights/new",
        f"/insights/{insight.id}",
        f"/insights/{insight.id}/share",
        f"/checkin/{request.id}/1",
        f"/checkin/{request.id}/review",
        "/us",
        "/consents",
    ):
        page = client.get(address).content.decode()
        title = re.search(r"<title>(.*)</title>", page)
        assert title, address
        assert title[1] in {"Today", "Notes", "Us", "Agreements"}
        assert "data-leave" in page
        assert " style=" not in page
        assert "<script>" not in page
        assert page.count("<h1") == 1


def test_preparing_asks_who_comes_along_and_keeps_the_antiemetic_plan(cast: Cast) -> None:
    session = session_of(cast, cast.a, timezone.now() + timedelta(days=2))
    with loading():
        Preparation.objects.create(
            clinic=cast.clinic,
            subject=cast.a,
            author=cast.prescriber,
            course=session.course,
            antiemetic_plan="Ondansetron 4 mg before",
            recorded_at=timezone.now() - timedelta(days=1),
        )
    client = client_for(cast.a)
    assert "Before your session" in client.get("/today").content.decode()
    page = client.get("/today/prepare").content.decode()
    assert "Ondansetron 4 mg before" in page
    assert "8 hours" in page
    refused = client.post("/today/prepare", {"escort_name": "Ruth", "escort_phone": ""})
    assert refused.status_code == 422
    assert 'value="Ruth"' in refused.content.decode()
    kept = {"escort_name": "Ruth", "escort_phone": "555 0142", "fasting_read": "on", "note": ""}
    for _ in range(2):
        assert client.post("/today/prepare", kept)["Location"] == "/today"
    with door.opened(cast.nurse.id):
        rows = list(Preparation.objects.order_by("recorded_at"))
    assert len(rows) == 2
    assert (rows[1].escort_name, rows[1].antiemetic_plan) == ("Ruth", "Ondansetron 4 mg before")
    assert "/today/prepare" not in client.get("/today").content.decode()
    assert client_for(cast.b).get("/today/prepare").status_code == 404


def test_a_session_leads_the_nurse_to_its_room_and_nobody_who_finds_none_there(cast: Cast) -> None:
    session = session_of(cast, cast.a, timezone.now())
    link = f'href="/room/{session.id}"'
    for name in ("nurse", "prescriber"):
        client = client_for(getattr(cast, name))
        assert link in client.get("/today").content.decode(), name
        assert client.get(f"/room/{session.id}").status_code == 200
    with loading():
        nora = person(cast.clinic, "Nora", "staff", "nurse", "lead")
    for who in (cast.lead, cast.coordinator, nora):
        page = client_for(who).get("/today").content.decode()
        assert "Amara" in page
        assert "/room/" not in page


def test_a_session_that_is_over_waits_for_its_note_until_it_has_one(cast: Cast) -> None:
    with loading():
        over, _ = (
            CoupleSession.objects.create(
                clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=number, at=at
            )
            for number, at in (
                (1, timezone.now() - timedelta(days=9)),
                (2, timezone.now() + timedelta(days=1)),
            )
        )
    address = f"/couples/{cast.couple.id}/sessions/{over.id}"
    page = client_for(cast.couples_therapist).get("/today").content.decode()
    assert "Couples sessions without a note" in page and page.count(address) == 1
    assert "without a note" not in client_for(cast.prescriber).get("/today").content.decode()
    note = {"modality": "other", "focus": "Coming home", "text": "They came."}
    assert client_for(cast.couples_therapist).post(address, note).status_code == 302
    assert "without a note" not in client_for(cast.couples_therapist).get("/today").content.decode()


def test_staff_see_their_own_day(cast: Cast) -> None:
    session_of(cast, cast.a, timezone.now())
    course = course_of(cast, cast.b)
    with loading():
        JointDecision.objects.create(
            clinic=cast.clinic, subject=cast.b, couple=cast.couple, author=cast.prescriber, course=course,
            route="iv", summary="s",
        )  # fmt: skip
        CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=1,
            at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
    answered(asked(cast, cast.a), cast.a, last_choice=2)
    pages = {
        name: client_for(getattr(cast, name)).get("/today").content.decode()
        for name in (
            "prescriber",
            "nurse",
            "couples_therapist",
            "therapist_b",
            "coordinator",
            "lead",
            "safety",
        )
    }
    assert "Joint decision" in pages["prescriber"]
    assert "1 safety task waits" in pages["prescriber"]
    assert "safety task" in pages["nurse"]  # on the day of a session
    assert "Joint decision" in pages["couples_therapist"]
    assert "Amara and Ben" in pages["couples_therapist"]
    assert "Amara" in pages["coordinator"]
    for name in ("couples_therapist", "therapist_b", "coordinator", "lead", "safety"):
        assert "safety task" not in pages[name]
    for name in ("nurse", "therapist_b", "coordinator", "lead"):
        assert "Joint decision" not in pages[name]
    stranger = client_for(cast.stranger_prescriber).get("/today").content.decode()
    assert "Amara" not in stranger
    assert "Ben" not in stranger


def statements_of(who: Person) -> int:
    """How many statements their Today asks, once it is warm."""
    client = client_for(who)
    client.get("/today")
    with CaptureQueriesContext(connection) as seen:
        client.get("/today")
    return len(seen)


def test_the_office_is_told_what_comes_next_until_the_clinic_is_ready(cast: Cast) -> None:
    words = "What the clinic still needs"
    with loading():
        Room.objects.filter(clinic=cast.clinic).delete()
        Clinic.objects.filter(id=cast.clinic.id).update(crisis_lines=[{"name": "x", "number": "1"}])
    page = client_for(cast.lead).get("/today").content.decode()
    assert page.count(words) == 1
    assert 'href="/clinic/rooms"' in page and 'href="/clinic/texts"' in page
    assert "The first couple" not in page and "The first colleagues" not in page
    page = client_for(cast.coordinator).get("/today").content.decode()
    assert "Rooms and monitors" in page and 'href="/clinic/rooms"' not in page
    assert words not in client_for(cast.nurse).get("/today").content.decode()


def test_where_everybody_is_ready_but_nobody_came_the_first_couple_comes_next() -> None:
    with loading():
        clinic = Clinic.objects.create(name="New", is_demo=True, set_up_at=timezone.now())
        joy = person(clinic, "Joy", "staff", "coordinator")
    page = client_for(joy).get("/today").content.decode()
    assert 'href="/enrol"' in page and "The first couple" in page


def test_the_number_of_statements_does_not_grow_with_what_is_due(cast: Cast) -> None:
    asked(cast, cast.a)
    answered(asked(cast, cast.a, "phq-9", "w0"), cast.a)
    few = statements_of(cast.a)
    for wave in ("w2", "w3", "w4", "w5"):
        asked(cast, cast.a, "gad-7", wave)
        answered(asked(cast, cast.a, "phq-9", wave), cast.a)
    assert statements_of(cast.a) == few


def test_how_the_last_session_went_is_read_by_the_person_and_not_by_their_partner(cast: Cast) -> None:
    session = session_of(cast, cast.a, timezone.now() - timedelta(days=2))
    with loading():
        for text in ("Calm from the start.", "A little sick at the end; it passed."):
            SessionSummary.objects.create(
                clinic=cast.clinic,
                subject=cast.a,
                couple=cast.couple,
                author=cast.nurse,
                session=session,
                text=text,
            )
    own = client_for(cast.a).get("/today").content.decode()
    assert "A little sick at the end; it passed." in own
    assert "Calm from the start." not in own
    theirs = client_for(cast.b).get("/today").content.decode()
    assert "it passed" not in theirs
    assert "last session went" not in theirs


def test_the_first_question_to_somebody_new_is_never_about_wishing_to_be_dead(cast: Cast) -> None:
    at = timezone.now() + timedelta(days=3)
    wave = "intake 9f3a12bc"
    rows = {each: asked(cast, cast.a, each, wave, at) for each in ("asq", "audit-c", "phq-9")}
    client = client_for(cast.a)
    starts = re.findall(
        r'class="btn primary" href="(/checkin/[^"]+)">', client.get("/today").content.decode()
    )
    assert starts[0] == f"/checkin/{rows['phq-9'].id}"
    answered(rows["phq-9"], cast.a)
    starts = re.findall(
        r'class="btn primary" href="(/checkin/[^"]+)">', client.get("/today").content.decode()
    )
    assert starts[0] == f"/checkin/{rows['asq'].id}"  # as the occasion has it, not last of all


def test_a_question_about_not_living_says_first_why_it_is_asked_who_reads_it_and_what_follows(
    cast: Cast,
) -> None:
    screen, other = asked(cast, cast.a, "asq"), asked(cast, cast.a, "gad-7")
    client = client_for(cast.a)
    first = client.get(f"/checkin/{screen.id}/1").content.decode()
    assert first.index("We ask everyone this") < first.index("have you wished you were dead?")
    assert "your partner does not" in first
    assert "We ask everyone this" not in client.get(f"/checkin/{screen.id}/2").content.decode()
    assert "We ask everyone this" not in client.get(f"/checkin/{other.id}/1").content.decode()
    document = client.get(f"/checkin/{screen.id}").content.decode()
    assert "We ask everyone this" in document


def _evaluated(cast: Cast, who: Person) -> Course:
    course = course_of(cast, who)
    with loading():
        Course.objects.filter(id=course.id).update(phase="evaluation", route="")
    return course


def test_clinicians_find_whom_they_evaluate_and_what_of_it_waits_for_them(cast: Cast) -> None:
    _evaluated(cast, cast.a)
    asked(cast, cast.a, "phq-9", "intake 9f3a12bc")
    asked(cast, cast.a, "csi-16", "intake 9f3a12bc")
    names = ("prescriber", "nurse", "couples_therapist", "therapist_a", "therapist_b", "lead", "coordinator")
    pages = {name: client_for(getattr(cast, name)).get("/today").content.decode() for name in names}
    for name in ("prescriber", "nurse", "couples_therapist", "therapist_a"):
        assert "To evaluate" in pages[name], name
        assert f'href="/people/{cast.a.id}/workup' in pages[name], name
        assert str(cast.b.id) not in pages[name], "nobody evaluates Ben"
    for name in ("therapist_b", "lead", "coordinator"):
        assert "To evaluate" not in pages[name], name
    for name in ("prescriber", "nurse"):
        assert re.search(r"The work-up: \d+ things not known yet", pages[name]), name
    assert "The couple’s assessment is not written yet." in pages["couples_therapist"]
    assert f"/people/{cast.a.id}/workup#assessment" in pages["couples_therapist"]
    for name in ("nurse", "couples_therapist", "therapist_a"):
        assert "to decide" not in pages[name], name
    for name in ("prescriber", "therapist_a"):
        assert "1 questionnaire not answered yet by Amara." in pages[name], name
    for name in ("nurse", "couples_therapist"):
        assert "questionnaire" not in pages[name], f"{name} reads no answers by role alone"
    for name in ("couples_therapist", "therapist_a"):
        assert "work-up:" not in pages[name], name
    stranger = client_for(cast.stranger_prescriber).get("/today").content.decode()
    assert "To evaluate" not in stranger


def test_an_evaluation_waits_no_more_once_the_assessment_is_written_or_the_care_ends(cast: Cast) -> None:
    course = _evaluated(cast, cast.a)
    dana = client_for(cast.couples_therapist)
    chart = dana.get(f"/couples/{cast.couple.id}").content.decode()
    assert f'href="/people/{cast.a.id}/workup#assessment"' in chart
    with door.opened(cast.couples_therapist.id):
        assessment_actions.record(
            by=cast.couples_therapist,
            course_id=course.id,
            words="They stand by each other and want this.",
            steps_seen=course.steps_taken,
        )
    assert "assessment is not written" not in dana.get("/today").content.decode()
    assert "Nothing waits for you" in dana.get("/today").content.decode()
    assert "#assessment" not in dana.get(f"/couples/{cast.couple.id}").content.decode()
    with loading():
        Assignment.objects.filter(staff=cast.couples_therapist).update(until=timezone.now())
    assert "To evaluate" not in dana.get("/today").content.decode()


def test_the_number_of_statements_does_not_grow_with_those_evaluated(cast: Cast) -> None:
    _evaluated(cast, cast.a)
    few = statements_of(cast.prescriber)
    _evaluated(cast, cast.b)
    assert statements_of(cast.prescriber) == few


def test_what_everything_waits_for_comes_before_the_questions(cast: Cast) -> None:
    course = course_of(cast, cast.a)
    with loading():
        JointDecision.objects.create(
            clinic=cast.clinic, subject=cast.a, couple=cast.couple, author=cast.prescriber, course=course,
            route="iv", summary="s",
        )  # fmt: skip
    asked(cast, cast.a)
    page = client_for(cast.a).get("/today").content.decode().split("Needs you")[1]
    assert page.index("Read and decide") < page.index("/consents") < page.index("/checkin/")
