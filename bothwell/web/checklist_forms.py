"""What is asked before a dose: one form for each item of the checklist that a person answers."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django import forms
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import gates
from bothwell.dosing.pregnancy import PregnancyTest
from bothwell.web.bedside_forms import Bedside, clock_time, number
from bothwell.web.telephone import TelephoneField


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
    food_at = clock_time()
    drink_on = forms.ChoiceField(
        label="Last drink, which day", choices=(("0", "today"), ("1", "yesterday"), ("2", "earlier"))
    )
    drink_at = clock_time()
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
