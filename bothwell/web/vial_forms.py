"""The forms of the ledger: large keys, few questions, and where it is asked for, a second person's signature.

They check shapes and who signed; whether a line may be written the ledger's own rules decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import ledger
from bothwell.dosing.duties import Duties
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import DiscrepancyResolved, Inventory, VialEvent
from bothwell.dosing.vial_actions import LARGEST_DELIVERY, Label, Seen
from bothwell.web.cosign import Proof

UNSIGNED = "Whoever signs with you: type your own address and password."


class Posted(forms.Form):
    """A form that is posted once: the browser's second post carries the same `request_id`."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.label_suffix = ""
        self.initial.setdefault("request_id", uuid4())


class Typed(forms.DecimalField):
    """A number as it is typed in any country: one comma and no point is a decimal comma, so "0,62" is 0.62.

    "1,000" is 1.000 and is refused for its three places: nobody's thousand is taken for a one.
    """

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.count(",") == 1 and "." not in value:
            value = value.replace(",", ".")
        return super().to_python(value)


def millilitres(label: str, *, required: bool = True, help_text: str = "") -> forms.DecimalField:
    """A volume typed in mL, to a hundredth."""
    field = Typed(
        label=label, required=required, max_digits=7, decimal_places=2, min_value=Decimal(0), help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={
            "max_decimal_places": "Volumes are written to 0.01 mL.",
            "min_value": "A volume is never below 0 mL. Write it without a minus.",
            "invalid": "Write a number, for instance 0.62.",
        },
    )  # fmt: skip
    field.unit = "mL"  # type: ignore[attr-defined]
    return field


def _words(label: str, *, required: bool = True, help_text: str = "") -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=300, help_text=help_text)


@dataclass(frozen=True)
class Signature:
    """One colleague's place to sign."""

    title: str
    fields: list[forms.BoundField]


