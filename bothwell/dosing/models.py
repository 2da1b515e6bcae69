"""Orders, dosing sessions, what was given and how a session ended. The database refuses two partners at once."""

from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone

from bothwell.couples.models import Couple, Person, Room, Row
from bothwell.dosing.ledger import (
    COSIGNED,
    IN_A_SYRINGE,
    REASONED,
    STEP_UG_PER_ML,
    STEP_UL,
    STILL,
    TO_SOMEBODY,
    Kind,
)
from bothwell.pathway.models import Course
from bothwell.privacy.models import Private


class Order(Private):
    """A prescriber's order for one session: route, dose, product, and the working."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="orders")
    route = models.CharField(max_length=8)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2)
    weight_kg = models.DecimalField(max_digits=5, decimal_places=1)
    minutes = models.PositiveSmallIntegerField(null=True, help_text="duration of an infusion")
    product = models.CharField(max_length=120)
    concentration_mg_per_ml = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    bag_ml = models.DecimalField(
        max_digits=6, decimal_places=1, null=True, help_text="volume an infusion is made up to, diluted"
    )
    antiemetic = models.CharField(max_length=120, blank=True)
    out_of_range_reason = models.TextField(blank=True)
    second_signature = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")


class OrderWithdrawn(Private):
    """A signed order that is not to be given after all: by whom, and why. None with which a session began."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="withdrawn")
    reason = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(name="withdrawn_for_a_reason", condition=~Q(reason=""))]


