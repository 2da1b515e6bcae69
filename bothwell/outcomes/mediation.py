"""What goes through whom: the indirect paths of a couple, with intervals by chance or by drawing couples anew.

Indirect is a word of arithmetic here; it never says that one thing brings another about. Actor–partner
interdependence mediation model: Ledermann, Macho & Kenny 2011, Structural Equation Modeling 18:595–612.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf, isnan, nan
from typing import Any

import numpy as np

from bothwell.outcomes import degrees
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.degrees import Errors
from bothwell.outcomes.design import actor, of, partner
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.indirect import Way, delta_errors, derived, drawn, limits
from bothwell.outcomes.lagged import before
from bothwell.outcomes.precedence import change, level
from bothwell.outcomes.resampling import resampled, together
from bothwell.outcomes.significance import two_sided
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

SHARES = {Way.OWN_SHARE: Way.OWN_TOTAL, Way.PARTNER_SHARE: Way.PARTNER_TOTAL}  # and of what


class Intervals(StrEnum):
    """Where an interval comes from: coefficients drawn from their normal law, or couples drawn anew and refitted."""

    MONTE_CARLO = "monte_carlo"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class Effect:
    """One way from one predictor to one partner's outcome, in units of outcome per unit of predictor."""

    predictor: str
    side: str  # whose outcome; empty where nothing tells partners apart
    way: Way
    estimate: float
    standard_error: float  # delta method; Sobel's for a product
    z: float  # nan for a share, of which nothing is tested; a share of a total that may be 0 is nan altogether
    p: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Mediation:
    """Two fits in a row and all that is derived of them."""

    first: Fit  # the mediator on the predictors
    second: Fit  # the outcome on both
    effects: tuple[Effect, ...]
    intervals: Intervals
    level: float
    draws: int  # that the intervals rest on
    notes: tuple[str, ...] = ()

    def effect(self, way: Way, side: str = "", predictor: str = "") -> Effect:
        """The effect of that way, on that side's outcome; `predictor` where there are several. LookupError else."""
        for each in self.effects:
            if each.way is way and each.side == side and predictor in ("", each.predictor):
                return each
        raise LookupError(f"no {way} of {side or 'both'}")


def steps(spec: Spec) -> tuple[Spec, Spec]:
    """The two questions of which mediation is made: the mediator on the predictors, the outcome on both.

    Over waves: the mediator after the predictor (the earlier mediator held), and the outcome's change after the
    mediator's. Raises Unfit with moderators or a product: a path that differs from couple to couple has no one
    indirect effect.
    """
    if spec.moderators or spec.product:
        raise Unfit("mediation takes no moderators and no product")
    match spec.model:
        case Model.MEDIATION:
            return replace(spec, model=Model.TWO_INTERCEPT, outcome=spec.mediator, mediator=""), spec
        case Model.LAGGED_MEDIATION if spec.predictors:
            return replace(spec, model=Model.CROSS_LAG, outcome=spec.mediator, mediator=""), spec
        case Model.LAGGED_MEDIATION:
            raise Unfit("no predictor was named; without one only both directions can be compared")
        case _:
            raise Unfit(f"{spec.model} is not mediation")


def _pieces(spec: Spec, predictor: str) -> tuple[str, str, str]:
    """What the predictor is called in the first fit, and the mediator and the predictor in the second."""
    if spec.model is Model.MEDIATION:
        return predictor, spec.mediator, predictor
    return before(predictor), change(spec.mediator), level(predictor)


def mediate(
    spec: Spec,
    table: Any,
    random: np.random.Generator,
    *,
    intervals: Intervals = Intervals.MONTE_CARLO,
    draws: int = 0,
    level: float = 0.95,
) -> Mediation:
    """Both fits and every `Way` of every predictor and partner, with Sobel's errors and percentile intervals.

    `draws`: 20,000 Monte-Carlo or 1,000 bootstrap draws unless said. Each fit uses the rows it can; where the
    mediator is missing, the outcome is left out. Raises Unfit as `frame` and `fit` do.
    """
    frames = tuple(frame(step, table) for step in steps(spec))
    return of_frames(spec, frames[0], frames[1], random, intervals=intervals, draws=draws, level=level)


def of_frames(
    spec: Spec,
    first: Frame,
    second: Frame,
    random: np.random.Generator,
    *,
    intervals: Intervals = Intervals.MONTE_CARLO,
    draws: int = 0,
    level: float = 0.95,
) -> Mediation:
    """`mediate` for frames that are there already."""
    fits = fit(steps(spec)[0], first), fit(steps(spec)[1], second)
    sides = first.sides if spec.distinguished else ("",)
    draws = draws or {Intervals.MONTE_CARLO: 20_000, Intervals.BOOTSTRAP: 1_000}[intervals]
    samples, notes = [], [note for one in fits for note in one.notes]
    for predictor in spec.predictors:
        if intervals is Intervals.MONTE_CARLO:
            samples.append(_chances(spec, fits, sides, predictor, random, draws))
    if intervals is Intervals.BOOTSTRAP:
        samples, lost = _drawn_couples(spec, (first, second), sides, random, draws)
        notes += [f"{lost} of {draws} draws of couples could not be fitted and are left out"] * bool(lost)
    effects = [
        each
        for predictor, sample in zip(spec.predictors, samples, strict=True)
        for each in _effects(spec, fits, sides, predictor, limits(sample, level))
    ]
    return Mediation(
        *fits,
        tuple(effects),
        intervals,
        level,
        len(samples[0]),
        tuple(dict.fromkeys(notes + _shareless(effects))),
    )


