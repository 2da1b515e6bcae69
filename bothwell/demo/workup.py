"""The facts of one invented work-up: mostly unremarkable, renewed where the protocol asks for new ones.

It judges none of them; the real rules do, when a page is opened.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bothwell.demo.people import Partner
from bothwell.demo.place import DAY, Place
from bothwell.models import MedicalFact, Person
from bothwell.pathway.facts import FACTS, Answer

Values = dict[str, bool | str]

REFRESHED = (
    "systolic_mmhg", "diastolic_mmhg", "weight_kg", "acute_suicide_risk", "lorazepam_equivalent_mg_per_day",
    "opioids_or_depressants", "psychostimulants", "maoi", "cyp_inhibitors", "effect_modifiers", "breastfeeding",
    "pregnant",
)  # fmt: skip
"""What the protocol does not believe for longer than a month."""
BY_THE_NURSE = ("systolic_mmhg", "diastolic_mmhg", "weight_kg", "bmi")
RENEWED_DAYS_AGO = 6
HALF_DONE = 19
"""So many of the questions are answered where the evaluation has only begun."""
HIGH = "ewa"
HIGH_VALUES: Values = {"systolic_mmhg": "152", "diastolic_mmhg": "94", "arrhythmia": True}


def work_up(
    place: Place,
    partner: Partner,
    person: Person,
    prescriber: Person,
    nurse: Person,
    weight_kg: Decimal,
    since: datetime,
    *,
    is_half_done: bool,
    is_renewed: bool,
) -> None:
    """What was asked and found, and what was asked again last week."""

    def keep(at: datetime, values: Values, source: str) -> None:
        for code, value in values.items():
            place.sheaf.add(
                MedicalFact, partner.key, code, at.isoformat(), subject=person, recorded_at=at, code=code, value=value,
                author=nurse if code in BY_THE_NURSE else prescriber, source=source, observed_at=at,
            )  # fmt: skip
        place.sheaf.log(at, "recorded facts", prescriber.id, subject_id=person.id, item_kind="medical",
                        why=", ".join(sorted(values))[:300])  # fmt: skip

    at, answers = since + 6 * DAY, _answers(place, partner, weight_kg)
    if is_half_done:
        # The pressure is above the line once: there is something to see and to do.
        answers = dict(list(answers.items())[:HALF_DONE]) | {"systolic_mmhg": "148", "diastolic_mmhg": "92"}
    keep(at, answers, "interview and visit")
    recent = place.at(RENEWED_DAYS_AGO, 10)
    if is_renewed and recent > at + 10 * DAY:
        keep(recent, {code: answers[code] for code in REFRESHED if code in answers}, "visit")
    if partner.key == HIGH:
        keep(place.at(4, 11), HIGH_VALUES, "visit")


def _answers(place: Place, partner: Partner, weight_kg: Decimal) -> Values:
    draw = place.sheaf.draw("facts", partner.key)
    numbers = {
        "systolic_mmhg": str(draw.randint(112, 134)),
        "diastolic_mmhg": str(draw.randint(68, 84)),
        "weight_kg": str(weight_kg),
        "bmi": str(draw.randint(20, 29)),
        "asa_class": str(draw.choice((1, 2, 2))),
        "lorazepam_equivalent_mg_per_day": draw.choice(("0", "0", "0", "0.5")),
    }
    found: Values = {}
    for spec in FACTS:
        if not spec.only_if or partner.may_be_pregnant:
            found[spec.code] = numbers[spec.code] if spec.answer is Answer.NUMBER else False
    found["pregnancy_possible"] = partner.may_be_pregnant
    found["effect_modifiers"] = draw.random() < 0.3
    return found
