"""A safety task that nobody acknowledges: passed on to the leads, again and again, without a word of why."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from bothwell.enrolment import close_actions, team_actions
from bothwell.instruments import safety_actions as actions
from bothwell.jobs import safety as jobs
from bothwell.models import Assignment, CloseTo, Contact, Escalation, SafetyFlag, SafetyFlagClosed
from bothwell.privacy import door
from tests.cast import Cast, assign, client_for, make_cast, person
from tests.conftest import LOGINS, loading
from tests.enrolment.committed import as_worker, committing
from tests.web.test_tasks import ACUTE, POSITIVE, entered, flag, flags

__all__ = ["committing"]


def committed_cast() -> Cast:
    with transaction.atomic():
        return make_cast()


def acknowledged(cast: Cast) -> None:
    raised = flag(cast)
    with door.opened(cast.prescriber.id):
        actions.acknowledge(by=cast.prescriber, flag_id=raised.id, plan="I call her")


def aged(cast: Cast, minutes: float) -> None:
    """As if every open flag of this clinic had been raised this long ago."""
    with psycopg.connect(LOGINS.admin) as admin:
        admin.execute(
            "update bothwell_safetyflag set recorded_at = now() - make_interval(secs => %s) where clinic_id = %s",
            [minutes * 60, cast.clinic.id],
        )


def looked() -> None:
    with as_worker():
        jobs.escalate(timestamp=0)


def levels(cast: Cast) -> list[int]:
    with door.opened(cast.lead.id):
        return list(Escalation.objects.order_by("level").values_list("level", flat=True))


def jobs_of(name: str, *who: UUID) -> int:
    with psycopg.connect(LOGINS.admin) as admin:
        found = admin.execute(
            "select count(*) from procrastinate_jobs where task_name = %s and (args->>'person')::uuid = any(%s)",
            [name, list(who)],
        ).fetchone()
    return int(found[0]) if found else 0


@pytest.mark.parametrize(("answers", "within"), [(POSITIVE, 30), (ACUTE, 10)], ids=["positive", "acute"])
def test_what_nobody_acknowledges_is_passed_on_and_on(
    committing: None, answers: dict[str, str], within: int
) -> None:
    cast = committed_cast()
    entered(cast, answers)
    assert jobs_of("safety.mail", cast.prescriber.id, cast.therapist_a.id) == 2, "told at once"
    seen = []
    for minutes in (0, within - 1, within + 1, within + 1, 2 * within + 1):
        aged(cast, minutes)
        looked()
        seen.append(levels(cast))
    assert seen == [[], [], [1], [1], [1, 2]]
    assert jobs_of("safety.mail", cast.lead.id) == 2


def test_acknowledging_ends_it(committing: None) -> None:
    cast = committed_cast()
    entered(cast, POSITIVE)
    acknowledged(cast)
    aged(cast, 500)
    looked()
    assert levels(cast) == []


def test_what_somebody_acknowledged_who_has_left_is_passed_on_until_somebody_follows_them(
    committing: None,
) -> None:
    cast = committed_cast()
    entered(cast, POSITIVE)
    acknowledged(cast)
    looked()
    owners = (cast.therapist_a, cast.prescriber)
    for staff in owners:
        assert levels(cast) == [], "as long as one of them is there"
        with door.opened(cast.coordinator.id):
            place = Assignment.objects.get(subject=cast.a, staff=staff)
            team_actions.end_assignment(by=cast.coordinator, assignment_id=place.id)
        looked()
    looked()
    assert levels(cast) == [1]
    assert jobs_of("safety.mail", cast.lead.id) == 1
    client = client_for(cast.lead)
    page = client.get("/tasks").content.decode()
    assert "A safety task for Amara is open since" in page
    assert "no longer on their care team" in page
    assert f"/people/{cast.a.id}/team" in page
    assert "1 safety task waits" in client.get("/today").content.decode()
    for told in ("asq", "ASQ", "living", "I call her"):
        assert told not in page.split("<main")[1]
    with transaction.atomic(), loading():
        assign(cast.stranger_prescriber, "prescriber", subject=cast.a)
    aged(cast, 500)
    looked()
    assert levels(cast) == [1]
    assert "It was acknowledged at" in client.get("/tasks").content.decode()
    assert "I call her" in client_for(cast.stranger_prescriber).get("/tasks").content.decode()


def test_no_page_of_a_lead_who_is_close_to_them_or_to_their_partner_is_woken_by_a_task(
    committing: None,
) -> None:
    cast = committed_cast()
    with transaction.atomic(), loading():
        near, far = (person(cast.clinic, name, "staff", "lead") for name in ("Lena", "Liv"))
    for staff, close in ((cast.lead, cast.a), (near, cast.b)):
        with door.opened(cast.coordinator.id):
            close_actions.say_close(by=cast.coordinator, staff=staff, person=close, how=CloseTo.How.FAMILY)
    leads = {f"person:{lead.id}" for lead in (cast.lead, near, far)}
    woken = []
    with psycopg.connect(LOGINS.admin, autocommit=True) as ear:
        ear.execute("listen bothwell")
        for act in (lambda: entered(cast, POSITIVE), lambda: acknowledged(cast), lambda: left_alone(cast)):
            act()
            woken.append({note.payload for note in ear.notifies(timeout=0.3)} & leads)
    assert woken == [set(), {f"person:{far.id}"}, {f"person:{far.id}"}]


def left_alone(cast: Cast) -> None:
    """Nobody is there any more whose task it would be, and a second one is raised."""
    with transaction.atomic(), loading():
        team = Assignment.objects.filter(subject=cast.a, role__in=actions.OWNERS)
        team.update(until=timezone.now())
    entered(cast, POSITIVE)


def test_who_may_raise_no_task_wakes_no_lead(committing: None) -> None:
    cast = committed_cast()
    with psycopg.connect(LOGINS.admin, autocommit=True) as ear:
        ear.execute("listen bothwell")
        for who in (cast.b, cast.stranger_a, cast.stranger_prescriber, cast.other_lead):
            with door.opened(who.id), connection.cursor() as cursor:
                cursor.execute("select door.tell_leads(%s)", [cast.a.id])
        assert list(ear.notifies(timeout=0.3)) == []


def test_the_lead_reads_whom_since_when_and_whom_to_call_and_nothing_else(committing: None) -> None:
    cast = committed_cast()
    with transaction.atomic(), loading():
        Contact.objects.create(clinic=cast.clinic, subject=cast.prescriber, safe_phone="555 0100")
    entered(cast, ACUTE)
    client = client_for(cast.lead)
    assert "Nothing waits" in client.get("/tasks").content.decode()
    aged(cast, 31)
    looked()
    page = client.get("/tasks").content.decode()
    assert "A safety task for Amara waits since" in page
    assert "nobody has acknowledged it" in page
    assert "555 0100" in page
    assert f"/clinic/break-glass?whose=person:{cast.a.id}" in page
    for told in ("asq", "ASQ", "living", "acute", "suicid", "killing"):
        assert told not in page.split("<main")[1]
    assert "1 safety task waits" in client.get("/today").content.decode()
    with door.opened(cast.lead.id):
        assert not SafetyFlag.objects.exists()
        assert not SafetyFlagClosed.objects.exists()
    acknowledged(cast)
    assert "It was acknowledged at" in client.get("/tasks").content.decode()
    raised = flag(cast)
    with door.opened(cast.prescriber.id):
        actions.close(by=cast.prescriber, flag_id=raised.id, reason="We spoke")
    assert "Nothing waits" in client.get("/tasks").content.decode()


def test_where_nobody_is_responsible_the_leads_are_told_at_once(committing: None) -> None:
    cast = committed_cast()
    with transaction.atomic(), loading():
        alone = person(cast.clinic, "Solo")
        assign(cast.nurse, "nurse", subject=alone)
    entered(cast, POSITIVE, "nurse", alone)
    with psycopg.connect(LOGINS.admin) as admin:
        args = admin.execute(
            "select args->>'flag' from procrastinate_jobs where task_name = 'safety.pass_on' order by id desc limit 1"
        ).fetchone()
    assert args
    with as_worker():
        jobs.pass_on(flag=args[0])
    assert levels(cast) == [1]
    assert "No prescriber and no individual therapist" in client_for(cast.lead).get("/tasks").content.decode()


def test_the_mail_goes_to_the_login_and_says_nothing(committing: None, mailoutbox: list[Any]) -> None:
    cast = committed_cast()
    with as_worker():
        jobs.mail(person=str(cast.prescriber.id))
        jobs.mail(person=str(cast.a.id))  # of a partner the worker knows no login
    (message,) = mailoutbox
    assert (message.to, message.subject) == ([f"{cast.prescriber.id}@example.org"], "A task waits")
    words = f"{message.subject} {message.body}".casefold()
    for told in ("amara", "helen", "safety", "suicid", "clinic", "ketamine", "bothwell", "partner", "urgent"):
        assert told not in words


def test_other_clinics_hear_nothing(committing: None) -> None:
    cast = committed_cast()
    entered(cast, POSITIVE)
    aged(cast, 60)
    looked()
    assert "Nothing waits" in client_for(cast.other_lead).get("/tasks").content.decode()
    assert "Nothing waits" in client_for(cast.coordinator).get("/tasks").content.decode()


def test_a_year_from_now_it_still_waits(committing: None) -> None:
    """Nothing closes by itself."""
    cast = committed_cast()
    entered(cast, POSITIVE)
    aged(cast, timedelta(days=365).total_seconds() / 60)
    looked()
    assert len(flags(cast)) == 1
    assert "1 safety task waits" in client_for(cast.prescriber).get("/today").content.decode()
