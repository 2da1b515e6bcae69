"""How many people came how far in care, and how long it took from one step to the next.

It counts; it names nobody, and a count under five is not said, nor anything it could be worked out from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from bothwell.outcomes.apart import LEAST
from bothwell.pathway.steps import Phase

STAGES: Final = (
    ("Referred", Phase.REFERRAL),
    ("Evaluated", Phase.JOINT_DECISION),
    ("Decided", Phase.CONSENT),
    ("Series done", Phase.REVIEW),
    ("Support", Phase.MAINTENANCE),
)
"""What each stage is called, and the phase whose beginning reaches it."""
_ORDER: Final = {phase: place for place, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: how many came so far, and the median of days from the stage before; None is not said."""

    name: str
    people: int | None
    median_days: float | None
    part: float | None = None

    @property
    def width(self) -> int:
        """Of a hundred, how many came so far."""
        return round(100 * self.part) if self.part else 0


Reached = Mapping[Any, Mapping[Phase, datetime]]
"""Of each person, when each phase was first reached."""


def funnel(reached: Reached) -> tuple[Stage, ...]:
    """The stages in order. Whoever reached a later stage came past those before it."""
    times = [_times(phases) for phases in reached.values()]
    counts = [sum(one[place] is not None for one in times) for place in range(len(STAGES))]
    shown = cut(counts)
    return tuple(
        Stage(
            name,
            shown[place],
            _median(times, place) if shown[place] is not None else None,
            None if shown[place] is None or not counts[0] else counts[place] / counts[0],
        )
        for place, (name, _) in enumerate(STAGES)
    )


def cut(counts: Sequence[int]) -> list[int | None]:
    """Falling counts without those under five; nor one so near the next that the difference would be under five.

    The difference of two stages is who stayed behind between them: a group like any other.
    """
    shown: list[int | None] = []
    last: int | None = None
    for count in counts:
        is_told = count >= LEAST and (last is None or last == count or last - count >= LEAST)
        shown.append(count if is_told else None)
        last = count if is_told else last
    return shown


def _times(phases: Mapping[Phase, datetime]) -> list[datetime | None]:
    found: list[datetime | None] = []
    for _, mark in STAGES:
        later = [at for phase, at in phases.items() if _ORDER[mark] <= _ORDER[phase] < _ORDER[Phase.ENDED]]
        found.append(min(later, default=None))
    return found


def _median(times: Iterable[Sequence[datetime | None]], place: int) -> float | None:
    if place == 0:
        return None
    days = [
        (one[place] - one[place - 1]).total_seconds() / 86400  # type: ignore[operator]
        for one in times
        if one[place] is not None and one[place - 1] is not None
    ]
    return round(median(days), 1) if len(days) >= LEAST else None
