"""A call that nobody made in time: closed as missed by the worker, on the list and in the log, and still open to be made."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import transaction
from django.utils import timezone

from bothwell.jobs import calls as jobs
from bothwell.models import AuditEntry, DosingSession, NextDayCall
from bothwell.monitoring import after_actions, next_day
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import LOGINS, loading
from tests.enrolment.committed import as_worker, committing
from tests.room import open_session

__all__ = ["committing"]


def dosed(days_ago: float) -> tuple[Cast, DosingSession]:
    """A session with a dose, signed off so many days ago."""
    with transaction.atomic():
        cast = make_cast()
        with loading():
            session = open_session(cast, cast.a, dosed=True)
            begun = timezone.now() - timedelta(days=days_ago)
            DosingSession.objects.filter(id=session.id).update(
                arrived_at=begun - timedelta(hours=3), started_at=begun - timedelta(hours=2), ended_at=begun,
                outcome="discharged",
            )  # fmt: skip
    return cast, session


def tried(cast: Cast, session: DosingSession, **next_time: timedelta) -> None:
    said = next_day.Said(
        at=timezone.now(),
        was_reached=False,
        answers={"tried": "no_answer"},
        next_at=timezone.now() + timedelta(**next_time),
    )
    with door.opened(cast.nurse.id):
        after_actions.call(by=cast.nurse, session_id=session.id, said=said, request_id=uuid4())


def rows(cast: Cast, session: DosingSession) -> list[NextDayCall]:
    with door.opened(cast.nurse.id):
        return list(NextDayCall.objects.filter(session=session).order_by("at"))


@pytest.mark.usefixtures("committing")
def test_a_call_nobody_made_in_time_is_closed_once_with_a_reason_and_a_line_in_the_log() -> None:
    cast, session = dosed(next_day.MISSED_AFTER_DAYS + 2)
    for _ in range(2):
        with as_worker():
            jobs.close_missed(timestamp=0)
    (row,) = rows(cast, session)
    assert (row.author_id, row.is_closed, row.was_reached, row.note) == (
        None,
        True,
        False,
        next_day.MISSED_NOTE,
    )
    with door.opened(cast.a.id):
        said = AuditEntry.objects.filter(service="calls", item_id=row.id, subject_id=cast.a.id)
        assert [entry.action for entry in said] == ["closed a missed call"]
    page = client_for(cast.nurse).get("/after").content.decode()
    assert "Missed calls" in page
    assert "default, to confirm by this clinic" in page
    assert f"/after/{session.id}/call" in page


@pytest.mark.usefixtures("committing")
def test_a_missed_call_can_still_be_made_and_then_it_is_done() -> None:
    cast, session = dosed(next_day.MISSED_AFTER_DAYS + 2)
    with as_worker():
        jobs.close_missed(timestamp=0)
    address = f"/after/{session.id}/call"
    nurse = client_for(cast.nurse)
    assert "It was missed." in nurse.get(address).content.decode()
    said = {question.key: question.options[0][0] for question in next_day.QUESTIONS} | {
        "request_id": str(uuid4()), "reached": "yes", "at": timezone.localtime().strftime("%Y-%m-%dT%H:%M"), "note": "",
    }  # fmt: skip
    assert nurse.post(address, said).status_code == 302
    assert sorted(row.was_reached for row in rows(cast, session)) == [False, True]
    assert "This call is done." in nurse.get(address).content.decode()
    assert nurse.post(address, said | {"request_id": str(uuid4())}).status_code == 409


@pytest.mark.usefixtures("committing")
def test_a_call_that_is_not_that_old_or_put_off_to_a_later_day_is_left_alone() -> None:
    young, old = dosed(next_day.MISSED_AFTER_DAYS - 1), dosed(next_day.MISSED_AFTER_DAYS + 2)
    tried(*old, days=2)
    with as_worker():
        jobs.close_missed(timestamp=0)
    assert rows(*young) == []
    assert [row.is_closed for row in rows(*old)] == [False]


@pytest.mark.usefixtures("committing")
def test_the_worker_reads_nothing_of_what_was_said_and_closes_nothing_as_reached() -> None:
    cast, session = dosed(1)
    tried(cast, session, hours=3)
    row = NextDayCall(
        clinic_id=cast.clinic.id, subject_id=cast.a.id, couple_id=session.couple_id, session_id=session.id,
        at=timezone.now(), was_reached=True, is_closed=True,
    )  # fmt: skip
    with psycopg.connect(LOGINS.work) as work:
        for column in ("answers", "note", "was_reached"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                work.execute(f"select {column} from bothwell_nextdaycall")
            work.rollback()
    with as_worker(), pytest.raises(Exception, match="row-level security"), transaction.atomic():
        row.save(force_insert=True)
