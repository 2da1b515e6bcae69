"""How many couples it takes to see an effect of a size we name: invented studies, each fitted as a real one would be.

It promises nothing about a study to come: the power is as good as the truth that was assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bothwell.outcomes import degrees
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.degrees import Df, Errors, covariance, usual_errors
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import EQUAL, Paths, actor_partner, growing, tidy
from bothwell.outcomes.significance import quantile, two_sided
from bothwell.outcomes.simulate import with_gaps
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

Study = Callable[[np.random.Generator], Frame]  # one invented study


@dataclass(frozen=True, eq=False)
class Replicates:
    """What many invented studies found. Tests and intervals use t with Satterthwaite's degrees of freedom, where
    errors are robust couples less effects."""

    names: tuple[str, ...]
    estimates: Numbers  # (replicates, p)
    errors: Numbers  # (replicates, p)
    df: Numbers  # (replicates, p)
    lost: int  # studies that could not be fitted or did not converge

    def p_values(self) -> Numbers:
        """Two-sided, (replicates, p)."""
        return two_sided(self.estimates / self.errors, self.df)

    def covered(self, truth: Numbers, level: float = 0.95, scale: float = 1.0) -> Numbers:
        """Whether each interval holds the truth (replicates, p); `scale` makes every interval that much wider."""
        reach = quantile(level, self.df) * self.errors * scale
        return np.asarray(np.abs(self.estimates - truth) <= reach)


def replicate(spec: Spec, study: Study, random: np.random.Generator, replicates: int) -> Replicates:
    """So many studies drawn and fitted. Raises Unfit when none could be."""
    found = []
    names: tuple[str, ...] = ()
    why = "no search came to an end"
    for _ in range(replicates):
        try:
            fitted = fit(spec, study(random))
        except Unfit as reason:
            why = str(reason)
            continue
        if fitted.converged:
            names = fitted.names
            found.append(_found(fitted))
    if not found:
        raise Unfit(f"none of the invented studies could be fitted: {why}")
    estimates, errors, df = (np.array(each, dtype=np.float64) for each in zip(*found, strict=True))
    return Replicates(names, estimates, errors, df, replicates - len(found))


def _found(fitted: Fit) -> tuple[Numbers, Numbers, Numbers]:
    errors = usual_errors(fitted)
    df = Df.SATTERTHWAITE if errors is Errors.EXPECTED else Df.COUPLES
    error = np.sqrt(np.diag(covariance(fitted, errors)))
    return fitted.estimates, error, degrees.each(fitted, np.eye(len(error)), df, errors)


@dataclass(frozen=True)
class Power:
    """How often an effect of this size was seen, with how sure that share is (one standard error)."""

    effect: str
    size: float  # the truth the studies were drawn from
    couples: int
    power: float
    monte_carlo_error: float
    replicates: int  # studies that were fitted
    lost: int


def power(
    spec: Spec,
    study: Study,
    sizes: Mapping[str, float],
    random: np.random.Generator,
    *,
    couples: int,
    replicates: int = 1000,
    alpha: float = 0.05,
) -> tuple[Power, ...]:
    """One row an effect named in `sizes`: the share of studies in which its p was below `alpha`. KeyError for a
    name that the model has not; Unfit when no study could be fitted."""
    done = replicate(spec, study, random, replicates)
    unknown = sizes.keys() - set(done.names)
    if unknown:
        raise KeyError(f"no such effect: {', '.join(sorted(unknown))}; there are {', '.join(done.names)}")
    shares = (done.p_values() < alpha).mean(axis=0)
    n = len(done.estimates)
    return tuple(
        Power(effect, size, couples, share, float(np.sqrt(share * (1 - share) / n)), n, done.lost)
        for effect, size in sizes.items()
        for share in [float(shares[done.names.index(effect)])]
    )


def apim_power(
    couples: int,
    paths: Paths,
    random: np.random.Generator,
    *,
    residual: Numbers = EQUAL,
    distinguished: bool = True,
    replicates: int = 1000,
    alpha: float = 0.05,
) -> tuple[Power, ...]:
    """Power for each actor and partner effect of one predictor with variance 1 (partners correlate .3).

    `paths` holds the effects of side 1 and side 2; without `distinguished` those of side 1 stand for both.
    """
    model = Model.TWO_INTERCEPT if distinguished else Model.APIM
    spec = Spec(model, "y", ("x",), distinguished=distinguished)
    paths = paths if distinguished else Paths(*((pair[0], pair[0]) for pair in _pairs(paths)))
    sizes = _sizes(("actor x", "partner x"), (paths.actor, paths.partner), distinguished)

    def study(random: np.random.Generator) -> Frame:
        return frame(spec, tidy(actor_partner(couples, random, paths=paths, residual=residual)))

    return power(spec, study, sizes, random, couples=couples, replicates=replicates, alpha=alpha)


def growth_power(
    couples: int,
    times: Numbers,
    random: np.random.Generator,
    *,
    change: Paths,
    start: Paths = Paths(),
    spread: Numbers,
    residual: Numbers = EQUAL,
    missing: float = 0.0,
    distinguished: bool = True,
    replicates: int = 1000,
    alpha: float = 0.05,
) -> tuple[Power, ...]:
    """Power for the mean change (`change.intercept`, per unit of time) and for what a steady predictor with variance
    1 adds to it (`change.actor`, `change.partner`), when so large a share of answers is `missing` by chance.

    `spread` (4, 4): random start and change of side 1, then of side 2. Without `distinguished` side 1's effects
    stand for both.
    """
    spec = Spec(Model.GROWTH, "y", ("x",), wave="wave", time="time", distinguished=distinguished)
    if not distinguished:
        start, change = (Paths(*((pair[0], pair[0]) for pair in _pairs(each))) for each in (start, change))
    pairs = (change.intercept, change.actor, change.partner)
    sizes = _sizes(("time", "actor x × time", "partner x × time"), pairs, distinguished)

    def study(random: np.random.Generator) -> Frame:
        values = growing(
            couples, random, times=times, start=start, change=change, spread=spread, residual=residual
        )
        whole = frame(spec, tidy(values, times))
        return with_gaps(whole, missing, random) if missing else whole

    return power(spec, study, sizes, random, couples=couples, replicates=replicates, alpha=alpha)


def _pairs(paths: Paths) -> tuple[tuple[float, float], ...]:
    return paths.actor, paths.partner, paths.intercept


def _sizes(
    effects: tuple[str, ...], pairs: tuple[tuple[float, float], ...], distinguished: bool
) -> dict[str, float]:
    """Each effect's truth by the name it has in the fit."""
    if not distinguished:
        return {effect: pair[0] for effect, pair in zip(effects, pairs, strict=True)}
    named = zip(effects, pairs, strict=True)
    return {f"{place + 1}: {effect}": pair[place] for effect, pair in named for place in (0, 1)}
