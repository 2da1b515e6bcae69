"""The mail that there is something new: neutral, one a day, to a safe address of who wants such mails."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction

from bothwell.jobs import mail
from bothwell.later import later_at
from bothwell.messaging.message_actions import next_mail
from bothwell.models import Contact, Person
from tests.conftest import loading
from tests.enrolment.committed import as_worker, committing, new_clinic

__all__ = ["committing"]
ON = "2026-03-01"


def somebody(**reach: object) -> Person:
    clinic, _ = new_clinic()
    with transaction.atomic(), loading():
        who = Person.objects.create(clinic=clinic, kind="partner", name_used="Zebulon")
        Contact.objects.create(clinic=clinic, subject=who, **{"safe_email": "zeb@example.org", **reach})
    return who


def deferred(who: Person, on: str = ON) -> int:
    """A job as a message defers it; gives back its number."""
    later_at("mail.news", next_mail(datetime.now(UTC), ZoneInfo("UTC")), person=who.id, on=on)
    with as_worker(), connection.cursor() as cursor:
        cursor.execute("select max(id) from procrastinate_jobs where args ->> 'person' = %s", [str(who.id)])
        return int(cursor.fetchone()[0])


def run(who: Person, number: int, on: str = ON) -> None:
    with as_worker():
        mail.news(SimpleNamespace(job=SimpleNamespace(id=number)), person=str(who.id), on=on)


def test_many_messages_call_one_mail_a_day(committing: None, mailoutbox: list[EmailMessage]) -> None:
    who = somebody()
    numbers = [deferred(who) for _ in range(3)]
    for number in reversed(numbers):
        run(who, number)
    assert len(mailoutbox) == 1
    run(who, deferred(who, "2026-03-02"), "2026-03-02")
    assert len(mailoutbox) == 2


def test_the_mail_names_nobody_and_no_clinic(committing: None, mailoutbox: list[EmailMessage]) -> None:
    who = somebody()
    run(who, deferred(who))
    (sent,) = mailoutbox
    assert sent.to == ["zeb@example.org"]
    words = f"{sent.subject} {sent.body} {sent.from_email}".casefold()
    assert "something new in your portal" in words
    for name in (
        "zebulon",
        "committed",
        "ketamine",
        "therap",
        "clinic",
        "couple",
        "partner",
        "message",
        "bothwell",
    ):
        assert name not in words


@pytest.mark.parametrize("reach", [{"safe_email": ""}, {"wants_reminders": False}])
def test_none_goes_where_it_is_not_safe_or_not_wanted(
    committing: None, mailoutbox: list[EmailMessage], reach: dict[str, object]
) -> None:
    who = somebody(**reach)
    run(who, deferred(who))
    assert mailoutbox == []


def test_nobody_known_gets_none(committing: None, mailoutbox: list[EmailMessage]) -> None:
    with as_worker():
        mail.news(SimpleNamespace(job=SimpleNamespace(id=1)), person=str(uuid4()), on=ON)
    assert mailoutbox == []
