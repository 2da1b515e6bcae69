"""One fit across clinics that show each other no row: each answers a question with sums over its couples, in JSON.

What sums can give away, and what is done about it:
- Too few who share something: whoever alone did not answer, was asked at other times or has a value that few have would
  be singled out by sums. A clinic refuses unless `fewest` couples share it (`shared_by`); `settled` leaves out the rest.
- Few couples: five is a floor against accidents, not a proof. An answer holds some hundred numbers, so that sums over a
  handful of couples can be solved for whole numbers like scores. Between clinics that do not trust each other ask for
  many more, as `fewest` and in all.
- Differences: two cohorts that differ by one couple differ by that couple. An analysis has one name and one cohort, by
  the clinic's own file (`clinic_memory`) for good; nearly the same couples under another name it does not notice, and
  nobody but the clinic can refuse them.
- Many questions: each reveals other sums. A fit asks some ten; after `most_questions`, counted in that file by all
  processes together, a clinic says no more. Without the file, or with an old copy of it, it begins anew.
- Guesses: a hash of the numbers would confirm them. The cohort's mark is made with a secret of that file.
Names, times, rows and single answers never leave; neither do random effects of a couple. What leaves first is the head:
the model's shape, and of each column on either side the count, mean and squares, from which all agree where to count from.
Why a clinic refuses its own couples (`Clinic`, `settled`) is said to it alone; what `answer` raises may be sent on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.clinic_memory import Memory
from bothwell.outcomes.covariance import Covariances
from bothwell.outcomes.data_hash import cohort_hash
from bothwell.outcomes.fit import Fit, fitted
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.head import Head, head_of, joined, objective_of, origin_of
from bothwell.outcomes.objective import Holder, holder
from bothwell.outcomes.origin import Moments, Origin, moved
from bothwell.outcomes.shared_by import FEWEST, refuse_few
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Point, Value

MOST_QUESTIONS = 200
ROUNDING = 1e-9  # of the largest: what a covariance may miss being one by
TINY = float(np.finfo(float).tiny)
LEFT_OUT = "each clinic leaves out what too few of its couples share, and does not say how much"

Send = Callable[[str], str]  # a question's text to a clinic, its answer's text back


@dataclass(eq=False)
class Clinic:
    """One clinic's side of one analysis; what was asked before, in any process, stands in its file.

    Raises Unfit where fewer than `fewest` couples share something that sums would single out (`settled` leaves it out),
    or where the analysis was opened for other couples.
    """

    analysis: str
    frame: Frame
    file: Path | str
    fewest: int = FEWEST
    most_questions: int = MOST_QUESTIONS
    held: Holder | None = field(default=None, init=False)
    counted_from: dict[str, Any] = field(default_factory=dict, init=False)
    memory: Memory = field(init=False)
    head: Head = field(init=False)

    def __post_init__(self) -> None:
        refuse_few(self.frame, self.fewest)
        self.memory = Memory(Path(self.file))
        cohort = cohort_hash(self.memory.secret(), self.analysis, self.frame.couple, _columns(self.frame))
        self.memory.open(self.analysis, cohort)
        self.head = replace(head_of(self.frame), left_out=(LEFT_OUT,), data_hash=cohort, answers_hash="")

    @property
    def answered(self) -> int:
        """How many questions of this analysis were counted, now and before."""
        return self.memory.asked(self.analysis)

    def counting(self, origin: dict[str, Any]) -> Holder:
        """Whoever tells sums of numbers counted from there."""
        if self.held is None or origin != self.counted_from:
            self.held, self.counted_from = holder(moved(self.frame, _origin(origin))), origin
        return self.held


def _columns(frame: Frame) -> Numbers:
    """All that a fit looks at, a row an occasion."""
    rows = len(frame.y)
    return np.concatenate(
        [frame.at[:, None], frame.y, frame.x.reshape(rows, -1), frame.z.reshape(rows, -1)], axis=1
    )


def answer(clinic: Clinic, question: str) -> str:
    """A clinic's answer to a question, both JSON. Raises Unfit for what it will not say."""
    said = json.loads(question)
    if said.get("analysis") != clinic.analysis:
        raise Unfit("this clinic's couples were opened for another analysis")
    clinic.memory.count(clinic.analysis, clinic.head.data_hash, clinic.most_questions)
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

    Its notes say that clinics may have left something out; its hash is of the cohorts' marks, and compares with no other.
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
    """Where a clinic is asked. Raises Unfit where no fit would ask: not a covariance at all."""
    q = len(said["spread"])
    at = Covariances(
        np.array(said["spread"], dtype=float).reshape(q, q),
        np.array(said["residual"], dtype=float).reshape(2, 2),
        said["autocorrelation"],
    )
    if not (
        _least(at.spread) >= -ROUNDING and _least(at.residual) > 0 and abs(at.autocorrelation or 0.0) < 1
    ):
        raise Unfit("these are no covariances: no sum is told there")
    return at


def _least(matrix: Numbers) -> float:
    """The least eigenvalue, of the largest; below zero where these are no numbers, or not the same either way."""
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=ROUNDING, atol=0.0):
        return -1.0
    values = np.linalg.eigvalsh(matrix)
    return float(values[0] / max(values[-1], TINY)) if len(values) else 0.0


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
