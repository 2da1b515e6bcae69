"""How many couples changed by more than measurement error would explain, score by score.

People are not counted: of two tables over the same couples, one of people and one of couples, each fills what the other
leaves out, and five people may be three couples. It reckons with the published or computed threshold of each score
(`instruments.change`), and says no count under five.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bothwell.instruments.change import Verdict, reliable_change
from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.asking import Score

Pair = tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]
"""Of each of the two: the total before, the total after."""

COUPLES: Final = (
    "both improved",
    "one improved, nobody worse",
    "nobody changed reliably",
    "at least one worse",
)
_OF: Final = {
    Verdict.IMPROVED: "improved",
    Verdict.WITHIN_ERROR: "no reliable change",
    Verdict.WORSENED: "worse",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of one score by the words above; None is not said."""

    key: str
    n_couples: int
    couples: dict[str, int | None]


def counted(score: Score, pairs: Mapping[Hashable, Pair]) -> Counted:
    """Of couples of whom both have both totals. Raises ValueError for a total outside its scale."""
    verdicts = [
        tuple(_OF[reliable_change(score.scale, *totals).verdict] for totals in pair)
        for pair in pairs.values()
    ]
    of_couples = [_of_couple(each) for each in verdicts]
    couples = [of_couples.count(name) for name in COUPLES]
    return Counted(score.key, len(pairs), dict(zip(COUPLES, hidden(couples), strict=True)))


def _of_couple(verdicts: Sequence[str]) -> str:
    if "worse" in verdicts:
        return COUPLES[3]
    return COUPLES[2 - verdicts.count("improved")]


def hidden(counts: Sequence[int]) -> list[int | None]:
    """Counts of one whole, whose sum is known: without those under five, and without so many more that what is
    missing is at least five and no single cell. Nothing is said where that leaves no two cells.
    """
    out = {place for place, count in enumerate(counts) if count < LEAST}
    rest = sorted(
        (place for place in range(len(counts)) if place not in out), key=lambda place: counts[place]
    )
    while out and rest and (len(out) < 2 or sum(counts[place] for place in out) < LEAST):
        out.add(rest.pop(0))
    return [None if place in out else count for place, count in enumerate(counts)]
