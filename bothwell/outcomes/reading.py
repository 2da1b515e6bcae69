"""What a fit found, in sentences that can be read aloud. They say what goes together and never what brings what about."""

from __future__ import annotations

from collections.abc import Iterator

from bothwell.outcomes.caution import NEVER_CAUSAL
from bothwell.outcomes.contrasts import Row, contrast
from bothwell.outcomes.design import INTERCEPT, ROLE, actor, difference_in, partner, sum_of, times
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.spec import OF, TIMES, Model
from bothwell.outcomes.summary import Summary

OPEN = "; the interval leaves open whether there is any link, and in which direction"
MORE = {
    actor(""): "one more of one’s own {}",
    partner(""): "one more of the partner’s {}",
    sum_of(""): "one more of both partners’ {} together",
    difference_in(""): "one more of one’s own {} over the partner’s, their sum the same,",
}


def reading(fit: Fit, summary: Summary) -> tuple[str, ...]:
    """One sentence for each actor's, partner's and time effect, of each role where roles have their own, and for likeness;
    the last one is always the caution.

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
    for row in summary.effects:
        side, _, effect = row.name.rpartition(OF)
        if TIMES in effect or effect in (INTERCEPT, ROLE, *fit.spec.covariates, *fit.spec.moderators):
            continue
        where = _where(fit, side, effect)
        for whose, told in _by_role(fit, summary, effect) or [(side, row)]:
            if what := _what(fit, effect, told):
                yield f"{whose}{': ' * bool(whose)}{what}{where} {_span(summary, told)}{_doubled(fit, effect, told)}."


def _by_role(fit: Fit, summary: Summary, effect: str) -> list[tuple[str, Row]]:
    """Where roles deviate from the pool, which is nobody's: each role's own. Else nothing."""
    if times(effect, ROLE) not in fit.names:
        return []

    def own(sign: float) -> Row:
        weights = {effect: 1.0, times(effect, ROLE): sign}
        return contrast(fit, weights, df=summary.df, errors=summary.errors, level=summary.level)

    return [(fit.sides[0], own(1.0)), (fit.sides[1], own(-1.0))]


def _what(fit: Fit, effect: str, row: Row) -> str:
    """What goes with what, and how far; nothing for what partners share."""
    if effect == (fit.spec.time or fit.spec.wave):
        return f"{fit.spec.outcome} {'rises' if row.estimate >= 0 else 'falls'} by {abs(row.estimate):.3g} a unit of {effect}"
    for named, more in MORE.items():
        if effect.startswith(named):
            return _goes(fit, row, more.format(effect.removeprefix(named)))
    return ""


def _doubled(fit: Fit, effect: str, row: Row) -> str:
    """Of sum and difference: the slope of couples' means, and of partners' differences. Each role's tells neither."""
    if fit.spec.model is not Model.SUM_DIFFERENCE or fit.spec.distinguished:
        return ""
    far = f"{2 * abs(row.estimate):.3g} {'more' if row.estimate >= 0 else 'less'}"
    if effect.startswith(sum_of("")):
        x = effect.removeprefix(sum_of(""))
        return f"; so one more of a couple’s mean {x} goes with {far} of their mean {fit.spec.outcome}"
    x = effect.removeprefix(difference_in(""))
    return f"; so one more between the partners’ {x} goes with {far} between their {fit.spec.outcome}"


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


def _span(summary: Summary, row: Row) -> str:
    left_open = OPEN if row.low <= 0 <= row.high else ""
    return f"({_percent(summary)} interval {row.low:.3g} to {row.high:.3g}{left_open})"


def _percent(summary: Summary) -> str:
    return f"{100 * summary.level:g} %"
