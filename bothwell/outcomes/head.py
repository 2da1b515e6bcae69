"""What those who hold parts of the couples must agree on first: the model's shape, and from where all count.

It holds no single answer, but sums of each side, and hashes that confirm guesses: a part of few couples, or of which few
answered alone, must not be told to strangers. `clinics` sees to that; between processes of one owner it does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Covariances, Structure, begin_fading, block
from bothwell.outcomes.data_hash import added
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.kernel import gather
from bothwell.outcomes.objective import Holder, Objective, holder
from bothwell.outcomes.origin import Moments, Origin, moments, moved, origin, together
from bothwell.outcomes.partial import Gather
from bothwell.outcomes.spec import Method, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Point, Value


@dataclass(frozen=True)
class Head:
    """The shape of a frame."""

    fixed: tuple[str, ...]
    random: tuple[str, ...]
    residual: Pattern
    spread: Pattern
    is_autoregressive: bool
    moments: Moments
    data_hash: str
    left_out: tuple[str, ...] = ()
    sides: tuple[str, str] = ("1", "2")
    shared: tuple[str, ...] = ()
    answers_hash: str = ""
    model: str = ""  # empty of a frame made by hand
    outcome: str = ""
    waves: str = ""  # a hash of the study's waves, where it matters which came before which

    @cached_property
    def origin(self) -> Origin:
        """From where all who have this head count."""
        return origin(self.moments, len(self.fixed), self.spread)


def head_of(frame: Frame) -> Head:
    """The head of one part."""
    return Head(
        frame.fixed, frame.random, frame.residual, frame.spread, frame.is_autoregressive,
        moments(frame), frame.data_hash, frame.left_out, frame.sides, frame.shared, frame.answers_hash,
        str(frame.spec.model) if frame.spec else "", frame.spec.outcome if frame.spec else "", _waves(frame),
    )  # fmt: skip


def _waves(frame: Frame) -> str:
    return hashlib.sha256("\0".join(frame.waves).encode()).hexdigest() if frame.waves else ""


def origin_of(head: Head) -> Origin:
    """From where all who have this head count. Raises Unfit where residuals are to fade and nobody was asked twice."""
    if head.is_autoregressive and not head.moments.gaps:
        raise Unfit("residuals fade from wave to wave, and no couple has answers at two of them")
    return head.origin


def structure(head: Head) -> Structure:
    """The covariances that a head describes."""
    about = origin_of(head)
    return Structure(
        block(head.spread, len(head.random), is_log=False),
        block(head.residual, 2, is_log=True),
        head.is_autoregressive,
        about.is_even,
        begin_fading(about.usual),
    )


def joined(heads: Sequence[Head]) -> Head:
    """The head of all parts together. Raises Unfit when they are not parts of one question."""
    if not heads:
        raise Unfit("there are no couples")
    first = heads[0]
    for head in heads[1:]:
        _refuse_other(first, head)
    hashes = "".join(sorted(head.data_hash for head in heads))
    return Head(
        first.fixed, first.random, first.residual, first.spread, first.is_autoregressive,
        together([head.moments for head in heads]),
        hashlib.sha256(hashes.encode()).hexdigest(),
        tuple(dict.fromkeys(note for head in heads for note in head.left_out)),
        first.sides,
        tuple(name for name in first.shared if all(name in head.shared for head in heads)),
        added(head.answers_hash for head in heads) if all(head.answers_hash for head in heads) else "",
        first.model, first.outcome, first.waves,
    )  # fmt: skip


def _refuse_other(first: Head, head: Head) -> None:
    if head.sides != first.sides:
        raise Unfit(f"the parts call the roles by other names: {_said(first.sides)}, and {_said(head.sides)}")
    if head.outcome != first.outcome:
        raise Unfit(f"the parts have different outcomes: {first.outcome}, and {head.outcome}")
    if _shape(head) != _shape(first):
        raise Unfit("the parts do not have the same effects, model or patterns")
    if head.waves != first.waves:
        raise Unfit("the parts do not have the same waves, so that the wave before is not the same in all")


def _said(sides: tuple[str, str]) -> str:
    return " and ".join(sides)


def _shape(head: Head) -> tuple[object, ...]:
    return head.model, head.fixed, head.random, head.residual, head.spread, head.is_autoregressive


@dataclass(eq=False)
class Keeper:
    """Keeps a part's couples and, once all agree on an origin, tells sums counted from there."""

    frame: Frame | None
    gathering: Gather = gather
    held: Holder | None = None

    def count_from(self, about: Origin) -> int:
        """From now on numbers are counted from there. How many couples there are."""
        assert self.frame is not None
        here, self.frame = moved(self.frame, about), None
        self.held = holder(here, self.gathering)
        return here.n_couples

    def ask(self, point: Point) -> Value:
        assert self.held is not None
        return self.held.ask(point)

    def meat(self, at: Covariances, beta: Numbers) -> Numbers:
        assert self.held is not None
        return self.held.meat(at, beta)


def objective_of(spec: Spec, head: Head, told: Holder) -> Objective:
    """The objective of couples that somebody else holds. Raises Unfit where they were asked another question."""
    if head.outcome and (head.model, head.outcome) != (str(spec.model), spec.outcome):
        raise Unfit(f"these couples were asked another question: {head.model} of {head.outcome}")
    restricted = spec.method == Method.REML
    return Objective(told.ask, told.meat, structure(head), restricted, head.fixed, head.random, told.size)
