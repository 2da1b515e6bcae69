"""Puts a clinic's question to its couples' answers: table, model, estimates, courses. Only the job loads it.

What comes out is plain numbers over five couples or more; what goes in carries no name and no key of the database.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from scipy import stats

from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.asking import Question, Way, scores, words
from bothwell.outcomes.caution import FEW_COUPLES
from bothwell.outcomes.choosing import Why
from bothwell.outcomes.code_version import code_version as code_version
from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.gathering import Gathered, Placed, at, changed, model
from bothwell.outcomes.notebook import notebook
from bothwell.outcomes.reliable import counted
from bothwell.outcomes.sentences import column, label, told
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

DIGITS: Final = 6
SURE: Final = 0.975
TOO_FEW: Final = (
    "Too few couples gave what this question asks, or too few more or less than stand in another result: "
    "nothing is told of fewer than five."
)


@dataclass(frozen=True)
class Asked:
    """A question with the answers it may use. `numbers`: of each couple one drawn for this run alone."""

    question: Question
    gathered: Gathered
    there: Mapping[UUID, Placed]
    numbers: Mapping[UUID, int]
    turned: frozenset[
        UUID
    ]  # couples of whom the second partner is named first: nothing depends on who is which

    def side(self, place: Placed) -> int:
        return place.side ^ (place.couple in self.turned)

    def of(self, part: str) -> list[Placed]:
        """The answers one part may use."""
        return [self.there[key] for key in self.gathered.of(part)]


def asked(
    question: Question, gathered: Gathered, there: Mapping[UUID, Placed], chance: random.Random
) -> Asked:
    """With couples numbered anew in an order of chance."""
    couples = sorted({place.couple for place in there.values()}, key=str)
    chance.shuffle(couples)
    turned = frozenset(couple for couple in couples if chance.random() < 0.5)
    return Asked(question, gathered, there, {couple: n for n, couple in enumerate(couples, 1)}, turned)


def answer(put: Asked, progress: Callable[[int], None]) -> dict[str, Any]:
    """What may be shown of the answer. Raises Unfit, with a sentence for who asked, where there is none."""
    notes = sorted({chosen.why.value for chosen in put.gathered.parts.values() if chosen.why is not Why.ALL})
    if put.question.way is Way.RELIABLE:
        return {"counts": _counts(put), "left": notes}
    courses = {key: _course(put, key) for key in put.question.keys}
    progress(45)
    spec, table = _table(put)
    fitted, unsaid = _fitted(spec, table)
    progress(85)
    names = tuple(fitted.names)
    lines = estimates(fitted)
    found: dict[str, Any] = {
        "n_couples": int(fitted.n_couples),
        "has_p": fitted.n_couples >= FEW_COUPLES,
        "table": [
            {"words": label(put.question, name), **line} for name, line in zip(names, lines, strict=True)
        ],
        "paths": {who: _path(put.question, names, lines, who) for who in ("actor", "partner")},
        "spread": _spread(fitted),
        "courses": courses,
        "notes": [str(note) for note in fitted.notes if note not in unsaid and "couples:" not in note],
        "left": notes,
        "r": equivalent(spec, names),
        "model": {"name": spec.model.value, "method": spec.method.value},
    }
    sentences = told(put.question, found)
    title = words(put.question)
    return found | {
        "sentences": sentences,
        "notebook": notebook(spec, names, title=title, sentence=sentences[0]),
    }


# ── the model ────────────────────────────────────────────────────────────────────────────────────


def _table(put: Asked) -> tuple[Spec, dict[str, list[Any]]]:
    question = put.question
    y, x = column(question.outcome), column(question.predictor)
    if question.way is Way.CHANGE:
        rows = _changes(put, y, x)
        spec = Spec(Model.APIM, y, (x,), distinguished=False, method=Method.REML)
    else:
        rows = _moments(put, y, x)
        spec = Spec(Model.DIARY, y, (x,), wave="week", distinguished=False, method=Method.REML)
    if not rows:
        raise Unfit(TOO_FEW)
    names = ("couple", "partner", *(("week",) if spec.wave else ()), y, x)
    return spec, {name: [row[name] for row in rows] for name in names}


def _changes(put: Asked, y: str, x: str) -> list[dict[str, Any]]:
    """A row a person: last less first; nan where one of the two is not there."""
    question = put.question
    values: dict[tuple[int, int], dict[tuple[str, int], float]] = {}
    for place in put.of(model(question)):
        person = (put.numbers[place.couple], put.side(place))
        values.setdefault(person, {})[place.answer.score, place.week] = float(place.answer.value)
    times = (question.first_week, question.last_week)

    def change(of: Mapping[tuple[str, int], float], score: str) -> float:
        first, last = (of.get((score, week), np.nan) for week in times)
        return last - first

    return [
        {
            "couple": str(couple),
            "partner": str(side + 1),
            y: change(of, question.outcome),
            x: change(of, question.predictor),
        }
        for (couple, side), of in sorted(values.items())
    ]


def _moments(put: Asked, y: str, x: str) -> list[dict[str, Any]]:
    """A row a person and time."""
    question, rows = put.question, []
    for week in question.weeks:
        values: dict[tuple[int, int], dict[str, float]] = {}
        for place in put.of(model(question, week)):
            person = (put.numbers[place.couple], put.side(place))
            values.setdefault(person, {})[place.answer.score] = float(place.answer.value)
        rows += [
            {
                "couple": str(couple), "partner": str(side + 1), "week": week,
                y: of.get(question.outcome, np.nan), x: of.get(question.predictor, np.nan),
            }
            for (couple, side), of in sorted(values.items())
        ]  # fmt: skip
    return rows


def _fitted(spec: Spec, table: Mapping[str, Any]) -> tuple[Fit, tuple[str, ...]]:
    """The fit, and what its frame says of single answers: not to be said here.

    An Unfit that names one couple says here only that there is one.
    """
    try:
        framed = frame(spec, table)
        fitted = fit(spec, framed)
    except Unfit as no:
        raise Unfit(
            no.args[0] if not no.couple else "The answers of one couple do not fit this question."
        ) from None
    if fitted.n_couples < LEAST:
        raise Unfit(TOO_FEW)
    return fitted, framed.left_out


def estimates(fitted: Fit) -> list[dict[str, float | None]]:
    """Each effect with its standard error, its 95 % interval and, from 30 couples on, p.

    By t with as many degrees of freedom as there are couples less effects: two partners are not two samples.
    """
    freedom = max(1, fitted.n_couples - len(fitted.names))
    wide = float(stats.t.ppf(SURE, freedom))
    found: list[dict[str, float | None]] = []
    for value, variance in zip(fitted.estimates, np.diag(fitted.covariance), strict=True):
        error = float(np.sqrt(variance))
        p = (
            float(2 * stats.t.sf(abs(value) / error, freedom))
            if fitted.n_couples >= FEW_COUPLES and error > 0
            else None
        )
        found.append(
            {
                "estimate": _rounded(value), "se": _rounded(error), "df": float(freedom),
                "low": _rounded(value - wide * error), "high": _rounded(value + wide * error),
                "p": None if p is None else _rounded(p),
            }
        )  # fmt: skip
    return found


def _path(
    question: Question, names: tuple[str, ...], lines: list[dict[str, float | None]], who: str
) -> dict[str, float | None]:
    within = "" if question.way is Way.CHANGE else " within"
    return lines[names.index(f"{who} {column(question.predictor)}{within}")]


def _spread(fitted: Fit) -> list[dict[str, Any]]:
    """What the model says of how far answers scatter, and how alike the two partners' are."""
    residual = np.asarray(fitted.residual)
    if residual.shape != (2, 2) or residual[0, 0] <= 0:
        return []
    alike = residual[0, 1] / np.sqrt(residual[0, 0] * residual[1, 1])
    scatter = "scatter of one answer around what the model expects (standard deviation)"
    return [
        {"words": scatter, "value": _rounded(np.sqrt(residual[0, 0]))},
        {"words": "how alike the two partners are in that (correlation)", "value": _rounded(alike)},
    ]


