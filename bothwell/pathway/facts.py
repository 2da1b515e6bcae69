"""The questions of the medical work-up and what a yes to each of them means, as data a clinician can review.

It judges nobody: eligibility weighs the answers. Violence and coercion screening is left out on purpose; it
is sealed elsewhere and leaves no trace here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bothwell.decision import Decision
from bothwell.pathway.schema import Status

Value = bool | Decimal | str | None


class Severity(StrEnum):
    """What a finding means for going on."""

    ABSOLUTE = "absolute"
    HOLD = "hold"
    CAUTION = "caution"
    CLEAR = "clear"
    MISSING = "missing"


class Answer(StrEnum):
    """How a fact is answered on the form."""

    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded answer with its evidence. `value` None: asked, not known. Corrected facts are left out.

    `recorded_by`: the name it was signed with; `recorder`: which person that is. `recorded_at`: none where it was recorded as
    it was observed.
    """

    code: str
    value: Value
    recorded_by: str
    observed_at: datetime
    note: str = ""
    recorded_at: datetime | None = None
    recorder: str = ""

    @property
    def known_at(self) -> datetime:
        """From when on somebody could know of it here: recorded later, it was not known before."""
        return max(self.observed_at, self.recorded_at or self.observed_at)


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One question of the work-up, from which its form is made.

    `only_if` names a yes/no fact: the question is asked unless that one is answered no.
    `lifetime` marks what cannot become untrue: a newer no never settles an older yes.
    `least` and `most`: what a number can be at all, both included; beyond, a finger slipped. Wide on purpose, and ours.
    """

    code: str
    title: str
    question: str
    answer: Answer = Answer.YES_NO
    unit: str = ""
    only_if: str = ""
    lifetime: bool = False
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What a yes to a fact means."""

    code: str
    kind: Severity
    reason: str
    source: str
    citation: str
    status: Status


_N = Answer.NUMBER

FACTS: tuple[FactSpec, ...] = (
    FactSpec("systolic_mmhg", "Blood pressure at rest", "Systolic pressure, sitting, after rest", _N, "mmHg",
             least=30, most=300),
    FactSpec("diastolic_mmhg", "Blood pressure at rest", "Diastolic pressure, same reading", _N, "mmHg",
             least=10, most=220),
    FactSpec("weight_kg", "Weight", "Weight today", _N, "kg", least=20, most=400),
    FactSpec("bmi", "Body mass index", "Body mass index", _N, "kg/m²", least=8, most=120),
    FactSpec("asa_class", "ASA class", "ASA physical status class, 1 to 5", _N, "", least=1, most=5),
    FactSpec("aneurysm_or_avm", "Aneurysm, AV malformation",
             "Aneurysmal vascular disease (aorta, intracranial, peripheral) or arteriovenous malformation?",
             lifetime=True),
    FactSpec("intracerebral_haemorrhage", "Intracerebral haemorrhage", "Ever a bleed in the brain?",
             lifetime=True),
    FactSpec("hypersensitivity", "Hypersensitivity", "Ever allergic to ketamine, esketamine or an excipient?",
             lifetime=True),
    FactSpec("psychosis_or_mania", "Psychosis, mania", "Active or unstable psychosis, or mania?"),
    FactSpec("acute_suicide_risk", "Acute suicide risk",
             "Acute suicide risk, in your judgement after asking?"),
    FactSpec("pregnancy_possible", "Pregnancy possible", "Could this person be or become pregnant?"),
    FactSpec("pregnant", "Pregnancy", "Pregnancy test positive, or pregnant?", only_if="pregnancy_possible"),
    FactSpec("breastfeeding", "Breastfeeding", "Breastfeeding?", only_if="pregnancy_possible"),
    FactSpec("uncontrolled_hypertension", "Uncontrolled hypertension",
             "Hypertension that is not controlled?"),
    FactSpec("arrhythmia", "Arrhythmia", "Arrhythmia, in history or on the ECG?"),
    FactSpec("unstable_cardiac_or_cerebrovascular", "Heart and vessels of the brain",
             "Unstable cardiac or cerebrovascular disease?"),
    FactSpec("recent_myocardial_infarction", "Recent myocardial infarction",
             "A recent myocardial infarction?"),
    FactSpec("severe_hepatic_impairment", "Liver", "Severe hepatic impairment (Child-Pugh C)?"),
    FactSpec("lorazepam_equivalent_mg_per_day", "Benzodiazepines",
             "Benzodiazepines a day, as lorazepam equivalent; 0 if none", _N, "mg/day", most=100),
    FactSpec("opioids_or_depressants", "Opioids, other depressants", "Opioids or other CNS depressants?"),
    FactSpec("psychostimulants", "Psychostimulants", "Psychostimulants?"),
    FactSpec("maoi", "MAO inhibitor", "A monoamine oxidase inhibitor?"),
    FactSpec("cyp_inhibitors", "CYP3A4 or CYP2B6 inhibitor", "A CYP3A4 or CYP2B6 inhibitor?"),
    FactSpec("effect_modifiers", "Effect modifiers", "Lamotrigine, naltrexone or clonidine?"),
    FactSpec("raised_intracranial_pressure", "Intracranial pressure", "Raised intracranial pressure?"),
    FactSpec("raised_intraocular_pressure", "Intraocular pressure", "Raised intraocular pressure?"),
    FactSpec("porphyria", "Porphyria", "Porphyria?", lifetime=True),
    FactSpec("uncontrolled_hyperthyroidism", "Thyroid", "Hyperthyroidism that is not controlled?"),
    FactSpec("severe_untreated_sleep_apnoea", "Sleep apnoea", "Severe sleep apnoea without treatment?"),
    FactSpec("cystitis", "Bladder", "Cystitis or unexplained urinary symptoms?"),
    FactSpec("ketamine_or_pcp_misuse", "Ketamine or PCP misuse", "Misuse of ketamine or PCP, ever?"),
    FactSpec("active_substance_use_disorder", "Substance use", "An active substance use disorder?"),
)  # fmt: skip
"""Every question of the work-up, in the order of the form."""

