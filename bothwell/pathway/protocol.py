"""Reads a clinic's treatment protocol from its file and names every fault in it by file, line and field.

It never chooses or repairs a dose or a limit: a file with one fault gives no protocol at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from bothwell.pathway.battery import contradictory_waves
from bothwell.pathway.protocol_fields import groups
from bothwell.pathway.schema import (
    Check,
    Content,
    DischargeRule,
    DoseRange,
    Flag,
    HoldPressure,
    Limits,
    Number,
    Protocol,
    Quantity,
    Route,
    RoutePlan,
    Stage,
    Status,
    Sustained,
    due_minutes,
)

__all__ = [
    "SHIPPED",
    "Check",
    "DischargeRule",
    "DoseRange",
    "Flag",
    "HoldPressure",
    "Limits",
    "Number",
    "Problem",
    "Protocol",
    "ProtocolInvalid",
    "Quantity",
    "Reading",
    "Route",
    "RoutePlan",
    "Stage",
    "Status",
    "Sustained",
    "due_minutes",
    "load",
    "read",
    "shipped",
]

SHIPPED = Path(__file__).parent / "protocols"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a protocol file: which file, which line, which field, and what is wrong."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field or 'file'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a file gave: a protocol, or every fault found in it at once."""

    protocol: Protocol | None
    problems: tuple[Problem, ...]


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    """The fields of a dataclass and what belongs in each: the same however many tables are read into it."""
    return get_type_hints(kind)


class ProtocolInvalid(ValueError):
    """A protocol file has faults; the text lists all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load(path: Path) -> Protocol:
    """The protocol in this file. Raises ProtocolInvalid naming every fault with file, line and field."""
    reading = read(path.read_text(encoding="utf-8"), path.name)
    if reading.protocol is None:
        raise ProtocolInvalid(reading.problems)
    return reading.protocol


def shipped() -> tuple[Path, ...]:
    """The protocol files that come with Bothwell, by name."""
    return tuple(sorted(SHIPPED.glob("*.toml")))


def read(text: str, file: str) -> Reading:
    """The protocol in this text, or all of its faults. `file` is only the name that the faults carry."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as fault:
        at = re.search(r"line (\d+)", str(fault))
        line = int(at.group(1)) if at else text.count("\n") + 1
        return Reading(None, (Problem(file, line, "", f"this is not TOML: {fault}"),))
    reader = _Reader(file, lines_of(text))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    content = reader.table(Content, raw, "")
    if content is not None:
        contradictions = list(_contradictions(content))
        told = {field for field, _ in contradictions}
        beyond = (fault for fault in _beyond_their_scale(content) if fault[0] not in told)
        for field, reason in (*contradictions, *beyond):
            reader.fault(field, reason)
    if reader.problems or content is None:
        return Reading(
            None, tuple(sorted(reader.problems, key=lambda problem: (problem.line, problem.field)))
        )
    values = {field.name: getattr(content, field.name) for field in dataclasses.fields(Content)}
    return Reading(Protocol(**values, sha256=sha256), ())


_HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\- ]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([\w.\-]+)\s*=")


