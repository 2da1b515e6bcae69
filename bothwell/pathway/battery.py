"""Which questionnaires belong to which occasion, what an occasion is called, and what no plan may ask.

It reads no file and asks nobody; when an occasion is due is reckoned elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

from bothwell.pathway.schema import Anchor, AskedOf, Content, Number, Wave, Whom

SEALED: Final = frozenset({"hark", "hits", "e-hits", "wast"})
"""Screens about violence and coercion: the safety circle asks them, each person alone; a plan never does."""
LONGEST_NAME: Final = 60
LONGEST_ID: Final = 24
WEEK_HOURS: Final = 168
_ID = re.compile(r"[a-z][a-z0-9_]*")
_COUNTED = ("due_before_hours", "due_after_days", "due_after_months", "every_weeks")


# ------------------------------------------------------------------------------------------ names of occasions


def of_week(wave: Wave, day: date) -> str:
    """`weekly 2026-W47`, by the ISO week of the day; where weeks lie between: `every 4 weeks 2026-11-16`."""
    if wave.every_weeks and wave.every_weeks.value == 1:
        year, week, _ = day.isocalendar()
        return f"{wave.stem} {year}-W{week:02}"
    return f"{wave.stem} {day.isoformat()}"


def of_day(wave: Wave, day: date) -> str:
    """`month 3 2026-08-01`: the same for both, because the day is."""
    return f"{wave.stem} {day.isoformat()}"


def of_thing(wave: Wave, thing: UUID, day: date | None = None) -> str:
    """`end 9f3a12bc`, `before dose 2026-11-16 9f3a12bc`: of one session, one course, one couple."""
    return " ".join([wave.stem, *([day.isoformat()] if day else []), thing.hex[-8:]])


def wave_of(waves: tuple[Wave, ...], name: str) -> Wave | None:
    """The wave that an occasion of this name belongs to, or None."""
    fits = [wave for wave in waves if name == wave.stem or name.startswith(f"{wave.stem} ")]
    return max(fits, key=lambda wave: len(wave.stem), default=None)


def asked(wave: Wave, *, is_treated: bool) -> tuple[str, ...]:
    """The ids of what this wave asks of a person, in the order of the file."""
    return tuple(each.id for each in wave.instruments if is_treated or each.of is Whom.EACH)


def turn(wave: Wave | None, instrument: str, *, is_screen: bool) -> tuple[float, str]:
    """Where a questionnaire comes in its occasion: as the file has it, but never a screen about not living first of all.

    A screen the file names first comes after the second; outside any occasion, after everything else.
    """
    ids = [each.id for each in wave.instruments] if wave else []
    if instrument not in ids:
        return len(ids) + float(is_screen), instrument
    place = ids.index(instrument)
    return (1.5 if is_screen and place == 0 else float(place)), instrument


# -------------------------------------------------------------------------------------------------- contradictions


def contradictory_waves(content: Content) -> Iterator[tuple[str, str]]:
    """(field, reason) for everything about the waves that is well formed but cannot be meant.

    Whether the clinic has a questionnaire is not asked here: one may be loaded later.
    """
    above: dict[str, Wave] = {}
    for number, wave in enumerate(content.waves):
        field = f"waves[{number}]"
        if not _ID.fullmatch(wave.id) or len(wave.id) > LONGEST_ID:
            yield f"{field}.id", f"small letters, digits and _ belong here, at most {LONGEST_ID}"
        if wave.id in above:
            yield f"{field}.id", "a wave of this id stands above"
        for name, reason in (*_when(wave), *_window(wave), *_whom(wave.instruments), *_yielding(wave, above)):
            yield f"{field}.{name}", reason
        above[wave.id] = wave
    yield from _reminding(content)


def _when(wave: Wave) -> Iterator[tuple[str, str]]:
    given = [name for name in _COUNTED if getattr(wave, name)]
    allowed = {
        Anchor.BEGINNING: _COUNTED[1:],
        Anchor.DOSE: _COUNTED[:2],
        Anchor.SERIES_END: _COUNTED[1:3],
    }[wave.anchor]
    if len(given) != 1 or given[0] not in allowed:
        yield (
            "anchor",
            f"counted from {wave.anchor.replace('_', ' ')}, exactly one belongs here of {', '.join(allowed)}",
        )
    if not wave.due_before_hours and not wave.at_hour:
        yield "at_hour", "this field is missing"
    if wave.at_hour and not (_is_whole(wave.at_hour) and wave.at_hour.value <= 23):
        yield "at_hour", "a whole hour from 0 to 23 belongs here"
    if wave.every_weeks and not wave.for_weeks:
        yield "for_weeks", "this field is missing: what repeats must end"
    for name in ("due_after_days", "due_after_months", "every_weeks", "for_weeks"):
        if (count := getattr(wave, name)) and not _is_whole(count):
            yield name, "a whole number belongs here"
    for name in ("due_after_months", "every_weeks", "for_weeks"):
        if (count := getattr(wave, name)) and count.value < 1:
            yield name, "at least 1 belongs here"


def _window(wave: Wave) -> Iterator[tuple[str, str]]:
    if wave.opens_before_hours.value > WEEK_HOURS:
        yield "opens_before_hours", f"nothing opens more than {WEEK_HOURS} hours before it is due"
    if wave.lapses_after_hours.value < 1:
        yield "lapses_after_hours", "at least one hour belongs here"
    if wave.every_weeks and wave.lapses_after_hours.value > wave.every_weeks.value * WEEK_HOURS:
        yield "lapses_after_hours", "it would still be open when the next one is due"


def _whom(instruments: tuple[AskedOf, ...]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, each in enumerate(instruments):
        if each.id in SEALED:
            yield f"instruments[{number}].id", f"{each.id} is asked by the safety circle, never by a plan"
        if each.id in seen:
            yield f"instruments[{number}].id", f"{each.id} stands in this wave already"
        seen.add(each.id)


def _yielding(wave: Wave, above: dict[str, Wave]) -> Iterator[tuple[str, str]]:
    for name in wave.yields_to:
        if name not in above:
            yield "yields_to", f"no wave of the id {name} stands above this one"
        elif wave.is_common and not above[name].is_common:
            yield "yields_to", f"what both are asked must not depend on {name}, which is one person's own"
    if bool(wave.yields_to) != bool(wave.yields_within_days):
        yield "yields_within_days", "yields_to and yields_within_days belong together"


def _reminding(content: Content) -> Iterator[tuple[str, str]]:
    kept = content.reminding
    if kept and not (_is_whole(kept.at_hour) and kept.at_hour.value <= 20):
        yield "reminding.at_hour", "a whole hour from 0 to 20 belongs here"


def _is_whole(number: Number) -> bool:
    return number.value == number.value.to_integral_value()
