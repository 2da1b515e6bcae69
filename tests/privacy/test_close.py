"""A colleague who is, or is close to, somebody in care: no role shows them that record, and nobody tells them why."""

from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.db import ProgrammingError
from django.utils import timezone

from bothwell.enrolment import close_actions as actions
from bothwell.enrolment import team_actions
from bothwell.instruments.safety_actions import leads_of
from bothwell.integration import contact_actions, session_actions
from bothwell.jobs import safety
from bothwell.models import (
    Assignment,
    AuditEntry,
    CloseTo,
    CoupleHold,
    CoupleSession,
    Message,
    Person,
    SafetyFlag,
)
from bothwell.monitoring import passing_actions
from bothwell.monitoring.calling import Level
from bothwell.privacy import door
from bothwell.records import hold_actions
from bothwell.refusal import Refused
from tests.cast import Cast, client_for, make_cast, person
from tests.conftest import loading
from tests.privacy.looking import accepts, eyes_of, our_tables
from tests.privacy.worlds import filled
from tests.web.partners import session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    session_of(cast, cast.a, timezone.now())
    with loading():
        about = {"clinic": cast.clinic, "author": cast.a}
        Message.objects.create(**about, subject=cast.a, kind="message.care", text="zqword")
        Message.objects.create(**about, couple=cast.couple, kind="message.couple", text="zqword")
        filled(
            CoupleSession, {}, clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist
        ).save()
        AuditEntry.objects.create(clinic=cast.clinic, actor=cast.nurse, action="viewed", subject=cast.a)
    return cast


def said(cast: Cast, staff: Person, person: Person, by: Person | None = None, how: str = "friend") -> Any:
    by = by or cast.coordinator
    with door.opened(by.id):
        return actions.say_close(by=by, staff=staff, person=person, how=CloseTo.How(how))


ABOUT_NOBODY = {"bothwell_auditlink", "bothwell_doorkey", "bothwell_analysisuse", "bothwell_user"}


def found_of(cast: Cast, viewer: Person) -> set[str]:
    """The tables in which this viewer sees a row about one of the two, or about both, that they did not write themselves."""
    found = set()
    with eyes_of(viewer.id) as cursor:
        for table in our_tables():
            if table in ABOUT_NOBODY:
                continue
            cursor.execute(
                "select column_name from information_schema.columns where table_name = %s and column_name in"
                " ('subject_id', 'couple_id', 'person_id')",
                [table],
            )
            columns = [column for (column,) in cursor.fetchall()]
            if table == "bothwell_person":
                columns = ["id"]
            for column in columns:
                cursor.execute(
                    f"select count(*) from {table} where {column} = any(%s)",
                    [[cast.a.id, cast.b.id, cast.couple.id]],
                )
                ((count,),) = cursor.fetchall()
                found |= {table} if count else set()
    return found


@pytest.mark.parametrize(
    ("who", "how"),
    [
        ("nurse", "self"),
        ("prescriber", "partner"),
        ("couples_therapist", "family"),
        ("therapist_a", "friend"),
        ("safety", "friend"),
        ("lead", "self"),
    ],
)
def test_they_see_nothing_of_that_person_nor_of_the_couple(cast: Cast, who: str, how: str) -> None:
    staff = getattr(cast, who)
    assert "bothwell_person" in found_of(cast, staff)
    said(cast, staff, cast.a, how=how)
    # Their own places on the care teams, which have ended, they held themselves: that they did, and no more.
    assert found_of(cast, staff) <= {"bothwell_assignment"}


def test_nobody_else_sees_less_and_neither_of_those_concerned_finds_it(cast: Cast) -> None:
    others = {name: who for name, who in cast.everyone().items() if name != "nurse"}
    before = {name: found_of(cast, who) for name, who in others.items()}
    said(cast, cast.nurse, cast.a)
    for name, who in others.items():
        knows = {"bothwell_closeto"} if name in ("lead", "coordinator") else set()
        knows |= (
            {"bothwell_auditentry"} if name == "b" else set()
        )  # that a place on their own care team ended
        assert found_of(cast, who) == before[name] | knows, name


def test_no_page_of_theirs_names_anything_of_them(cast: Cast) -> None:
    client = client_for(cast.nurse)
    for page in ("/today", "/board", "/people", "/messages", "/people?q=amar"):
        client.get(page)
    assert "Amara" in client.get("/people").content.decode()
    assert "Amara" in client.get("/board").content.decode()
    said(cast, cast.nurse, cast.a)
    for page in (
        "/today",
        "/board",
        "/after",
        "/people",
        "/people?q=amar",
        "/messages",
        "/tasks",
        "/vials",
        "/access",
    ):
        text = client.get(page).content.decode()
        assert "Amara" not in text, page
        assert "Ben" not in text, page
    for page in ("", "/team", "/workup", "/care-plan", "/appointments", "/close"):
        assert client.get(f"/people/{cast.a.id}{page}").status_code == 404, page
        assert client.get(f"/people/{cast.b.id}{page}").status_code == 404, page


