"""A result as tables and sentences that can be printed, kept as JSON or opened in a spreadsheet. It computes nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import StringIO
from math import isfinite, isnan
from typing import Any

from bothwell.outcomes.caution import FEW_COUPLES, NEVER_CAUSAL
from bothwell.outcomes.common_fate import CommonFate
from bothwell.outcomes.degrees import Df, Errors
from bothwell.outcomes.design import ROLE
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.mediation import Mediation
from bothwell.outcomes.reading import reading
from bothwell.outcomes.side_by_side import SideBySide
from bothwell.outcomes.spec import TIMES, Spec
from bothwell.outcomes.summary import Summary, summary

SURPRISE = ("p", "statistic", "z")
Cell = str | float | int | None
ERRORS = {
    Errors.EXPECTED: "by the model (expected)",
    Errors.OBSERVED: "by the likelihood’s own curvature (observed)",
    Errors.ROBUST: "by couples’ own scatter (robust)",
}
DEGREES = {
    Df.RESIDUAL: "answers less effects (residual)",
    Df.COUPLES: "couples less effects (couples)",
    Df.SATTERTHWAITE: "Satterthwaite’s",
    Df.NORMAL: "infinite (normal)",
}


@dataclass(frozen=True)
class Table:
    """Rows under one caption; every row has the header's cells."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Basis:
    """What one model was asked, how sure its numbers are taken to be, and how well it explains the answers."""

    question: Mapping[str, Any]  # the specification
    errors: Errors
    df: Df
    level: float
    log_likelihood: float  # restricted where the method is REML
    aic: float
    bic: float
    n_parameters: int
    n_couples: int
    n_occasions: int
    n_answers: int
    converged: bool

    def __str__(self) -> str:
        df = Df.COUPLES if self.errors is Errors.ROBUST and self.df is Df.RESIDUAL else self.df
        return f"Standard errors {ERRORS[self.errors]}; degrees of freedom {DEGREES[df]}; {100 * self.level:g} % intervals."


