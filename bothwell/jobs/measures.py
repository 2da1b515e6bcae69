"""Every hour: ask what is due; at the clinic's hour: a neutral mail to who wants one and has something waiting.

A mail names no person, no clinic, no questionnaire and no partner, and its link leads to one's own first page.
"""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bothwell.couples.models import Clinic, Membership
from bothwell.integration import wave_actions
from bothwell.later import later_all

HOURLY: Final = "4 * * * *"
"""Just after the hour: at ten it is ten, whatever the clinic's clock is ahead of the world's by."""
SUBJECT = "A reminder for you"
TEXT = """Hello,

something waits for you here:

{address}

If you would rather not get these mails, you can switch them off there.
"""


@app.periodic(cron=HOURLY)
@app.task(name="measures.hourly", queueing_lock="measures.hourly")
def hourly(timestamp: int) -> None:
    """A plan and a look at reminders for every clinic, each in a job of its own: one that fails stops no other."""
    clinics = [{"clinic": clinic} for clinic in Clinic.objects.values_list("id", flat=True)]
    later_all("measures.plan", clinics)
    later_all("measures.remind", clinics)


@app.task(name="measures.plan", retry=RetryStrategy(max_attempts=4, exponential_wait=5))
def plan(*, clinic: str, person: str = "", couple: str = "") -> None:
    """Ask what is due in this clinic, or only of one person or of the two of a couple."""
    people = [UUID(person)] if person else None
    if couple:
        members = Membership.objects.filter(clinic=UUID(clinic), couple=UUID(couple))
        people = list(members.values_list("person_id", flat=True))
    wave_actions.plan(clinic=Clinic.objects.get(id=clinic), now=timezone.now(), people=people)


@app.task(name="measures.remind", retry=RetryStrategy(max_attempts=4, exponential_wait=5))
def remind(*, clinic: str) -> None:
    """Note who is to be reminded now; the mails are jobs of their own."""
    wave_actions.remind(clinic=Clinic.objects.get(id=clinic), now=timezone.now())


@app.task(name="measures.mail", retry=RetryStrategy(max_attempts=6, exponential_wait=5))
def mail(*, reminder: str) -> None:
    """Send one reminder. The mark that it went is kept only if the mail was handed over: a crash between the two
    repeats it once, and nothing sends it again after.
    """
    with transaction.atomic():
        to = wave_actions.take(reminder_id=UUID(reminder), now=timezone.now())
        if to:
            address = f"{settings.SITE_ADDRESS.rstrip('/')}/today"
            send_mail(SUBJECT, TEXT.format(address=address), settings.DEFAULT_FROM_EMAIL, [to])