class Signed(Posted):
    """A form with room for colleagues who sign beside the one who is logged in."""

    signers: tuple[str, ...] = ()
    titles: Mapping[str, str] = {"witness": "Witness", "second": "Second witness"}
    must_sign = True

    def __init__(self, *args: object, proofs: Mapping[str, Proof] | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.proofs = proofs or {}
        self.signed: dict[str, Person] = {}
        for name in self.signers:
            self.fields[f"{name}_email"] = forms.EmailField(
                label="Their address", required=self.must_sign, error_messages={"required": UNSIGNED},
                widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
            )  # fmt: skip
            self.fields[f"{name}_password"] = forms.CharField(
                label="Their password", required=self.must_sign, strip=False, max_length=500,
                error_messages={"required": UNSIGNED},
                widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            )  # fmt: skip

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        for name in self.signers:
            if self.needs(name, cleaned) or cleaned.get(f"{name}_email"):
                self._sign(name)
        return cleaned

    @property
    def questions(self) -> list[forms.BoundField]:
        """What is asked, signatures apart."""
        names = {field.name for signature in self.signatures for field in signature.fields}
        return [field for field in self.visible_fields() if field.name not in names]

    @property
    def signatures(self) -> list[Signature]:
        """Where colleagues sign."""
        return [
            Signature(self.titles[name], [self[f"{name}_email"], self[f"{name}_password"]])
            for name in self.signers
        ]

    def needs(self, name: str, cleaned: Mapping[str, object]) -> bool:
        """Whether this signature must be there, by what was typed."""
        return self.must_sign

    def _sign(self, name: str) -> None:
        if {f"{name}_email", f"{name}_password"} & set(self.errors):
            return
        proof = self.proofs.get(name)
        if proof is None:
            self.add_error(f"{name}_password", UNSIGNED)
            return
        who = Person.objects.filter(id=proof.person_id, kind="staff").first() if proof.person_id else None
        if who is None:
            trouble = proof.trouble or "Only a colleague of this clinic can sign here."
            self.add_error(f"{name}_password", trouble)
            return
        self.signed[name] = who


# ── one line about a vial in the cupboard ─────────────────────────────────────────────────────────────────

PARTS: dict[Kind, tuple[str, ...]] = {
    Kind.OPEN: (),
    Kind.WASTE: ("volume_ml", "reason"),
    Kind.RETURN: ("volume_ml", "counterparty", "reason"),
    Kind.TRANSFER: ("volume_ml", "counterparty", "reason"),
    Kind.EXPIRE: ("reason",),
    Kind.DESTROY: ("volume_ml", "reason", "counterparty"),
    Kind.COUNT: ("observed_ml", "is_estimate"),
    Kind.ADJUST: ("direction", "volume_ml", "reason"),
    Kind.CORRECT: ("reason",),
}
_TITLES: dict[Kind, str] = {
    Kind.OPEN: "Open this vial",
    Kind.WASTE: "Waste what is left",
    Kind.RETURN: "Return to the supplier",
    Kind.TRANSFER: "Transfer to another {taker}",
    Kind.EXPIRE: "Set aside: expired",
    Kind.DESTROY: "Destroyed",
    Kind.COUNT: "Count, two people",
    Kind.ADJUST: "Adjust the ledger",
    Kind.CORRECT: "Take a line back",
}
WASTED_WHY = "Why, and how it was made {unusable}"
ASKED: dict[Kind, dict[str, str]] = {
    Kind.WASTE: {"reason": WASTED_WHY},
    Kind.RETURN: {
        "counterparty": "To whom: name, address, {registration}",
        "reason": "Invoice or reference",
    },
    Kind.TRANSFER: {
        "counterparty": "To whom: name, address, {registration}",
        "reason": "Invoice or reference",
    },
    Kind.DESTROY: {"reason": "By which method", "counterparty": "Where"},
    Kind.ADJUST: {"reason": "Why the ledger is wrong"},
    Kind.CORRECT: {"reason": "What was wrong with this line"},
}
"""Titles and questions; in braces stand words of the country's law (`vials.toml`)."""
DUTY: dict[Kind, str] = {Kind.WASTE: "waste", Kind.DESTROY: "destruction", Kind.COUNT: "inventory"}


def in_words_of(law: Duties, text: str) -> str:
    """The text with the words that the law of the clinic's country uses."""
    return text.format(taker=law.taker, unusable=law.unusable, registration=law.registration)


def title_of(kind: Kind, law: Duties) -> str:
    """What a kind of line is called on its key and its page."""
    return in_words_of(law, _TITLES[kind])


class Line(Signed):
    """One line: only what its kind asks."""

    direction = forms.ChoiceField(
        label="The vial holds",
        choices=(("less", "less than the ledger says"), ("more", "more than the ledger says")),
        widget=forms.RadioSelect,
    )
    volume_ml = millilitres("How much")
    observed_ml = millilitres("What is in the vial")
    is_estimate = forms.BooleanField(
        label="Estimated by eye: the vial is open", required=False,
    )  # fmt: skip
    reason = _words("Why")
    counterparty = _words("To whom")

    def __init__(self, *args: object, kind: Kind, law: Duties, **kwargs: Any) -> None:
        self.kind = kind
        self.signers = (
            ("witness", "second") if kind is Kind.DESTROY else ("witness",) if kind in ledger.COSIGNED else ()
        )
        if kind in (Kind.ADJUST, Kind.CORRECT):
            self.titles = {"witness": "Approved by a prescriber or the lead"}
        super().__init__(*args, **kwargs)
        asked = {name: in_words_of(law, text) for name, text in ASKED.get(kind, {}).items()}
        for name in [*self.fields]:
            if name in PARTS[kind]:
                self.fields[name].label = asked.get(name, self.fields[name].label)
            elif name not in ("request_id",) and not name.startswith(self.signers or ("\0",)):
                del self.fields[name]
        if "reason" in self.fields:
            self.fields["reason"].required = kind in ledger.REASONED

    def columns(self) -> dict[str, object]:
        """What the action is told."""
        said = self.cleaned_data
        volume_ul = ledger.ul(said.get("volume_ml") or Decimal(0))
        observed = said.get("observed_ml")
        return {
            "request_id": said["request_id"],
            "volume_ul": -volume_ul if said.get("direction") == "less" else volume_ul,
            "reason": said.get("reason", ""),
            "counterparty": said.get("counterparty", ""),
            "observed_ul": ledger.ul(observed) if observed is not None else None,
            "is_estimate": bool(said.get("is_estimate")),
            "witness": self.signed.get("witness"),
            "second_witness": self.signed.get("second"),
        }


# ── a delivery ────────────────────────────────────────────────────────────────────────────────────────────


def _day(label: str, help_text: str = "") -> forms.DateField:
    return forms.DateField(
        label=label, help_text=help_text, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class Delivery(Posted):
    """The vials of one lot, as they came."""

    count = forms.IntegerField(
        label="How many vials", min_value=1, max_value=LARGEST_DELIVERY, initial=1,
        error_messages={"min_value": "A delivery has at least one vial.", "invalid": "Write a whole number."},
    )  # fmt: skip
    substance = forms.CharField(label="Substance", max_length=80, initial="Ketamine hydrochloride")
    product = forms.CharField(label="Product, as on the label", max_length=120)
    form = forms.CharField(label="Finished form", max_length=60, initial="solution for injection")
    mg_per_ml = Typed(
        label="Strength", max_digits=6, decimal_places=1, min_value=Decimal("0.1"),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        error_messages={
            "max_decimal_places": "Strengths are written to 0.1 mg/mL.",
            "min_value": "A strength is at least 0.1 mg/mL. Copy it from the label.",
            "invalid": "Write a number, for instance 50.",
        },
    )  # fmt: skip
    nominal_ml = millilitres("Volume of each vial")
    lot = forms.CharField(label="Lot", max_length=40)
    expires_on = _day("Expires", "The last day on the label.")
    ndc = forms.CharField(label="NDC", max_length=20, required=False)
    received_on = _day("Received on", "The day it really came.")
    invoice = forms.CharField(label="Invoice", max_length=80)
    supplier = forms.CharField(label="Supplier", max_length=200)
    supplier_address = forms.CharField(label="Supplier’s address", max_length=300, required=False)
    supplier_registration = forms.CharField(
        label="Supplier’s registration number", max_length=40, required=False
    )

    def __init__(self, *args: object, law: Duties, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.schedule = law.schedule
        self.fields["ndc"].label = law.product_code
        self.fields["supplier_registration"].label = f"Supplier’s {law.registration}"
        self.fields["mg_per_ml"].unit = "mg/mL"  # type: ignore[attr-defined]
        self.initial.setdefault("received_on", timezone.localdate())

    def label_read(self) -> Label:
        """What stands on the label and the invoice."""
        said = {**self.cleaned_data}
        for name in ("count", "request_id"):
            said.pop(name)
        strength, nominal = said.pop("mg_per_ml"), said.pop("nominal_ml")
        return Label(
            **said, schedule=self.schedule, ug_per_ml=int(strength * 1000), nominal_ul=ledger.ul(nominal)
        )


# ── a session ─────────────────────────────────────────────────────────────────────────────────────────────


class Drawing(Posted):
    """Which vial, and how much if not what the order makes."""

    vial = forms.ChoiceField(label="From which vial?", widget=forms.RadioSelect)
    volume_ml = millilitres(
        "Another volume", required=False, help_text="Leave empty to draw what stands beside the vial."
    )

    def __init__(self, *args: object, vials: Iterable[tuple[UUID, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(key), words) for key, words in vials]
        self.fields["vial"].choices = choices  # type: ignore[attr-defined]
        if choices:
            self.initial.setdefault("vial", choices[0][0])


class LateDrawing(Signed):
    """A draw that was not written down when it was drawn: from which vial, how much, when, why, and who signs with it."""

    signers = ("witness",)
    titles: Mapping[str, str] = {"witness": "A second person: a nurse or a prescriber"}
    vial = forms.ChoiceField(label="From which vial was it drawn?", widget=forms.RadioSelect)
    volume_ml = millilitres(
        "How much was drawn up", required=False, help_text="Leave empty for what stands beside the vial."
    )
    at = forms.DateTimeField(
        label="When it was drawn up",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": "Write the day and the time.", "invalid": "Write the day and the time."},
    )
    reason = _words("Why it was not written down at once")

    def __init__(self, *args: object, vials: Iterable[tuple[UUID, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["vial"].choices = [(str(key), words) for key, words in vials]  # type: ignore[attr-defined]


class Settling(Signed):
    """A syringe accounted for: given, wasted before a witness, dead space."""

    signers = ("witness",)
    titles: Mapping[str, str] = {"witness": "Witness, when something is wasted"}
    must_sign = False
    syringe = forms.UUIDField(widget=forms.HiddenInput)
    given_ml = millilitres("Given", help_text="If the infusion was stopped early: what was really given.")
    administration = forms.ChoiceField(label="The charted dose it belongs to", required=False)
    wasted_ml = millilitres("Wasted", required=False)
    dead_ml = millilitres("Dead space", required=False)
    reason = _words("Why", required=False)

    def __init__(self, *args: object, doses: Sequence[tuple[UUID, str]], law: Duties, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = in_words_of(law, WASTED_WHY)
        self.fields["administration"].choices = [("", "none yet"), *((str(k), w) for k, w in doses)]  # type: ignore[attr-defined]
        if doses:
            self.initial.setdefault("administration", str(doses[0][0]))
        if not law.dead_space_ul.value:
            del self.fields["dead_ml"]

    def needs(self, name: str, cleaned: Mapping[str, object]) -> bool:
        return bool(cleaned.get("wasted_ml"))

    def ul(self, name: str) -> int:
        """A typed volume in µL; nought where nothing was typed."""
        return ledger.ul(self.cleaned_data.get(name) or Decimal(0))


# ── counting everything, and what did not agree ───────────────────────────────────────────────────────────


class Counting(Signed):
    """Every vial on hand, seen by two; the ledger's own figure is not shown while they count."""

    signers = ("witness",)
    titles: Mapping[str, str] = {"witness": "Who counted with you"}
    business = forms.ChoiceField(
        label="Taken at", choices=Inventory.Business.choices, widget=forms.RadioSelect, initial="open"
    )

    def __init__(self, *args: object, vials: Sequence[VialEvent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.vials = vials
        for line in vials:
            key = str(line.vial_id)
            self.fields[f"seen {key}"] = millilitres(f"Seen in {line.vial.code}", required=line.is_open)
            if line.is_open:
                self.fields[f"estimate {key}"] = forms.BooleanField(label="estimated", required=False)
            else:
                self.fields[f"sealed {key}"] = forms.BooleanField(
                    label="here, sealed and full", required=False
                )

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        for line in self.vials:
            key = str(line.vial_id)
            if not line.is_open and not cleaned.get(f"sealed {key}") and cleaned.get(f"seen {key}") is None:
                self.add_error(
                    f"seen {key}", "Tick it as sealed, or write what was seen; 0 if it is not there."
                )
        return cleaned

    def rows(self) -> list[tuple[VialEvent, forms.BoundField, forms.BoundField]]:
        """Each vial with its two questions."""
        return [
            (
                line,
                self[f"seen {line.vial_id}"],
                self[f"{'estimate' if line.is_open else 'sealed'} {line.vial_id}"],
            )
            for line in self.vials
        ]

    def head(self) -> list[forms.BoundField]:
        """The question about the time of day."""
        return [self["business"]]

    def counts(self) -> dict[UUID, Seen]:
        """What was seen of each vial."""
        said, found = self.cleaned_data, {}
        for line in self.vials:
            typed = said.get(f"seen {line.vial_id}")
            seen_ul = line.vial.nominal_ul if typed is None else ledger.ul(typed)
            found[line.vial_id] = Seen(seen_ul, bool(said.get(f"estimate {line.vial_id}")))
        return found


class Ending(Posted):
    """How a discrepancy ended."""

    how = forms.ChoiceField(
        label="How it ended", choices=DiscrepancyResolved.How.choices, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label="What was found", max_length=settings.LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 4})
    )


class Between(forms.Form):
    """Which days an export is about."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            raise forms.ValidationError("The first day lies after the last.")
        return cleaned
