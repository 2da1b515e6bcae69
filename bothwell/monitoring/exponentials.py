"""Sums of falling exponentials: how an amount of drug moves between blood and tissue, in closed form.

It knows no drug, no dose and no person, and solves nothing by small steps: every curve is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import exp, expm1

NEAR = 1e-7
"""Two rates nearer than this (relative) are told apart by hand: their closed form divides by the difference."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A sum of `amount × exp(-rate × minutes)` from minute 0 on, nothing before. Rates per minute, above nought."""

    terms: tuple[tuple[float, float], ...]

    def at(self, minutes: float) -> float:
        """Its value so many minutes after it began."""
        return sum(amount * exp(-rate * minutes) for amount, rate in self.terms) if minutes >= 0 else 0.0

    def before(self, minutes: float) -> float:
        """The area under it from its beginning to this minute."""
        if minutes <= 0:
            return 0.0
        return sum(-amount / rate * expm1(-rate * minutes) for amount, rate in self.terms)

    def over(self, begun: float, ended: float, minutes: float) -> float:
        """Its value at a minute when its cause was spread evenly from `begun` to `ended`: at once if they are one."""
        if ended <= begun:
            return self.at(minutes - begun)
        return (self.before(minutes - begun) - self.before(minutes - ended)) / (ended - begun)

    def times(self, factor: float) -> Curve:
        """The same curve, so many times as high."""
        return Curve(tuple((amount * factor, rate) for amount, rate in self.terms))

    def through(self, other: Curve) -> Curve:
        """This curve as the cause of another: what comes out when `other` answers everything that goes in."""
        amounts: dict[float, float] = {}
        for amount, rate in self.terms:
            for answer, other_rate in other.terms:
                apart = _apart(rate, other_rate)
                share = amount * answer / (apart - rate)
                amounts[rate] = amounts.get(rate, 0.0) + share
                amounts[apart] = amounts.get(apart, 0.0) - share
        return Curve(tuple((amount, rate) for rate, amount in amounts.items()))


def _apart(rate: float, other: float) -> float:
    """The other rate, moved a little where it is too near for a difference to be divided by."""
    return rate * (1 + NEAR) if abs(other - rate) < NEAR * rate else other


def total(curves: Iterable[Curve]) -> Curve:
    """Several curves as one."""
    return Curve(tuple(term for curve in curves for term in curve.terms))


def depot(rate: float) -> Curve:
    """What leaves a depot (per minute) after one unit was put into it, at `rate` per minute."""
    return Curve(((rate, rate),))


@dataclass(frozen=True, slots=True)
class Side:
    """A compartment beside the blood: rates per minute into it, back from it, and out of the body from it."""

    into: float
    back: float
    lost: float = 0.0


@dataclass(frozen=True)
class Body:
    """Blood with compartments around it that speak only with the blood. `lost`: out of the body from the blood.

    All its rates are real (a compartment model of this shape always has them), each lies between two
    neighbouring rates of the sides, and so each is found by halving an interval. Something must be lost
    somewhere, and no two sides may empty at the very same rate.
    """

    lost: float
    sides: tuple[Side, ...]

    def in_blood(self) -> Curve:
        """The amount in blood after one unit was put into it at minute 0."""
        return self._found(lambda rate: 1.0)

    def in_blood_from(self, index: int) -> Curve:
        """The amount in blood after one unit was put into this side at minute 0."""
        side = self.sides[index]
        return self._found(lambda rate: side.back / (side.back + side.lost - rate))

    def in_side_from(self, index: int) -> Curve:
        """The amount in this side after one unit was put into it at minute 0."""
        side = self.sides[index]
        alone = Curve(((1.0, side.back + side.lost),))
        return total((alone, self.in_blood_from(index).times(side.into).through(alone)))

    def in_side(self, index: int) -> Curve:
        """The amount in this side after one unit was put into the blood at minute 0."""
        side = self.sides[index]
        return self.in_blood().times(side.into).through(Curve(((1.0, side.back + side.lost),)))

    def _found(self, top: Callable[[float], float]) -> Curve:
        """One term for each rate: what is above divided by the slope of what must be nought."""
        return Curve(tuple((top(rate) / self._slope(rate), rate) for rate in self.rates))

    def _nought(self, rate: float) -> float:
        """Nought at each rate of the body."""
        out = self.lost + sum(side.into for side in self.sides)
        back = sum(side.into * side.back / (side.back + side.lost - rate) for side in self.sides)
        return out - rate - back

    def _slope(self, rate: float) -> float:
        return 1.0 + sum(side.into * side.back / (side.back + side.lost - rate) ** 2 for side in self.sides)

    @cached_property
    def rates(self) -> tuple[float, ...]:
        """The rates per minute at which this body empties, slowest first."""
        poles = sorted(side.back + side.lost for side in self.sides)
        if len(set(poles)) < len(poles):
            raise ValueError("Two sides of this body empty at the very same rate.")
        highest = sum(poles[-1:]) + 2 * self.lost + sum(side.into + side.back for side in self.sides)
        return tuple(_halved(self._nought, low, high) for low, high in pairwise((0.0, *poles, highest)))


def _halved(nought: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is nought between two poles, to the last digit a number holds."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if nought(middle) > 0:
            low = middle
        else:
            high = middle


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of an ordered list lies, by a straight line between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