SPECS: dict[str, FactSpec] = {spec.code: spec for spec in FACTS}


def can_be(code: str, value: Decimal) -> Decision:
    """Whether this number can be the answer to this question at all; a refusal says what can."""
    spec = SPECS[code]
    if value.is_finite() and spec.least <= value and (spec.most is None or value <= spec.most):
        return Decision.yes(f"{spec.title}: a number that can be.")
    return Decision.no(
        f"“{spec.question}” can only be {spec.least} to {spec.most} {spec.unit}".rstrip()
        + ". Check the number and the unit."
    )


_LABEL = ("Esketamine label", "oncologynurseadvisor.com/drug/spravato", Status.PUBLISHED)
_TRIAL = ("Trial exclusion", "PMC10812090", Status.PUBLISHED)
_FORM = ("Esketamine safety programme (SPRAVATO REMS), patient monitoring form of November 2021",
         "as reproduced by a library of manuals, manualspro.net", Status.PUBLISHED)  # fmt: skip
_FIELD = ("Field practice", "no published source read", Status.DEFAULT)
_H, _C = Severity.HOLD, Severity.CAUTION

RULES: tuple[Rule, ...] = (
    Rule("aneurysm_or_avm", Severity.ABSOLUTE, "A rise in blood pressure could rupture the vessel.", *_LABEL),
    Rule("intracerebral_haemorrhage", Severity.ABSOLUTE,
         "A rise in blood pressure could cause another bleed.", *_LABEL),
    Rule("hypersensitivity", Severity.ABSOLUTE, "The drug or its excipients could cause a severe reaction.",
         *_LABEL),
    Rule("severe_hepatic_impairment", _H, "Not recommended in severe hepatic impairment.", *_LABEL),
    Rule("psychosis_or_mania", _H, "Ketamine can worsen psychosis or mania; trials exclude it.", *_TRIAL),
    Rule("pregnant", _H, "Trials exclude pregnancy.", *_TRIAL),
    Rule("breastfeeding", _H, "Trials exclude breastfeeding.", *_TRIAL),
    Rule("uncontrolled_hypertension", _H, "Ketamine raises blood pressure; trials exclude it.", *_TRIAL),
    Rule("arrhythmia", _H, "Trials exclude it; ask cardiology.", *_TRIAL),
    Rule("unstable_cardiac_or_cerebrovascular", _H, "Trials exclude it; ask cardiology.", *_TRIAL),
    Rule("recent_myocardial_infarction", _H, "Ketamine adds load to the heart; ask cardiology.", *_FIELD),
    Rule("acute_suicide_risk", _H, "Acute risk is answered first, with a safety plan and in person.",
         "Evaluation of suicidality before treatment, Sanacora 2017", "JAMA Psychiatry 2017",
         Status.DEFAULT),
    Rule("opioids_or_depressants", _C, "Adds to sedation and respiratory depression.",
         "Esketamine label, boxed warning", "spravatohcp.com", Status.PUBLISHED),
    Rule("psychostimulants", _C, "May add to the rise in blood pressure.", *_FORM),
    Rule("maoi", _C, "May add to the rise in blood pressure.", *_FORM),
    Rule("cyp_inhibitors", _C, "May raise exposure to ketamine.", "Li 2015", "Li 2015", Status.PUBLISHED),
    Rule("effect_modifiers", _C, "May change the effect; recorded so that it is known.", *_FIELD),
    Rule("raised_intracranial_pressure", _C, "Pressure may rise further.", *_FIELD),
    Rule("raised_intraocular_pressure", _C, "Pressure may rise further.", *_FIELD),
    Rule("porphyria", _C, "An attack may be set off.", *_FIELD),
    Rule("uncontrolled_hyperthyroidism", _C, "Heart rate and blood pressure may rise more.", *_FIELD),
    Rule("severe_untreated_sleep_apnoea", _C, "Sedation may obstruct the airway.", *_FIELD),
    Rule("cystitis", _C, "Repeated ketamine can harm the bladder.", *_FIELD),
    Rule("ketamine_or_pcp_misuse", _C, "Repeated dosing may feed misuse.", *_FIELD),
    Rule("active_substance_use_disorder", _C, "Repeated dosing may feed misuse.", *_FIELD),
)  # fmt: skip
"""What a yes means. A fact without a rule here is weighed by a number, or only has to be known."""
