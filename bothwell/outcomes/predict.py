"""What a model expects of partners with given values: for the average of such people, and for a new one.

It expects and never promises; nobody who was in the data is told apart here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.degrees import Df, Errors, covariance, each, settled
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.frame import designed
from bothwell.outcomes.sheet import read
from bothwell.outcomes.significance import quantile
from bothwell.outcomes.unfit import Unfit


@dataclass(frozen=True)
class Predicted:
    """What is expected of one partner at one occasion; numbers as `Predictions` has them."""

    couple: str
    partner: str
    at: float
    mean: float
    standard_error: float
    low: float
    high: float
    new_low: float
    new_high: float


@dataclass(frozen=True, eq=False)
class Predictions:
    """In the outcome's units, both partners of each row side by side; nan where a predictor is missing."""

    couples: tuple[str, ...]  # m, whose row this is, as the table calls them; empty where no table was read
    at: Numbers  # (m,) the row's time; empty where no table was read
    sides: tuple[str, str]  # who stands first and who second
    mean: Numbers  # (m, 2)
    standard_error: Numbers  # of the mean
    low: Numbers  # the mean's interval: where the average of such people lies
    high: Numbers
    new_low: Numbers  # the prediction interval: where a new person's answer lies
    new_high: Numbers
    partners: tuple[tuple[str, str], ...] = ()  # m, what the table calls them; empty who is not in it

    def rows(self) -> Iterator[Predicted]:
        """A row for each partner in the table and each of the couple's occasions."""
        for row, (couple, partners) in enumerate(zip(self.couples, self.partners, strict=True)):
            for side, partner in enumerate(partners):
                if partner:
                    numbers = (float(getattr(self, name)[row, side]) for name in NUMBERS)
                    yield Predicted(couple, partner, float(self.at[row]), *numbers)

    def to_pandas(self) -> Any:
        """The rows as a pandas table; pandas is loaded here alone and must be installed."""
        return import_module("pandas").DataFrame([asdict(row) for row in self.rows()])


NUMBERS = ("mean", "standard_error", "low", "high", "new_low", "new_high")


def predict(
    fit: Fit,
    x: Numbers,
    z: Numbers,
    *,
    df: Df | str | None = None,
    errors: Errors | str | None = None,
    level: float = 0.95,
) -> Predictions:
    """For design rows (m, 2, p) and (m, 2, q). A new person differs by their random effects and by the residual."""
    df, errors = settled(fit, df, errors)
    mean = x @ fit.estimates
    doubt = np.einsum("msi,ij,msj->ms", x, covariance(fit, errors), x)
    own = np.einsum("msi,ij,msj->ms", z, fit.spread, z) + np.diag(fit.residual)
    reach = quantile(level, each(fit, x, df, errors))
    error, wide = np.sqrt(doubt), np.sqrt(doubt + own)
    return Predictions(
        (), np.zeros(0), fit.sides,
        mean, error, mean - reach * error, mean + reach * error, mean - reach * wide, mean + reach * wide,
    )  # fmt: skip


def predict_table(
    fit: Fit,
    table: Any,
    *,
    df: Df | str | None = None,
    errors: Errors | str | None = None,
    level: float = 0.95,
) -> Predictions:
    """For a table with the fit's own columns, in the order of couple and time. It may lack the outcome, but where
    earlier outcomes explain it, and one partner, but where the partner's values explain it.

    What is usual for a person (diary, a steady predictor of growth) is their mean in this table, not in the fit's: give
    all their days. Earlier waves must be in it, too. Raises Unfit where it has not the roles or columns of the model, nor
    the partner on whose values it all rests.
    """
    design = designed(fit.spec, read(fit.spec, table, fit.sides))
    if design.fixed != fit.names:
        raise Unfit(f"this table leads to other effects than the model's: {', '.join(design.fixed)}")
    told = predict(fit, design.x, design.z, df=df, errors=errors, level=level)
    sheet = design.sheet
    whose = tuple(sheet.couples[couple] for couple in sheet.couple)
    partners = tuple(sheet.partners[couple] for couple in sheet.couple)
    if np.isnan(told.mean).all() and any("" in pair for pair in partners):
        raise Unfit(
            f"what this model expects of one partner rests on the other's {' and '.join(fit.spec.explaining)}, too: "
            "give a row for each",
            column=fit.spec.partner,
        )
    return replace(told, couples=whose, at=sheet.at, sides=sheet.sides, partners=partners)
