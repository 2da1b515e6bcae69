"""`bothwell outcomes`: a researcher's question and table in, the answer out. It needs no database and keeps nothing.

Ends with 0, or with 2 and one sentence when the question or the table will not do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bothwell.outcomes.columns import FromFile, Writing
from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.degrees import Df, Errors
from bothwell.outcomes.equivalent import scripts
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.mediation import mediate, steps
from bothwell.outcomes.notebook import notebook
from bothwell.outcomes.report import (
    Report,
    as_csv,
    as_json,
    of_common_fate,
    of_fit,
    of_mediation,
    of_side_by_side,
    text,
)
from bothwell.outcomes.sheet import read
from bothwell.outcomes.side_by_side import side_by_side
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.summary import summary
from bothwell.outcomes.tables import read_table
from bothwell.outcomes.unfit import Unfit

ENDINGS = {"csv": (".csv",), "plot": (".svg", ".png", ".pdf"), "r": (".r",), "notebook": (".ipynb",)}
NOT_FOR = {  # options that a model would not heed
    Model.COMMON_FATE: ("plot", "r", "df", "errors", "seed", "level"),
    Model.MEDIATION: ("plot", "df", "errors"),
    Model.LAGGED_MEDIATION: ("plot", "df", "errors", "seed"),
}
Models = Sequence[tuple[Spec, Sequence[str]]]  # and each one's effects


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the words ask; 0, or 2 with a sentence on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        spec = Spec.from_toml(_written(asked.spec))
        if asked.what == "check":
            print(_checked(spec, read_table(asked.data)))
        else:
            _refuse(spec, asked)
            _answer(spec, read_table(asked.data), asked)
    except (Unfit, OSError) as trouble:
        print(f"bothwell outcomes: {trouble}", file=sys.stderr)
        return 2
    return 0


def _written(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise Unfit(f"the specification {path} cannot be read as text in UTF-8") from None


# ── what is refused before anything is fitted ─────────────────────────────────────────────────────────────


def _refuse(spec: Spec, asked: argparse.Namespace) -> None:
    for option in NOT_FOR.get(spec.model, ("seed",)):
        if getattr(asked, option) is not None:
            raise Unfit(f"--{option} does not go with this model")
    if asked.level is not None and not 0 < asked.level < 1:
        raise Unfit("--level is a share between 0 and 1, such as 0.95")
    if asked.plot and find_spec("matplotlib") is None:
        raise Unfit("plots need matplotlib (the extra `plots`)")
    taken = {"the question": asked.spec, "the data": asked.data}
    for option, path in _outputs(asked).items():
        _refuse_output(f"--{option}", path, ENDINGS[option], taken, asked.overwrite)
        taken[f"--{option}"] = path


def _outputs(asked: argparse.Namespace) -> dict[str, Path]:
    return {option: path for option in ENDINGS if (path := getattr(asked, option)) is not None}


def _refuse_output(
    option: str, path: Path, endings: Sequence[str], taken: Mapping[str, Path], overwrite: bool
) -> None:
    for what, other in taken.items():
        if _is_same(path, other):
            raise Unfit(f"{option} {path} would be written over {what}")
    if path.suffix.lower() not in endings:
        raise Unfit(f"{option} writes a file that ends in {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise Unfit(f"{option} {path}: there is no such folder")
    if os.path.lexists(path) and not overwrite:
        raise Unfit(f"{option} {path} is there already; --overwrite writes over it")


def _is_same(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()


# ── checking ──────────────────────────────────────────────────────────────────────────────────────────────


def _checked(spec: Spec, table: Any) -> str:
    """What would enter, without fitting it."""
    if spec.model is Model.COMMON_FATE:
        return text(of_common_fate(spec, common_fate(spec, table)))
    entering = [_entering(step, frame(step, table)) for step in _steps(spec)]
    return "\n\n".join([*entering[:-1], f"{entering[-1]}\n{_ranges(spec, table)}"])


def _steps(spec: Spec) -> tuple[Spec, ...]:
    return steps(spec) if spec.model is Model.MEDIATION else (spec,)


def _ranges(spec: Spec, table: Any) -> str:
    """From where to where each column goes: a code for "not answered", such as -99, is seen here."""
    values = read(spec, table).values
    said = (f"{name} {np.nanmin(column):g} to {np.nanmax(column):g}" for name, column in values.items())
    return f"values: {', '.join(said)}"


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


def _answer(spec: Spec, table: Any, asked: argparse.Namespace) -> None:
    """Print what was found, and only then write files: none that fails takes the answer with it."""
    how = {
        name: getattr(asked, name) for name in ("df", "errors", "level") if getattr(asked, name) is not None
    }
    report, models, draw = _found(spec, table, how, 1 if asked.seed is None else asked.seed)
    print(as_json(report) if asked.json else text(report), flush=True)
    data, writing = str(asked.data), table.writing if isinstance(table, FromFile) else Writing()
    for option, path in _outputs(asked).items():
        match option:
            case "csv":
                path.write_text(as_csv(report), encoding="utf-8")
            case "plot":
                draw(path)
            case "r":
                path.write_text(scripts(models, data, writing), encoding="utf-8")
            case "notebook":
                path.write_text(_notebook(spec, models, data, writing, how, asked.seed), encoding="utf-8")


def _notebook(
    spec: Spec, models: Models, data: str, writing: Writing, how: dict[str, Any], seed: int | None
) -> str:
    r = "" if spec.model is Model.COMMON_FATE else scripts(models, data, writing)
    how = how | ({} if seed is None else {"seed": seed})
    return notebook(spec, models[0][1], data=data, r=r, how=how)


def _found(
    spec: Spec, table: Any, how: dict[str, Any], seed: int
) -> tuple[Report, Models, Callable[[Path], None]]:
    """The report, the models it rests on, and what draws its figure."""
    match spec.model:
        case Model.COMMON_FATE:
            return of_common_fate(spec, common_fate(spec, table)), [(spec, ())], _undrawn
        case Model.MEDIATION:
            found = mediate(spec, table, np.random.default_rng(seed), **how)
            return of_mediation(found), _models(found.first, found.second), _undrawn
        case Model.LAGGED_MEDIATION:
            both = side_by_side(spec, table, **how)
            return of_side_by_side(both), _models(both.forward, both.backward), _undrawn
    framed = frame(spec, table)
    result = fit(spec, framed)
    summed = summary(result, **how)

    def draw(path: Path) -> None:
        plots = import_module("bothwell.outcomes.plots")
        plots.write(plots.picture(result, summed, framed), path)

    return of_fit(result, summed), _models(result), draw


def _models(*fits: Fit) -> Models:
    return [(each.spec, each.names) for each in fits]


def _undrawn(path: Path) -> None:
    raise Unfit("this model has no figure")


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
            "data", type=Path, help="the table, .csv, .tsv, .txt or .parquet: a row for each partner and wave"
        )
    for name, kind in {"df": Df, "errors": Errors}.items():
        words = {"df": "degrees of freedom", "errors": "standard errors"}[name]
        fitting.add_argument(
            f"--{name}",
            choices=[each.value for each in kind],
            help=f"{words} (default: what is usual for such data)",
        )
    fitting.add_argument("--level", type=float, help="of the intervals, a share (default: 0.95)")
    fitting.add_argument("--seed", type=int, help="of the draws behind mediation's intervals (default: 1)")
    fitting.add_argument("--overwrite", action="store_true", help="write over files that are there already")
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
