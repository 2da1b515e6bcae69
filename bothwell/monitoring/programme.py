"""The form a drug's safety programme asks for after a session: its questions, what the record answers, what is missing.

Pure. It sends nothing, judges nothing and signs nothing; what is asked, and by which source, lies in `programmes/`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from bothwell.monitoring.vitals import bounds

SHIPPED: Final = Path(__file__).parent / "programmes"
PUBLISHED: Final = "published"
LONGEST: Final = 200
YES, NO = "yes", "no"

# Ours, to confirm: how far from the 40th minute a pressure may lie and still be the one "at about 40 minutes".
AROUND_40 = (timedelta(minutes=30), timedelta(minutes=50))
AT_40 = timedelta(minutes=40)
AWAKE = Decimal(5)
"""MOAA/S of somebody who responds readily to their name (clinical reference 2.3)."""


class Type(StrEnum):
    """How a field is answered. All answers are kept as text; `read` says which text."""

    BOOL = "bool"
    CHOICE = "choice"
    INT = "int"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    BP = "bp"


class Fault(ValueError):
    """A file that is no form: one sentence that says where."""


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form, with its source. `when`: (another field, the answer that makes this one asked)."""

    key: str
    label: str
    type: Type
    source: str
    is_sourced: bool
    is_required: bool = True
    prefill: str = ""
    is_suggested: bool = False
    is_carried: bool = False
    choices: tuple[str, ...] = ()
    unit: str = ""
    help: str = ""
    when: tuple[str, str] | None = None
    least: int = 0
    most: int = 100_000
    longest: int = LONGEST


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading."""

    key: str
    title: str
    words: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One version of one programme's form."""

    id: str
    title: str
    version: str
    newest_from: date
    route: str
    source: str
    to_confirm: str
    send: str
    send_source: str
    due_days: int
    due_source: str
    sections: tuple[Section, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(one for section in self.sections for one in section.fields)

    def due_at(self, ended_at: datetime) -> datetime:
        """When the form must have been sent, reckoned from the end of the session."""
        return ended_at + timedelta(days=self.due_days)


# ── reading the files ─────────────────────────────────────────────────────────────────────────────────────


def parse(text: str) -> Form:
    """A form from its TOML. Raises Fault with a sentence when something is missing or unknown."""
    try:
        raw = tomllib.loads(text)
        form = Form(
            **{name: raw[name] for name in ("id", "title", "version", "newest_from", "route", "source")},
            **{name: raw[name] for name in ("to_confirm", "send", "send_source")},
            due_days=int(raw["due_days"]["value"]),
            due_source=raw["due_days"]["source"],
            sections=tuple(_section(each) for each in raw["sections"]),
        )
    except tomllib.TOMLDecodeError as fault:
        raise Fault(f"This is not TOML: {fault}.") from fault
    except KeyError as missing:
        raise Fault(f"A form needs {missing.args[0]!r}.") from missing
    _agree(form)
    return form


def _section(raw: Mapping[str, Any]) -> Section:
    return Section(
        raw["key"], raw["title"], raw.get("words", ""), tuple(_field(each, raw) for each in raw["fields"])
    )


def _field(raw: Mapping[str, Any], section: Mapping[str, Any]) -> Field:
    if raw["type"] not in set(Type):
        raise Fault(f"{raw['key']}: there is no type {raw['type']!r}.")
    other, is_at, answer = raw.get("when", "").partition("=")
    return Field(
        key=raw["key"],
        label=raw["label"],
        type=Type(raw["type"]),
        source=raw.get("source", section["source"]),
        is_sourced=raw.get("status", section["status"]) == PUBLISHED,
        is_required=raw.get("required", True),
        prefill=raw.get("from", ""),
        is_suggested=raw.get("confirm", False),
        is_carried=raw.get("carried", False),
        choices=tuple(raw.get("choices", ())),
        unit=raw.get("unit", ""),
        help=raw.get("help", ""),
        when=(other, answer) if is_at else None,
        **{name: raw[name] for name in ("least", "most", "longest") if name in raw},
    )


def _agree(form: Form) -> None:
    known: set[str] = set()
    for one in form.fields:
        if one.key in known:
            raise Fault(f"{one.key} is asked twice.")
        if one.when and one.when[0] not in known:
            raise Fault(f"{one.key} depends on {one.when[0]}, which is not asked before it.")
        if one.prefill and one.prefill not in ANSWERED:
            raise Fault(f"{one.key}: the record has no {one.prefill!r}.")
        if (one.type is Type.CHOICE) != bool(one.choices):
            raise Fault(f"{one.key}: a choice, and only a choice, has choices.")
        known.add(one.key)


@cache
def shipped() -> Mapping[str, Form]:
    """Every form by its id, the newest first."""
    forms = [parse(path.read_text("utf-8")) for path in sorted(SHIPPED.glob("*.toml"))]
    forms.sort(key=lambda form: (form.newest_from, form.id), reverse=True)
    return MappingProxyType({form.id: form for form in forms})


def for_route(route: str) -> list[Form]:
    """The forms asked for after a dose by this route, the newest first; none for most routes."""
    return [form for form in shipped().values() if form.route == route]


# ── what the record answers ───────────────────────────────────────────────────────────────────────────────


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
         *_course("sedation", _sedated(facts), facts), *_course("dissociation", _apart(facts), facts),
         *_others(facts))
    )  # fmt: skip
    return {name: one for name, one in found.items() if one.value}


