"""A question together with the answers it may use: couples numbered anew, so that no key of the database goes any further.

It reckons nothing and chooses nobody.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from bothwell.outcomes.asking import Question
from bothwell.outcomes.gathering import Gathered, Placed

NO_ANSWER: Final = (
    "Too few couples gave what this question asks, or too few more or less than stand in another result (nothing is told "
    "of fewer than five), or their answers do not bear the estimates."
)
"""Whatever kept it from being answered: which of these, and why, would tell something of the answers."""
TOO_OFTEN: Final = (
    "These answers have been asked about as often as they can be without telling of single couples. What was told before "
    "stands, and can be looked at. More can be asked when more couples have answered."
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
