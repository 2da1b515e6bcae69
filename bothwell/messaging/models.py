"""Messages in a thread for each circle, appointments, and calendars a telephone may follow.

No word of a message leaves by mail; a calendar entry never names a treatment or a partner.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.privacy.models import Private


class Message(Private):
    """One message. Its circle says who reads it: a person's (`subject`) care team, one therapist, or the couple."""

    class Circle(models.TextChoices):
        CARE = "message.care", "care team"
        THERAPIST = "message.therapist", "individual therapist"
        ALONE = "message.alone", "couples therapist, alone"
        COUPLE = "message.couple", "both of you and your couples therapist"

    kind = models.CharField(max_length=20, choices=Circle)
    text = models.TextField()
    agreement = models.ForeignKey(
        "bothwell.DisclosureAgreement",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="in force when something was said alone",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_message_is_of_one_thread",
                condition=Q(kind="message.couple", subject__isnull=True, couple__isnull=False)
                | (~Q(kind="message.couple") & Q(subject__isnull=False)),
            )
        ]
        indexes = [
            models.Index(fields=["subject", "kind", "-recorded_at"]),
            models.Index(fields=["couple", "-recorded_at"]),
        ]


class Appointment(Private):
    """A meeting of one person (`subject`) and a member of staff that is neither a dosing nor a couples session."""

    class Kind(models.TextChoices):
        EVALUATION = "evaluation", "evaluation"
        PREPARATION = "preparation", "preparation"
        INTEGRATION = "integration", "integration"
        FOLLOW_UP = "follow_up", "follow-up"
        OTHER = "other", "appointment"

    class State(models.TextChoices):
        PLANNED = "planned"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=12, choices=Kind)
    staff = models.ForeignKey("bothwell.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=50)
    place = models.CharField(max_length=80, blank=True)
    is_video = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)

    class Meta:
        indexes = [models.Index(fields=["subject", "at"]), models.Index(fields=["staff", "at"])]


class CalendarFeed(Private):
    """An address a telephone's calendar may read (`subject`'s own); only the hash of its secret is kept."""

    token_hash = models.CharField(max_length=64)
    ended_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject"], condition=Q(ended_at__isnull=True), name="one_feed_at_a_time"
            ),
            models.UniqueConstraint(fields=["clinic", "token_hash"], name="one_feed_a_token"),
        ]
