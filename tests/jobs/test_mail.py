"""The mail with a link: neutral, to a safe address only, and not at all when it is no longer wanted."""

import email
import os
import subprocess
import sys
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.db import ProgrammingError, transaction
from django.utils import timezone

from bothwell.enrolment import couple_actions, invitation_actions
from bothwell.enrolment.people_actions import NewPartner, Reach
from bothwell.jobs import mail
from bothwell.models import AuditEntry, Contact, Invitation, Person
from bothwell.privacy import door
from tests.conftest import LOGINS, loading
from tests.enrolment.committed import as_worker, committing, invited, new_clinic

__all__ = ["committing"]


def sent(invitation: Invitation, outbox: list[EmailMessage]) -> list[EmailMessage]:
    with as_worker():
        mail.invitation(invitation=str(invitation.id))
    return outbox


def test_the_mail_carries_the_link_and_nothing_about_anyone(
    committing: None, mailoutbox: list[EmailMessage]
) -> None:
    invitation = invited("zeb@example.org")
    (message,) = sent(invitation, mailoutbox)
    assert (message.to, message.subject) == (["zeb@example.org"], "A link for you")
    assert invitation_actions.address_of(invitation) in message.body
    words = f"{message.subject} {message.body} {message.from_email}".casefold()
    for name in ("zebulon", "committed", "ketamine", "therap", "clinic", "couple", "partner", "bothwell"):
        assert name not in words


def test_a_sent_link_stands_in_the_persons_log(committing: None, mailoutbox: list[EmailMessage]) -> None:
    invitation = invited("zeb@example.org")
    sent(invitation, mailoutbox)
    with door.opened(invitation.person_id):
        entry = AuditEntry.objects.get(subject=invitation.person_id, item_id=invitation.id)
        assert (entry.service, entry.actor_id) == ("mail", None)


def test_without_a_safe_address_nothing_is_sent(committing: None, mailoutbox: list[EmailMessage]) -> None:
    assert sent(invited(), mailoutbox) == []


@pytest.mark.parametrize("change", ["used_at", "expires_at"])
def test_a_dead_link_is_not_sent(committing: None, mailoutbox: list[EmailMessage], change: str) -> None:
    invitation = invited("zeb@example.org")
    with transaction.atomic(), loading():
        past = timezone.now() - timedelta(days=1)
        Invitation.objects.filter(id=invitation.id).update(**{change: past})
    assert sent(invitation, mailoutbox) == []


def test_an_address_no_longer_safe_is_not_written_to(
    committing: None, mailoutbox: list[EmailMessage]
) -> None:
    invitation = invited("zeb@example.org")
    with transaction.atomic(), loading():
        Contact.objects.filter(subject=invitation.person_id).update(safe_email="")
    assert sent(invitation, mailoutbox) == []


def test_the_worker_knows_no_names(committing: None) -> None:
    invitation = invited("zeb@example.org")
    with as_worker(), pytest.raises(ProgrammingError, match="permission denied"):
        Person.objects.get(id=invitation.person_id)
    with as_worker(), pytest.raises(ProgrammingError, match="permission denied"):
        Contact.objects.get(subject=invitation.person_id)


def test_enrolling_mails_the_link_by_way_of_the_worker(committing: None, tmp_path: Path) -> None:
    _, coordinator = new_clinic()
    a = NewPartner("Amy", reach=Reach(safe_email="amy@example.org"), is_treated=False)
    b = NewPartner("Bo", is_treated=False)
    with door.opened(coordinator.id):
        made = couple_actions.enrol_couple(by=coordinator, a=a, b=b, request_id=coordinator.id)
    told = {
        **os.environ,
        "BOTHWELL_AS": "work",
        "BOTHWELL_DSN": LOGINS.work,
        "BOTHWELL_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "bothwell.settings",
    }
    words = [sys.executable, "-m", "django", "procrastinate", "worker", "--one-shot"]
    subprocess.run(words, env=told, check=True, timeout=120, capture_output=True)
    messages = [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (tmp_path / "mail").glob("*")
    ]
    to_amy = [message for message in messages if message["To"] == "amy@example.org"]
    assert len(to_amy) == 1
    assert str(to_amy[0].get_content()).count(invitation_actions.address_of(made.invitations[0])) == 1