# ── courses and counts ───────────────────────────────────────────────────────────────────────────


def _course(put: Asked, score: str) -> list[dict[str, Any]]:
    """The mean at each time with its 95 % band; a couple's two answers count as one cluster."""
    found = []
    for week in put.question.weeks:
        by_couple: dict[UUID, list[float]] = {}
        for place in _drawn(put, score, week):
            by_couple.setdefault(place.couple, []).append(float(place.answer.value))
        if len(by_couple) >= LEAST:
            found.append({"week": week, "couples": len(by_couple), **band(by_couple.values())})
    return found


def _drawn(put: Asked, score: str, week: int) -> list[Placed]:
    """The very answers that the estimates use, where they use any of this time; else those chosen for the course."""
    question = put.question
    part = model(question, week) if question.way is Way.MOMENTS else model(question)
    used = [place for place in put.of(part) if (place.answer.score, place.week) == (score, week)]
    return used or put.of(at(score, week))


def band(clusters: Iterable[Iterable[float]]) -> dict[str, float]:
    """Mean over people and its 95 % interval with couples as clusters (linearised ratio of sums, t with n − 1)."""
    sums = np.array([(sum(values), len(values)) for values in map(list, clusters)], dtype=float)
    n, mean = len(sums), sums[:, 0].sum() / sums[:, 1].sum()
    left = sums[:, 0] - mean * sums[:, 1]
    error = float(np.sqrt(n / (n - 1) * (left**2).sum()) / sums[:, 1].sum())
    wide = float(stats.t.ppf(SURE, n - 1)) * error
    return {"mean": _rounded(mean), "low": _rounded(mean - wide), "high": _rounded(mean + wide)}


def _counts(put: Asked) -> list[dict[str, Any]]:
    question, found = put.question, []
    for key in question.keys:
        totals: dict[UUID, dict[tuple[int, int], Any]] = {}
        for place in put.of(changed(key, question)):
            totals.setdefault(place.couple, {})[place.side, place.week] = place.answer.value
        pairs = {
            couple: tuple((of[side, question.first_week], of[side, question.last_week]) for side in (0, 1))
            for couple, of in totals.items()
        }
        if len(pairs) >= LEAST:
            one = counted(scores()[key], pairs)  # type: ignore[arg-type]
            found.append(
                {"key": key, "n_couples": one.n_couples, "people": one.people, "couples": one.couples}
            )
    return found


def _rounded(value: float) -> float:
    """Six digits: more would say nothing, and less would hide how the estimate was reached."""
    return float(f"{float(value):.{DIGITS}g}")