def _shareless(effects: Sequence[Effect]) -> list[str]:
    """What is said of shares that are not told."""
    left = [each for each in effects if each.way in SHARES and isnan(each.estimate)]
    said = "; ".join(
        f"{each.side or 'both'}, {SHARES[each.way].replace('X', each.predictor)}" for each in left
    )
    return [
        f"a share of what may be 0 may be anything: none is told where the total's interval holds 0 ({said})"
    ] * bool(left)


def _effects(
    spec: Spec, fits: tuple[Fit, Fit], sides: tuple[str, ...], predictor: str, between: Numbers
) -> Iterator[Effect]:
    paths, covariance = _paths(spec, fits, sides, predictor)
    values, errors = _flat(paths), delta_errors(_flat, paths, covariance)
    places = [(way, side) for way in Way for side in sides]
    is_open = {place: low <= 0 <= high for place, low, high in zip(places, *between, strict=True)}
    for (way, side), value, error, low, high in zip(places, values, errors, *between, strict=True):
        if way in SHARES and is_open[SHARES[way], side]:
            yield Effect(predictor, side, way, nan, nan, nan, nan, nan, nan)
            continue
        z = nan if way in SHARES or not error else float(value / error)
        p = two_sided(z, inf)
        yield Effect(predictor, side, way, float(value), float(error), z, p, float(low), float(high))


def _flat(paths: Numbers) -> Numbers:
    """`derived` of paths (…, 6 × sides) as (…, 12 × sides)."""
    shape = paths.shape[:-1]
    return derived(paths.reshape(*shape, 6, -1)).reshape(*shape, -1)


def _paths(
    spec: Spec, fits: tuple[Fit, Fit], sides: tuple[str, ...], predictor: str
) -> tuple[Numbers, Numbers]:
    """The six paths, each for each side, and their covariance: the two fits' coefficients do not covary.

    Errors are by the model; over waves by couples' own scatter, for several waves of a couple are not several couples.
    """
    first, mediator, beside = _pieces(spec, predictor)
    places = [_places(fits[0], (first,), sides), _places(fits[1], (mediator, beside), sides)]
    estimates = np.concatenate([one.estimates[at] for one, at in zip(fits, places, strict=True)])
    n = len(places[0])
    covariance = np.zeros((len(estimates), len(estimates)))
    covariance[:n, :n] = _covariance(fits[0])[np.ix_(places[0], places[0])]
    covariance[n:, n:] = _covariance(fits[1])[np.ix_(places[1], places[1])]
    return estimates, covariance


def _covariance(of_fit: Fit) -> Numbers:
    several = of_fit.n_occasions > of_fit.n_couples
    return degrees.covariance(of_fit, Errors.ROBUST if several else Errors.EXPECTED)


def _places(of_fit: Fit, columns: tuple[str, ...], sides: tuple[str, ...]) -> list[int]:
    """Where actor's and partner's effect of each column stand, each for each side."""
    effects = [name(column) for column in columns for name in (actor, partner)]
    names = [of(side, effect) if side else effect for effect in effects for side in sides]
    if not set(names) <= set(of_fit.names):
        raise Unfit(
            f"both partners always have the same {' or '.join(columns)}: no path is the partner's own"
        )
    return [of_fit.names.index(name) for name in names]


def _chances(
    spec: Spec,
    fits: tuple[Fit, Fit],
    sides: tuple[str, ...],
    predictor: str,
    random: np.random.Generator,
    draws: int,
) -> Numbers:
    return drawn(_flat, *_paths(spec, fits, sides, predictor), random, draws)


def _drawn_couples(
    spec: Spec, frames: tuple[Frame, Frame], sides: tuple[str, ...], random: np.random.Generator, draws: int
) -> tuple[list[Numbers], int]:
    """The effects of each predictor over draws of couples with replacement (Efron), and how many draws were lost."""
    rows = together(frames)
    found: list[list[Numbers]] = []
    for _ in range(draws):
        chosen = random.integers(0, len(rows[0]), len(rows[0]))
        try:
            fits = tuple(
                fit(step, resampled(one, at[chosen]))
                for step, one, at in zip(steps(spec), frames, rows, strict=True)
            )
        except Unfit:
            continue
        if all(one.converged for one in fits):
            found.append([_flat(_paths(spec, (fits[0], fits[1]), sides, x)[0]) for x in spec.predictors])
    if not found:
        raise Unfit("no draw of couples could be fitted")
    return [np.stack(values) for values in zip(*found, strict=True)], draws - len(found)
