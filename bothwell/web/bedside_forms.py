"""The forms of the dosing room: what a nurse enters, on big keys, with a time that may be corrected.

They check shapes only; what is plausible, allowed or due the actions decide.
"""

import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person, Room
from bothwell.dosing import discharge, flowsheet, gates
from bothwell.dosing.models import Administration
from bothwell.dosing.pregnancy import PregnancyTest
from bothwell.web import handed_in
from bothwell.web.telephone import TelephoneField

YES_NO = (("yes", "Yes"), ("no", "No"))


class Bedside(forms.Form):
    """A form that is posted once: the browser's second post carries the same `request_id`."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    required_css_class = "required"

    def __init__(
        self, *args: object, zone: ZoneInfo, since: datetime | None = None, **kwargs: object
    ) -> None:
        """`since`: the arrival, before which nothing of this session can have been."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.zone, self.since = zone, since
        self.label_suffix = ""
        self.initial.setdefault("request_id", uuid.uuid4())

    @property
    def made(self) -> dict[str, str]:
        """Of an entry made without a network: when, by our clock and by the tablet's. Empty for all others."""
        return handed_in.times_of(self.data)

    def when(self, name: str = "at") -> datetime | None:
        """The clock time typed, as an instant between the arrival and now (`clean` refuses any other). None for now.

        For an entry made without a network "now" is when it was made.
        """
        typed = self.cleaned_data.get(name)
        if typed is None:
            return handed_in.made_at(self.data) if name == "at" else None
        return self._instant(typed)

    def clean(self) -> dict[str, object]:
        """A time typed lies between the arrival and now. Nothing is moved to another day to make it fit."""
        cleaned = super().clean() or {}
        for name in TYPED_TIMES:
            typed = cleaned.get(name)
            if isinstance(typed, time) and (trouble := self._astray(name, typed)):
                self.add_error(name, trouble)
        return cleaned

    @property
    def _now(self) -> datetime:
        return (handed_in.made_at(self.data) or timezone.now()).astimezone(self.zone)

    def _instant(self, typed: time) -> datetime:
        """Today's, or yesterday's where that is not yet and the session had begun by then: past midnight."""
        now = self._now
        today = datetime.combine(now.date(), typed, self.zone)
        if today <= now + AHEAD:
            return today
        yesterday = datetime.combine(now.date() - timedelta(days=1), typed, self.zone)
        return yesterday if self.since and yesterday >= _whole_minute(self.since) else today

    def _astray(self, name: str, typed: time) -> str:
        """Why the time typed cannot be, and what to write instead; empty where it can."""
        now, at = self._now, self._instant(typed)
        instead = TYPED_TIMES[name]
        if at > now + AHEAD:
            said = "when this was entered" if handed_in.made_at(self.data) else "now"
            return f"{typed:%H:%M} is later than {said} ({now:%H:%M}). {instead}"
        if self.since and at < _whole_minute(self.since):
            arrived = self.since.astimezone(self.zone)
            return f"{typed:%H:%M} is before the arrival ({arrived:%H:%M}). {instead}"
        return ""


AHEAD = timedelta(minutes=2)
"""How far ahead of our clock the one on the wall may be (as `monitoring.vitals`)."""
TYPED_TIMES = {
    "at": "Type the time at which it was, or leave it empty for now.",
    "told_at": "Type the time at which the prescriber was told, or leave it empty.",
}
"""The clock times of what was done in the session; when somebody last ate is none of them."""


def _whole_minute(at: datetime) -> datetime:
    """What is typed as 14:05 may have been at 14:05:40."""
    return at.replace(second=0, microsecond=0)


LEAST = Decimal("0.01")
"""What is given, and how fast it runs, is more than nothing."""
RATE = ("Rate, as the pump shows it", "mL/h")


