"""How two people who share a life might answer the same questions for half a year: invented, only plausible.

It says nothing about what ketamine does: the improvement is put in, with noise, so that screens have
something to show. Totals always come from the real catalogue and the real scoring.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from bothwell.instruments.instrument import Better, Instrument, Item, ItemType
from bothwell.instruments.scoring import items_asked

Answers = dict[str, str | None]

# How the story moves, a week at a time. Shares of a whole burden; chosen to look alive, taken from nowhere.
PULL_OF_PARTNER = 0.06
RELIEF_OF_A_DOSE = 0.055
RELIEF_OF_A_COUPLES_SESSION = 0.010
NOISE = 0.022
LEAST, MOST = 0.06, 0.85


@dataclass(frozen=True, slots=True)
class Life:
    """One person's weeks, the first one first: low mood, worry and content with the couple, each 0 to 1."""

    mood: tuple[float, ...]
    worry: tuple[float, ...]
    content: tuple[float, ...]


def lives(
    draw: random.Random,
    weeks: int,
    is_treated: Sequence[bool],
    doses: Sequence[Mapping[int, int]],
    sessions: Mapping[int, int],
) -> tuple[Life, Life]:
    """The weeks of both partners; `doses` (of each) and `sessions` (of both) count by week."""
    burden = [draw.uniform(0.5, 0.68) if treated else draw.uniform(0.28, 0.5) for treated in is_treated]
    worry = [min(MOST, each * draw.uniform(0.85, 1.25)) for each in burden]
    content = [draw.uniform(0.3, 0.5) for _ in burden]
    kept: list[list[tuple[float, float, float]]] = [[], []]
    for week in range(weeks + 1):
        for one in (0, 1):
            kept[one].append((burden[one], worry[one], content[one]))
        before = list(burden)
        for one, other in ((0, 1), (1, 0)):
            relief = RELIEF_OF_A_DOSE * doses[one].get(week, 0) + RELIEF_OF_A_COUPLES_SESSION * sessions.get(
                week, 0
            )
            moved = PULL_OF_PARTNER * (before[other] - before[one]) - relief + draw.gauss(0, NOISE)
            burden[one] = _within(before[one] + moved)
            worry[one] = _within(worry[one] + 0.8 * moved + draw.gauss(0, NOISE))
            aim = 0.92 - 0.7 * (before[one] + before[other]) / 2
            content[one] = _within(content[one] + 0.09 * (aim - content[one]) + draw.gauss(0, NOISE / 2))
    return _life(kept[0]), _life(kept[1])


def _life(weeks: Sequence[tuple[float, float, float]]) -> Life:
    mood, worry, content = zip(*weeks, strict=True)
    return Life(mood, worry, content)


def _within(value: float) -> float:
    return max(LEAST, min(MOST, value))


def total_between(points: Sequence[tuple[int, int]], weeks_ago: float) -> float:
    """A line through (weeks ago, total) points, the oldest first, as the story of the two in full is told."""
    (first, start), (last, end) = points[0], points[-1]
    if weeks_ago >= first:
        return float(start)
    for (older, high), (newer, low) in pairwise(points):
        if newer <= weeks_ago <= older:
            return high + (low - high) * (older - weeks_ago) / max(older - newer, 1)
    return float(end) if weeks_ago <= last else float(start)


def answers_to(
    instrument: Instrument, total: float, draw: random.Random, fixed: Mapping[str, int] | None = None
) -> Answers:
    """Answers that add up to about `total`: exactly, if it can be reached. `fixed`: points by item."""
    fixed = fixed or {}
    free = [item for item in instrument.scored_items if item.link_id not in fixed]
    points = {item.link_id: int(item.least) for item in free}
    wanted = max(0, round(total) - sum(fixed.values()) - sum(points.values()))
    tops = {item.link_id: int(item.most) for item in free}
    while wanted > 0 and (room := [key for key in points if points[key] < tops[key]]):
        # The lower an item stands, the likelier it rises next: answers of one day lie close together.
        weights = [tops[key] - points[key] + 0.35 for key in room]
        points[draw.choices(room, weights)[0]] += 1
        wanted -= 1
    chosen = {**points, **fixed}
    answers: Answers = {item.link_id: _code(item, chosen[item.link_id]) for item in instrument.scored_items}
    share = total / max(1.0, float(instrument.measure.most))
    unscored = [item for item in instrument.items if not item.scored]
    return answers | {item.link_id: _code(item, round(share * float(item.most))) for item in unscored}


def answers_like(
    instrument: Instrument,
    well: float,
    draw: random.Random,
    fixed: Mapping[str, str],
    highest: Mapping[str, int],
) -> Answers:
    """Answers of somebody for whom things stand so well (0 to 1), item by item, each a little to either side.

    Questions that the answers before leave unasked stay unanswered. `fixed`: answers by item; `highest`: the
    most an item gets, where that is less than the form allows.
    """
    answers: Answers = {}
    for item in instrument.items:
        if item not in items_asked(instrument, answers):
            continue
        if item.link_id in fixed:
            answers[item.link_id] = fixed[item.link_id]
            continue
        if item.type in (ItemType.TEXT, ItemType.DATE):
            answers[item.link_id] = None
            continue
        share = _within_one((well if _is_better_high(instrument, item) else 1 - well) + draw.gauss(0, 0.05))
        most = highest.get(item.link_id, float(item.most))
        points = float(item.least) + share * (most - float(item.least))
        answers[item.link_id] = _nearest(item, points)
    return answers


def _is_better_high(instrument: Instrument, item: Item) -> bool:
    """Whether more of what is printed is better, by the first scale the item counts towards; trouble, if none."""
    scale = next((scale for scale in instrument.scales if item.link_id in scale.items), None)
    return scale is not None and (scale.better is Better.HIGHER) is not item.reverse


def _within_one(share: float) -> float:
    return max(0.0, min(1.0, share))


def _nearest(item: Item, points: float) -> str:
    if item.options:
        return min(item.options, key=lambda option: abs(float(option.points) - points)).code
    return str(round(points))


def _code(item: Item, points: int) -> str:
    return next(option.code for option in item.options if item.weight(option.points) == Decimal(points))
