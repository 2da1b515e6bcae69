"""A question to begin with, for somebody who wants to write: one at a time, another if asked for, or none.

Pure. The questions are ours, from a file; which one is shown depends on the day and on nothing a person wrote,
and a question is never kept beside the words that follow.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).parent / "prompts.toml"

THE_DAY_AFTER: Final = timedelta(hours=48)
"""How long after a session the questions of the day after are asked: that evening and the next day. Ours."""


class When(StrEnum):
    """The occasion a question belongs to."""

    BEFORE = "before"
    AFTER = "after"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question, by its code."""

    code: str
    when: When
    words: str


@cache
def prompts(path: Path = SHIPPED) -> tuple[Prompt, ...]:
    """Every question of the file. Raises ValueError when a code is used twice or a question has no words."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["prompt"]
    found = tuple(Prompt(row["code"], When(row["when"]), row["words"].strip()) for row in rows)
    if len({each.code for each in found}) < len(found) or not all(each.words for each in found):
        raise ValueError("a question is named twice or has no words")
    return found


def occasion(is_intention: bool, last_session_at: datetime | None, now: datetime) -> When:
    """Which questions fit now: before a session for an intention, the day after one, or any time."""
    if is_intention:
        return When.BEFORE
    if is_day_after(last_session_at, now):
        return When.AFTER
    return When.ANY


def is_day_after(last_session_at: datetime | None, now: datetime) -> bool:
    """Whether a session was today or yesterday."""
    return last_session_at is not None and timedelta(0) <= now - last_session_at < THE_DAY_AFTER


def in_turn(when: When, today: date, known: Sequence[Prompt] | None = None) -> tuple[Prompt, ...]:
    """The questions of an occasion, beginning each day with another one."""
    fitting = [each for each in (prompts() if known is None else known) if each.when == when]
    begins = today.toordinal() % len(fitting) if fitting else 0
    return tuple(fitting[begins:] + fitting[:begins])


def shown(turn: Sequence[Prompt], asked: str) -> Prompt | None:
    """The question asked for by its code, the first one when none was, and none when `none` was."""
    if asked == "none" or not turn:
        return None
    return next((each for each in turn if each.code == asked), turn[0])


def another(turn: Sequence[Prompt], after: Prompt | None) -> Prompt | None:
    """The question after this one; after the last the first again."""
    if not turn:
        return None
    place = turn.index(after) if after in turn else -1
    return turn[(place + 1) % len(turn)]
