"""What the safety circle asks alone: kept for it, heard by nobody else, and a device handed over that leads nowhere."""

import re
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from bothwell.couples.models import Couple
from bothwell.enrolment import couple_actions
from bothwell.instruments.actions import enter_on_behalf
from bothwell.instruments.safety_actions import lift_hold, open_holds, place_hold
from bothwell.integration import session_actions
from bothwell.models import AuditEntry, CoupleHold, Person, Response
from bothwell.privacy import door
from bothwell.refusal import Refused
from bothwell.web.following import viewer_of
from tests.cast import Cast, assign, client_for, make_cast, person
from tests.conftest import LOGINS, loading
from tests.enrolment.committed import committing

__all__ = ["committing"]

NO, YES = {f"hark-{n}": "false" for n in range(1, 5)}, {"hark-2": "true"}


def asked(by: Person, subject: Person, answers: dict[str, str]) -> Response:
    """HARK, asked aloud by the safety circle."""
    with door.opened(by.id):
        return enter_on_behalf(
            by=by,
            subject=subject,
            instrument_id="hark",
            wave=f"alone {uuid4().hex[:8]}",
            answers=NO | answers,
            answered_at=timezone.now(),
            entered_as="spoken",
            request_id=uuid4(),
        )


# ── what hums beneath the pages ───────────────────────────────────────────────────────────────────────────


def beneath() -> dict[str, list[Any]]:
    """Everything in the database but what is the safety circle's, as its owner could read it."""
    asked = {
        "jobs": "select task_name, args::text from procrastinate_jobs order by id",
        "events": "select job_id, type::text from procrastinate_events order by id",
        "requests": "select id from bothwell_request order by id",
        "reminders": "select id from bothwell_reminder order by id",
        "flags": "select id from bothwell_safetyflag order by id",
        "log": "select id from bothwell_auditentry where not sealed order by id",
        "receipts": "select id from bothwell_receipt order by id",
        "steps": "select id from bothwell_step order by id",
    }
    with psycopg.connect(LOGINS.admin) as admin:
        return {name: admin.execute(question).fetchall() for name, question in asked.items()}


def committed_cast() -> Cast:
    with transaction.atomic():
        return make_cast()


@pytest.mark.parametrize("answers", [{}, YES], ids=["no", "yes"])
def test_no_job_no_mail_no_log_and_only_the_circle_hears(
    committing: None, answers: dict[str, str], mailoutbox: list[Any]
) -> None:
    cast = committed_cast()
    before = beneath()
    with psycopg.connect(LOGINS.admin, autocommit=True) as ear:
        ear.execute("listen bothwell")
        asked(cast.safety, cast.a, answers)
        heard = {note.payload for note in ear.notifies(timeout=0.3)}
    assert heard == ({f"person:{cast.safety.id}"} if answers else set())
    assert beneath() == before
    assert (mailoutbox, mail.outbox) == ([], [])


def test_the_hold_names_nobody_and_no_hour(committing: None) -> None:
    cast = committed_cast()
    asked(cast.safety, cast.a, YES)
    with door.opened(cast.couples_therapist.id):
        (hold,) = CoupleHold.objects.filter(couple=cast.couple)
        assert (hold.author_id, hold.subject_id) == (None, None)
        local = hold.recorded_at.astimezone(UTC)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
        assert hold.id.version == 4, "a key that is ordered by time would tell the hour"
        with pytest.raises(
            Refused, match=r"^Couple work is on hold\. Before the next session speak with Lea\.$"
        ):
            session_actions.give_exercise(
                by=cast.couples_therapist, couple=cast.couple, code="one_thank_you_a_day", words="", until=None,
                request_id=uuid4(),
            )  # fmt: skip


