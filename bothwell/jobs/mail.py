"""Sends the few mails there are: neutral in subject and text, and only to an address called safe.

None names a person, a clinic or a treatment: a mailbox may be shared, a subject line is read over shoulders.
"""

from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.template.defaultfilters import date as as_date
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from bothwell.couples.models import Contact
from bothwell.enrolment import link
from bothwell.privacy import audit
from bothwell.privacy.models import Invitation

SUBJECT = "A link for you"
TEXT = """Hello,

here is the link you were promised:

{address}

It works once, until {until}. If you did not expect it, you need do nothing.
"""

NEWS_SUBJECT = "Something new for you"
NEWS_TEXT = """Hello,

there is something new in your portal:

{address}

If you would rather not get these mails, you can switch them off there.
"""


@app.task(name="mail.invitation", retry=RetryStrategy(max_attempts=6, exponential_wait=5))
def invitation(*, invitation: str) -> None:
    """Mail one invitation's link, unless it was used or ran out meanwhile, or no safe address is left."""
    now = timezone.now()
    row = Invitation.objects.filter(id=invitation, used_at__isnull=True, expires_at__gt=now).first()
    to = row and Contact.objects.filter(subject_id=row.person_id).values_list("safe_email", flat=True).first()
    if not row or not to:
        return
    address = f"{settings.SITE_ADDRESS.rstrip('/')}/invitation/{link.token(row.id, settings.SECRET_KEY)}"
    until = as_date(row.expires_at, "j F")
    send_mail(SUBJECT, TEXT.format(address=address, until=until), settings.DEFAULT_FROM_EMAIL, [to])
    audit.log_service("mail", "sent a link", clinic=row.clinic_id, subject=row.person_id, item_id=row.id)


@app.task(name="mail.news", retry=RetryStrategy(max_attempts=6, exponential_wait=5), pass_context=True)
def news(context: JobContext, *, person: str, on: str) -> None:
    """Mail that there is something new, to a safe address of who wants such mails; it does not know what is new.

    Of all that call for one on a day, the first sends it.
    """
    same = ProcrastinateJob.objects.filter(task_name="mail.news", args__person=person, args__on=on)
    if context.job.id is None or same.filter(id__lt=context.job.id).exists():
        return
    reach = Contact.objects.filter(subject_id=UUID(person), wants_reminders=True).exclude(safe_email="")
    found = reach.values_list("safe_email", "clinic_id").first()
    if found is None:
        return
    to, clinic = found
    address = f"{settings.SITE_ADDRESS.rstrip('/')}/today"
    send_mail(NEWS_SUBJECT, NEWS_TEXT.format(address=address), settings.DEFAULT_FROM_EMAIL, [to])
    audit.log_service("mail", "sent a reminder", clinic=clinic, subject=UUID(person))
