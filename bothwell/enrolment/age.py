"""How old somebody must be to enter care here: an adult, on the clinic's own date.

Pure. Neither the protocol file nor its clinical sources give an age; 18 years is a house rule: the protocols here are for adults.
"""

from datetime import date
from typing import Final

from bothwell.decision import Decision

ADULT_YEARS: Final = 18
OLDEST_YEARS: Final = 120


def age_on(born_on: date, today: date) -> int:
    """Whole years on this day; who was born on 29 February is a year older on 1 March."""
    return today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))


def may_enter_care(born_on: date | None, today: date) -> Decision:
    """Whether somebody born on this day may be in care here today. Where no day is given there is nothing to say."""
    if born_on is None:
        return Decision.yes("No date of birth is given.")
    if born_on > today or born_on.year < today.year - OLDEST_YEARS:
        return Decision.no("Nobody here can be born on that day. Check the year.")
    years = age_on(born_on, today)
    if years < ADULT_YEARS:
        return Decision.no(
            f"This person would be {years}. Is the year right? The protocols here are for adults."
        )
    return Decision.yes("An adult.")