def test_a_second_yes_lays_no_second_hold_and_lifting_needs_a_reason_and_the_circle(committing: None) -> None:
    cast = committed_cast()
    for subject in (cast.a, cast.b, cast.a):
        asked(cast.safety, subject, YES)
    with door.opened(cast.safety.id):
        assert len(open_holds(cast.couple.id)) == 1
        with pytest.raises(Refused, match="reason"):
            lift_hold(by=cast.safety, subject=cast.a, why=" ")
    with door.opened(cast.couples_therapist.id), pytest.raises(Refused):
        lift_hold(by=cast.couples_therapist, subject=cast.a, why="They look fine to me")
    with door.opened(cast.safety.id):
        lift_hold(by=cast.safety, subject=cast.a, why="They live apart now")
        assert open_holds(cast.couple.id) == []
        entry = AuditEntry.objects.get(action="lifted a hold", subject=cast.a)
        assert (entry.why, entry.sealed) == ("They live apart now", True)
        place_hold(by=cast.safety, subject=cast.b, why="What was heard on the telephone")
        assert len(open_holds(cast.couple.id)) == 1
    with door.opened(cast.lead.id):
        assert not AuditEntry.objects.filter(action__icontains="hold").exists()
        assert not AuditEntry.objects.filter(why__icontains="apart").exists()


def parted(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        couple_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="They said so, both.")


def paired(cast: Cast, one: Person, other: Person) -> Couple:
    """The office makes them a couple, with the same couples therapist."""
    with door.opened(cast.coordinator.id):
        couple = couple_actions.pair(by=cast.coordinator, one=one, other=other, request_id=uuid4())
    with transaction.atomic(), loading():
        assign(cast.couples_therapist, "couples_therapist", couple=couple)
    return couple


def must_wait(cast: Cast) -> bool:
    """Whether the lead may give out the record of the first couple."""
    with door.opened(cast.lead.id), connection.cursor() as cursor:
        cursor.execute("select door.not_now(%s, %s)", [cast.couple.id, timezone.now()])
        return bool(cursor.fetchone()[0])


def test_a_hold_follows_the_two_when_they_come_together_again_and_nobody_is_told(committing: None) -> None:
    cast = committed_cast()
    asked(cast.safety, cast.a, YES)
    parted(cast)
    again = paired(cast, cast.b, cast.a)
    with door.opened(cast.couples_therapist.id):
        (hold,) = open_holds(again.id)
        assert (hold.author_id, hold.subject_id, hold.id.version) == (None, None, 4)
        assert hold.placed_on == timezone.now().date()
        local = hold.recorded_at.astimezone(UTC)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
        assert session_actions.hold_on(cast.couples_therapist, again)
    for who in (cast.a, cast.b, cast.lead, cast.coordinator, cast.prescriber, cast.therapist_a):
        with door.opened(who.id):
            assert not CoupleHold.objects.exists()
            assert not AuditEntry.objects.filter(action__icontains="hold").exists()
    with door.opened(cast.safety.id):
        lift_hold(by=cast.safety, subject=cast.b, why="We spoke with each alone")
        assert not CoupleHold.objects.filter(lifted__isnull=True).exists(), "the old one too"
    assert not must_wait(cast)


def test_a_hold_follows_neither_of_them_to_somebody_else_nor_when_it_was_lifted(committing: None) -> None:
    cast = committed_cast()
    with transaction.atomic(), loading():
        other = person(cast.clinic, "Gil")
    asked(cast.safety, cast.a, YES)
    parted(cast)
    elsewhere = paired(cast, cast.a, other)
    with door.opened(cast.couples_therapist.id):
        assert open_holds(elsewhere.id) == []
    page = client_for(cast.safety).get(f"/safety/{cast.a.id}").content.decode()
    assert "Couple work goes on" in page
    assert "One stands on an earlier couple of theirs too" in page
    for act in ("hold", "lift"):
        assert page.count(f'action="/safety/{cast.a.id}/{act}"') == page.count(f'id="{act}_why"') == 1
    with door.opened(cast.safety.id):
        lift_hold(by=cast.safety, subject=cast.b, why="They live apart now")
    with door.opened(cast.lead.id):
        couple_actions.part(by=cast.lead, couple_id=elsewhere.id, reason="They said so.")
    again = paired(cast, cast.a, cast.b)
    with door.opened(cast.couples_therapist.id):
        assert open_holds(again.id) == []


