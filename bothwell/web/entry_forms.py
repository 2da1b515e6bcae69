"""What a nurse enters while a session runs: readings, notes, medicines, what happened to the dose, corrections."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from bothwell.codes import BY_CODE
from bothwell.dosing import flowsheet
from bothwell.dosing.models import Administration
from bothwell.web.bedside_forms import LEAST, Bedside, clock_time, number

RATE = ("Rate, as the pump shows it", "mL/h")
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
    at = clock_time()
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


NOT_KNOWN = "unknown"
"""Said of how a medicine went in, and of who ordered it."""


class Medicine(Bedside):
    """Something given beside the dose: an antiemetic, a rescue. Dose, route, purpose and order are said, or that they are not
    known (clinical reference 2.5).

    One that waited on a tablet is taken as it is: what was given must stand in the chart.
    """

    substance = forms.CharField(label="What was given", max_length=120)
    dose_mg = number("Dose", "mg", required=False, whole=False, places=2, least=LEAST)
    has_no_dose = forms.BooleanField(
        label="The dose is not known, or not in mg: the note says what is", required=False
    )
    route = forms.ChoiceField(
        label="How",
        choices=[("", "Choose"), ("iv", "into a vein"), ("im", "into a muscle"), ("sl", "under the tongue"),
                 ("po", "by mouth"), ("in", "into the nose"), ("inh", "inhaled"), (NOT_KNOWN, "not known")],
        error_messages={"required": "Choose how it was given, or that it is not known."},
    )  # fmt: skip
    indication = forms.CharField(
        label="What for",
        max_length=120,
        error_messages={"required": "Write what it was given for, or “not known”."},
    )
    ordered_how = forms.ChoiceField(
        label="On whose order",
        choices=[("", "Choose"), *Administration.Ordered.choices],
        error_messages={"required": "Choose how it was ordered, or that it is not known."},
    )
    at = clock_time()
    told_at = clock_time("Prescriber told, at")
    note = forms.CharField(
        label="Note", required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waited = bool(self.made)
        if self.waited:
            for name in ("route", "indication", "ordered_how"):
                self.fields[name].required = False

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        has_dose, has_none = cleaned.get("dose_mg") is not None, bool(cleaned.get("has_no_dose"))
        if "dose_mg" not in self.errors and has_dose and has_none:
            self.add_error("has_no_dose", "A dose is written above. Take it out, or the tick.")
        elif "dose_mg" not in self.errors and not (has_dose or has_none or self.waited):
            self.add_error("dose_mg", "Write the dose, or tick that it is not known.")
        return cleaned


class Effect(Bedside):
    """What a medicine did."""

    at = clock_time()
    note = forms.CharField(
        label="What it did",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="5 to 15 min after it was given (clinic practice, to confirm).",
    )


def sure_of() -> forms.DecimalField:
    """The rate that was asked about, so that pressed once more just so it is taken. The page fills it in, nobody types it."""
    return forms.DecimalField(required=False, max_digits=7, decimal_places=2, widget=forms.HiddenInput)


class RightRate(Bedside):
    """The right rate in the place of a wrong one; both stay on record."""

    stood = forms.DecimalField(required=False, max_digits=7, decimal_places=2, widget=forms.HiddenInput)
    rate_ml_per_h = number(*RATE, whole=False, places=2, least=LEAST)
    reason = forms.CharField(label="Why was it wrong?", max_length=300)
    sure_of = sure_of()


class Infused(Bedside):
    """What happened to the dose; which of it, the button says."""

    rate_ml_per_h = number(*RATE, required=False, whole=False, places=2, least=LEAST)
    at = clock_time()
    sure_of = sure_of()


class Began(Bedside):
    """The first dose, when, and how fast the pump runs; why, if that is not what the ordered bag comes to.

    `order`: the one that stood on the button, if any did.
    """

    order = forms.UUIDField(required=False, widget=forms.HiddenInput)
    rate_ml_per_h = number(*RATE, required=False, whole=False, places=2, least=LEAST)
    rate_reason = forms.CharField(
        label="Why, if the pump runs at another rate", required=False, max_length=200
    )
    at = clock_time()
    sure_of = sure_of()


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
