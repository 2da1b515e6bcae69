"""`bothwell outcomes`: a researcher's question and table in, the answer out. It needs no database and keeps nothing.

Ends with 0, or with 2 and one sentence when the question or the table will not do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.degrees import Df, Errors
from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.mediation import mediate, steps
from bothwell.outcomes.notebook import notebook
from bothwell.outcomes.report import (
    as_csv,
    as_json,
    of_common_fate,
    of_fit,
    of_mediation,
    of_side_by_side,
    text,
)
from bothwell.outcomes.side_by_side import side_by_side
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.summary import Summary, summary
from bothwell.outcomes.tables import read_table
from bothwell.outcomes.unfit import Unfit


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the words ask; 0, or 2 with a sentence on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        spec, table = Spec.from_toml(_written(asked.spec)), read_table(asked.data)
        said = _checked(spec, table) if asked.what == "check" else _fitted(spec, table, asked)
    except (Unfit, OSError) as trouble:
        print(f"bothwell outcomes: {trouble}", file=sys.stderr)
        return 2
    print(said)
    return 0


def _written(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Unfit(f"the specification {path} cannot be read") from None


def _checked(spec: Spec, table: Any) -> str:
    """What would enter, without fitting it."""
    if spec.model is Model.COMMON_FATE:
        return text(of_common_fate(spec, common_fate(spec, table)))
    return "\n\n".join(_entering(step, frame(step, table)) for step in _steps(spec))


def _steps(spec: Spec) -> tuple[Spec, ...]:
    return steps(spec) if spec.model is Model.MEDIATION else (spec,)


def _entering(spec: Spec, framed: Frame) -> str:
    answered = int((~np.isnan(framed.y)).sum())
    effects = ", ".join(framed.fixed)
    lines = [
        f"{spec.outcome}: {framed.n_couples} couples, {len(framed.couple)} occasions, {answered} answers",
        f"partners: {' and '.join(framed.sides) if spec.distinguished else 'nothing tells them apart'}",
        f"effects: {effects}",
        *(f"Note: {note}." for note in framed.left_out),
    ]
    return "\n".join(lines)


def _fitted(spec: Spec, table: Any, asked: argparse.Namespace) -> str:
    match spec.model:
        case Model.COMMON_FATE:
            _refuse(asked, "plot", "r", "df", "errors", "seed")
            report = of_common_fate(spec, common_fate(spec, table))
            _beside(spec, (), asked)
        case Model.MEDIATION:
            _refuse(asked, "plot", "df", "errors")
            found = mediate(spec, table, np.random.default_rng(1 if asked.seed is None else asked.seed))
            report = of_mediation(found)
            _beside(spec, found.second.names, asked)
        case Model.LAGGED_MEDIATION:
            _refuse(asked, "plot", "df", "errors", "seed")
            both = side_by_side(spec, table)
            report = of_side_by_side(both)
            _beside(spec, both.forward.names, asked)
        case _:
            _refuse(asked, "seed")
            framed = frame(spec, table)
            result = fit(spec, framed)
            summed = summary(result, asked.df, errors=asked.errors or Errors.EXPECTED)
            report = of_fit(result, summed)
            _beside(spec, result.names, asked)
            _drawn(result, summed, framed, asked.plot)
    if asked.csv:
        asked.csv.write_text(as_csv(report), encoding="utf-8")
    return as_json(report) if asked.json else text(report)


def _refuse(asked: argparse.Namespace, *options: str) -> None:
    for option in options:
        if getattr(asked, option) is not None:
            raise Unfit(f"--{option} does not go with this model")


def _beside(spec: Spec, names: Sequence[str], asked: argparse.Namespace) -> None:
    if asked.r:
        asked.r.write_text(equivalent(spec, names, str(asked.data)), encoding="utf-8")
    if asked.notebook:
        asked.notebook.write_text(notebook(spec, names, data=str(asked.data)), encoding="utf-8")


def _drawn(result: Fit, summed: Summary, framed: Frame, path: Path | None) -> None:
    if path is None:
        return
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise Unfit("a plot is written as .svg, .png or .pdf")
    if find_spec("matplotlib") is None:
        raise Unfit("plots need matplotlib (the extra `plots`)")
    plots = import_module("bothwell.outcomes.plots")
    plots.write(plots.picture(result, summed, framed), path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bothwell outcomes", description="Ask couples' numbers a question (docs/outcomes.md)."
    )
    doing = parser.add_subparsers(dest="what", required=True, metavar="what")
    checking = doing.add_parser("check", help="say what of the table would enter, and fit nothing")
    fitting = doing.add_parser("fit", help="fit the model and print what it found")
    for each in (checking, fitting):
        each.add_argument("spec", type=Path, help="the question, a TOML file")
        each.add_argument(
            "data", type=Path, help="the table, .csv or .parquet: a row for each partner and wave"
        )
    fitting.add_argument(
        "--df",
        type=Df,
        choices=list(Df),
        help="degrees of freedom (default: satterthwaite with random effects or a value that partners share, else residual)",
    )
    fitting.add_argument(
        "--errors", type=Errors, choices=list(Errors), help="standard errors (default: expected)"
    )
    fitting.add_argument("--seed", type=int, help="of the draws behind mediation's intervals (default: 1)")
    fitting.add_argument("--json", action="store_true", help="print JSON at full precision")
    for name, what in {
        "csv": "the effects as a CSV file",
        "plot": "a figure (.svg, .png, .pdf; needs the extra `plots`)",
        "r": "the same question as an R script",
        "notebook": "the same question as a notebook (.ipynb)",
    }.items():
        fitting.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {what}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
