"""The hourly plan and the reminder's mail, by the clinic's own worker: asked once, mailed once, and told of nothing."""

import email
import os
import subprocess
import sys
from datetime import timedelta
from email import policy
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from bothwell.enrolment import couple_actions
from bothwell.enrolment.people_actions import NewPartner, Reach
from bothwell.integration import wave_actions
from bothwell.jobs import measures
from bothwell.models import AuditEntry, Clinic, Person, Reminder, Request
from bothwell.privacy import door
from tests.conftest import LOGINS, loading
from tests.enrolment.committed import as_worker, committing, new_clinic

__all__ = ["committing"]

AMY = NewPartner("Amy", reach=Reach(safe_email="amy@example.org"), is_treated=False)
BO = NewPartner("Bo", is_treated=False)


def enrolled() -> tuple[Clinic, Person, Person]:
    clinic, coordinator = new_clinic()
    with door.opened(coordinator.id):
        made = couple_actions.enrol_couple(
            by=coordinator, a=AMY, b=BO, request_id=coordinator.id, send_mail=False
        )
    return clinic, *made.people


def asked(who: Person) -> set[tuple[str, str]]:
    with transaction.atomic(), loading():
        return set(Request.objects.filter(subject=who).values_list("wave", "instrument"))


def work(home: Path) -> None:
    told = {
        **os.environ,
        "BOTHWELL_AS": "work",
        "BOTHWELL_DSN": LOGINS.work,
        "BOTHWELL_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "bothwell.settings",
    }
    words = [sys.executable, "-m", "django", "procrastinate", "worker", "--one-shot"]
    subprocess.run(words, env=told, check=True, timeout=120, capture_output=True)


def test_who_is_enrolled_is_asked_by_the_worker_at_once(committing: None, tmp_path: Path) -> None:
    _, amy, bo = enrolled()
    assert asked(amy) == asked(bo) == set()
    work(tmp_path)
    assert asked(amy) == asked(bo)
    assert {"phq-9", "csi-16", "asq"} <= {instrument for _, instrument in asked(amy)}
    assert len({wave for wave, _ in asked(amy)}) == 1


def test_every_hour_each_clinic_has_a_plan_and_a_look_at_reminders(committing: None) -> None:
    clinic, amy, _ = enrolled()
    with as_worker(), mock.patch.object(measures, "later_all") as later_all:
        measures.hourly(timestamp=0)
    deferred = {call.args[0]: call.args[1] for call in later_all.call_args_list}
    assert {"clinic": clinic.id} in deferred["measures.plan"]
    assert {"clinic": clinic.id} in deferred["measures.remind"]
    with as_worker():
        measures.plan(clinic=str(clinic.id))
        measures.remind(clinic=str(clinic.id))
    assert "phq-9" in {instrument for _, instrument in asked(amy)}


def at_ten(clinic: Clinic) -> None:
    """The clinic's clock is put where it is between ten and noon just now."""
    ahead = (10 - timezone.now().hour) % 24
    zone = f"Etc/GMT-{ahead}" if ahead <= 14 else f"Etc/GMT+{24 - ahead}"
    with transaction.atomic(), loading():
        Clinic.objects.filter(id=clinic.id).update(timezone=zone)
    assert timezone.now().astimezone(ZoneInfo(zone)).hour in (10, 11)


def reminder_for(who: Person, clinic: Clinic) -> Reminder:
    """Something is due, it is ten o'clock, and the reminder is noted."""
    at_ten(clinic)
    with transaction.atomic(), loading():
        Request.objects.create(
            clinic=clinic, subject=who, instrument="phq-9", kind="measure.individual", wave="w",
            due_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip
    with as_worker():
        assert wave_actions.remind(clinic=Clinic.objects.get(id=clinic.id), now=timezone.now()) == 1
        assert wave_actions.remind(clinic=Clinic.objects.get(id=clinic.id), now=timezone.now()) == 0
    with transaction.atomic(), loading():
        return Reminder.objects.get(subject=who)


def test_the_mail_names_nobody_and_nothing_and_goes_out_once(
    committing: None, mailoutbox: list[EmailMessage]
) -> None:
    clinic, amy, _ = enrolled()
    reminder = reminder_for(amy, clinic)
    with as_worker():
        measures.mail(reminder=str(reminder.id))
        measures.mail(reminder=str(reminder.id))
    (message,) = mailoutbox
    assert message.to == ["amy@example.org"]
    words = f"{message.subject} {message.body} {message.from_email}".casefold()
    names = ("amy", "bo ", "committed", "ketamine", "therap", "clinic", "couple", "partner", "relationship")
    for name in (*names, "questionnaire", "phq", "mood", "treat", "bothwell", "health"):
        assert name not in words
    assert message.body.count("http") == 1 and "/today" in message.body
    with door.opened(amy.id):
        assert AuditEntry.objects.filter(subject=amy, service="mail", action="sent a reminder").count() == 1


def test_a_mail_that_could_not_be_handed_over_may_be_tried_again(
    committing: None, mailoutbox: list[EmailMessage]
) -> None:
    clinic, amy, _ = enrolled()
    reminder = reminder_for(amy, clinic)
    with as_worker():
        with mock.patch.object(measures, "send_mail", side_effect=OSError), pytest.raises(OSError):
            measures.mail(reminder=str(reminder.id))
        measures.mail(reminder=str(reminder.id))
    assert len(mailoutbox) == 1


def test_a_noted_reminder_is_mailed_by_the_worker(committing: None, tmp_path: Path) -> None:
    clinic, amy, _ = enrolled()
    reminder_for(amy, clinic)
    work(tmp_path)
    found = [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (tmp_path / "mail").glob("*")
    ]
    assert [message["Subject"] for message in found if message["To"] == "amy@example.org"] == [
        measures.SUBJECT
    ]
