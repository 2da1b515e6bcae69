"""The medical work-up: each recorded fact weighed by a rule, with its reason and its evidence.

It never clears anybody by silence: what is missing, too old or contradictory is a finding of its own.
Violence and coercion screening never appears here, not as a fact, a finding, a count or a gap: it is sealed
elsewhere, and this page must look the same whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from bothwell.decision import Decision
from bothwell.pathway.facts import FACTS, RULES, SPECS, Answer, Fact, FactSpec, Rule, Severity, Value
from bothwell.pathway.protocol import HoldPressure, Protocol, Status
from bothwell.pathway.steps import Role

__all__ = [
    "FACTS",
    "RULES",
    "Answer",
    "Fact",
    "FactSpec",
    "Finding",
    "Pressure",
    "Resolution",
    "Rule",
    "Severity",
    "above",
    "assess",
    "finding_title",
    "is_resolved",
    "is_weighed",
    "may_clear",
    "pressure_below_hold",
    "weighed",
]

WEIGHED = "caution:"
_PRESSURE = ("systolic_mmhg", "diastolic_mmhg")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about one fact: kind, value in words, why, from which rule, on which evidence.

    `known_at`: when the newest entry about it was observed or, if later, recorded; none where there is no entry. `is_old`: it
    held when it was last known, and what is on record since says nothing: it holds on, and is asked for anew.
    """

    code: str
    kind: Severity
    title: str
    value: str
    reason: str
    source: str
    citation: str
    status: Status
    evidence: tuple[Fact, ...] = ()
    known_at: datetime | None = None
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """A prescriber's reasoned word about one finding, valid for the evidence known at `decided_at`.

    `code` is the finding's own where it decided a hold, and `weighed(code)` where it weighed a caution: a reason given
    for the one never stands for the other.
    """

    code: str
    decided_by: str
    role: Role
    reason: str
    decided_at: datetime