def number(
    label: str,
    unit: str = "",
    *,
    required: bool = True,
    whole: bool = True,
    places: int = 1,
    least: Decimal | None = None,
) -> forms.DecimalField:
    """A number typed on large keys, as wide as its column; the unit stands beside it."""
    attributes = {"inputmode": "numeric" if whole else "decimal", "autocomplete": "off"}
    field = forms.DecimalField(
        label=label,
        required=required,
        min_value=least,
        max_digits=7,
        decimal_places=0 if whole else places,
        error_messages={"min_value": "Write a number above 0."},
        widget=forms.TextInput(attrs=attributes),
    )
    field.unit = unit  # type: ignore[attr-defined]
    return field


def _at(label: str = "Time, if not now") -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=False,
        input_formats=["%H:%M", "%H.%M", "%H%M"],
        error_messages={"invalid": "Write the time as hours and minutes, for example 14:05."},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "14:05"}),
    )


SEDATION = tuple((str(score), f"{score}: {words}") for score, words in flowsheet.MOAAS)
DISSOCIATION = tuple((str(level), words.capitalize()) for level, words in enumerate(flowsheet.LEVELS))
WANTED = (("yes", "Wanted: the person is at ease with it"), ("no", "Unwanted: it distresses them"))
NAUSEA = tuple((str(score), str(score)) for score in range(11))
VOMITED = tuple((str(times), str(times) if times < 6 else "6 or more") for times in range(1, 7))
LIMBS = (
    ("left arm", "Left arm"),
    ("right arm", "Right arm"),
    ("left leg", "Left leg"),
    ("right leg", "Right leg"),
)
POSTURES = (("lying", "Lying"), ("sitting", "Sitting"))


BESIDE = ("wanted", "limb", "posture")
"""What is said beside a value and is none by itself."""


class Readings(Bedside):
    """What was measured or seen. `parts` says which of its questions this form asks."""

    systolic = number("Systolic", "mmHg", required=False)
    diastolic = number("Diastolic", "mmHg", required=False)
    spo2 = number("SpO₂", "%", required=False)
    limb = forms.ChoiceField(label="Where", choices=LIMBS, required=False, widget=forms.RadioSelect)
    posture = forms.ChoiceField(label="How", choices=POSTURES, required=False, widget=forms.RadioSelect)
    heart_rate = number("Heart rate", "/min", required=False)
    respiratory_rate = number("Breaths", "/min", required=False)
    etco2 = number("End-tidal CO₂", "mmHg", required=False)
    sedation = forms.ChoiceField(
        label="Sedation, MOAA/S", choices=SEDATION, required=False, widget=forms.RadioSelect
    )
    dissociation = forms.ChoiceField(
        label="Dissociation", choices=DISSOCIATION, required=False, widget=forms.RadioSelect
    )
    wanted = forms.ChoiceField(
        label="Is it wanted?",
        choices=WANTED,
        required=False,
        widget=forms.RadioSelect,
        help_text="Dissociation may be part of what was hoped for, so this is asked apart.",
    )
    nausea = forms.ChoiceField(
        label="Nausea, 0 none to 10 worst", choices=NAUSEA, required=False, widget=forms.RadioSelect
    )
    anxiety = forms.ChoiceField(
        label="Anxiety, 0 none to 10 worst", choices=NAUSEA, required=False, widget=forms.RadioSelect
    )
    vomiting = forms.ChoiceField(
        label="Vomited, how many times since the last entry",
        choices=VOMITED,
        required=False,
        widget=forms.RadioSelect,
    )
    at = _at()
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=settings.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: object, parts: tuple[str, ...], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.parts = parts
        for name in [name for name in self.fields if name not in (*parts, "request_id", "at")]:
            del self.fields[name]

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("systolic")) != bool(cleaned.get("diastolic")):
            raise forms.ValidationError("A blood pressure needs both numbers.")
        if not self.errors and not any(
            cleaned.get(name) not in (None, "") for name in self.parts if name not in BESIDE
        ):
            raise forms.ValidationError("There is nothing to enter yet.")
        if (
            cleaned.get("dissociation") not in (None, "", "0")
            and "wanted" in self.parts
            and not cleaned.get("wanted")
        ):
            self.add_error("wanted", "Say whether it is wanted or unwanted.")
        return cleaned

    @property
    def readings(self) -> dict[str, Decimal]:
        """The values entered, by quantity."""
        given = ((name, self.cleaned_data.get(name)) for name in self.parts if name in BY_CODE)
        return {name: Decimal(str(value)) for name, value in given if value not in (None, "")}

    @property
    def body_site(self) -> str:
        """Where the pressure was taken and how the person was: "left arm, sitting"."""
        said = (self.cleaned_data.get("limb"), self.cleaned_data.get("posture"))
        return ", ".join(one for one in said if one) if "systolic" in self.readings else ""

    @property
    def is_wanted(self) -> bool | None:
        return {"yes": True, "no": False}.get(self.cleaned_data.get("wanted", ""))


ENTRIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "check": (
        "The whole check",
        ("systolic", "diastolic", "sedation", "dissociation", "wanted", "nausea", "anxiety", "note"),
    ),
    "pressure": ("Blood pressure", ("systolic", "diastolic", "limb", "posture")),
    "vitals": ("SpO₂, heart rate, breathing", ("spo2", "heart_rate", "respiratory_rate", "etco2")),
    "sedation": ("Sedation", ("sedation",)),
    "dissociation": ("Dissociation", ("dissociation", "wanted", "note")),
    "nausea": ("Nausea", ("nausea",)),
    "anxiety": ("Anxiety", ("anxiety", "note")),
    "vomiting": ("Vomited", ("vomiting", "note")),
    "note": ("A note", ("note",)),
}
"""What can be entered: the title, and the questions asked."""


class Medicine(Bedside):
    """Something given beside the dose: an antiemetic, a rescue."""

    substance = forms.CharField(label="What was given", max_length=120)
    dose_mg = number("Dose", "mg", required=False, whole=False, places=2, least=LEAST)
    route = forms.ChoiceField(
        label="How",
        required=False,
        choices=[("", "not said"), ("iv", "into a vein"), ("im", "into a muscle"), ("sl", "under the tongue"),
                 ("po", "by mouth"), ("in", "into the nose"), ("inh", "inhaled")],
    )  # fmt: skip
    indication = forms.CharField(label="What for", required=False, max_length=120)
    ordered_how = forms.ChoiceField(
        label="On whose order",
        required=False,
        choices=[("", "not said"), *Administration.Ordered.choices],
    )
    at = _at()
    told_at = _at("Prescriber told, at")
    note = forms.CharField(
        label="Note", required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )


class Effect(Bedside):
    """What a medicine did."""

    at = _at()
    note = forms.CharField(
        label="What it did",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="5 to 15 min after it was given (clinic practice, to confirm).",
    )


class Infused(Bedside):
    """What happened to the dose; which of it, the button says."""

    rate_ml_per_h = number(*RATE, required=False, whole=False, places=2, least=LEAST)
    at = _at()


class Began(Bedside):
    """The first dose, when, and how fast the pump runs; why, if that is not what the ordered bag comes to.

    `order`: the one that stood on the button, if any did.
    """

    order = forms.UUIDField(required=False, widget=forms.HiddenInput)
    rate_ml_per_h = number(*RATE, required=False, whole=False, places=2, least=LEAST)
    rate_reason = forms.CharField(
        label="Why, if the pump runs at another rate", required=False, max_length=200
    )
    at = _at()


class Correction(Bedside):
    """A right value in the place of a wrong one; both stay on record."""

    is_artefact = forms.BooleanField(
        label="It was an artefact: leave it out, nothing takes its place", required=False
    )
    value = number("The right value", required=False, whole=False)
    reason = forms.CharField(label="Why was it wrong?", max_length=300)

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if "value" not in self.errors and (cleaned.get("value") is None) != bool(cleaned.get("is_artefact")):
            raise forms.ValidationError("Give the right value, or say that it was an artefact.")
        return cleaned


class Consented(Bedside):
    """Asked today, by somebody who is with them."""

    answer = forms.ChoiceField(
        label="Does the person want this session, today?",
        choices=(("yes", "Yes, they said so again today"), ("no", "No, or they are not sure")),
        widget=forms.RadioSelect,
    )


class Rescreened(Bedside):
    """Whether today's answer about suicide holds the dose."""

    answer = forms.ChoiceField(
        label="Suicide risk was asked about today. Does the answer hold the dose?",
        choices=(("no", "No"), ("yes", "Yes: call the prescriber now")),
        widget=forms.RadioSelect,
    )


