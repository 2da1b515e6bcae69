"""What the record answers of a safety programme's form, by the names that a form's `from` may use.

Pure. It suggests and never judges: where it does not know, it says nothing. What it says stands with where it is from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

YES, NO = "yes", "no"

# Ours, to confirm: how far from the 40th minute a pressure may lie and still be the one "at about 40 minutes".
AROUND_40 = (timedelta(minutes=30), timedelta(minutes=50))
AT_40 = timedelta(minutes=40)
AWAKE = Decimal(5)
"""MOAA/S of somebody who responds readily to their name (clinical reference 2.3)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One value at a time; a pressure is "128/80"."""

    at: datetime
    value: Decimal | str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record knows of one session. None, or empty: not known. `spo2_values`: from the dose to the end."""

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    full_name: str = ""
    born_on: date | None = None
    is_first_treatment: bool | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    dose_mg: Decimal | None = None
    lots: tuple[str, ...] = ()
    pressures: Sequence[Measured] = ()
    spo2_values: int = 0
    sedation: Sequence[Measured] = ()
    dissociation: Sequence[Measured] = ()
    serious_events: int = 0
    medicines: Mapping[str, tuple[Any, datetime]] = field(default_factory=dict)
    clinician_name: str = ""
    setting_name: str = ""
    carried: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prefilled:
    """What the record answers, and where it stands."""

    value: str
    where: str


def prefill(facts: Facts) -> dict[str, Prefilled]:
    """Everything the record answers, by the names that `from` may use; what it does not know is absent."""
    found = dict(
        (*_names(facts), *_treatment(facts), *_medicines(facts), *_pressures(facts), *_oximetry(facts),
         *_told("sedation", _sedated(facts), facts), *_told("dissociation", _apart(facts), facts),
         *_others(facts))
    )  # fmt: skip
    return {name: one for name, one in found.items() if one.value}


Found = Iterator[tuple[str, Prefilled]]


def _names(facts: Facts) -> Found:
    """A full name taken apart at its spaces: a guess that a person reads."""
    parts, where = facts.full_name.split(), "From the contact details; check how the name is parted"
    if parts:
        yield "first_name", Prefilled(parts[0], where)
        yield "last_name", Prefilled(parts[-1] if len(parts) > 1 else "", where)
        yield "middle_initial", Prefilled(parts[1][0] if len(parts) > 2 else "", where)
    if facts.born_on:
        yield "born_on", Prefilled(facts.born_on.isoformat(), "From the contact details")