_H, _C = Severity.HOLD, Severity.CAUTION
_LABEL_CITATION = "oncologynurseadvisor.com/drug/spravato"
_RULES = {rule.code: rule for rule in RULES}
_RANK = {kind: rank for rank, kind in enumerate(
    (Severity.ABSOLUTE, Severity.HOLD, Severity.MISSING, Severity.CAUTION, Severity.CLEAR)
)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pressure:
    """One blood pressure reading at rest, in mmHg."""

    systolic_mmhg: Decimal
    diastolic_mmhg: Decimal
    observed_at: datetime

    def __str__(self) -> str:
        return f"{_number(self.systolic_mmhg)}/{_number(self.diastolic_mmhg)} mmHg"


def above(reading: Pressure, hold: HoldPressure) -> bool:
    """Whether this reading lies above the hold limit (mmHg, from the protocol)."""
    return (
        reading.systolic_mmhg > hold.systolic_above_mmhg.value
        or reading.diastolic_mmhg > hold.diastolic_above_mmhg.value
    )


def pressure_below_hold(readings: Sequence[Pressure], hold: HoldPressure) -> Decision:
    """Whether resting pressure lets a dose go on: the newest reading counts; one above calls for a second."""
    if not readings:
        return Decision.no("Blood pressure at rest has not been measured.")
    ordered = sorted(readings, key=lambda one: one.observed_at)
    last, wait = ordered[-1], timedelta(minutes=float(hold.second_reading_after_minutes.value))
    minutes = _number(hold.second_reading_after_minutes.value)
    line = f"{_number(hold.systolic_above_mmhg.value)}/{_number(hold.diastolic_above_mmhg.value)}"
    high = [one for one in ordered if above(one, hold)]
    if above(last, hold):
        if any(last.observed_at - one.observed_at >= wait for one in high):
            return Decision.no(f"{last} is above {line} on readings {minutes} min or more apart.")
        return Decision.no(f"{last} is above {line}. Measure again after {minutes} min.")
    if high and last.observed_at - high[-1].observed_at < wait:
        return Decision.no(
            f"{last} came less than {minutes} min after {high[-1]}. Measure again after {minutes} min."
        )
    return Decision.yes(f"{last} is not above {line}.")


def assess(facts: Iterable[Fact], protocol: Protocol, now: datetime) -> list[Finding]:
    """One finding for every question that applies, the gravest first. Missing or stale is never a pass."""
    recorded = [fact for fact in facts if fact.code in SPECS]
    findings = [
        _known(_pressure(recorded, protocol, now), [one for one in recorded if one.code in _PRESSURE])
    ]
    for spec in FACTS:
        if spec.code not in _PRESSURE and _applies(spec, recorded, protocol, now):
            of_it = [fact for fact in recorded if fact.code == spec.code]
            findings.append(_known(_weigh(spec, of_it, protocol, now), of_it))
    return sorted(findings, key=lambda finding: _RANK[finding.kind])


def _known(finding: Finding, facts: Sequence[Fact]) -> Finding:
    """With the time from which all of it was known here: what is recorded later was not decided about, whenever it was seen."""
    return replace(finding, known_at=max((fact.known_at for fact in facts), default=None))


def may_clear(findings: Iterable[Finding], resolutions: Iterable[Resolution] = ()) -> Decision:
    """Whether this person may be cleared: holds need a reasoned decision, absolutes stay absolute."""
    found, decided = list(findings), list(resolutions)
    if not found:
        return Decision.no("Nothing has been assessed.")
    for words, standing in (
        ("This cannot be cleared", [one.title for one in found if one.kind is Severity.ABSOLUTE]),
        ("Not known, or too old", [one.title for one in found if one.kind is Severity.MISSING or one.is_old]),
    ):
        if standing:
            return Decision.no(f"{words}: {', '.join(standing)}.")
    holding = [one.title for one in found if one.kind is Severity.HOLD and not is_resolved(one, decided)]
    if holding:
        return Decision.no(f"Holds until the prescriber decides, with a reason: {', '.join(holding)}.")
    return Decision.yes("Everything is known, and nothing stands that holds.")


def is_resolved(finding: Finding, resolutions: Iterable[Resolution]) -> bool:
    """Whether a prescriber has decided this hold, with a reason, after all that is on record of it was recorded."""
    return finding.kind is Severity.HOLD and _is_reasoned(finding, finding.code, resolutions)


def is_weighed(finding: Finding, resolutions: Iterable[Resolution]) -> bool:
    """Whether a prescriber has weighed this caution, with a reason, after the newest evidence. It never clears anybody."""
    return finding.kind is Severity.CAUTION and _is_reasoned(finding, weighed(finding.code), resolutions)


def weighed(code: str) -> str:
    """What a reason is kept under that weighs a caution, apart from one that decides a hold."""
    return f"{WEIGHED}{code}"


def finding_title(kept_under: str) -> str:
    """What people call the finding that a reason is kept under; an unknown one in its own words."""
    code = kept_under.removeprefix(WEIGHED)
    spec = SPECS.get("systolic_mmhg" if code == "blood_pressure" else code)
    return spec.title if spec else code.replace("_", " ")


def _is_reasoned(finding: Finding, code: str, resolutions: Iterable[Resolution]) -> bool:
    known = [fact.known_at for fact in finding.evidence]
    newest = max([*known, finding.known_at] if finding.known_at else known, default=None)
    return any(
        one.code == code
        and one.role is Role.PRESCRIBER
        and bool(one.reason.strip())
        and (newest is None or one.decided_at >= newest)
        for one in resolutions
    )


def _applies(spec: FactSpec, recorded: list[Fact], protocol: Protocol, now: datetime) -> bool:
    # An answer that exists is always weighed; an absent one is asked for unless the leading question is
    # freshly a no.
    if not spec.only_if or any(fact.code == spec.code for fact in recorded):
        return True
    leading = _newest([fact for fact in recorded if fact.code == spec.only_if])
    fresh = [fact for fact in leading if not _is_stale(fact, protocol, now)]
    return not fresh or any(fact.value is not False for fact in fresh)


def _weigh(spec: FactSpec, facts: list[Fact], protocol: Protocol, now: datetime) -> Finding:
    rule, latest = _RULES.get(spec.code), _newest(facts)
    if rule and spec.lifetime and any(fact.value is True for fact in facts):
        return _once_yes(spec, rule, facts)
    if reason := _unusable(spec, latest, protocol, now):
        answered = [one for one in facts if _answers(spec, one.value) and one.observed_at <= now]
        held = _judged(spec, _newest(answered), protocol) if answered else None
        return _still(held, reason) or _missing(spec, reason, tuple(latest), protocol)
    return _judged(spec, latest, protocol)


def _judged(spec: FactSpec, latest: list[Fact], protocol: Protocol) -> Finding:
    if spec.answer is not Answer.YES_NO:
        return _measured(spec, latest, protocol)
    return _yes_or_no(spec, _RULES.get(spec.code), latest)


def _still(held: Finding | None, why_old: str) -> Finding | None:
    """What held when it was last known holds on: that its evidence grew old, or that nobody knows now, clears nothing."""
    if held is None or held.kind not in (Severity.ABSOLUTE, Severity.HOLD):
        return None
    reason = f"{held.reason} {why_old} Until it is asked again, or the prescriber decides, it holds."
    return replace(held, reason=reason, is_old=True)


def _once_yes(spec: FactSpec, rule: Rule, facts: list[Fact]) -> Finding:
    # What cannot become untrue stays, however old; a later no must correct the earlier yes, not outvote it.
    disagree = any(fact.value is False for fact in facts)
    note = f"{rule.reason} Another record says no: correct the one that is wrong." if disagree else ""
    return _said(spec, rule, rule.kind, "Yes", tuple(facts), note)


def _yes_or_no(spec: FactSpec, rule: Rule | None, latest: list[Fact]) -> Finding:
    is_yes = any(fact.value is True for fact in latest)
    if rule is None:
        return Finding(
            spec.code, _KNOWN[0], spec.title, "Yes" if is_yes else "No", *_KNOWN[1:], tuple(latest)
        )
    if is_yes:
        return _said(spec, rule, rule.kind, "Yes", tuple(latest))
    return _said(spec, rule, Severity.CLEAR, "No", tuple(latest), "Asked; nothing found.")


def _measured(spec: FactSpec, latest: list[Fact], protocol: Protocol) -> Finding:
    worst = max(latest, key=lambda fact: Decimal(fact.value or 0))
    value = f"{_shown(worst.value)} {spec.unit}".strip()
    judge = _JUDGES.get(spec.code)
    kind, reason, source, citation, status = judge(worst.value, protocol) if judge else _KNOWN
    return Finding(spec.code, kind, spec.title, value, reason, source, citation, status, tuple(latest))


Judged = tuple[Severity, str, str, str, Status]
_KNOWN: Judged = (Severity.CLEAR, "It only has to be known.", "Work-up",
                  "no published source read",
                  Status.DEFAULT)  # fmt: skip


def _benzodiazepines(value: Value, protocol: Protocol) -> Judged:
    limit, dose = protocol.eligibility.lorazepam_equivalent_mg_above, Decimal(value or 0)
    rule = (limit.source, "PMC10812090", limit.status)
    if dose > limit.value:
        return (
            _H,
            f"Over {_number(limit.value)} mg a day: may blunt the effect and adds to sedation.",
            *rule,
        )
    if dose > 0:
        return (_C, "May blunt the effect and adds to sedation.", *rule)
    return (Severity.CLEAR, "None taken.", *rule)


def _asa(value: Value, protocol: Protocol) -> Judged:
    limit = protocol.eligibility.asa_class_from
    if Decimal(value or 0) >= limit.value:
        return (_C, f"From class {_number(limit.value)}: ask anaesthesia.", limit.source, "ASA", limit.status)
    return (Severity.CLEAR, f"Below class {_number(limit.value)}.", limit.source, "ASA", limit.status)


def _bmi(value: Value, protocol: Protocol) -> Judged:
    limit = protocol.eligibility.bmi_ideal_weight_from
    if Decimal(value or 0) >= limit.value:
        return (_C, "Dosing weight may use ideal body weight.", limit.source, "APA consensus", limit.status)
    return (Severity.CLEAR, f"Below {_number(limit.value)}.", limit.source, "APA consensus", limit.status)


_JUDGES: dict[str, Callable[[Value, Protocol], Judged]] = {
    "lorazepam_equivalent_mg_per_day": _benzodiazepines,
    "asa_class": _asa,
    "bmi": _bmi,
}


def _pressure(recorded: list[Fact], protocol: Protocol, now: datetime) -> Finding:
    """What the readings at rest of recent days say; where none is recent, those before them if they held."""
    found, reason = _of_readings([one for one in recorded if not _is_stale(one, protocol, now)], protocol), ""
    if found is None:
        reason = "No complete reading that is recent enough."
    elif found.kind is Severity.CLEAR and max(one.observed_at for one in found.evidence) > now:
        reason = "The time of the reading lies ahead of now."
    if found and not reason:
        return found
    before = _of_readings([one for one in recorded if one.observed_at <= now], protocol)
    missing = _missing(SPECS["systolic_mmhg"], reason, (), protocol, "blood_pressure")
    return _still(before, reason) or missing


def _of_readings(usable: Sequence[Fact], protocol: Protocol) -> Finding | None:
    """What complete readings at rest say of the hold limit; none where there is none."""
    spec, hold = SPECS["systolic_mmhg"], protocol.hold_bp
    pairs = [
        (Pressure(upper.value, lower.value, upper.observed_at), (upper, lower))
        for upper in usable if upper.code == "systolic_mmhg" and _is_quantity(upper.value)
        for lower in usable if lower.code == "diastolic_mmhg" and _is_quantity(lower.value)
        if upper.observed_at == lower.observed_at
        if isinstance(upper.value, Decimal) and isinstance(lower.value, Decimal)
    ]  # fmt: skip
    if not pairs:
        return None
    readings = sorted((pair[0] for pair in pairs), key=lambda one: one.observed_at)
    decision = pressure_below_hold(readings, hold)
    kind = Severity.CLEAR if decision else Severity.HOLD
    newest = [one for one in readings if one.observed_at == readings[-1].observed_at]
    value = str(next((one for one in newest if above(one, hold)), newest[-1]))
    evidence = tuple(fact for _, pair in pairs for fact in pair)
    return Finding("blood_pressure", kind, spec.title, value, decision.reason,
                   hold.systolic_above_mmhg.source, _LABEL_CITATION, hold.systolic_above_mmhg.status,
                   evidence)  # fmt: skip


def _unusable(spec: FactSpec, latest: list[Fact], protocol: Protocol, now: datetime) -> str:
    if not latest:
        return "Nobody has recorded an answer."
    if any(not _answers(spec, fact.value) for fact in latest):
        return "It was asked, and the answer is not known."
    if latest[0].observed_at > now:
        return "The time of the evidence lies ahead of now."
    if _is_stale(latest[0], protocol, now):
        return f"The evidence is older than {_number(protocol.evidence_max_days(spec.code).value)} days."
    return ""


def _answers(spec: FactSpec, value: Value) -> bool:
    match spec.answer:
        case Answer.YES_NO:
            return isinstance(value, bool)
        case Answer.NUMBER:
            # Nothing but the benzodiazepine dose can truly be nought.
            return _is_quantity(value) and (bool(value) or spec.code == "lorazepam_equivalent_mg_per_day")
        case Answer.TEXT:
            return isinstance(value, str) and bool(value.strip())


def _is_quantity(value: Value) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value >= 0


def _is_stale(fact: Fact, protocol: Protocol, now: datetime) -> bool:
    return now - fact.observed_at > timedelta(days=float(protocol.evidence_max_days(fact.code).value))


def _newest(facts: list[Fact]) -> list[Fact]:
    """The facts of the newest moment: several when two people recorded at once, and then the worst counts."""
    newest = max((fact.observed_at for fact in facts), default=None)
    return [fact for fact in facts if fact.observed_at == newest]


def _said(
    spec: FactSpec, rule: Rule, kind: Severity, value: str, facts: tuple[Fact, ...], reason: str = ""
) -> Finding:
    return Finding(
        spec.code,
        kind,
        spec.title,
        value,
        reason or rule.reason,
        rule.source,
        rule.citation,
        rule.status,
        facts,
    )


def _missing(
    spec: FactSpec, reason: str, facts: tuple[Fact, ...], protocol: Protocol, code: str = ""
) -> Finding:
    age = protocol.evidence_max_days(spec.code)
    return Finding(code or spec.code, Severity.MISSING, spec.title, "Not known", reason,
                   age.source, "protocol, evidence_days", age.status, facts)  # fmt: skip


def _shown(value: Value) -> str:
    return _number(value) if isinstance(value, Decimal) else str(value)


def _number(value: Decimal) -> str:
    """A number as a person writes it: 140, 0.75."""
    return f"{value.normalize():f}"