def test_the_circle_lifts_a_hold_of_a_couple_that_has_parted(committing: None) -> None:
    cast = committed_cast()
    asked(cast.safety, cast.a, YES)
    parted(cast)
    assert must_wait(cast)
    client, page = client_for(cast.safety), f"/safety/{cast.a.id}"
    assert "It stands on a couple that has parted" in client.get(page).content.decode()
    assert client.post(f"{page}/lift", {"why": ""}).status_code == 422
    assert must_wait(cast)
    told = client.post(f"{page}/lift", {"why": "They live apart now"}, follow=True).content.decode()
    assert "No hold stands on couple work now." in told
    assert "It stands on a couple that has parted" not in told
    assert not must_wait(cast)
    with door.opened(cast.safety.id):
        assert AuditEntry.objects.get(action="lifted a hold", subject=cast.a).why == "They live apart now"


def test_somebody_in_no_couple_is_asked_all_the_same(committing: None) -> None:
    cast = committed_cast()
    with transaction.atomic(), loading():
        alone = person(cast.clinic, "Solo")
        assign(cast.safety, "safety", subject=alone)
    asked(cast.safety, alone, YES)
    with door.opened(cast.safety.id):
        assert Response.objects.filter(subject=alone, flags__contains="violence").count() == 1
        assert not CoupleHold.objects.exists()


def test_a_page_under_way_while_it_is_kept_sees_nothing_of_it(committing: None) -> None:
    """Their own page began a moment before the answers were kept, and reads on after: it must not find them."""
    cast = committed_cast()
    with psycopg.connect(LOGINS.web, autocommit=False) as page:
        page.execute("select set_config('bothwell.viewer', %s, true)", [door.token(cast.a.id)])
        page.execute("set local role bothwell_viewer")
        assert page.execute("select count(*) from bothwell_response").fetchone() == (0,)
        asked(cast.safety, cast.a, YES)
        assert page.execute("select count(*) from bothwell_response").fetchone() == (0,)


# ── a device handed over ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def handed_over(cast: Cast) -> Any:
    client = client_for(cast.safety)
    said = client.post(f"/safety/{cast.a.id}/ask?screen=hark&way=handed")
    assert (said.status_code, said["Location"]) == (302, "/handed")
    return client


def test_the_screen_handed_over_names_nobody_and_leads_nowhere(cast: Cast) -> None:
    page = handed_over(cast).get("/handed").content.decode()
    for name in (
        "Amara",
        "Ben",
        "Sol",
        "Clinic One",
        "Bothwell</span>",
        "/today",
        "/safety",
        "/people",
        "HARK",
    ):
        assert name not in page
    assert "<title>Questions</title>" in page
    assert "data-leave-closes" in page


@pytest.mark.parametrize("path", ["/today", "/safety", "/people", "/access", "/account/2fa/", "/handedx"])
def test_any_other_way_closes_the_session(cast: Cast, path: str) -> None:
    client = handed_over(cast)
    assert client.get(path)["Location"].startswith("/account/login/")
    assert client.get("/handed")["Location"].startswith("/account/login/")
    assert client.get("/safety")["Location"].startswith("/account/login/")


def test_open_pages_of_the_same_browser_are_followed_no_more(cast: Cast) -> None:
    client = client_for(cast.safety)
    key = client.session.session_key
    assert viewer_of(key) == cast.safety.id
    client.post(f"/safety/{cast.a.id}/ask?screen=hark&way=handed")
    assert viewer_of(client.session.session_key) is None


