"""What the clinic owes for a controlled substance, and by when, read from `vials.toml`.

Pure. It gives no legal advice and knows no holidays: it says what is due, from which source, and whether that
source was read or is still to be confirmed.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).parent / "vials.toml"
NUMBERS: Final = (
    "resolve_within_hours",
    "dead_space_ul",
    "inventory_every_months",
    "loss_notice_business_days",
    "form_106_days",
    "retain_years",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the ledger, with its source and whether somebody must still confirm it."""

    value: int
    is_sourced: bool
    source: str


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty in words."""

    key: str
    title: str
    text: str
    is_sourced: bool
    source: str


@dataclass(frozen=True, slots=True)
class Duties:
    """Everything `vials.toml` says."""

    resolve_within_hours: Figure
    dead_space_ul: Figure
    inventory_every_months: Figure
    loss_notice_business_days: Figure
    form_106_days: Figure
    retain_years: Figure
    duties: tuple[Duty, ...]

    def duty(self, key: str) -> Duty:
        """The duty of this key; KeyError when there is none."""
        return {duty.key: duty for duty in self.duties}[key]

    def resolve_by(self, opened_at: datetime) -> datetime:
        """When a discrepancy opened then should be resolved."""
        return opened_at + timedelta(hours=self.resolve_within_hours.value)

    def notice_by(self, discovered_on: date) -> date:
        """The day by which a theft or loss discovered then is notified: business days, holidays not known."""
        return business_days_after(discovered_on, self.loss_notice_business_days.value)

    def form_106_by(self, discovered_on: date) -> date:
        """The last day for Form 106."""
        return discovered_on + timedelta(days=self.form_106_days.value)

    def inventory_due_on(self, last: date | None) -> date | None:
        """When the next inventory is due; none while there was no first one: it is due now."""
        return months_after(last, self.inventory_every_months.value) if last else None


def business_days_after(day: date, count: int) -> date:
    """So many weekdays after a day; holidays are not known here."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(year, month + 1, last)
            except ValueError:
                continue
    raise ValueError("no such month")


@cache
def load(path: Path = SHIPPED) -> Duties:
    """The file read and checked; ValueError where a number, a source or a status is missing."""
    raw = tomllib.loads(path.read_text("utf-8"))
    numbers, duties = raw["number"], raw["duty"]
    if set(numbers) != set(NUMBERS):
        raise ValueError(f"the numbers are {', '.join(NUMBERS)}, each once")
    figures = {name: _figure(name, numbers[name]) for name in NUMBERS}
    return Duties(**figures, duties=tuple(_duty(one) for one in duties))


def _figure(name: str, raw: dict[str, Any]) -> Figure:
    value = raw.get("value")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name}: a whole number, nought or more")
    return Figure(value, _is_sourced(name, raw), str(raw["source"]))


def _duty(raw: dict[str, Any]) -> Duty:
    if not all(str(raw.get(name, "")).strip() for name in ("key", "title", "text", "source")):
        raise ValueError("a duty has a key, a title, a text and a source")
    return Duty(raw["key"], raw["title"], raw["text"], _is_sourced(raw["key"], raw), raw["source"])


def _is_sourced(name: str, raw: dict[str, Any]) -> bool:
    if raw.get("status") not in ("sourced", "to_confirm") or not str(raw.get("source", "")).strip():
        raise ValueError(f"{name}: needs a source, and the status sourced or to_confirm")
    return bool(raw["status"] == "sourced")
