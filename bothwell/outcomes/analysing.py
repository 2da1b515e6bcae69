"""Puts a clinic's question to its couples' answers: table, model, estimates, courses. Only the job loads it.

What comes out is plain numbers over five couples or more; what goes in carries no name and no key of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from scipy import stats

from bothwell.outcomes.ahead import reckoned as both_ways
from bothwell.outcomes.ahead import spread
from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.asking import Question, Way, words
from bothwell.outcomes.caution import FEW_COUPLES
from bothwell.outcomes.choosing import Why
from bothwell.outcomes.coarse import at_least, chance, effect
from bothwell.outcomes.code_version import code_version as code_version
from bothwell.outcomes.courses import SURE, counts, course
from bothwell.outcomes.degrees import Df
from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.gathering import model
from bothwell.outcomes.notebook import notebook
from bothwell.outcomes.putting import NO_ANSWER, Asked
from bothwell.outcomes.putting import asked as asked
from bothwell.outcomes.sentences import beside_a_notebook, in_r, label, named, told
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

UNTOLD: Final = frozenset({Why.ALL.value, Why.WAITS.value})


def answer(put: Asked, progress: Callable[[int], None]) -> dict[str, Any]:
    """What may be shown of the answer. Raises Unfit where there is none; its reason is for nobody to read, for it may
    tell of the answers. That something waits is not told: it would say that somebody has answered.
    """
    left = sorted({chosen.why.value for chosen in put.gathered.parts.values()} - UNTOLD)
    courses = {key: course(put, key) for key in put.question.keys}
    progress(45)
    match put.question.way:
        case Way.RELIABLE:
            return {"courses": courses, "counts": counts(put), "left": left}
        case Way.FIRST:
            found = both_ways(put)
        case _:
            found = _reckoned(put)
    progress(85)
    return found | {"courses": courses, "left": left}


# ── the model ────────────────────────────────────────────────────────────────────────────────────


def _reckoned(put: Asked) -> dict[str, Any]:
    """Own and the partner's link, with all that must stand beside them."""
    spec, table = _table(put)
    fitted, unsaid = _fitted(spec, table)
    names = tuple(fitted.names)
    lines = estimates(fitted)
    found: dict[str, Any] = {
        "n_couples": at_least(fitted.n_couples),
        "has_p": fitted.n_couples >= FEW_COUPLES,
        "table": [
            {"words": label(put.question, name), **line} for name, line in zip(names, lines, strict=True)
        ],
        "paths": {who: _path(put.question, names, lines, who) for who in ("actor", "partner")},
        "spread": spread(fitted),
        "notes": [str(note) for note in fitted.notes if note not in unsaid and "couples:" not in note],
        "r": in_r(put.question, equivalent(spec, names)),
        "model": {
            "name": spec.model.value,
            "method": spec.method.value,
            "weeks_held_even": bool(spec.covariates),
        },
    }
    sentences = told(put.question, found)
    title = words(put.question)
    return found | {
        "sentences": sentences,
        "notebook": notebook(
            spec,
            names,
            title=title,
            sentence=beside_a_notebook(put.question, found, sentences),
            r=found["r"],
            how={"df": Df.COUPLES.value},
        ),
    }


def _table(put: Asked) -> tuple[Spec, dict[str, list[Any]]]:
    question = put.question
    y, x = named(question, question.outcome), named(question, question.predictor)
    if question.way is Way.CHANGE:
        rows = _changes(put, y, x)
        spec = Spec(Model.APIM, y, (x,), distinguished=False, method=Method.REML)
    else:
        # Whoever is in care gets better over the weeks: without them, any two scores that do would be linked.
        rows = _moments(put, y, x)
        spec = Spec(
            Model.DIARY, y, (x,), wave="week", covariates=("week",), distinguished=False, method=Method.REML
        )
    if not rows:
        raise Unfit(NO_ANSWER)
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
        for place in (each for each in put.of(model(question, week)) if each.week == week):
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
    """The fit, and what its frame says of single answers: not to be said here."""
    framed = frame(spec, table)
    fitted = fit(spec, framed)
    if fitted.n_couples < LEAST:
        raise Unfit(NO_ANSWER)
    return fitted, framed.left_out


def estimates(fitted: Fit) -> list[dict[str, float | None]]:
    """Each effect with its standard error, its 95 % interval and, from 30 couples on, p.

    By t with as many degrees of freedom as there are couples less effects: two partners are not two samples. How many
    those are is not kept, for it is how many couples there are.
    """
    freedom = max(1, fitted.n_couples - len(fitted.names))
    wide = float(stats.t.ppf(SURE, freedom))
    found: list[dict[str, float | None]] = []
    for value, variance in zip(fitted.estimates, np.diag(fitted.covariance), strict=True):
        error = float(np.sqrt(variance))
        p = (
            chance(float(2 * stats.t.sf(abs(value) / error, freedom)))
            if fitted.n_couples >= FEW_COUPLES and error > 0
            else None
        )
        told = effect(float(value), error, df=freedom, wide=wide, couples=fitted.n_couples)
        found.append({**told, "p": p})
    return found


def _path(
    question: Question, names: tuple[str, ...], lines: list[dict[str, float | None]], who: str
) -> dict[str, float | None]:
    within = "" if question.way is Way.CHANGE else " within"
    return lines[names.index(f"{who} {named(question, question.predictor)}{within}")]
