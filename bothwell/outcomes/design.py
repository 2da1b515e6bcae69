"""What a model multiplies its effects with, built from the couples' sheet. It fits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import OF, TIMES, Spec

INTERCEPT = "intercept"
ROLE = "role"  # +1 for the first side, −1 for the second


class Pattern(StrEnum):
    """How the two partners' numbers may differ."""

    NONE = "none"
    EXCHANGEABLE = "exchangeable"  # nothing tells the partners apart: one variance, one covariance
    UNSTRUCTURED = "unstructured"  # each role has its own


@dataclass(frozen=True, eq=False)
class Design:
    """The arrays of a model over the occasions of a sheet; nan where something was not answered."""

    sheet: Sheet  # whose couple and at these rows have; a model with earlier waves hands on a shorter one
    y: Numbers  # (m, 2)
    x: Numbers  # (m, 2, p)
    fixed: tuple[str, ...]  # p names
    z: Numbers  # (m, 2, q), q = 0 without random effects; may be the very array x
    random: tuple[str, ...] = ()  # q names, side 0's first
    residual: Pattern = Pattern.UNSTRUCTURED
    spread: Pattern = Pattern.NONE
    is_autoregressive: bool = False


def no_random(sheet: Sheet) -> Numbers:
    """The z of a model without random effects."""
    return np.zeros((len(sheet.couple), 2, 0))


def actor(column: str) -> str:
    """The name of the effect of one's own value."""
    return f"actor {column}"


def partner(column: str) -> str:
    """The name of the effect of the partner's value on one's own answer."""
    return f"partner {column}"


def sum_of(column: str) -> str:
    """The name of what both partners' values together go with, in each one's answer."""
    return f"sum of {column}"


def difference_in(column: str) -> str:
    """The name of what one's own value less the partner's goes with, in one's own answer."""
    return f"difference in {column}"


def of(side: str, effect: str) -> str:
    """An effect on one role's answer: `of("Wife", partner("tension"))` is the husband's tension on the wife."""
    return f"{side}{OF}{effect}"


def bare(name: str) -> str:
    """An effect's name without whose answer it is of."""
    return name.rpartition(OF)[2]


def times(effect: str, other: str) -> str:
    """The name of an interaction."""
    return f"{effect}{TIMES}{other}"


@dataclass(frozen=True, eq=False)
class Term:
    """One column of a design before roles enter: its name, and its value for each partner (m, 2)."""

    name: str
    values: Numbers


def swapped(values: Numbers) -> Numbers:
    """Each partner's value in the other's place."""
    return values[:, ::-1]


def pattern(is_distinguished: bool) -> Pattern:
    """How the partners may differ: in one occasion's answers, and in their random effects."""
    return Pattern.UNSTRUCTURED if is_distinguished else Pattern.EXCHANGEABLE


def pooled(terms: Sequence[Term]) -> tuple[Numbers, tuple[str, ...]]:
    """One effect for both partners: x and names."""
    return np.stack([term.values for term in terms], axis=2), tuple(term.name for term in terms)


def with_role(terms: Sequence[Term]) -> tuple[Numbers, tuple[str, ...]]:
    """Each effect, and how far it differs by role: half the first side's less the second's."""
    sign = np.array([1.0, -1.0])
    names = [ROLE if term.name == INTERCEPT else times(term.name, ROLE) for term in terms]
    differing = [Term(name, term.values * sign) for name, term in zip(names, terms, strict=True)]
    return pooled([*terms, *differing])


def by_role(terms: Sequence[Term], sides: tuple[str, str]) -> tuple[Numbers, tuple[str, ...]]:
    """Each role's own effects, the first side's first: zero for the other side."""
    mine = np.eye(2)
    return pooled(
        [
            Term(of(side, term.name), np.where(mine[place] > 0, term.values, 0.0))
            for place, side in enumerate(sides)
            for term in terms
        ]
    )


def designed_with(
    spec: Spec, sheet: Sheet, y: Numbers, terms: Sequence[Term], varying: Sequence[Term] = ()
) -> Design:
    """The design of y on these terms, each role's own where roles are told apart; of `varying`, always each role's own
    random effects. z is the very array x where `varying` are the very terms, by role.
    """
    x, fixed = by_role(terms, sheet.sides) if spec.distinguished else pooled(terms)
    if spec.distinguished and varying is terms:
        z, random = x, fixed
    else:
        z, random = by_role(varying, sheet.sides) if varying else (no_random(sheet), ())
    apart = pattern(spec.distinguished)
    return Design(
        sheet, y, x, fixed, z, random,
        residual=apart, spread=apart if varying else Pattern.NONE, is_autoregressive=spec.autoregressive,
    )  # fmt: skip
