"""What becomes of answers given on one phone, on two, or on one that was offline: kept, or put before the person.

It overwrites nothing unseen, drops nothing, and never decides which of two answers is right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from bothwell.instruments.instrument import Instrument, Item, ItemType
from bothwell.instruments.scoring import Answers, items_asked


class Outcome(StrEnum):
    """What came of one answer that was handed in."""

    KEPT = "kept"
    IN_CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One answer as a device made it; `after` is the event that device had last seen for the item.

    `answer` None: would rather not answer. `made_at` is by the device's clock and only told, never trusted.
    """

    event: UUID
    link_id: str
    answer: str | None
    device: UUID
    after: UUID | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """One answer as it was stored, with what came of it."""

    event: UUID
    link_id: str
    answer: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """How one item stands: the answer that counts, and another one the person has not yet chosen between."""

    kept: Given | None = None
    rival: Given | None = None


def follow(standing: Standing, given: Given) -> Standing:
    """How an item stands after one more stored answer: what is kept settles an open conflict."""
    match given.outcome:
        case Outcome.KEPT:
            return Standing(kept=given)
        case Outcome.IN_CONFLICT:
            return Standing(standing.kept, rival=given)
        case Outcome.REFUSED:
            return standing


def stand(given: Iterable[Given]) -> dict[str, Standing]:
    """How every item stands after these stored answers, in the order they were stored."""
    items: dict[str, Standing] = {}
    for each in given:
        items[each.link_id] = follow(items.get(each.link_id, Standing()), each)
    return items


def outcome(standing: Standing, event: Event) -> Outcome:
    """Kept, unless another device's different answer was kept since this device last looked."""
    kept = standing.kept
    if kept is None or kept.event == event.after or kept.answer == event.answer:
        return Outcome.KEPT
    return Outcome.IN_CONFLICT


def is_taken(item: Item | None, answer: str | None, longest_text: int) -> bool:
    """Whether an item takes an answer: one of its own, a text no longer than `longest_text`, or none at all."""
    if item is None or answer is None:
        return item is not None
    return len(answer) <= longest_text and "\0" not in answer and item.takes(answer)


def still_open(instrument: Instrument, answers: Answers) -> tuple[Item, ...]:
    """The items that must be answered or declined before sending, in order; a text may be left empty."""
    return tuple(
        item
        for item in items_asked(instrument, answers)
        if item.link_id not in answers and item.type is not ItemType.TEXT
    )


def completed(instrument: Instrument, answers: Answers) -> dict[str, str | None]:
    """Answers copied from paper: what was asked and left blank counts as declined, what was not asked is left out."""
    return {item.link_id: answers.get(item.link_id) for item in items_asked(instrument, answers)}


def latest(standing: Mapping[str, Standing]) -> dict[str, str]:
    """For each item with a kept answer, the event that gave it."""
    return {link_id: str(each.kept.event) for link_id, each in standing.items() if each.kept}