def test_after_the_answers_nothing_is_behind_the_thanks(cast: Cast) -> None:
    pages = []
    for answers in (NO, NO | YES):
        client = handed_over(cast)
        said = client.post("/handed", {f"q{n}": answers[f"hark-{n}"] for n in range(1, 5)})
        assert said.status_code == 200
        pages.append(said.content)
        assert client.get("/handed")["Location"].startswith("/account/login/")
        assert client.get(f"/safety/{cast.a.id}")["Location"].startswith("/account/login/")
    assert pages[0] == pages[1]
    assert b"Thank you. Please hand the device back." in pages[0]
    with door.opened(cast.safety.id):
        rows = Response.objects.filter(subject=cast.a, kind="screen.violence").order_by("sent_at")
        assert [(row.entered_as, row.flags, row.author_id) for row in rows] == [
            ("handed", [], cast.safety.id), ("handed", ["violence"], cast.safety.id),
        ]  # fmt: skip


def test_an_open_question_is_asked_again_and_nothing_is_kept(cast: Cast) -> None:
    client = handed_over(cast)
    said = client.post("/handed", {"q1": "true"})
    assert said.status_code == 422
    assert "One question is still open" in said.content.decode()
    with door.opened(cast.safety.id):
        assert not Response.objects.exists()


def test_who_is_in_no_safety_circle_cannot_hand_over(cast: Cast) -> None:
    for who in (cast.prescriber, cast.lead, cast.couples_therapist, cast.a):
        assert client_for(who).post(f"/safety/{cast.a.id}/ask?screen=hark&way=handed").status_code == 404
        assert client_for(who).get("/handed").status_code == 404


def test_aloud_and_on_paper_are_kept_with_their_time(cast: Cast) -> None:
    client = client_for(cast.safety)
    path = f"/safety/{cast.a.id}/ask?screen=hark&way=paper"
    form = client.get(path)
    assert form.status_code == 200
    at = timezone.localtime() - timedelta(days=300)
    sent = {f"q{n}": "false" for n in range(1, 5)} | {"request_id": str(uuid4())}
    sent["at"] = f"{at:%Y-%m-%dT%H:%M}"
    assert client.post(path, {**sent, "q1": ""}).status_code == 422
    assert client.post(path, {**sent, "q1": "-"}).status_code == 302
    assert client.post(path, {**sent, "q1": "-"}).status_code == 302
    page = client.get(f"/safety/{cast.a.id}").content.decode()
    assert page.count("copied from paper") == 1
    assert "did not answer" in page
    assert "Ask again now" in page


def test_a_slip_in_the_year_is_said_with_what_was_typed_kept(cast: Cast) -> None:
    client, path = client_for(cast.safety), f"/safety/{cast.a.id}/ask?screen=hark&way=paper"
    at = f"{timezone.localtime() - timedelta(days=400):%Y-%m-%dT%H:%M}"
    sent = {"q1": "true", "q2": "false", "q3": "-", "q4": "false", "at": at, "request_id": str(uuid4())}
    said = client.post(path, sent)
    page = said.content.decode()
    assert said.status_code == 422
    assert "That is more than a year ago. Check the year." in page
    assert f'value="{at}"' in page
    chosen = re.findall(r'<input[^>]*type="radio"[^>]* checked[^>]*>', page)
    assert [re.search(r'name="(q\d)" value="([^"]+)"', each).groups() for each in chosen] == [  # type: ignore[union-attr]
        ("q1", "true"), ("q2", "false"), ("q3", "-"), ("q4", "false"),
    ]  # fmt: skip
    with door.opened(cast.safety.id):
        assert not Response.objects.exists()


def test_every_screen_about_violence_the_clinic_has_words_for_is_offered(cast: Cast) -> None:
    page = client_for(cast.safety).get(f"/safety/{cast.a.id}/ask").content.decode()
    assert "HARK" in page
    assert "HITS" not in page, "its words are not the catalogue's to show"