def lines_of(text: str) -> dict[str, int]:
    """The line on which each field of a TOML text stands, found by reading its headers and keys."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = header.group(2)
            if header.group(1) == "[[":
                counts[table] = counts.get(table, -1) + 1
                found.setdefault(table, number)
                table = f"{table}[{counts[table]}]"
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key.group(1)}" if table else key.group(1), number)
    return found


class _Reader:
    """Builds the dataclasses above from parsed TOML and keeps every fault it meets on the way."""

    def __init__(self, file: str, lines: Mapping[str, int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []

    def fault(self, field: str, reason: str) -> Any:
        """Keeps one fault with the nearest line known for its field; always None, to stand for the value."""
        near = field
        while near and near not in self.lines:
            near = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", near)
        self.problems.append(Problem(self.file, self.lines.get(near, 1), field, reason))
        return None

    def table(self, kind: Any, raw: Any, field: str) -> Any:
        """One dataclass from one table, or None with its faults kept."""
        if not isinstance(raw, dict):
            return self.fault(field, "a table belongs here")
        before = len(self.problems)
        hints = _hints(kind)
        names = [one.name for one in dataclasses.fields(kind)]
        for unknown in raw.keys() - set(names):
            self.fault(_join(field, unknown), "this field is not known")
        values: dict[str, Any] = {}
        for one in dataclasses.fields(kind):
            where = _join(field, one.name)
            if one.name in raw:
                values[one.name] = self.value(hints[one.name], raw[one.name], where)
            elif one.default is one.default_factory is dataclasses.MISSING:
                self.fault(where, "this field is missing")
        return kind(**values) if len(self.problems) == before else None

    def value(self, hint: Any, raw: Any, field: str) -> Any:
        """One value of the hinted kind, or None with its faults kept."""
        arguments = get_args(hint)
        if NoneType in arguments:
            return self.value(arguments[0], raw, field)
        if get_origin(hint) is tuple:
            return self.several(arguments[0], raw, field)
        if get_origin(hint) is Mapping:
            return self.mapping(arguments[0], arguments[1], raw, field)
        if dataclasses.is_dataclass(hint):
            return self.table(hint, raw, field)
        return self.plain(hint, raw, field)

    def several(self, hint: Any, raw: Any, field: str) -> Any:
        if not isinstance(raw, list) or not raw:
            return self.fault(field, "a list with at least one entry belongs here")
        return tuple(self.value(hint, one, f"{field}[{index}]") for index, one in enumerate(raw))

    def mapping(self, keys: Any, hint: Any, raw: Any, field: str) -> Any:
        if not isinstance(raw, dict):
            return self.fault(field, "a table belongs here")
        made = {}
        for key, one in raw.items():
            if issubclass(keys, StrEnum) and key not in list(keys):
                self.fault(_join(field, key), f"this name is not one of {', '.join(keys)}")
            else:
                made[keys(key)] = self.value(hint, one, _join(field, key))
        return made

    def plain(self, hint: Any, raw: Any, field: str) -> Any:
        if hint is Decimal:
            return self.number(raw, field)
        if hint is bool:
            return raw if isinstance(raw, bool) else self.fault(field, "true or false belongs here")
        if not isinstance(raw, str) or not raw.strip():
            return self.fault(field, "words belong here")
        if issubclass(hint, StrEnum) and raw not in list(hint):
            return self.fault(field, f"this must be one of {', '.join(hint)}")
        return hint(raw)

    def number(self, raw: Any, field: str) -> Any:
        if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
            return self.fault(field, "a number belongs here")
        number = Decimal(raw)
        if not number.is_finite() or number < 0:
            return self.fault(field, "a number of zero or more belongs here")
        return number


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _contradictions(content: Content) -> Iterator[tuple[str, str]]:
    """(field, reason) for everything that is well formed but cannot be meant."""
    yield from _contradictory_limits(content)
    for route, plan in content.routes.items():
        yield from _contradictory_route(f"routes.{route}", plan)
    for phase, planned in content.phases.items():
        for gate in planned.also_needs:
            if gate not in content.gates:
                yield f"phases.{phase}.also_needs", f"the gate {gate} is not described under [gates]"
    if content.hold_bp.systolic_above_mmhg.value <= content.hold_bp.diastolic_above_mmhg.value:
        yield "hold_bp.systolic_above_mmhg", "the systolic hold limit must lie above the diastolic one"
    if content.discharge.score not in ("mpadss", "aldrete"):
        yield "discharge.score", "this must be one of mpadss, aldrete"
    if "default" not in content.evidence_days:
        yield "evidence_days", "the field default is missing"
    yield from contradictory_waves(content)


def _beyond_their_scale(content: Content) -> Iterator[tuple[str, str]]:
    """(field, reason) for what is counted in whole numbers and is none, and what lies beyond the end of its scale."""
    for group in groups(content):
        for field in group.fields:
            match field.value:
                case Decimal() as value if field.is_whole and value != value.to_integral_value():
                    yield field.at, "a whole number belongs here"
                case Decimal() as value if field.most is not None and value > field.most:
                    yield field.at, f"the scale ends at {field.most}"


def _contradictory_limits(content: Content) -> Iterator[tuple[str, str]]:
    for quantity in Quantity:
        if quantity not in content.limits:
            yield f"limits.{quantity}", "limits for this quantity are missing"
    for quantity, limits in content.limits.items():
        for low, high in (
            ("alarm_low", "warn_low"), ("warn_low", "warn_high"), ("warn_high", "alarm_high"),
            ("alarm_low", "alarm_high"), ("rise_warn", "rise_alarm"), ("fall_warn", "fall_alarm"),
        ):  # fmt: skip
            below, above = getattr(limits, low), getattr(limits, high)
            if below and above and below.value >= above.value:
                yield f"limits.{quantity}.{low}", f"{low} must lie below {high}"


def _contradictory_route(field: str, plan: RoutePlan) -> Iterator[tuple[str, str]]:
    for name in ("mg_per_kg", "mg", "infusion_minutes", "hold_in_mouth_minutes"):
        parts = [f"{name}_{end}" for end in ("minimum", "usual", "maximum")]
        known = [(part, bound.value) for part in parts if (bound := getattr(plan.dose, part, None))]
        for (low, below), (high, above) in pairwise(known):
            if below > above:
                yield f"{field}.dose.{low}", f"{low} must not lie above {high}"
    for quantity, check in plan.monitoring.items():
        for name in ("active_every_minutes", "after_every_minutes", "then_every_minutes"):
            if (pace := getattr(check, name)) and pace.value < 1:
                yield (
                    f"{field}.monitoring.{quantity}.{name}",
                    "an interval of at least one minute belongs here",
                )
    if not any((plan.dose.mg_per_kg_maximum, plan.dose.mg_maximum, plan.dose.mg_allowed)):
        yield f"{field}.dose", "a range or a list of allowed doses is missing"
    if plan.dose.mg_per_device and not plan.dose.mg_per_device.value:
        yield f"{field}.dose.mg_per_device", "a device holds more than 0 mg"
    for needed in ("blood_pressure", "spo2", "sedation"):
        if needed not in plan.monitoring:
            yield f"{field}.monitoring", f"a schedule for {needed} is missing"
