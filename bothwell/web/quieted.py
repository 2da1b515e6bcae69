"""Whose alarms are paused or off, since when, by whom and why: it stands in the room and on the board as long as
it lasts.

It quietens nothing itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bothwell.codes import BY_CODE
from bothwell.monitoring.models import AlarmSetting
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.silence import MONITOR

TITLES = {MONITOR: "Lost signal", CHECKS: "Late check"}
SHORT = {"heart_rate": "HR", "respiratory_rate": "RR", "systolic": "Systolic", "diastolic": "Diastolic"}


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
    for listed in found.values():
        listed.sort(key=lambda each: (not each.is_off, each.title))
    return found