class DosingSession(Row):
    """One visit of one person: from arrival to signed discharge. Only its times lie here."""

    subject = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="sessions")
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    room = models.ForeignKey(Room, null=True, on_delete=models.PROTECT, related_name="+")
    scheduled_at = models.DateTimeField()
    arrived_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True, help_text="the first administered dose")
    ended_at = models.DateTimeField(null=True, help_text="signed discharge, or turned back before a dose")
    outcome = models.CharField(
        max_length=16, blank=True, help_text="discharged, turned_back, left_early, cancelled"
    )
    presence = models.GeneratedField(
        expression=Func(F("arrived_at"), F("ended_at"), function="tstzrange"),
        output_field=DateTimeRangeField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            # By the couple on the row. `policies.sql` refuses under the same name by the couple they are in now.
            ExclusionConstraint(
                name="never_both_partners_at_once",
                expressions=[("couple", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False, couple__isnull=False),
                violation_error_message="Another session in this couple's care is open. It must be signed off first.",
            ),
            ExclusionConstraint(
                name="one_session_a_person_at_a_time",
                expressions=[("subject", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False),
            ),
            ExclusionConstraint(
                name="one_session_a_room_at_a_time",
                expressions=[("room", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False, room__isnull=False),
                violation_error_message="This room is taken.",
            ),
            models.CheckConstraint(
                name="arrive_then_start_then_end",
                condition=(Q(started_at__isnull=True) | Q(started_at__gte=F("arrived_at")))
                & (Q(ended_at__isnull=True) | Q(arrived_at__isnull=True) | Q(ended_at__gt=F("arrived_at"))),
            ),
        ]
        indexes = [
            models.Index(fields=["subject", "scheduled_at"]),
            models.Index(fields=["couple", "scheduled_at"]),
        ]


class SessionRow(Private):
    """A row of one session's flowsheet."""

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    request_id = models.UUIDField(null=True, help_text="made by the browser: a retried post changes nothing")

    class Meta:
        abstract = True


class GateCheck(SessionRow):
    """One item of the checklist before a dose, answered by a person: consent, escort, fasting, antiemetic."""

    name = models.CharField(max_length=40)
    value = models.JSONField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["session", "name", "-recorded_at"])]


class Administration(SessionRow):
    """Something given, begun, changed, paused or stopped, at a time; or what a medicine did."""

    class Event(models.TextChoices):
        START = "start", "infusion started"
        RATE = "rate", "rate changed"
        PAUSE = "pause", "infusion paused"
        RESUME = "resume", "infusion resumed"
        STOP = "stop", "infusion stopped"
        DOSE = "dose", "a further part of the dose"
        SPAT = "spat", "spat out"
        SWALLOWED = "swallow", "swallowed"
        GIVEN = "given", "given"
        EFFECT = "effect", "effect of what was given"
        CORRECT = "correct", "rate corrected"

    class Ordered(models.TextChoices):
        STANDING = "standing", "standing order"
        VERBAL = "verbal", "by word of mouth"
        WRITTEN = "written", "written order"
        UNKNOWN = "unknown", "on whose order is not known"

    event = models.CharField(max_length=8, choices=Event)
    substance = models.CharField(max_length=120)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    route = models.CharField(max_length=8, blank=True)
    rate_ml_per_h = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)
    indication = models.CharField(max_length=120, blank=True)
    ordered_how = models.CharField(max_length=8, blank=True, choices=Ordered)
    prescriber_told_at = models.DateTimeField(null=True)
    effect_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="effects")
    corrects = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="whose rate was charted wrong",
    )

    correction: "Administration | None" = None
    """Where the rate is shown as it was corrected: the row that says so, and why (`order_actions.as_corrected`)."""
    charted_ml_per_h: Decimal | None = None
    """And the rate as it was charted first."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "session", "request_id"], name="one_administration_a_post"
            ),
            models.CheckConstraint(
                name="an_effect_is_of_something_given",
                condition=Q(event="effect", effect_of__isnull=False)
                | (~Q(event="effect") & Q(effect_of__isnull=True)),
            ),
            models.CheckConstraint(
                name="a_changed_rate_is_a_rate", condition=~Q(event="rate") | Q(rate_ml_per_h__gt=0)
            ),
            models.CheckConstraint(
                name="a_corrected_rate_says_of_what_and_why",
                condition=(Q(event="correct", corrects__isnull=False, rate_ml_per_h__gt=0) & ~Q(note=""))
                | (~Q(event="correct") & Q(corrects__isnull=True)),
            ),
        ]


class Discharge(SessionRow):
    """The signed end: every criterion as it stood, and who signed."""

    outcome = models.CharField(max_length=16)
    criteria = models.JSONField()
    reason = models.TextField(blank=True, help_text="for leaving early or turning back")
    signed_name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "session"], name="one_discharge_a_session")]


class SessionSummary(SessionRow):
    """How it went, in a few sentences for the care team and the person."""

    text = models.TextField()


# ── vials: what the clinic holds; no person's record ───────────────────────────────────────────────────


def _as_signed() -> "models.CharField[str, str]":
    """Somebody's name and title as they signed: the database writes it (policies.sql, door.sign), whatever is sent."""
    return models.CharField(
        max_length=210, blank=True, help_text="as they were called then; empty: as they are called now"
    )


def _signed(name: str, who: Person | None) -> str:
    """The name as it was signed; of older lines, the person's present one."""
    return name or (who.signs_as if who else "")


class Stock(Row):
    """A row of the clinic's stock, written by somebody; it names no patient and is never changed."""

    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    author_signed = _as_signed()
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True

    @property
    def signed_by(self) -> str:
        """Who wrote it, by the name they signed with."""
        return _signed(self.author_signed, self.author)


class Vial(Stock):
    """One vial as it came: what stands on its label, from whom, on which invoice."""

    code = models.CharField(
        max_length=24, help_text="written on the vial, so that two of one lot are told apart"
    )
    substance = models.CharField(max_length=80)
    product = models.CharField(max_length=120)
    form = models.CharField(max_length=60, default="solution for injection")
    schedule = models.CharField(max_length=4, default="III")
    ndc = models.CharField(max_length=20, blank=True)
    lot = models.CharField(max_length=40)
    expires_on = models.DateField()
    ug_per_ml = models.PositiveIntegerField()
    nominal_ul = models.PositiveIntegerField()
    supplier = models.CharField(max_length=200)
    supplier_address = models.CharField(max_length=300, blank=True)
    supplier_registration = models.CharField(max_length=40, blank=True)
    invoice = models.CharField(max_length=80)
    received_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "code"], name="one_vial_of_a_code"),
            models.CheckConstraint(
                name="a_vial_in_whole_steps",
                condition=Q(nominal_ul__gt=0, ug_per_ml__gt=0)
                & Q(nominal_ul=F("nominal_ul") / STEP_UL * STEP_UL)
                & Q(ug_per_ml=F("ug_per_ml") / STEP_UG_PER_ML * STEP_UG_PER_ML),
            ),
        ]