def answered(form: Form, facts: Facts) -> dict[str, Prefilled]:
    """What the record answers of this form, by field; suggestions too."""
    known = prefill(facts)
    found = {one.key: known[one.prefill] for one in form.fields if one.prefill in known}
    for one in form.fields:
        if one.is_carried and one.key not in found and (kept := facts.carried.get(one.key)):
            found[one.key] = Prefilled(kept, "From the newest signed form")
    return found


def begin(form: Form, facts: Facts) -> dict[str, str]:
    """The answers a new draft begins with: nothing that a person must judge."""
    known = answered(form, facts)
    return {one.key: known[one.key].value for one in form.fields if one.key in known and not one.is_suggested}


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
class Course:
    """Whether something was charted after the dose, when first, and from when it was charted as over."""

    was_charted: bool
    began_at: datetime | None = None
    ended_at: datetime | None = None


def _sedated(facts: Facts) -> Course:
    return course([(one.at, Decimal(one.value) < AWAKE) for one in facts.sedation], facts.started_at)


def _apart(facts: Facts) -> Course:
    return course([(one.at, Decimal(one.value) > 0) for one in facts.dissociation], facts.started_at)


def course(charted: Sequence[tuple[datetime, bool]], started_at: datetime | None) -> Course:
    """What times and their yes or no say: the first yes after the dose, and the first no after the last yes."""
    after = sorted(one for one in charted if started_at and one[0] > started_at)
    yes = [at for at, is_so in after if is_so]
    if not yes:
        return Course(bool(after))
    return Course(True, yes[0], next((at for at, is_so in after if at > yes[-1] and not is_so), None))


def _course(name: str, found: Course, facts: Facts) -> Found:
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


# ── what somebody typed ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Read:
    """One typed answer as it is kept; or, with a `trouble`, why it cannot be."""

    value: str
    trouble: str = ""


def read(one: Field, typed: str) -> Read:
    """One answer as it is kept: yes, no, 128/80, 14:05, 2026-11-22; empty stays empty."""
    said = " ".join(typed.split())
    if not said:
        return Read("")
    match one.type:
        case Type.BOOL:
            return Read(said) if said in (YES, NO) else Read("", "Answer yes or no.")
        case Type.CHOICE:
            return Read(said) if said in one.choices else Read("", "Choose one of these.")
        case Type.INT:
            return _whole(one, said)
        case Type.DATE:
            return _date(said)
        case Type.TIME:
            return _time(said)
        case Type.BP:
            return _pressure(said)
    if len(said) > one.longest:
        return Read("", f"This holds up to {one.longest} characters.")
    return Read(said)


def _whole(one: Field, said: str) -> Read:
    if re.fullmatch(r"[0-9]{1,6}", said) and one.least <= int(said) <= one.most:
        return Read(str(int(said)))
    return Read("", f"Write a whole number from {one.least} to {one.most}.")


def _date(said: str) -> Read:
    try:
        return Read(date.fromisoformat(said).isoformat())
    except ValueError:
        return Read("", "Write the day as year, month, day, for example 1984-05-31.")


def _time(said: str) -> Read:
    if found := re.fullmatch(r"([0-9]{1,2})[:.]?([0-9]{2})(?::[0-9]{2})?", said):
        hour, minute = int(found[1]), int(found[2])
        if hour < 24 and minute < 60:
            return Read(f"{time(hour, minute):%H:%M}")
    return Read("", "Write the time as hours and minutes, for example 14:05.")


def _pressure(said: str) -> Read:
    found = re.fullmatch(r"([0-9]{1,3}) ?/ ?([0-9]{1,3})", said)
    if not found:
        return Read("", "Write both numbers, for example 128/80.")
    systolic, diastolic = int(found[1]), int(found[2])
    for code, value in (("systolic", systolic), ("diastolic", diastolic)):
        span = bounds(code)
        if span is None or not span[0] <= value <= span[1]:
            return Read("", "Such a pressure cannot be. Check both numbers.")
    if diastolic >= systolic:
        return Read("", "The first number must be the higher one.")
    return Read(f"{systolic}/{diastolic}")


# ── what is missing, and how long there is ────────────────────────────────────────────────────────────────


def is_asked(one: Field, answers: Mapping[str, str]) -> bool:
    """Whether this field is asked, by what was answered so far."""
    return one.when is None or answers.get(one.when[0]) == one.when[1]


def missing(form: Form, answers: Mapping[str, str]) -> list[Field]:
    """The fields that are asked, must be answered and are not, in their order."""
    return [
        one for one in form.fields if one.is_required and is_asked(one, answers) and not answers.get(one.key)
    ]


def settled(form: Form, answers: Mapping[str, str]) -> dict[str, str]:
    """The answers of this form that count: those to a question that is not asked are left out."""
    return {one.key: answers[one.key] for one in form.fields if one.key in answers and is_asked(one, answers)}


def left(due_at: datetime, now: datetime) -> str:
    """How long there is until a form is due, in words."""
    seconds = (due_at - now).total_seconds()
    days, hours = int(abs(seconds) // 86_400), int(abs(seconds) // 3_600)
    if days >= 1:
        span = "1 day" if days == 1 else f"{days} days"
    else:
        span = "less than an hour" if hours < 1 else "1 hour" if hours == 1 else f"{hours} hours"
    return f"{span} left" if seconds >= 0 else f"{span} late"
