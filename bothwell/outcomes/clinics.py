"""One fit across clinics that show each other no row: each answers a question with sums over its couples, in JSON.

What sums can give away, and what is done about it:
- Few couples: with less than `fewest` couples, or a column that only so few fill, a clinic refuses. Five is a floor
  against accidents, not a proof: an answer holds some hundred numbers, so that sums over a handful of couples could be
  solved for their answers by somebody determined. Between clinics that do not trust each other ask for many more.
- Differences: two cohorts that differ by one couple differ by that couple. So an analysis has one name and one fixed
  cohort (its hash is in every answer), and a clinic must not open another analysis on nearly the same couples.
- Many questions: each reveals other sums. A fit asks some ten; after `most_questions` a clinic says no more.
Names, times, rows and single answers never leave; neither do random effects of a couple. What leaves first is the head:
the model's shape, and of each column on either side the count, mean and squares, from which all agree where to count from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Covariances
from bothwell.outcomes.fit import Fit, fitted
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.head import Head, head_of, joined, objective_of, origin_of
from bothwell.outcomes.objective import Holder, holder
from bothwell.outcomes.origin import Moments, Origin, moved
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Point, Value

FEWEST = 5
MOST_QUESTIONS = 200

Send = Callable[[str], str]  # a question's text to a clinic, its answer's text back


@dataclass(eq=False)
class Clinic:
    """One clinic's side of one analysis; it counts its answers, and is otherwise fixed."""

    analysis: str
    frame: Frame
    fewest: int = FEWEST
    most_questions: int = MOST_QUESTIONS
    answered: int = field(default=0, init=False)
    held: Holder | None = field(default=None, init=False)
    counted_from: dict[str, Any] = field(default_factory=dict, init=False)
    head: Head = field(init=False)

    def __post_init__(self) -> None:
        refuse_few(self.frame, self.fewest)
        self.head = replace(head_of(self.frame), left_out=(), answers_hash="")

    def counting(self, origin: dict[str, Any]) -> Holder:
        """Whoever tells sums of numbers counted from there."""
        if self.held is None or origin != self.counted_from:
            self.held, self.counted_from = holder(moved(self.frame, _origin(origin))), origin
        return self.held


def refuse_few(frame: Frame, fewest: int) -> None:
    """Raises Unfit when there are too few couples, or a column stands for too few of them."""
    if len(np.unique(frame.couple)) < fewest:
        raise Unfit(f"fewer than {fewest} couples: no sum is given out")
    for side in (0, 1):
        there = ~np.isnan(frame.y[:, side])
        if 0 < len(np.unique(frame.couple[there])) < fewest:
            raise Unfit(f"fewer than {fewest} couples answered on one side: no sum is given out")
        for place, name in enumerate(frame.fixed):
            _refuse_rare(frame.couple[there], frame.x[there, side, place], name, fewest)


def _refuse_rare(couple: np.ndarray[Any, Any], column: Numbers, name: str, fewest: int) -> None:
    values = np.unique(column)
    marks = [column == value for value in values] if len(values) == 2 else [column != 0]
    for mark in marks:
        if 0 < len(np.unique(couple[mark])) < fewest:
            raise Unfit(f"fewer than {fewest} couples differ here: no sum is given out", column=name)


def answer(clinic: Clinic, question: str) -> str:
    """A clinic's answer to a question, both JSON. Raises Unfit for what it will not say."""
    said = json.loads(question)
    if said.get("analysis") != clinic.analysis:
        raise Unfit("this clinic's couples were opened for another analysis")
    if clinic.answered >= clinic.most_questions:
        raise Unfit(f"{clinic.most_questions} questions were answered: no more")
    clinic.answered += 1
    match said.get("asks"):
        case "head":
            told = asdict(clinic.head)
        case "sums":
            held = clinic.counting(said["origin"])
            told = _plain(held.ask(Point(_covariances(said), np.array(said["weights"], ndmin=2))))
        case "scores":
            held = clinic.counting(said["origin"])
            told = {"meat": held.meat(_covariances(said), np.array(said["effects"])).tolist()}
        case other:
            raise Unfit(f"a question that no clinic knows: {str(other)[:20]!r}")
    return json.dumps(told | {"cohort": clinic.head.data_hash})


def fit_clinics(spec: Spec, analysis: str, clinics: Sequence[Send]) -> Fit:
    """The coordinator's fit: the digits of a fit to all rows in one place, without having them.

    Raises Unfit when a clinic refuses, when the clinics' models differ, or when a cohort changed on the way.
    """
    first = [json.loads(send(json.dumps({"analysis": analysis, "asks": "head"}))) for send in clinics]
    head = joined([_head(told) for told in first])
    origin = _plain(origin_of(head))

    def each(question: dict[str, Any]) -> list[dict[str, Any]]:
        text = json.dumps({"analysis": analysis, "origin": origin} | question)
        answers = [json.loads(send(text)) for send in clinics]
        if [told["cohort"] for told in answers] != [told["cohort"] for told in first]:
            raise Unfit("a clinic's couples changed during the analysis")
        return answers

    def ask(point: Point) -> Value:
        told = each(_matrices(point.at) | {"asks": "sums", "weights": point.weights.tolist()})
        return reduce(add, (_value(one) for one in told))

    def meat(at: Covariances, beta: Numbers) -> Numbers:
        told = each(_matrices(at) | {"asks": "scores", "effects": beta.tolist()})
        return np.asarray(np.sum([one["meat"] for one in told], axis=0))

    return fitted(spec, objective_of(spec, head, Holder(ask, meat)), head)


def _matrices(at: Covariances) -> dict[str, Any]:
    return {
        "spread": at.spread.tolist(), "residual": at.residual.tolist(), "autocorrelation": at.autocorrelation,
    }  # fmt: skip


def _covariances(said: dict[str, Any]) -> Covariances:
    q = len(said["spread"])
    return Covariances(
        np.array(said["spread"]).reshape(q, q), np.array(said["residual"]), said["autocorrelation"]
    )


def _plain(value: Value | Origin) -> dict[str, Any]:
    return {one.name: np.asarray(getattr(value, one.name)).tolist() for one in fields(value)}


def _origin(said: dict[str, Any]) -> Origin:
    p, q = len(said["effects"]), len(said["random"])
    shapes = {"effects": (p, p), "answer": (p,), "random": (q, q)}
    matrices = {name: np.array(said[name], dtype=float).reshape(shape) for name, shape in shapes.items()}
    return Origin(**matrices, step=said["step"], usual=said["usual"], is_even=said["is_even"])


def _value(told: dict[str, Any]) -> Value:
    parts: dict[str, Any] = {one.name: told[one.name] for one in fields(Value)}
    for name, part in parts.items():
        parts[name] = np.array(part) if isinstance(part, list) else part
    return Value(**parts)


def _head(told: dict[str, Any]) -> Head:
    return Head(
        tuple(told["fixed"]), tuple(told["random"]), Pattern(told["residual"]), Pattern(told["spread"]),
        told["is_autoregressive"], _moments(told["moments"]), told["data_hash"], tuple(told["left_out"]),
        (told["sides"][0], told["sides"][1]), tuple(told["shared"]), told["answers_hash"],
        told["model"], told["outcome"], told["waves"],
    )  # fmt: skip


def _moments(told: dict[str, Any]) -> Moments:
    both = {name: (tuple(told[name][0]), tuple(told[name][1])) for name in ("mean", "squares")}
    first, second = told["count"]
    return Moments((first, second), **both, gaps=told["gaps"], apart=told["apart"], step=told["step"])