class Inventory(Stock):
    """Everything counted on one date by two people, at the opening or the close of business."""

    class Business(models.TextChoices):
        OPEN = "open", "opening of business"
        CLOSE = "close", "close of business"

    witness = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    witness_signed = _as_signed()
    taken_at = models.DateTimeField()
    business = models.CharField(max_length=5, choices=Business)
    request_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="an_inventory_takes_two", condition=~Q(author=F("witness"))),
            models.UniqueConstraint(fields=["clinic", "request_id"], name="one_inventory_a_post"),
        ]

    @property
    def witnessed_by(self) -> str:
        """Who counted with them, by the name they signed with."""
        return _signed(self.witness_signed, self.witness)


KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in Kind]


def _among(kinds: frozenset[Kind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


class VialEvent(Stock):
    """One line of a vial's ledger. The database numbers it, reckons its balances, and refuses what cannot be."""

    vial = models.ForeignKey(Vial, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=KINDS)
    at = models.DateTimeField(default=timezone.now)
    volume_ul = models.IntegerField(default=0, help_text="signed for an adjustment")
    syringe = models.UUIDField(null=True, help_text="one drawing up; says nothing of whom it is for")
    witness = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    second_witness = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    witness_signed = _as_signed()
    second_witness_signed = _as_signed()
    reason = models.CharField(max_length=300, blank=True)
    counterparty = models.CharField(max_length=300, blank=True)
    observed_ul = models.PositiveIntegerField(null=True)
    is_estimate = models.BooleanField(default=False, help_text="an opened container may be estimated")
    corrects = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    inventory = models.ForeignKey(Inventory, null=True, on_delete=models.PROTECT, related_name="counts")
    request_id = models.UUIDField(null=True)
    # Reckoned by the database (policies.sql, door.tally), whatever is written here.
    number = models.PositiveIntegerField(default=0)
    amount_ug = models.IntegerField(default=0)
    on_hand_ul = models.IntegerField(default=0, help_text="in the vial after this line")
    held_ul = models.IntegerField(null=True, help_text="in this syringe after this line")
    is_open = models.BooleanField(default=False)
    is_expired = models.BooleanField(default=False)
    is_usable = models.BooleanField(default=False, help_text="open, not set aside, and in date on that day")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "vial", "number"], name="one_line_a_number"),
            models.UniqueConstraint(fields=["clinic", "request_id"], name="one_line_a_post"),
            models.UniqueConstraint(fields=["clinic", "corrects"], name="taken_back_once"),
            models.UniqueConstraint(
                fields=["clinic", "vial"], condition=Q(kind=Kind.OPEN.value), name="opened_once"
            ),
            models.UniqueConstraint(
                fields=["clinic", "vial"], condition=Q(kind=Kind.EXPIRE.value), name="set_aside_once"
            ),
            models.CheckConstraint(name="never_less_than_nothing", condition=Q(on_hand_ul__gte=0)),
            models.CheckConstraint(
                name="never_more_than_was_drawn", condition=Q(held_ul__isnull=True) | Q(held_ul__gte=0)
            ),
            models.CheckConstraint(
                name="a_ledger_begins_with_the_receipt",
                condition=Q(number=1, kind=Kind.RECEIVE.value) | (~Q(number=1) & ~Q(kind=Kind.RECEIVE.value)),
            ),
            models.CheckConstraint(
                name="drawn_from_an_open_vial_in_date",
                condition=~Q(kind__in=[Kind.OPEN.value, Kind.DRAW.value]) | Q(is_usable=True),
            ),
            models.CheckConstraint(
                name="moves_what_its_kind_moves",
                condition=(
                    Q(kind__in=[*_among(STILL), Kind.CORRECT.value], volume_ul=0)
                    | (Q(kind=Kind.ADJUST.value) & ~Q(volume_ul=0))
                    | (
                        ~Q(kind__in=[*_among(STILL), Kind.CORRECT.value, Kind.ADJUST.value])
                        & Q(volume_ul__gt=0)
                    )
                )
                & Q(volume_ul=F("volume_ul") / STEP_UL * STEP_UL),
            ),
            models.CheckConstraint(
                name="in_a_syringe_or_not",
                condition=(Q(kind__in=_among(IN_A_SYRINGE), syringe__isnull=False))
                | Q(kind__in=[Kind.WASTE.value, Kind.CORRECT.value])
                | (~Q(kind__in=_among(IN_A_SYRINGE)) & Q(syringe__isnull=True)),
            ),
            models.CheckConstraint(
                name="signed_by_somebody_else_too",
                condition=(~Q(kind__in=_among(COSIGNED)) | Q(witness__isnull=False))
                & (Q(witness__isnull=True) | ~Q(witness=F("author")))
                & (Q(second_witness__isnull=True) | ~Q(second_witness=F("author")))
                & (Q(second_witness__isnull=True) | ~Q(second_witness=F("witness")))
                & (~Q(kind=Kind.DESTROY.value) | Q(second_witness__isnull=False)),
            ),
            models.CheckConstraint(
                name="says_why_and_to_whom",
                condition=(~Q(kind__in=_among(REASONED)) | ~Q(reason=""))
                & (~Q(kind__in=[*_among(TO_SOMEBODY), Kind.DESTROY.value]) | ~Q(counterparty="")),
            ),
            models.CheckConstraint(
                name="a_count_says_what_was_seen",
                condition=Q(kind=Kind.COUNT.value, observed_ul__isnull=False)
                | (~Q(kind=Kind.COUNT.value) & Q(observed_ul__isnull=True)),
            ),
            models.CheckConstraint(
                name="a_correction_names_a_line",
                condition=Q(kind=Kind.CORRECT.value, corrects__isnull=False)
                | (~Q(kind=Kind.CORRECT.value) & Q(corrects__isnull=True)),
            ),
        ]
        indexes = [models.Index(fields=["vial", "syringe", "-number"])]

    @property
    def witnessed_by(self) -> str:
        """Who signed with them, by the name they signed with; empty where nobody did."""
        return _signed(self.witness_signed, self.witness)

    @property
    def second_witnessed_by(self) -> str:
        """The second who signed with them."""
        return _signed(self.second_witness_signed, self.second_witness)