def _treatment(facts: Facts) -> Found:
    start, end = facts.started_at, facts.ended_at
    if facts.is_first_treatment is not None:
        words = YES if facts.is_first_treatment else NO
        yield "is_first_treatment", Prefilled(words, "From the sessions on record here; not those elsewhere")
    if start:
        yield "treated_on", Prefilled(start.astimezone(facts.zone).date().isoformat(), "From the chart")
    if start and end:
        minutes = int((end - start).total_seconds() // 60)
        yield (
            "minutes_monitored",
            Prefilled(str(minutes), "From the first dose to the signed end, on the chart"),
        )
    if facts.dose_mg is not None:
        dose = f"{facts.dose_mg.normalize():f}"
        is_other = dose not in ("56", "84")
        yield "dose", Prefilled("other" if is_other else f"{dose} mg", "From the chart: what was given")
        yield "dose_other", Prefilled(dose if is_other else "", "From the chart: what was given")
    yield "lots", Prefilled(", ".join(facts.lots), "From the ledger of vials")


def _medicines(facts: Facts) -> Found:
    """The work-up's own questions, where they are the same; "opioids or depressants" answers only with a no."""
    names = {"psychostimulants": "psychostimulants", "maoi": "maoi", "opioids": "opioids_or_depressants"}
    said: dict[str, tuple[bool, datetime]] = {}
    for name, code in names.items():
        if code in facts.medicines and isinstance(facts.medicines[code][0], bool):
            said[name] = facts.medicines[code]
    dose = facts.medicines.get("lorazepam_equivalent_mg_per_day")
    if dose and dose[0] is not None and not isinstance(dose[0], bool):
        said["benzodiazepines"] = Decimal(str(dose[0])) > 0, dose[1]
    for name, (takes, at) in said.items():
        if not (name == "opioids" and takes):
            where = f"From the work-up of {_day(at, facts)}; ask again"
            yield name, Prefilled(YES if takes else NO, where)


def _pressures(facts: Facts) -> Found:
    start, end = facts.started_at, facts.ended_at
    if start is None:
        return
    before = [one for one in facts.pressures if one.at <= start]
    after = [one for one in facts.pressures if start < one.at and (end is None or one.at <= end)]
    low, high = AROUND_40
    middle = [one for one in after if low <= one.at - start <= high]
    chosen = {"before": before[-1] if before else None,
              "40": min(middle, key=lambda one: abs(one.at - start - AT_40)) if middle else None,
              "after": after[-1] if after and end else None}  # fmt: skip
    if chosen["after"] is chosen["40"]:
        chosen["after"] = None
    for name, one in chosen.items():
        if one is not None:
            minute = int((one.at - start).total_seconds() // 60)
            words = (
                f"From the chart, minute {minute}"
                if minute > 0
                else "From the chart, the last before the dose"
            )
            yield f"pressure_{name}", Prefilled(str(one.value), words)
            yield f"pressure_{name}_at", Prefilled(_clock(one.at, facts), words)


def _oximetry(facts: Facts) -> Found:
    words, count = "From the chart: values from the dose to the end", facts.spo2_values
    yield "oximetry_recorded", Prefilled(YES if count else "", words)
    yield "oximetry_checks", Prefilled(str(count) if count else "", words)


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether something was charted after the dose, when first, and from when it was charted as over."""

    was_charted: bool
    began_at: datetime | None = None
    ended_at: datetime | None = None


def _sedated(facts: Facts) -> Effect:
    return effect([(one.at, Decimal(one.value) < AWAKE) for one in facts.sedation], facts.started_at)


def _apart(facts: Facts) -> Effect:
    return effect([(one.at, Decimal(one.value) > 0) for one in facts.dissociation], facts.started_at)


def effect(charted: Sequence[tuple[datetime, bool]], started_at: datetime | None) -> Effect:
    """What times and their yes or no say: the first yes after the dose, and the first no after the last yes."""
    after = sorted(one for one in charted if started_at and one[0] > started_at)
    yes = [at for at, is_so in after if is_so]
    if not yes:
        return Effect(bool(after))
    return Effect(True, yes[0], next((at for at, is_so in after if at > yes[-1] and not is_so), None))


def _told(name: str, found: Effect, facts: Facts) -> Found:
    where = "The chart suggests"
    if found.was_charted:
        yield name, Prefilled(YES if found.began_at else NO, where)
    if found.began_at:
        yield f"{name}_began_at", Prefilled(_clock(found.began_at, facts), where)
    if found.ended_at:
        yield f"{name}_ended_at", Prefilled(_clock(found.ended_at, facts), where)


def _others(facts: Facts) -> Found:
    words = "An adverse event of this session is marked as serious"
    yield "serious_event", Prefilled(YES if facts.serious_events else "", words)
    yield "clinician_name", Prefilled(facts.clinician_name, "Who signed the order")
    yield "setting_name", Prefilled(facts.setting_name, "The name of this clinic")


ANSWERED: Final = frozenset(
    {"first_name", "middle_initial", "last_name", "born_on", "is_first_treatment", "treated_on", "dose", "dose_other",
     "lots", "minutes_monitored", "benzodiazepines", "opioids", "psychostimulants", "maoi", "oximetry_recorded",
     "oximetry_checks", "serious_event", "clinician_name", "setting_name"}
    | {f"pressure_{name}{end}" for name in ("before", "40", "after") for end in ("", "_at")}
    | {f"{name}{end}" for name in ("sedation", "dissociation") for end in ("", "_began_at", "_ended_at")}
)  # fmt: skip
"""What the record can answer."""


def _clock(at: datetime, facts: Facts) -> str:
    return f"{at.astimezone(facts.zone):%H:%M}"


def _day(at: datetime, facts: Facts) -> str:
    local = at.astimezone(facts.zone)
    return f"{local.day} {local:%b %Y}"
