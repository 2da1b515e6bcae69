"""How often the same answers may be asked about before too many numbers are told of too few couples.

It counts results and couples, never an answer; and it is a rule, not a proof.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Final

from bothwell.outcomes.choosing import Uses, split

STANDING: Final = 6
"""What the page itself offers, once each, tells so many times of a score at the first of its times: its mean, its counts,
one model of changes, one of times, and two (both directions) of what comes first."""
DIRECTIONS: Final = 2
MODEL: Final = " by "
OVER: Final = " over "

Row = tuple[Hashable, str, Uses]
"""A run, one part of it, and whose answers that part used."""
Tellings = Mapping[str, Mapping[Hashable, int]]
"""Of each score and week: what was told that rests on it, each by a mark of its own, and for how many it counts."""


def bears(couples: int) -> int:
    """How many results of so many couples may rest on one score at one time.

    The argument. So many couples have twice as many answers there. A result tells of them about four numbers at most
    (of the eight of two changes, a quarter; a mean and its band), each rounded to a step that its own uncertainty
    allows (`coarse`), which is about one digit. Half as many results as couples are then no more numbers than there
    are answers, and each says less than an answer does. Where couples are few that would be next to nothing, and the
    page's own questions must be askable: below twelve couples it is those, and they are more numbers than answers,
    held back by the rounding alone. A rule of thumb: it counts numbers and does not show that none can be solved for.
    """
    return max(STANDING, couples // 2)


def tellings(rows: Iterable[Row]) -> Tellings:
    """What was told so far. All parts of one run's model are one telling; so is a mean or a count, whoever asked for it.

    The same told again of the same answers is no new telling.
    """
    found: dict[str, dict[Hashable, int]] = defaultdict(dict)
    models: dict[Hashable, list[tuple[str, Uses]]] = defaultdict(list)
    for run, part, used in rows:
        if not used:
            continue
        if MODEL in part:
            models[run].append((part, used))
        else:
            _tell(found, [(part, used)])
    for parts in models.values():
        _tell(found, parts)
    return found


def _tell(found: dict[str, dict[Hashable, int]], parts: list[tuple[str, Uses]]) -> None:
    mark = frozenset((part, tuple(sorted(used.items()))) for part, used in parts)
    counts = DIRECTIONS if any(OVER in part for part, _ in parts) else 1
    for _, used in parts:
        for place in split(used):
            found[place][mark] = counts


def too_often(rows: Iterable[Row], told: Tellings) -> set[str]:
    """Of the parts of one result, those that would be one too many; of its model all or none.

    Counts in the order of the parts, so that what is asked ahead of all else has the first choice.
    """
    added: dict[str, dict[Hashable, int]] = {place: dict(of) for place, of in told.items()}
    rows = [row for row in rows if row[2]]
    model = [row for row in rows if MODEL in row[1]]
    over: set[str] = set()
    for group in [model, *([row] for row in rows if MODEL not in row[1])]:
        new = tellings(group)
        if _is_over(group, new, added):
            over |= {part for _, part, _ in group}
            continue
        for place, marks in new.items():
            added.setdefault(place, {}).update(marks)
    return over


def _is_over(group: Iterable[Row], new: Tellings, told: Mapping[str, Mapping[Hashable, int]]) -> bool:
    couples: dict[str, set[str]] = defaultdict(set)
    for _, _, used in group:
        for place, of in split(used).items():
            couples[place] |= of.keys()
    return any(
        not marks.keys() <= told.get(place, {}).keys()
        and sum({**told.get(place, {}), **marks}.values()) > bears(len(couples[place]))
        for place, marks in new.items()
    )
