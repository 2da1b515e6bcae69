"""The forms of the work-up: questions made from the table of facts, orders, signatures, arrangements.

They read what was typed and say what is not an answer; they decide nothing and keep nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils import timezone

from bothwell.couples.models import Person, Room
from bothwell.pathway.assessment_actions import SHORTEST
from bothwell.pathway.facts import FACTS, SPECS, Answer, FactSpec
from bothwell.pathway.models import HoldReason, Verdict
from bothwell.web.cosign import Proof
from bothwell.web.telephone import TelephoneField

LOCAL = "%Y-%m-%dT%H:%M"
YES_NO = (("", "Not asked"), ("yes", "Yes"), ("no", "No"), ("unknown", "Not known"))
SOURCES = [
    (one, one.capitalize()) for one in ("visit", "history", "interview", "laboratory", "questionnaire")
]
PRESSURE = ("systolic_mmhg", "diastolic_mmhg")

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Measured", ("weight_kg", "bmi", "asa_class")),
    (
        "Heart and vessels",
        (
            "aneurysm_or_avm",
            "intracerebral_haemorrhage",
            "uncontrolled_hypertension",
            "arrhythmia",
            "unstable_cardiac_or_cerebrovascular",
            "recent_myocardial_infarction",
        ),
    ),
    (
        "Mind",
        (
            "psychosis_or_mania",
            "acute_suicide_risk",
            "ketamine_or_pcp_misuse",
            "active_substance_use_disorder",
        ),
    ),
    (
        "Medicines and allergy",
        (
            "hypersensitivity",
            "lorazepam_equivalent_mg_per_day",
            "opioids_or_depressants",
            "psychostimulants",
            "maoi",
            "cyp_inhibitors",
            "effect_modifiers",
        ),
    ),
    ("Pregnancy", ("pregnancy_possible", "pregnant", "breastfeeding")),
)
"""The form's order, by what is asked together. A fact that stands in no group comes under “Other”."""


class DayAndTime(forms.DateTimeField):
    """A day and a time on the clinic's clock, in the browser's own picker."""

    def __init__(self, **kept: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL)
        super().__init__(widget=widget, input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **kept)


def _number(spec: FactSpec) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", "class": "short"})
    return forms.DecimalField(
        label=spec.question, required=False, min_value=spec.least, max_value=spec.most, widget=widget
    )


def _words(label: str, missing: str, *, rows: int = 3, help_text: str = "") -> forms.CharField:
    """Something that must be written; `missing` is said where it was not."""
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(
        label=label, widget=widget, help_text=help_text, error_messages={"required": missing}
    )