@dataclass(frozen=True)
class Report:
    """The first table is the one a CSV file holds."""

    title: str
    tables: tuple[Table, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    n_couples: int
    data_hash: str = ""
    code_version: str = ""
    question: Mapping[str, Any] = field(default_factory=dict)  # the specification
    models: tuple[Basis, ...] = ()  # one, or the two that the answer is made of
    settings: Mapping[str, Cell] = field(
        default_factory=dict
    )  # of the first table, where it is made of two models


def of_fit(fit: Fit, summary: Summary) -> Report:
    """The effects, then variances and correlations."""
    title = (
        f"{fit.spec.model} of {fit.spec.outcome}, {fit.spec.method.upper()}: {fit.n_couples} couples, "
        f"{fit.n_occasions} occasions, {fit.n_answers} answers; log-likelihood {fit.log_likelihood:.5f}, "
        f"AIC {fit.aic:.3f}, BIC {fit.bic:.3f}"
    )
    tables = (table("effects", summary.effects), table("variances and correlations", summary.parts))
    return Report(
        title, tables, reading(fit, summary), summary.notes + _roles(fit), fit.n_couples, fit.data_hash,
        fit.code_version, asdict(fit.spec), (_basis(fit, summary),),
    )  # fmt: skip


def _basis(fit: Fit, summary: Summary) -> Basis:
    return Basis(
        asdict(fit.spec), summary.errors, summary.df, summary.level, fit.log_likelihood, fit.aic, fit.bic,
        fit.n_parameters, fit.n_couples, fit.n_occasions, fit.n_answers, fit.converged,
    )  # fmt: skip


def _roles(fit: Fit) -> tuple[str, ...]:
    """Who is meant by a role's deviation from the pool."""
    if not any(ROLE in name.split(TIMES) for name in fit.names):
        return ()
    return (f"{ROLE} is +1 for {fit.sides[0]} and −1 for {fit.sides[1]}",)


def of_mediation(found: Mediation) -> Report:
    """The indirect, direct and total effects, then the two models they are made of."""
    first, second = (of_fit(fit, summary(fit, level=found.level)) for fit in (found.first, found.second))
    title = (
        f"mediation by {found.first.spec.outcome}: {found.second.n_couples} couples; "
        f"{100 * found.level:g} % intervals, {found.intervals.replace('_', ' ')}, {found.draws} draws"
    )
    parts = [replace(part.tables[0], caption=part.title) for part in (first, second)]
    notes = tuple(dict.fromkeys(found.notes + first.notes + second.notes))
    settings: dict[str, Cell] = {"intervals": found.intervals, "level": found.level, "draws": found.draws}
    return Report(
        title, (table("indirect, direct and total", found.effects), *parts), (NEVER_CAUSAL,), notes,
        found.second.n_couples, found.second.data_hash, found.second.code_version,
        asdict(found.second.spec), first.models + second.models, settings,
    )  # fmt: skip


def of_side_by_side(found: SideBySide) -> Report:
    """Both directions beside each other, then the two models."""
    both = (found.forward, found.backward)
    parts = [of_fit(fit, summary(fit, level=found.level)) for fit in both]
    first, second = (fit.spec.outcome for fit in both)
    title = f"what changes first, {second} or {first}? {found.forward.n_couples} couples"
    tables = [replace(part.tables[0], caption=part.title) for part in parts]
    return Report(
        title,
        (table("a change in one step, and a change in the next", found.rows), *tables),
        (NEVER_CAUSAL,),
        tuple(dict.fromkeys(found.notes + parts[0].notes + parts[1].notes)),
        found.forward.n_couples,
        found.forward.data_hash,
        found.forward.code_version,
        asdict(found.forward.spec),
        parts[0].models + parts[1].models,
        {"errors": Errors.ROBUST, "df": Df.COUPLES, "level": found.level},
    )


def of_common_fate(spec: Spec, found: CommonFate) -> Report:
    """The one path between the couple's two levels, and what it rests on."""
    numbers = {name: value for name, value in asdict(found).items() if isinstance(value, float)}
    tests = [test for test in (found.slope_test, found.fit_test) if test is not None]
    tables = (
        Table("the couple's levels", ("name", "estimate"), tuple(numbers.items())),
        table("tests", tests),
    )
    title = f"common fate of {spec.predictors[0]} and {spec.outcome}: {found.n_couples} couples"
    return Report(title, tables, (NEVER_CAUSAL,), found.notes, found.n_couples, question=asdict(spec))


def table(caption: str, rows: Iterable[Any]) -> Table:
    """Dataclasses of one kind as a table."""
    cells = [asdict(row) for row in rows]
    header = tuple(cells[0]) if cells else ()
    return Table(caption, header, tuple(tuple(row.values()) for row in cells))


# ── ways to hand it on ────────────────────────────────────────────────────────────────────────────────────


def text(report: Report) -> str:
    """Plain text. Below thirty couples no p is printed, nor what it is read off (they are in JSON and CSV)."""
    blocks = [report.title]
    blocks += [
        f"{table.caption}\n{_printed(table, report.n_couples < FEW_COUPLES)}" for table in report.tables
    ]
    blocks += dict.fromkeys(map(str, report.models))
    blocks.append("\n".join(report.sentences))
    if report.notes:
        blocks.append("\n".join(f"Note: {note.rstrip('.')}." for note in report.notes))
    return "\n\n".join(blocks)


def _printed(table: Table, without_p: bool) -> str:
    kept = [
        place
        for place, name in enumerate(table.header)
        if not (without_p and name in SURPRISE) and any(row[place] != "" for row in table.rows)
    ]
    lines = [[table.header[place].replace("_", " ") for place in kept]]
    lines += [[_said(row[place]) for place in kept] for row in table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(kept))]
    is_words = [all(isinstance(row[place], str) for row in table.rows) for place in kept]
    return "\n".join(_line(line, widths, is_words) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], is_words: Sequence[bool]) -> str:
    parts = zip(cells, widths, is_words, strict=True)
    return "  ".join(cell.ljust(width) if left else cell.rjust(width) for cell, width, left in parts).rstrip()


def _said(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case float() if not isfinite(cell):
            return "∞" if cell > 0 else "–"
        case float():
            return f"{cell:.5f}" if 1e-4 <= abs(cell) < 1e4 or cell == 0 else f"{cell:.3g}"
    return str(cell)


def as_json(report: Report) -> str:
    """Everything at full precision; infinite degrees of freedom are the text "inf", what is no number is null."""
    tables = {
        table.caption: [dict(zip(table.header, map(_plain, row), strict=True)) for row in table.rows]
        for table in report.tables
    }
    return json.dumps(asdict(report) | {"tables": tables}, indent=2, ensure_ascii=False)


def _plain(cell: Cell) -> Cell:
    if not isinstance(cell, float) or isfinite(cell):
        return cell
    return None if isnan(cell) else str(cell)


def as_csv(report: Report) -> str:
    """The first table at full precision; what is infinite is "inf", what is no number is empty."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(report.tables[0].header)
    writer.writerows([_plain(cell) for cell in row] for row in report.tables[0].rows)
    return file.getvalue()