def test_their_places_end_with_it_the_sealed_ones_too_and_nobody_assigns_them_again(cast: Cast) -> None:
    with loading():
        Assignment.objects.filter(staff=cast.safety, subject=cast.a).update(staff=cast.nurse)
    done = said(cast, cast.nurse, cast.a)
    assert [place.role for place in done.freed] == [
        "nurse",
        "nurse",
    ]  # of each of the two; the sealed one is not told
    assert done.has_a_lead
    with loading():
        held = Assignment.objects.filter(staff=cast.nurse, until__isnull=True)
        assert not held.exists()
    with door.opened(cast.coordinator.id):
        logged = AuditEntry.objects.filter(action="ended an assignment")
        assert not logged.exists()  # the coordinator reads no log
    with door.opened(cast.lead.id):
        assert AuditEntry.objects.filter(action="ended an assignment", item_kind="care team").count() == 2
    for subject in (cast.a, cast.b):
        with door.opened(cast.coordinator.id), pytest.raises(Refused, match="close to"):
            team_actions.assign(by=cast.coordinator, staff=cast.nurse, role="nurse", subject=subject)
    with loading():  # and if a row were there, it would open nothing
        Assignment.objects.create(clinic=cast.clinic, staff=cast.nurse, role="nurse", subject=cast.a)
    assert found_of(cast, cast.nurse) <= {"bothwell_assignment"}


def test_it_is_said_by_the_office_of_colleagues_and_ended_by_somebody_else(cast: Cast) -> None:
    for who in (cast.nurse, cast.couples_therapist, cast.prescriber):
        with pytest.raises(Refused):
            said(cast, cast.nurse, cast.a, by=who)
    with pytest.raises(Refused, match="colleague"):
        said(cast, cast.stranger_a, cast.a)
    said(cast, cast.lead, cast.a, by=cast.lead)
    said(cast, cast.lead, cast.a)  # twice changes nothing
    with door.opened(cast.lead.id):
        assert not CloseTo.objects.exists()
    with loading():
        row = CloseTo.objects.get()
    with door.opened(cast.lead.id), pytest.raises(Refused, match="no such entry"):
        actions.end_close(by=cast.lead, said_id=row.id)
    with eyes_of(cast.lead.id) as cursor:
        cursor.execute("update bothwell_closeto set until = now()")
        assert cursor.rowcount == 0
    with door.opened(cast.coordinator.id):
        for _ in range(2):
            actions.end_close(by=cast.coordinator, said_id=row.id)
    with door.opened(cast.lead.id):
        assert (
            CloseTo.objects.get().until is not None
        )  # on record; the lead sees it again, as the office does
        assert Person.objects.filter(id=cast.a.id).exists()


def test_the_database_takes_no_colleague_who_is_none_and_removes_nothing(cast: Cast) -> None:
    row = {"clinic": cast.clinic, "author": cast.coordinator, "subject": cast.a, "how": "friend"}
    with eyes_of(cast.coordinator.id) as cursor:
        assert not accepts(cursor, CloseTo(**row, staff=cast.stranger_a))
        assert accepts(cursor, CloseTo(**row, staff=cast.nurse))
    said(cast, cast.nurse, cast.a)
    with eyes_of(cast.coordinator.id) as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("delete from bothwell_closeto")


# ── whom jobs and sentences name ──────────────────────────────────────────────────────────────────────────


def test_nobody_is_called_about_an_alarm_of_somebody_they_are_close_to(cast: Cast) -> None:
    def called() -> set[Any]:
        with loading():
            return {
                who
                for level in (Level.TEAM, Level.ON_STAFF, Level.LEAD)
                for who in passing_actions.called(level, cast.a.id, cast.clinic.id)
            }

    assert {cast.nurse.id, cast.lead.id} <= called()
    said(cast, cast.nurse, cast.a)
    said(cast, cast.lead, cast.b)  # of the other of the couple
    assert not {cast.nurse.id, cast.lead.id} & called()
    assert cast.prescriber.id in called()


def test_a_task_is_not_passed_on_to_a_lead_who_is_close_to_them(cast: Cast) -> None:
    with loading():
        second = person(cast.clinic, "Lena", "staff", "lead")
    said(cast, cast.lead, cast.a)
    flag = filled(
        SafetyFlag,
        {},
        clinic=cast.clinic,
        subject=cast.a,
        author=cast.a,
        recorded_at=timezone.now() - timedelta(days=3),
        response=None,
    )
    with loading():
        flag.save(force_insert=True)
        assert leads_of(cast.clinic.id) == {cast.lead.id, second.id}
        with (
            mock.patch("bothwell.jobs.safety.later") as mailed,
            mock.patch("bothwell.jobs.safety.tell") as told,
        ):
            safety._pass_on(flag, timezone.now())
    assert {call.kwargs["person"] for call in mailed.call_args_list} == {second.id}
    assert cast.lead.id not in {call.args[1] for call in told.call_args_list}


