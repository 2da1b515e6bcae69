"""What a fit found, in sentences that can be read aloud. They say what goes together and never what brings what about."""

from __future__ import annotations

from collections.abc import Iterator

from bothwell.outcomes.caution import NEVER_CAUSAL
from bothwell.outcomes.contrasts import Row
from bothwell.outcomes.design import INTERCEPT, ROLE, actor, partner
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.spec import OF, TIMES, Model
from bothwell.outcomes.summary import Summary

OPEN = "; the interval leaves open whether there is any link, and in which direction"


def reading(fit: Fit, summary: Summary) -> tuple[str, ...]:
    """One sentence for each actor's, partner's and time effect and for likeness; the last one is always the caution.

    Interactions and covariates are in the table alone: out of it they mislead. An effect that one of them moves is
    told with the place it is told for.
    """
    return (*_alike(fit, summary), *_together(fit, summary), NEVER_CAUSAL)


def _alike(fit: Fit, summary: Summary) -> Iterator[str]:
    if fit.spec.model is not Model.ICC:
        return
    for part in summary.parts:
        if part.name.startswith("residual correlation"):
            between = (
                ""
                if part.low is None
                else f" ({_percent(summary)} interval {part.low:.2f} to {part.high:.2f})"
            )
            yield f"In {fit.n_couples} couples, partners’ {fit.spec.outcome} correlates {part.estimate:.2f}{between}."


def _together(fit: Fit, summary: Summary) -> Iterator[str]:
    clock = fit.spec.time or fit.spec.wave
    for row in summary.effects:
        side, _, effect = row.name.rpartition(OF)
        if TIMES in effect or effect == INTERCEPT:
            continue
        whose = f"{side}: " if side else ""
        where = _where(fit, side, effect)
        if effect == clock and clock:
            what = f"{fit.spec.outcome} {'rises' if row.estimate >= 0 else 'falls'} by {abs(row.estimate):.3g} a unit of {clock}"
        elif effect.startswith(actor("")):
            what = _goes(fit, row, f"one more of one’s own {effect.removeprefix(actor(''))}")
        elif effect.startswith(partner("")):
            what = _goes(fit, row, f"one more of the partner’s {effect.removeprefix(partner(''))}")
        else:
            continue
        span = f"({_percent(summary)} interval {row.low:.3g} to {row.high:.3g}{OPEN if row.low <= 0 <= row.high else ''})"
        yield f"{whose}{what}{where} {span}."


def _where(fit: Fit, side: str, effect: str) -> str:
    """For which value of what moves this effect it is told; nothing where nothing moves it."""
    others = []
    for name in fit.names:
        whose, _, bare = name.rpartition(OF)
        factors = bare.split(TIMES)
        if whose == side and effect in factors and len(factors) > 1:
            others += [factor for factor in factors if factor not in (effect, ROLE)]
    return ", where " + " and ".join(f"{other} is 0" for other in dict.fromkeys(others)) if others else ""


def _goes(fit: Fit, row: Row, more: str) -> str:
    return f"{more} goes with {abs(row.estimate):.3g} {'more' if row.estimate >= 0 else 'less'} of {fit.spec.outcome}"


def _percent(summary: Summary) -> str:
    return f"{100 * summary.level:g} %"
