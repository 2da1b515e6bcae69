"""Which time of the couple's own calendar an answer belongs to: read from the name of its wave.

Only what both partners are asked on the same day counts; what hangs on one's own doses does not enter.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final
from uuid import UUID

from bothwell.outcomes.asking import LAST, STEP

FARTHEST: Final = 2
"""Weeks: what was asked farther from one of the times than this belongs to none."""
_NAME: Final = re.compile(r".+? (?:(\d{4}-\d{2}-\d{2})|(\d{4})-W(\d{2}))(?: ([0-9a-f]{8}))?")


def asked_on(wave: str, couple: UUID) -> date | None:
    """The day of a wave that is common to both of this couple; None for any other (`pathway.battery` names them)."""
    found = _NAME.fullmatch(wave)
    if found is None or found[4] not in (None, couple.hex[-8:]):
        return None
    try:
        return (
            date.fromisoformat(found[1])
            if found[1]
            else date.fromisocalendar(int(found[2]), int(found[3]), 1)
        )
    except ValueError:
        return None


def week_of(day: date, began: date) -> tuple[int, int] | None:
    """The nearest of the times, in weeks from the beginning, and how many days away from it; None if none is near."""
    days = (day - began).days
    # Half-way, the later one: a heavier wave takes the place of the regular one before it.
    week = STEP * int((days / 7 + STEP / 2) // STEP)
    away = abs(days - 7 * week)
    return (week, away) if 0 <= week <= LAST and away <= 7 * FARTHEST else None
