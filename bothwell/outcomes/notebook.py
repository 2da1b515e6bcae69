"""A question as a notebook that a researcher runs again: the specification, the fit, its table, a figure, the call for R.

It holds the question and never an answer: the table stays in its own file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.spec import Model, Spec


def as_toml(spec: Spec) -> str:
    """The specification as a file says it; `Spec.from_toml` reads it back to the same."""
    said = []
    for field in fields(spec):
        value = getattr(spec, field.name)
        if value != field.default:
            said.append(f"{field.name} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(said)


def notebook(
    spec: Spec,
    names: Sequence[str],
    *,
    title: str = "Two partners, one question",
    sentence: str = "",
    data: str = "data.csv",
    data_hash: str = "",
    r: str = "",
    how: Mapping[str, Any] | None = None,
) -> str:
    """The text of an .ipynb file (nbformat 4.5), the same for the same arguments.

    `names`: the fixed effects, as a fit or a frame has them. With `data_hash` it first makes sure of the data. `r`: the
    script for R, where `equivalent(spec, names, data)` would be only a part of it. `how`: what was asked of `summary`,
    or of `mediate` and `side_by_side`.
    """
    cells = [
        _words(f"# {title}\n\n{sentence}".rstrip()),
        _code(_question(spec, data)),
        *([_code(_same_data(data_hash))] if data_hash else []),
        *(_code(lines) for lines in _answers(spec, how or {})),
        *_in_r(spec, names, data, r),
    ]
    whole = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, start=1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _in_r(spec: Spec, names: Sequence[str], data: str, r: str) -> list[dict[str, Any]]:
    if spec.model is Model.COMMON_FATE:
        return []
    return [_words(f"The same question in R:\n\n```r\n{r or equivalent(spec, names, data)}```")]


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines}


def _question(spec: Spec, data: str) -> str:
    return (
        "from bothwell.outcomes.spec import Spec\n"
        "from bothwell.outcomes.tables import read_table\n\n"
        f'spec = Spec.from_toml("""\n{_safe(as_toml(spec))}""")\n'
        f"table = read_table({json.dumps(data, ensure_ascii=False)})\n"
    )


def _safe(text: str) -> str:
    """As it stands between three quotation marks."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _same_data(data_hash: str) -> str:
    return (
        "from bothwell.outcomes.frame import frame\n\n"
        "# The data of the kept result; an error here says that these are others.\n"
        f'assert frame(spec, table).data_hash == "{data_hash}"\n'
    )


def _answers(spec: Spec, how: Mapping[str, Any]) -> list[str]:
    asked = "".join(f", {name}={json.dumps(value)}" for name, value in how.items() if name != "seed")
    match spec.model:
        case Model.COMMON_FATE:
            return [_ONE_LEVEL]
        case Model.MEDIATION:
            return [_MEDIATED.format(seed=how.get("seed", 1), asked=asked)]
        case Model.LAGGED_MEDIATION:
            return [_BOTH_WAYS.format(asked=asked)]
    return [_FITTED.format(asked=asked), _FIGURE.format(asked=asked)]


_MEDIATED = """\
import numpy as np

from bothwell.outcomes.mediation import mediate
from bothwell.outcomes.report import of_mediation, text

found = mediate(spec, table, np.random.default_rng({seed}){asked})
print(text(of_mediation(found)))
"""

_ONE_LEVEL = """\
from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.report import of_common_fate, text

print(text(of_common_fate(spec, common_fate(spec, table))))
"""

_BOTH_WAYS = """\
from bothwell.outcomes.report import of_side_by_side, text
from bothwell.outcomes.side_by_side import side_by_side

print(text(of_side_by_side(side_by_side(spec, table{asked}))))
"""

_FITTED = """\
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.report import of_fit, text
from bothwell.outcomes.summary import summary

framed = frame(spec, table)
found = fit(spec, framed)
print(text(of_fit(found, summary(found{asked}))))
"""

_FIGURE = """\
from bothwell.outcomes.plots import picture

picture(found, summary(found{asked}), framed)
"""