class Discrepancy(Stock):
    """A count that did not agree with the ledger. It stays on record however it is resolved."""

    vial = models.ForeignKey(Vial, on_delete=models.PROTECT, related_name="discrepancies")
    event = models.ForeignKey(VialEvent, on_delete=models.PROTECT, related_name="+")
    expected_ul = models.IntegerField()
    observed_ul = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "event"], name="one_discrepancy_a_count"),
        ]


class DiscrepancyResolved(Stock):
    """How a discrepancy ended, in words, by a prescriber or the lead."""

    class How(models.TextChoices):
        RECOUNTED = "recounted", "counted again: it agrees with the ledger"
        ADJUSTED = "adjusted", "explained, and the ledger adjusted"
        REPORTED = "reported", "theft or loss: notified"

    discrepancy = models.OneToOneField(Discrepancy, on_delete=models.PROTECT, related_name="resolved")
    how = models.CharField(max_length=12, choices=How)
    words = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="resolved_in_words", condition=~Q(words="")),
        ]


class VialUse(Private):
    """For whom a syringe was drawn up, or given: the one place where a ledger line and a person meet."""

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    event = models.OneToOneField(VialEvent, on_delete=models.PROTECT, related_name="use")
    syringe = models.UUIDField()
    administration = models.ForeignKey(Administration, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["session"]), models.Index(fields=["syringe"])]
