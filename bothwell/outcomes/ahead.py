"""Which comes first: does a change in one score come a step before a change in the other, own and between partners?

Both directions stand side by side. Coming before is not bringing about, and nothing here says that it were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from bothwell.outcomes.asking import Question, words
from bothwell.outcomes.caution import FEW_COUPLES
from bothwell.outcomes.coarse import alike, at_least, chance, effect, scatter, step_of, to_step
from bothwell.outcomes.contrasts import contrast
from bothwell.outcomes.degrees import Errors
from bothwell.outcomes.equivalent import OTHER_ERRORS, equivalent
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.gathering import model
from bothwell.outcomes.notebook import notebook
from bothwell.outcomes.precedence import turned
from bothwell.outcomes.putting import NO_ANSWER, Asked
from bothwell.outcomes.sentences import beside_a_notebook, column, direction, in_r, label_ahead, told_ahead
from bothwell.outcomes.side_by_side import SideBySide, side_by_side
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

APART: Final = 4
"""Of a step's own place among the waves: its three times, and one at which nobody says anything."""


def reckoned(put: Asked) -> dict[str, Any]:
    """Both directions: links, tables, sentences. Raises Unfit where they cannot be told."""
    question = put.question
    spec, table = asked_of(question), steps(put)
    if not table["couple"]:
        raise Unfit(NO_ANSWER)
    both = side_by_side(spec, table)
    unsaid = {note for each in (spec, turned(spec)) for note in frame(each, table).left_out}
    fits = {"forward": both.forward, "backward": both.backward}
    found: dict[str, Any] = {
        "n_couples": at_least(both.forward.n_couples),
        "has_p": both.forward.n_couples >= FEW_COUPLES,
        "steps": _rests(put),
        "ahead": {way: _links(both, fitted) for way, fitted in fits.items()},
        "table": [line for way, fitted in fits.items() for line in _lines(question, way, fitted)],
        "spread": [
            {"part": direction(question, way)} | each
            for way, fitted in fits.items()
            for each in spread(fitted)
        ],
        "notes": [str(note) for note in both.notes if note not in unsaid and "couples:" not in note],
        "r": _in_r(question, fits),
        "model": {"name": spec.model.value, "method": spec.method.value},
    }
    sentences = told_ahead(question, found)
    found["notebook"] = notebook(
        spec, both.forward.names, title=words(question), r=found["r"],
        sentence=beside_a_notebook(question, found, sentences),
    )  # fmt: skip
    return found | {"sentences": sentences}


def asked_of(question: Question) -> Spec:
    """What goes before the question first; `turned` is the other way round."""
    return Spec(
        Model.LAGGED_MEDIATION, column(question.outcome), mediator=column(question.predictor), wave="week",
        distinguished=False, method=Method.REML,
    )  # fmt: skip


def steps(put: Asked) -> dict[str, list[Any]]:
    """The table: of each step its three times, and after them one without answers, so that no other step is read out of
    it than those that were chosen. `week` counts those places; without gaps the fit is that of the weeks themselves.
    """
    question = put.question
    columns = {question.outcome: column(question.outcome), question.predictor: column(question.predictor)}
    rows: dict[tuple[int, int, int], dict[str, float]] = {}
    for number, step in enumerate(question.steps):
        for place in put.of(model(question, step)):
            couple, side = put.numbers[place.couple], put.side(place)
            for time in range(APART):
                rows.setdefault((couple, side, APART * number + time), {})
            at = APART * number + step.index(place.week)
            rows[couple, side, at][columns[place.answer.score]] = float(place.answer.value)
    keys = sorted(rows)
    return {
        "couple": [str(couple) for couple, _, _ in keys],
        "partner": [str(side + 1) for _, side, _ in keys],
        "week": [at for _, _, at in keys],
        **{name: [rows[key].get(name, np.nan) for key in keys] for name in columns.values()},
    }


def _rests(put: Asked) -> list[dict[str, Any]]:
    """Each step with how many couples it rests on at least; a step of nobody is left out."""
    found = []
    for step in put.question.steps:
        couples = {place.couple for place in put.of(model(put.question, step))}
        if couples:
            found.append({"weeks": list(step), "couples": at_least(len(couples))})
    return found


def _links(both: SideBySide, fitted: Fit) -> dict[str, Any]:
    """One's own link and the partner's, of the change that came first in this fit."""
    found = {}
    for who, whose in (("actor", "own"), ("partner", "partner's")):
        name = f"{who} change in {fitted.spec.mediator}"
        row = both.row(fitted.spec.mediator, whose)
        ratio = row.standardised / row.estimate if row.estimate else 0.0
        step = step_of(abs(ratio) * row.standard_error, fitted.n_couples)
        found[who] = _line(fitted, name) | {"standardised": to_step(row.standardised, step)}
    return found


def _lines(question: Question, way: str, fitted: Fit) -> list[dict[str, Any]]:
    return [
        {
            "part": direction(question, way),
            "words": label_ahead(question, way, name),
            **_line(fitted, name),
        }
        for name in fitted.names
    ]


def _line(fitted: Fit, name: str) -> dict[str, float | None]:
    """One effect, with errors robust over couples and t by couples less effects; p from 30 couples on."""
    row = contrast(fitted, {name: 1.0}, errors=Errors.ROBUST)
    wide = (row.high - row.estimate) / row.standard_error if row.standard_error > 0 else 0.0
    told = effect(row.estimate, row.standard_error, df=row.df, wide=wide, couples=fitted.n_couples)
    return {**told, "p": chance(row.p) if fitted.n_couples >= FEW_COUPLES else None}


def _in_r(question: Question, fits: Mapping[str, Fit]) -> str:
    """Both directions, one after the other; what holds of both errors stands once, ahead of them."""
    scripts = [
        f"# {direction(question, way)}\n{equivalent(fitted.spec, fitted.names)}"
        for way, fitted in fits.items()
    ]
    return in_r(
        question, "\n".join([OTHER_ERRORS, *(each.replace(f"{OTHER_ERRORS}\n", "") for each in scripts)])
    )


def spread(fitted: Fit) -> list[dict[str, Any]]:
    """What the model says of how far answers scatter, and how alike the two partners' are."""
    residual = np.asarray(fitted.residual)
    if residual.shape != (2, 2) or residual[0, 0] <= 0:
        return []
    together = float(residual[0, 1] / np.sqrt(residual[0, 0] * residual[1, 1]))
    around = "scatter of one answer around what the model expects (standard deviation)"
    return [
        {"words": around, "value": scatter(float(np.sqrt(residual[0, 0])), fitted.n_couples)},
        {
            "words": "how alike the two partners are in that (correlation)",
            "value": alike(together, fitted.n_couples),
        },
    ]
