"""What a clinic owes for a controlled substance by the law of its country, and by when, read from `vials.toml`.

Pure. It gives no legal advice and knows no holidays: it says what is due, from which source, and whether that
source was read or is still to be confirmed. Where nothing was read about a country's law it says so, and no number.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).parent / "vials.toml"
ELSEWHERE: Final = "elsewhere"
OUR_NUMBERS: Final = ("resolve_within_hours", "dead_space_ul")
"""What the ledger itself works with, in every country."""
NUMBERS_OF_A_LAW: Final = ("inventory_every_months", "retain_years")
RECORD: Final = frozenset(
    {"patient_name", "patient_address", "supplier_address", "supplier_registration", "product_code"}
)
"""What a law may want on a record of dispensing, and an export can lack."""
WORDS_OF_A_LAW: Final = ("name", "note", "schedule", "product_code", "registration", "taker", "unusable")


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
class Deadline:
    """What is to be sent when something was stolen or lost, and within how many business days, or days."""

    what: str
    business_days: int | None
    days: int | None
    is_sourced: bool
    source: str

    def by(self, discovered_on: date) -> date:
        """The last day for it: of business days, holidays are not known."""
        if self.business_days is not None:
            return business_days_after(discovered_on, self.business_days)
        return discovered_on + timedelta(days=self.days or 0)

    @property
    def within(self) -> str:
        """The time allowed, in words."""
        if self.business_days is not None:
            return f"{_counted(self.business_days, 'business day')}; holidays not reckoned"
        return _counted(self.days or 0, "day")


@dataclass(frozen=True, slots=True)
class Duties:
    """What `vials.toml` says for a clinic of one country.

    `law`: whose law it is, empty where none was read; then there are no numbers of a law and no deadlines either.
    """

    resolve_within_hours: Figure
    dead_space_ul: Figure
    inventory_every_months: Figure | None
    retain_years: Figure | None
    deadlines: tuple[Deadline, ...]
    duties: tuple[Duty, ...]
    law: str
    note: str
    schedule: str
    product_code: str
    registration: str
    taker: str
    unusable: str
    record: frozenset[str]

    def duty(self, key: str) -> Duty:
        """The duty of this key; KeyError when there is none."""
        return {duty.key: duty for duty in self.duties}[key]

    def resolve_by(self, opened_at: datetime) -> datetime:
        """When a discrepancy opened then should be resolved."""
        return opened_at + timedelta(hours=self.resolve_within_hours.value)

    def inventory_due_on(self, last: date | None) -> date | None:
        """When the next inventory is due; none while there was no first one, or where no law on file says how often."""
        every = self.inventory_every_months
        return months_after(last, every.value) if last and every else None


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


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
def load(country: str, path: Path = SHIPPED) -> Duties:
    """What holds for a clinic of this country (two letters); ValueError where a number, a source or a status is missing."""
    raw = tomllib.loads(path.read_text("utf-8"))
    laws = {code: _law(code, one) for code, one in raw["law"].items()}
    if len({frozenset(duty.key for duty in law["duties"]) for law in laws.values()}) != 1:
        raise ValueError("every law speaks of the same duties")
    if set(raw["number"]) != set(OUR_NUMBERS):
        raise ValueError(f"the numbers of every country are {', '.join(OUR_NUMBERS)}, each once")
    ours: dict[str, Any] = {name: _figure(name, raw["number"][name]) for name in OUR_NUMBERS}
    return Duties(**ours, **laws.get(country.upper(), laws[ELSEWHERE]))


def _law(code: str, raw: dict[str, Any]) -> dict[str, Any]:
    numbers = raw.get("number", {})
    if set(numbers) != (set() if code == ELSEWHERE else set(NUMBERS_OF_A_LAW)):
        raise ValueError(
            f"{code}: the numbers of a law are {', '.join(NUMBERS_OF_A_LAW)}; elsewhere there are none"
        )
    words: dict[str, Any] = {name: str(raw[name]).strip() for name in WORDS_OF_A_LAW if name in raw}
    if set(words) != set(WORDS_OF_A_LAW):
        raise ValueError(f"{code}: the words of a law are {', '.join(WORDS_OF_A_LAW)}")
    if not (record := frozenset(raw.get("record", ()))) or not record <= RECORD:
        raise ValueError(f"{code}: a record names some of {', '.join(sorted(RECORD))}")
    return {
        "record": record,
        "law": words.pop("name"),
        **words,
        **{name: _figure(name, numbers[name]) if name in numbers else None for name in NUMBERS_OF_A_LAW},
        "deadlines": tuple(_deadline(one) for one in raw.get("deadline", ())),
        "duties": tuple(_duty(one) for one in raw["duty"]),
    }


def _deadline(raw: dict[str, Any]) -> Deadline:
    business_days, days = raw.get("business_days"), raw.get("days")
    counts = [count for count in (business_days, days) if isinstance(count, int) and count > 0]
    if len(counts) != 1 or not str(raw.get("what", "")).strip():
        raise ValueError("a deadline says what, and business_days or days")
    return Deadline(raw["what"], business_days, days, _is_sourced(raw["what"], raw), raw["source"])


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