class FactsForm(forms.Form):
    """Every question of the work-up; what is left alone is not recorded."""

    source = forms.ChoiceField(label="Where this comes from", choices=SOURCES, initial="visit")
    observed_at = DayAndTime(label="Observed", initial=timezone.localtime)
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    second_systolic = forms.DecimalField(
        label="Second reading, systolic",
        required=False,
        min_value=SPECS["systolic_mmhg"].least,
        max_value=SPECS["systolic_mmhg"].most,
    )
    second_diastolic = forms.DecimalField(
        label="Second reading, diastolic",
        required=False,
        min_value=SPECS["diastolic_mmhg"].least,
        max_value=SPECS["diastolic_mmhg"].most,
    )
    second_at = DayAndTime(label="Second reading, when", required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *given: Any, **kept: Any) -> None:
        super().__init__(*given, **kept)
        for spec in FACTS:
            if spec.answer is Answer.NUMBER:
                self.fields[spec.code] = _number(spec)
            else:
                self.fields[spec.code] = forms.ChoiceField(
                    label=spec.question, required=False, choices=YES_NO, widget=forms.RadioSelect, initial=""
                )

    def groups(self) -> Iterator[tuple[str, list[tuple[forms.BoundField, str, bool]]]]:
        """(title, fields with their unit and whether they are a yes or no) in the order of the form."""
        placed = {code for _, codes in GROUPS for code in codes} | set(PRESSURE)
        rest = tuple(code for code in SPECS if code not in placed)
        for title, codes in (*GROUPS, ("Other", rest)):
            yield (
                title,
                [(self[code], SPECS[code].unit, SPECS[code].answer is Answer.YES_NO) for code in codes],
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for names in (PRESSURE, ("second_systolic", "second_diastolic")):
            if len([name for name in names if cleaned.get(name) is not None]) == 1:
                self.add_error(names[0], "A blood pressure is two numbers: systolic and diastolic.")
        if cleaned.get("second_systolic") is not None and not cleaned.get("second_at"):
            self.add_error("second_at", "Say when the second reading was taken.")
        if not self.errors and not self.values() and cleaned.get("second_systolic") is None:
            raise forms.ValidationError("Answer at least one question; the rest can wait.")
        return cleaned

    def values(self) -> dict[str, bool | Decimal | str | None]:
        """What was answered, by code; None for: asked, not known."""
        found: dict[str, bool | Decimal | str | None] = {}
        for spec in FACTS:
            value = self.cleaned_data.get(spec.code)
            if spec.answer is Answer.NUMBER and value is not None:
                found[spec.code] = value
            elif spec.answer is not Answer.NUMBER and value:
                found[spec.code] = {"yes": True, "no": False}.get(value)
        return found

    def second(self) -> tuple[dict[str, Decimal], datetime] | None:
        """The second reading of the pressure and when it was taken."""
        upper, lower = (self.cleaned_data.get(f"second_{name}") for name in ("systolic", "diastolic"))
        if upper is None or lower is None:
            return None
        return {"systolic_mmhg": upper, "diastolic_mmhg": lower}, self.cleaned_data["second_at"]


class CorrectionForm(forms.Form):
    """Another answer in the place of a wrong one."""

    reason = forms.CharField(label="Why the earlier entry was wrong", max_length=300)

    def __init__(self, *given: Any, spec: FactSpec, **kept: Any) -> None:
        super().__init__(*given, **kept)
        self.spec = spec
        if spec.answer is Answer.NUMBER:
            self.fields["value"] = _number(spec)
            self.fields["value"].required = True
        else:
            self.fields["value"] = forms.ChoiceField(
                label=spec.question, choices=YES_NO[1:], widget=forms.RadioSelect
            )
        self.order_fields(["value", "reason"])

    def value(self) -> bool | Decimal | None:
        given = self.cleaned_data["value"]
        return given if isinstance(given, Decimal) else {"yes": True, "no": False}.get(given)


class ResolveForm(forms.Form):
    """Why a finding that holds need not hold here, or how a caution was weighed."""

    finding = forms.CharField(widget=forms.HiddenInput)
    reason = _words("Your reason", "Write the reason in a sentence; it stands in the record.")
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class StepForm(forms.Form):
    """One step asked for: which, where to, what is vouched for, and why."""

    kind = forms.CharField(max_length=24)
    to = forms.CharField(max_length=32, required=False)
    why = forms.CharField(required=False, widget=forms.Textarea)
    hold_kind = forms.ChoiceField(choices=HoldReason.Kind.choices, required=False)
    steps_seen = forms.IntegerField()


class AssessForm(forms.Form):
    """What the couple's assessment says for this course."""

    words = _words(
        "What the assessment says about going on",
        f"Write what the assessment says about going on, in a sentence or two: at least {SHORTEST} characters.",
        rows=4,
        help_text=f"In a sentence or two, at least {SHORTEST} characters. The person and their whole care team "
        "can read it. What the two told you stays in the couple’s chart.",
    )
    steps_seen = forms.IntegerField(widget=forms.HiddenInput)


class DecisionForm(forms.Form):
    """The question put to the three."""

    route = forms.ChoiceField(label="Route")
    summary = forms.CharField(
        label="What is proposed, and why",
        widget=forms.Textarea,
        help_text="In plain words: the person reads this before signing.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *given: Any, routes: list[tuple[str, str]], **kept: Any) -> None:
        super().__init__(*given, **kept)
        self.fields["route"].choices = routes  # type: ignore[attr-defined]


class SignForm(forms.Form):
    """A clinician's signature under the joint decision."""

    decision = forms.UUIDField(widget=forms.HiddenInput)
    verdict = forms.ChoiceField(
        choices=Verdict.choices, error_messages={"required": "Choose one of the three."}
    )
    words = forms.CharField(
        label="In words the person will read", required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    signed_name = forms.CharField(
        label="Your name, as you sign it",
        max_length=120,
        error_messages={"required": "Type your name to sign."},
    )


class OrderForm(forms.Form):
    """A prescriber's order; checked against the protocol's ranges before it is signed."""

    dose_mg = forms.DecimalField(label="Dose, mg", min_value=0, max_digits=7, decimal_places=2)
    weight_kg = forms.DecimalField(
        label="Weight, kg",
        min_value=SPECS["weight_kg"].least,
        max_value=SPECS["weight_kg"].most,
        max_digits=5,
        decimal_places=1,
    )
    minutes = forms.IntegerField(label="Infusion, minutes", required=False, min_value=1, max_value=600)
    product = forms.CharField(label="Product", max_length=120)
    concentration_mg_per_ml = forms.DecimalField(
        label="Concentration, mg/mL", required=False, min_value=0, max_digits=7, decimal_places=2
    )
    bag_ml = forms.DecimalField(
        label="Bag, made up to, mL",
        required=False,
        min_value=1,
        max_digits=6,
        decimal_places=1,
        help_text="For an infusion. With it, the pump’s rate is worked out, and the room asks for it at the start.",
    )
    antiemetic = forms.CharField(label="Antiemetic", required=False, max_length=120)
    out_of_range_reason = forms.CharField(
        label="Reason, if outside the range", required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    second_email = forms.EmailField(
        label="Second prescriber’s address, if outside the range",
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        help_text="Another prescriber of this clinic, who has checked it with you, signs here on this screen.",
    )
    second_password = forms.CharField(
        label="Second prescriber’s password",
        required=False,
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is checked and not kept; nobody is signed in by it.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(
        self, *given: Any, proof: Proof | None = None, lacks: Collection[str] = (), **kept: Any
    ) -> None:
        """`lacks`: what the route of this order has not, and is not asked for."""
        super().__init__(*given, **kept)
        self.proof, self.lacks = proof, lacks
        for name in lacks:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """With `second_signature`: who proved to be there, or none."""
        cleaned = super().clean() or self.cleaned_data
        # From a page that was opened for another route: what was meant may be another order.
        if any(self.data.get(self.add_prefix(name)) for name in self.lacks):
            self.add_error(
                None, "This order was written for another route. Look at the route above, and write it anew."
            )
        cleaned |= dict.fromkeys(self.lacks)
        email, password = cleaned.pop("second_email", ""), cleaned.pop("second_password", "")
        cleaned["second_signature"] = self._second() if self.proof else None
        if bool(email) != bool(password):
            self.add_error("second_password", "Whoever signs with you: type your own address and password.")
        return cleaned

    def _second(self) -> Person | None:
        assert self.proof is not None
        found = Person.objects.filter(id=self.proof.person_id, kind="staff") if self.proof.person_id else None
        who = found.first() if found is not None else None
        if who is None:
            words = self.proof.trouble or "Only a colleague of this clinic can sign here."
            self.add_error("second_password", words)
        return who


class WithdrawForm(forms.Form):
    """Why a signed order is not to be given after all."""

    order_id = forms.UUIDField(widget=forms.HiddenInput)
    reason = _words("Why it is withdrawn", "Say why the order is withdrawn; it stands in the record.", rows=2)


class ScheduleForm(forms.Form):
    """One dosing session on the calendar."""

    at = DayAndTime(label="Day and time", error_messages={"required": "Choose a day and a time."})
    room = forms.ModelChoiceField(
        label="Room", queryset=Room.objects.none(), required=False, empty_label="later"
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *given: Any, **kept: Any) -> None:
        super().__init__(*given, **kept)
        self.fields["room"].queryset = Room.objects.order_by("name")  # type: ignore[attr-defined]


class SeriesForm(forms.Form):
    """How many sessions this block has."""

    sessions = forms.IntegerField(label="Sessions in this block", min_value=1, max_value=12)


class PrepareForm(forms.Form):
    """What is arranged for the next session."""

    escort_name = forms.CharField(label="Who comes along", required=False, max_length=120)
    escort_phone = TelephoneField(label="Their telephone", required=False)
    fasting_explained = forms.BooleanField(label="Fasting was explained", required=False)
    antiemetic_plan = forms.CharField(label="Plan against nausea", required=False, max_length=200)
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
