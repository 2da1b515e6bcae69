"""A warm word about what the two did, made only from what both of them see on the page.

Pure. It never speaks of a week without anything, of a break, of one doing more than the other; more done never
makes it say less, and time passing takes nothing away.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

ORDINALS: Final = (
    "First", "Second", "Third", "Fourth", "Fifth", "Sixth",
    "Seventh", "Eighth", "Ninth", "Tenth", "Eleventh", "Twelfth",
)  # fmt: skip
"""After the twelfth it is no longer counted: by then it is a habit, and a habit needs no number."""

DONE: Final = "something the two of you did"
WRITTEN: Final = "words for each other"


def monday_of(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def warm_word(days: Iterable[date], what: str) -> str:
    """`Third week with something the two of you did.`; empty while there is nothing yet to be glad of.

    It goes by how many weeks hold something, never by whether they follow each other.
    """
    weeks = len({monday_of(day) for day in days})
    if not weeks:
        return ""
    if weeks > len(ORDINALS):
        return f"Many weeks by now with {what}. There is always room for the next."
    return f"{ORDINALS[weeks - 1]} week with {what}. There is room for the next."
