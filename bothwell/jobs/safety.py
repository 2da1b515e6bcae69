"""Passes a safety task on that nobody has acknowledged, or that is nobody's any more: to the clinic leads, again and again.

It sees whose task it is and since when, never an answer. Its mails name nobody and no reason; it ends no task.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bothwell.couples.models import Assignment, open_at
from bothwell.instruments.models import Escalation, SafetyFlag
from bothwell.instruments.safety_actions import OWNERS, leads_of, owners_of
from bothwell.instruments.waiting import level_due
from bothwell.later import later, tell
from bothwell.privacy import audit
from bothwell.privacy.closeness_actions import not_to_be_called
from bothwell.privacy.models import User

EVERY_MINUTE: Final = "* * * * *"
SUBJECT = "A task waits"
TEXT = """Hello,

a task waits for you. Sign in to see it:

{address}
"""


@app.periodic(cron=EVERY_MINUTE)
@app.task(name="safety.escalate", queueing_lock="safety.escalate")
def escalate(timestamp: int) -> None:
    """Look at every task that waits for somebody, and pass on those that have waited too long."""
    now = timezone.now()
    for flag in _waiting():
        _pass_on(flag, now)


@app.task(name="safety.pass_on", retry=RetryStrategy(max_attempts=6, exponential_wait=5))
def pass_on(*, flag: str) -> None:
    """The same for one task just raised: nobody is responsible for this person, so the leads are told at once."""
    for row in _waiting(flag):
        _pass_on(row, timezone.now())


def _waiting(flag_id: str = "") -> list[SafetyFlag]:
    """Open tasks that nobody has acknowledged, and those whose owners have all left: a plan of theirs helps nobody now."""
    owned = Assignment.objects.filter(
        open_at(timezone.now()), subject_id=OuterRef("subject_id"), role__in=OWNERS
    )
    found = SafetyFlag.objects.filter(Q(acknowledged__isnull=True) | ~Exists(owned), closed__isnull=True)
    found = found.only("id", "clinic_id", "subject_id", "recorded_at", "is_acute").order_by("recorded_at")
    return list(found.filter(id=flag_id) if flag_id else found)


@transaction.atomic
def _pass_on(flag: SafetyFlag, now: datetime) -> None:
    """One further level, if it is due; a level is there once, so two workers tell the leads once."""
    owners = owners_of(flag.subject_id)
    due = level_due(flag.recorded_at, now, is_acute=flag.is_acute, has_an_owner=bool(owners))
    last = (
        Escalation.objects.filter(flag_id=flag.id).order_by("-level").values_list("level", flat=True).first()
    )
    if due <= (last or 0) or not _added(flag, due, now):
        return
    leads = leads_of(flag.clinic_id) - not_to_be_called(flag.subject_id)
    for staff in owners | leads:
        tell("person", staff)
    for staff in leads:
        later("safety.mail", person=staff)
    # The person it is about is not named: their own log would tell them that nobody came.
    audit.log_service("safety", "passed on a task", clinic=flag.clinic_id, item_id=flag.id)


def _added(flag: SafetyFlag, level: int, now: datetime) -> bool:
    row = Escalation(
        clinic_id=flag.clinic_id, subject_id=flag.subject_id, flag_id=flag.id, level=level, recorded_at=now
    )
    Escalation.objects.bulk_create([row], ignore_conflicts=True)
    return Escalation.objects.filter(id=row.id).exists()


@app.task(name="safety.mail", retry=RetryStrategy(max_attempts=6, exponential_wait=5))
def mail(*, person: str) -> None:
    """A neutral mail to one clinician, at the address they sign in with; none without a login."""
    login = User.objects.filter(person_id=UUID(person), is_active=True).only("email").first()
    if login is not None:
        address = f"{settings.SITE_ADDRESS.rstrip('/')}/tasks"
        send_mail(SUBJECT, TEXT.format(address=address), settings.DEFAULT_FROM_EMAIL, [login.email])
