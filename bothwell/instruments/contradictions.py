"""Where the parts of one instrument contradict each other: a score without its items, a band beyond the totals.

It is asked of an instrument that was read, and only says what it finds; whether it may be used is for the reader.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter

from bothwell.instruments.instrument import (
    Condition,
    Count,
    Every,
    How,
    Instrument,
    Item,
    Reached,
    Scale,
    Some,
)


def contradictions(instrument: Instrument) -> Iterator[str]:
    """Each in a few words that name the place; none where all parts agree."""
    if len({item.link_id for item in instrument.items}) != len(instrument.items):
        yield "a linkId is used twice"
    yield from _of_references(instrument)
    for scale in instrument.scales:
        yield from _of_scale(instrument, scale)


def _of_references(instrument: Instrument) -> Iterator[str]:
    known, scales = {item.link_id for item in instrument.items}, {scale.id for scale in instrument.scales}
    if len(scales) != len(instrument.scales):
        yield "a score id is used twice"
    if instrument.main is not None and instrument.main not in scales:
        yield "main is none of the scores"
    for item in instrument.items:
        yield from (
            f"{item.link_id}: asked when {a.item}: no such item"
            for a in item.asked_when
            if a.item not in known
        )
    patterns = [*(rule.when for rule in instrument.rules), *(flag.when for flag in instrument.flags)]
    for when in patterns:
        yield from (f"{name}: no such item or score" for name in _named(when) if name not in known | scales)


def _named(condition: Condition) -> Iterator[str]:
    match condition:
        case Count(of=of):
            yield from (item for item, _ in of)
        case Reached(scale=scale):
            yield scale
        case Every(of=of) | Some(of=of):
            for each in of:
                yield from _named(each)


def _of_scale(instrument: Instrument, scale: Scale) -> Iterator[str]:
    missing = [
        link_id for link_id in scale.items if (found := instrument.item(link_id)) is None or not found.scored
    ]
    if missing:
        yield f"score {scale.id}: {', '.join(missing)}: no such scored item"
        return
    if scale.how is How.SUM_OF_HIGHEST and sorted(i for g in scale.groups for i in g) != sorted(scale.items):
        yield f"score {scale.id}: groups do not hold each item once"
        return
    for name in ("least", "most"):
        extreme = attrgetter(name)
        if _together(instrument, scale, extreme) != extreme(scale):
            yield f"score {scale.id}: {name} is not what the items give"
    yield from _of_bands(scale)


def _together(instrument: Instrument, scale: Scale, extreme: Callable[[Item], Decimal]) -> Decimal:
    """The total of a scale where every item is at its least, or at its most."""
    found = {item.link_id: extreme(item) for item in instrument.items if item.link_id in scale.items}
    match scale.how:
        case How.SUM:
            return sum(found.values(), Decimal(0)) * scale.times
        case How.MEAN:
            return sum(found.values(), Decimal(0)) / len(found) * scale.times
        case How.SUM_OF_HIGHEST:
            return sum((max(found[i] for i in group) for group in scale.groups), Decimal(0)) * scale.times


def _of_bands(scale: Scale) -> Iterator[str]:
    if not scale.bands:
        return
    if scale.bands[0].from_total != scale.least or scale.bands[-1].to_total != scale.most:
        yield f"score {scale.id}: bands do not reach from least to most"
    gaps = {after.from_total - before.to_total for before, after in pairwise(scale.bands)}
    if not gaps <= {Decimal(1), Decimal("0.01")}:
        yield f"score {scale.id}: bands leave a gap or overlap"
