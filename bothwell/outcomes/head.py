"""What those who hold parts of the couples must agree on before any sum is told: the model's shape, and no answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from bothwell.outcomes.covariance import Structure, block, structure_of
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.objective import Holder, Objective
from bothwell.outcomes.spec import Method, Spec
from bothwell.outcomes.unfit import Unfit


@dataclass(frozen=True)
class Head:
    """The shape of a frame."""

    fixed: tuple[str, ...]
    random: tuple[str, ...]
    residual: Pattern
    spread: Pattern
    is_autoregressive: bool
    is_even: bool
    data_hash: str
    left_out: tuple[str, ...] = ()


def head_of(frame: Frame) -> Head:
    """The head of one part."""
    return Head(
        frame.fixed, frame.random, frame.residual, frame.spread, frame.is_autoregressive,
        structure_of(frame).is_even, frame.data_hash, frame.left_out,
    )  # fmt: skip


def structure(head: Head) -> Structure:
    """The covariances that a head describes."""
    return Structure(
        block(head.spread, len(head.random), is_log=False),
        block(head.residual, 2, is_log=True),
        head.is_autoregressive,
        head.is_even,
    )


def joined(heads: Sequence[Head]) -> Head:
    """The head of all parts together. Raises Unfit when they are not parts of one question."""
    if not heads:
        raise Unfit("there are no couples")
    first = heads[0]
    for head in heads[1:]:
        if _shape(head) != _shape(first):
            raise Unfit("the parts do not have the same effects, patterns or roles")
    hashes = "".join(sorted(head.data_hash for head in heads))
    return Head(
        first.fixed, first.random, first.residual, first.spread, first.is_autoregressive,
        all(head.is_even for head in heads),
        hashlib.sha256(hashes.encode()).hexdigest(),
        tuple(dict.fromkeys(note for head in heads for note in head.left_out)),
    )  # fmt: skip


def _shape(head: Head) -> tuple[object, ...]:
    return head.fixed, head.random, head.residual, head.spread, head.is_autoregressive


def objective_of(spec: Spec, head: Head, told: Holder) -> Objective:
    """The objective of couples that somebody else holds."""
    restricted = spec.method == Method.REML
    return Objective(told.ask, told.meat, structure(head), restricted, head.fixed, head.random, told.size)
