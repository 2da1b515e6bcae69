"""What a fit found, as tidy rows: effects with intervals, variances, how likely, and what must be said beside them.

It never says that one thing brought another about, and it hides no warning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal

from bothwell.outcomes.contrasts import Row, contrast
from bothwell.outcomes.degrees import Df, Errors, settled, unasked
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.spec import Method, Model
from bothwell.outcomes.variances import Part, variances


@dataclass(frozen=True)
class Summary:
    """Rows that can be printed as they are. `effects` are in the outcome's units per unit of the predictor."""

    model: Model
    method: Method
    df: Df
    errors: Errors
    level: float
    effects: tuple[Row, ...]
    parts: tuple[Part, ...]  # variances and correlations
    log_likelihood: float  # restricted where the method is REML
    aic: float
    bic: float
    n_parameters: int
    n_couples: int
    n_occasions: int
    n_answers: int
    notes: tuple[str, ...]
    data_hash: str
    code_version: str

    def effect(self, name: str) -> Row:
        """The row of that name. Raises KeyError."""
        return {row.name: row for row in self.effects}[name]

    def part(self, name: str) -> Part:
        """The variance or correlation of that name. Raises KeyError."""
        return {part.name: part for part in self.parts}[name]

    def to_pandas(self, what: Literal["effects", "parts"] = "effects") -> Any:
        """The effects, or the parts, as a pandas table; pandas is loaded here alone and must be installed."""
        return import_module("pandas").DataFrame([asdict(row) for row in getattr(self, what)])


def summary(
    fit: Fit, df: Df | str | None = None, *, errors: Errors | str | None = None, level: float = 0.95
) -> Summary:
    """All of a fit; without `df` and `errors` with those that are `usual` for such a fit, and a note where that matters.

    Raises Unfit where no degrees of freedom are left, or for Satterthwaite's with other errors.
    """
    said = unasked(fit, df, errors)
    df, errors = settled(fit, df, errors)
    return Summary(
        model=fit.spec.model,
        method=fit.spec.method,
        df=df,
        errors=errors,
        level=level,
        effects=tuple(contrast(fit, {name: 1.0}, df=df, errors=errors, level=level) for name in fit.names),
        parts=variances(fit, level),
        log_likelihood=fit.log_likelihood,
        aic=fit.aic,
        bic=fit.bic,
        n_parameters=fit.n_parameters,
        n_couples=fit.n_couples,
        n_occasions=fit.n_occasions,
        n_answers=fit.n_answers,
        notes=fit.notes + said,
        data_hash=fit.data_hash,
        code_version=fit.code_version,
    )
