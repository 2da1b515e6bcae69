"""Whose alarms are paused or off, since when, by whom and why: it stands in the room and on the board as long as
it lasts.

It quietens nothing itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from bothwell.codes import BY_CODE
from bothwell.monitoring.models import AlarmSetting
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.silence import MONITOR

PRESSURE = "pressure"
OF_ONE_CUFF = ("diastolic", "mean_pressure", "systolic")
"""What one cuff measures is paused, turned off and on again in one press; in the order in which channels are locked."""
ONE_PRESS = timedelta(seconds=5)
"""What was quietened so close together, alike in all else, came of one press. For display only."""
TITLES = {MONITOR: "Lost signal", CHECKS: "Late check", PRESSURE: "Blood pressure"}
SHORT = {
    "heart_rate": "HR",
    "respiratory_rate": "RR",
    "systolic": "Systolic",
    "diastolic": "Diastolic",
    "mean_pressure": "Mean pressure",
    PRESSURE: "BP",
}


def channels_of(code: str) -> tuple[str, ...]:
    """The quantities whose alarms are quietened together under this name."""
    return OF_ONE_CUFF if code == PRESSURE else (code,)


def title_of(code: str) -> str:
    """What a kind of alarm is called."""
    return TITLES.get(code) or (BY_CODE[code].title if code in BY_CODE else code)


@dataclass(frozen=True, slots=True)
class Quiet:
    """The alarms of one quantity that call nobody now. `until`: the end of a pause; none while off."""

    code: str
    what: str
    since: datetime
    until: datetime | None
    who: str
    reason: str

    @property
    def codes(self) -> tuple[str, ...]:
        """The quantities that call nobody."""
        return channels_of(self.code)

    @property
    def title(self) -> str:
        return title_of(self.code)

    @property
    def short(self) -> str:
        """For a tile: "HR off"."""
        return f"{SHORT.get(self.code, self.title)} {self.what}"

    @property
    def is_off(self) -> bool:
        return self.what == AlarmSetting.What.OFF.label


def off_or_paused(sessions: Collection[UUID], now: datetime) -> dict[UUID, list[Quiet]]:
    """By session, whose alarms call nobody now, the off ones first: one statement, however many sessions."""
    newest = (
        AlarmSetting.objects.select_related("author")
        .filter(session_id__in=sessions)
        .order_by("session_id", "code", "-at", "-id")
        .distinct("session_id", "code")
    )
    found: dict[UUID, list[Quiet]] = {}
    for row in newest:
        is_over = row.what == AlarmSetting.What.ON or (row.until is not None and row.until <= now)
        if not is_over:
            who = str(row.author.name_used) if row.author else ""
            quiet = Quiet(row.code, AlarmSetting.What(row.what).label, row.at, row.until, who, row.reason)
            found.setdefault(row.session_id, []).append(quiet)
    return {session: _in_order(listed) for session, listed in found.items()}


def _in_order(quiet: Sequence[Quiet]) -> list[Quiet]:
    """The off ones first; the three of a cuff as one, where one press did it."""
    cuff = [each for each in quiet if each.code in OF_ONE_CUFF]
    if _is_one_press(cuff):
        quiet = [*(each for each in quiet if each not in cuff), replace(cuff[0], code=PRESSURE)]
    return sorted(quiet, key=lambda each: (not each.is_off, each.title))


def _is_one_press(cuff: Sequence[Quiet]) -> bool:
    alike = {(each.what, each.who, each.reason) for each in cuff}
    since = [each.since for each in cuff]
    return len(cuff) == len(OF_ONE_CUFF) and len(alike) == 1 and max(since) - min(since) < ONE_PRESS