class Decided(Rescreened):
    """The prescriber asked again after a positive answer, and decides."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["answer"].label = "You asked the person again today. Does the answer hold the dose?"
        self.fields["answer"].choices = (  # type: ignore[attr-defined]
            ("no", "No: nothing that holds the dose"),
            ("yes", "Yes: no dose while this stands"),
        )


class RescreenedAfter(Rescreened):
    """What was answered about suicide before going home."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields[
            "answer"
        ].label = "Suicide risk was asked about again. Does the answer keep the person here?"


class Weighed(Bedside):
    weight_kg = number("Weight today", "kg", whole=False)


class Fasted(Bedside):
    """When food and drink were last taken."""

    food_on = forms.ChoiceField(
        label="Last food, which day", choices=(("0", "today"), ("1", "yesterday"), ("2", "earlier"))
    )
    food_at = _at()
    drink_on = forms.ChoiceField(
        label="Last drink, which day", choices=(("0", "today"), ("1", "yesterday"), ("2", "earlier"))
    )
    drink_at = _at()
    confirmed = forms.BooleanField(label="The person confirms both times")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name, label in (("food_at", "Last food, at"), ("drink_at", "Last drink, at")):
            self.fields[name].label = label
            self.fields[name].required = True

    def instant(self, what: str) -> str:
        """The time typed for `food` or `drink`, on its day, as ISO 8601."""
        today: date = timezone.now().astimezone(self.zone).date()
        day = today - timedelta(days=int(self.cleaned_data[f"{what}_on"]))
        return datetime.combine(day, self.cleaned_data[f"{what}_at"], self.zone).isoformat()


class Settled(Bedside):
    antiemetic = forms.ChoiceField(
        label="An antiemetic was",
        choices=(("given", "given"), ("offered", "offered, to be taken later"), ("declined", "declined")),
        widget=forms.RadioSelect,
    )


