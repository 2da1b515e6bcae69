"""Whether a person's score has really changed, or only wobbled as any measurement does.

It describes one person's own numbers; it never compares partners, never says why, and never calls anyone a
responder on fewer than three observations.

Method: Jacobson & Truax 1991 (J Consult Clin Psychol 59:12-19). Published reliable changes take precedence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bothwell.instruments.instrument import Better, Scale

OBSERVATIONS_BEFORE_A_VERDICT = 3
NORMAL_95 = Decimal("1.96")


class Verdict(StrEnum):
    """What the two totals say."""

    IMPROVED = "improved"
    WORSENED = "worsened"
    WITHIN_ERROR = "within_error"


class ClinicalVerdict(StrEnum):
    """Jacobson and Truax's four outcomes; recovered is reliably improved and across the cut-off."""

    RECOVERED = "recovered"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    WORSENED = "worsened"


class ResponseVerdict(StrEnum):
    """Whether a course of observations may be called a response."""

    TOO_FEW_OBSERVATIONS = "too_few_observations"
    HELD = "held"
    NOT_HELD = "not_held"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Points that make a reliable change: published ones count when reached, computed ones when passed."""

    points: Decimal
    published: bool
    source: str
    confirm: bool

    def met_by(self, points: Decimal) -> bool:
        """Whether a change of so many points, in either direction, is reliable."""
        return abs(points) >= self.points if self.published else abs(points) > self.points


@dataclass(frozen=True, slots=True)
class Change:
    """From one total to a later one: points and percent are after less before; percent is None from zero."""

    before: Decimal
    after: Decimal
    points: Decimal
    percent: Decimal | None
    verdict: Verdict
    threshold: Threshold
    reason: str


def reliable_change_index(standard_deviation: Decimal, reliability: Decimal) -> Decimal:
    """Points that chance alone exceeds in 5 of 100 retests: 1.96 · SD · √2 · √(1 − r).

    Source: Jacobson & Truax 1991. Raises ValueError unless SD > 0 and 0 < r < 1.
    """
    if standard_deviation <= 0 or not 0 < reliability < 1:
        raise ValueError("a standard deviation above 0 and a reliability between 0 and 1 were expected")
    return NORMAL_95 * standard_deviation * Decimal(2).sqrt() * (1 - reliability).sqrt()


def threshold(scale: Scale) -> Threshold:
    """The reliable change in points: the published one, else computed. Raises ValueError without either."""
    published, reliability = scale.published_change, scale.reliability
    if scale.better is Better.NEITHER:
        raise ValueError(f"{scale.id}: a scale with no better end")
    if published is not None:
        return Threshold(published.points, True, published.source, published.confirm)
    if reliability is None or reliability.standard_deviation is None:
        raise ValueError(f"{scale.id}: no published reliable change and no standard deviation")
    points = reliable_change_index(reliability.standard_deviation, reliability.coefficient)
    return Threshold(points, False, reliability.source, reliability.confirm)


def percent_change(before: Decimal, after: Decimal) -> Decimal | None:
    """After less before in percent of before, so −40 is two fifths less; None when before is 0."""
    return None if before == 0 else (after - before) * 100 / before


def reliable_change(scale: Scale, before: Decimal, after: Decimal) -> Change:
    """The change between two totals of one person. Raises ValueError for a total that cannot be."""
    for total in (before, after):
        if not scale.least <= total <= scale.most:
            raise ValueError(f"{scale.id}: a total outside {scale.least} to {scale.most}")
    needed, points = threshold(scale), after - before
    verdict = _verdict(scale, points) if needed.met_by(points) else Verdict.WITHIN_ERROR
    return Change(
        before, after, points, percent_change(before, after), verdict, needed, _reason(verdict, needed)
    )


def _verdict(scale: Scale, points: Decimal) -> Verdict:
    fell = points < 0
    return Verdict.IMPROVED if fell is (scale.better is Better.LOWER) else Verdict.WORSENED


def _reason(verdict: Verdict, needed: Threshold) -> str:
    kind = (
        f"{needed.points.normalize():f} points or more"
        if needed.published
        else f"more than {needed.points:.2f} points"
    )
    match verdict:
        case Verdict.WITHIN_ERROR:
            return f"Within what measurement error alone can do; a reliable change is {kind}."
        case _:
            return f"Reliably {verdict.value}: {kind}."


def clinically_significant_change(scale: Scale, before: Decimal, after: Decimal) -> ClinicalVerdict:
    """Reliable change read together with the cut-off for change (source: the instrument's file)."""
    cutoff = scale.change_cutoff()
    match reliable_change(scale, before, after).verdict:
        case Verdict.IMPROVED if cutoff is not None and cutoff.is_case(before) and not cutoff.is_case(after):
            return ClinicalVerdict.RECOVERED
        case Verdict.IMPROVED:
            return ClinicalVerdict.IMPROVED
        case Verdict.WORSENED:
            return ClinicalVerdict.WORSENED
        case Verdict.WITHIN_ERROR:
            return ClinicalVerdict.UNCHANGED


def first_reliable_change_that_held(
    observations: Sequence[Decimal | None], scale: Scale, *, towards: Verdict = Verdict.IMPROVED
) -> int | None:
    """Where the first reliable change from the first total stands that every later total keeps.

    At least one later total must confirm it, so three totals are the fewest. Observations without a total are
    passed over and the index counts them. None when there is no such change.
    """
    scored = [(index, total) for index, total in enumerate(observations) if total is not None]
    if len(scored) < OBSERVATIONS_BEFORE_A_VERDICT:
        return None
    baseline = scored[0][1]
    first: int | None = None
    for index, total in scored[:0:-1]:
        if reliable_change(scale, baseline, total).verdict is not towards:
            break
        first = index
    return None if first == scored[-1][0] else first


def response(observations: Sequence[Decimal | None], scale: Scale) -> ResponseVerdict:
    """Whether a reliable improvement came and held; no verdict on fewer than three totals."""
    if sum(total is not None for total in observations) < OBSERVATIONS_BEFORE_A_VERDICT:
        return ResponseVerdict.TOO_FEW_OBSERVATIONS
    held = first_reliable_change_that_held(observations, scale) is not None
    return ResponseVerdict.HELD if held else ResponseVerdict.NOT_HELD