def test_saying_it_of_the_only_lead_says_that_nobody_is_left(cast: Cast) -> None:
    assert not said(cast, cast.lead, cast.a).has_a_lead
    page = client_for(cast.coordinator).post(
        f"/people/{cast.stranger_a.id}/close", {"who": str(cast.lead.id), "how": "family"}, follow=True
    )
    assert "Name a second lead" in page.content.decode()


def test_a_hold_sends_nobody_to_a_lead_who_is_close_to_the_couple(cast: Cast) -> None:
    with loading():
        filled(CoupleHold, {}, clinic=cast.clinic, couple=cast.couple, author=None).save(force_insert=True)

    def sentence() -> str:
        with door.opened(cast.couples_therapist.id):
            return session_actions.hold_on(cast.couples_therapist, cast.couple)

    assert cast.lead.name_used in sentence()
    said(cast, cast.lead, cast.b)
    assert cast.lead.name_used not in sentence()
    assert "whoever stands in for the clinic lead" in sentence()


# ── the log ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_names_nobody_is_hidden_from_a_lead_who_is_close_to_whom_it_is_about(cast: Cast) -> None:
    with loading():
        second = person(cast.clinic, "Lena", "staff", "lead")
    with door.opened(second.id):
        hold_actions.lay_hold(by=second, subject=cast.a, reason="zqcourt 12/26")
    with door.opened(cast.couples_therapist.id):
        contact_actions.log_look(cast.couples_therapist, cast.couple)
        contact_actions.record_contact(
            by=cast.couples_therapist,
            couple=cast.couple,
            side="a",
            at=timezone.now(),
            minutes=5,
            by_telephone=True,
            text="She rang.",
            read_under=None,
            request_id=uuid4(),
        )

    def lines(who: Person) -> set[str]:
        with door.opened(who.id):
            kinds = AuditEntry.objects.filter(item_kind__in=["legal.hold", "couple.alone"])
            return {f"{row.item_kind} {row.action}" for row in kinds}

    assert lines(cast.lead) == lines(second) != set()
    said(cast, cast.lead, cast.a)
    assert lines(cast.lead) == set()
    assert lines(second) != set()
    assert lines(cast.a) == set()


def test_what_was_said_of_them_stands_in_the_leads_log_and_not_in_their_own(cast: Cast) -> None:
    said(cast, cast.nurse, cast.a)
    for who, sees in ((cast.lead, True), (cast.a, False), (cast.nurse, False), (cast.b, False)):
        with door.opened(who.id):
            assert AuditEntry.objects.filter(item_kind="close_to").exists() is sees, who.name_used


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lead_says_it_where_staff_are_managed_and_the_coordinator_at_the_person(cast: Cast) -> None:
    lead, coordinator = client_for(cast.lead), client_for(cast.coordinator)
    path = f"/clinic/staff/{cast.nurse.id}/close"
    assert path in lead.get(f"/clinic/staff/{cast.nurse.id}").content.decode()
    assert coordinator.get(path).status_code == 404
    refused = lead.post(path, {"who": str(cast.a.id)})
    assert refused.status_code == 422
    assert "Choose one of the four" in refused.content.decode()
    page = lead.post(path, {"who": str(cast.a.id), "how": "family"}, follow=True).content.decode()
    assert "Name somebody else there" in page
    assert "they are family" in page
    theirs = f"/people/{cast.a.id}/close"
    assert theirs in coordinator.get(f"/people/{cast.a.id}/team").content.decode()
    assert cast.nurse.name_used in coordinator.get(theirs).content.decode()
    with loading():
        row = CloseTo.objects.get()
    assert client_for(cast.nurse).post(f"/people/close/{row.id}/end").status_code == 404
    assert coordinator.post(f"/people/close/{row.id}/end").status_code == 302
    assert "Nobody, as far as you may know." in coordinator.get(theirs).content.decode()


def test_whoever_says_it_of_themselves_is_told_first_and_finds_nothing_afterwards(cast: Cast) -> None:
    lead = client_for(cast.lead)
    path = f"/clinic/staff/{cast.lead.id}/close"
    assert "only a colleague can end it" in lead.get(path).content.decode()
    answer = lead.post(path, {"who": str(cast.a.id), "how": "family"})
    assert answer.status_code == 302
    page = lead.get(path).content.decode()
    assert "Nobody, as far as you may know." in page
    assert "Amara" not in page.replace("anything of Amara", "")