class Escorted(Bedside):
    """Who takes the person home, and how they are reached."""

    escort = forms.CharField(label="Who takes the person home", max_length=120)
    phone = TelephoneField(
        label="Their telephone",
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    is_here = forms.BooleanField(label="They are here", required=False)


class Medicated(Bedside):
    """Whether anything changed in what the person takes."""

    answer = forms.ChoiceField(
        label="Have their medicines changed since the last time?",
        choices=(("no", "No change"), ("yes", "Changed: the prescriber must see it")),
        widget=forms.RadioSelect,
    )
    what = forms.CharField(
        label="What changed", required=False, max_length=600, widget=forms.Textarea(attrs={"rows": 2})
    )


class Seen(Bedside):
    """The prescriber knows what changed."""

    answer = forms.BooleanField(label="I have seen what changed, and the dose may go on")


class Tested(Bedside):
    """What a pregnancy test of today says."""

    result = forms.ChoiceField(
        label="Pregnancy test, today",
        choices=[(one, one.capitalize()) for one in PregnancyTest],
        widget=forms.RadioSelect,
    )


class Equipped(Bedside):
    """One tick for each thing that must stand ready."""

    ready = forms.MultipleChoiceField(
        label="Stands ready at the bed",
        choices=gates.EQUIPMENT,
        widget=forms.CheckboxSelectMultiple,
        help_text=f"{gates.EQUIPMENT_SOURCE}.",
        error_messages={"required": "Tick what stands ready."},
    )


class Staffed(Bedside):
    """Who is here for this dose, out of the clinic's own staff."""

    prescriber = forms.ChoiceField(label="Prescriber on site")
    nurse = forms.ChoiceField(label="Nurse")
    second = forms.ChoiceField(label="Second checker", help_text="Somebody else than the nurse.")

    def fill(self, prescribers: Mapping[str, Person], nurses: Mapping[str, Person]) -> None:
        """The names to choose from: prescribers, nurses, and either as the second checker; never the only nurse there is."""
        checkers = {**nurses, **prescribers}
        if len(nurses) == 1:
            checkers.pop(next(iter(nurses)))
        for name, people in (
            ("prescriber", prescribers), ("nurse", nurses), ("second", checkers),
        ):  # fmt: skip
            chosen = [("", "Choose"), *((key, who.signs_as) for key, who in people.items())]
            self.fields[name].choices = chosen  # type: ignore[attr-defined]


class Overridden(Bedside):
    reason = forms.CharField(
        label="Why this person may go on above the hold limit",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Signed by you as prescriber; it holds for the readings up to now, not for later ones.",
    )


class OverriddenInterval(Overridden):
    """Why the days the protocol asks for need not have passed."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        reason = self.fields["reason"]
        reason.label = "Why this person may have a dose so soon after the last one"
        reason.help_text = "Signed by you as prescriber; it holds for today’s dose, not for a later one."


CHECKS: dict[str, tuple[str, type[Bedside]]] = {
    "consent_reaffirmed": ("Wanted today", Consented),
    "suicide_rescreened": ("Suicide risk", Rescreened),
    "medications": ("Medicines", Medicated),
    "medications_seen": ("Medicines, seen by the prescriber", Seen),
    "pregnancy": ("Pregnancy", Tested),
    "fasting": ("Fasting", Fasted),
    "weight": ("Weight", Weighed),
    "antiemetic": ("Antiemetic", Settled),
    "escort": ("Going home", Escorted),
    "equipment": ("Equipment", Equipped),
    "staffing": ("Who is here", Staffed),
    "pressure_override": ("Above the hold limit", Overridden),
    "interval_override": ("Days since the last dose", OverriddenInterval),
}
"""The items of the checklist a person answers: the title and the form."""


class Arrived(forms.Form):
    """Which room somebody is shown to."""

    room = forms.ModelChoiceField(queryset=Room.objects.none(), label="Room", empty_label=None)

    def __init__(self, *args: object, rooms: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["room"].queryset = rooms  # type: ignore[attr-defined]


class Signed(Bedside):
    """Why a session ends otherwise, and who says so."""

    reason = forms.CharField(label="What happened", max_length=2000, widget=forms.Textarea(attrs={"rows": 4}))
    signed_name = forms.CharField(label="Your name, to sign", max_length=120)


class Summary(Bedside):
    text = forms.CharField(
        label="How it went",
        max_length=settings.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="A few sentences for the care team and the person. The person can read this.",
    )


class Going(Bedside):
    """The discharge: the score, what a person must see for themselves, and a signature."""

    is_on_room_air = forms.TypedChoiceField(
        label="Breathing", choices=(("air", "room air"), ("oxygen", "oxygen")), widget=forms.RadioSelect
    )
    signed_name = forms.CharField(label="Your name, to sign", max_length=120)

    def __init__(
        self, *args: object, scale: discharge.Scale, required: tuple[str, ...], **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.scale, self.asked = scale, required
        items = {item.code: _points(item) for item in scale.items}
        ticks = {
            f"is_{name}": forms.BooleanField(
                label=discharge.REQUIRED.get(name, (name, ""))[0], required=False
            )
            for name in required
        }
        signed = self.fields.pop("signed_name")
        self.fields |= {**items, **ticks, "signed_name": signed}

    @property
    def items(self) -> list[forms.BoundField]:
        return [self[item.code] for item in self.scale.items]

    @property
    def ticks(self) -> list[forms.BoundField]:
        return [self[f"is_{name}"] for name in self.asked]

    @property
    def answers(self) -> dict[str, int]:
        """The points of the scale, of those items that were answered."""
        given = {item.code: self.cleaned_data.get(item.code) for item in self.scale.items}
        return {code: int(points) for code, points in given.items() if points not in (None, "")}

    @property
    def checked(self) -> dict[str, bool]:
        return {name: bool(self.cleaned_data.get(f"is_{name}")) for name in self.asked}


def _points(item: discharge.Item) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=item.title,
        error_messages={"required": "Give 2, 1 or 0 points."},
        choices=[("2", f"2: {item.two}"), ("1", f"1: {item.one}"), ("0", f"0: {item.nought}")],
        widget=forms.RadioSelect,
    )
