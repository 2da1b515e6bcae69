"""Pregnancy before a dose: what the tests on record say together, and when a negative one opens the gate.

It tests nobody. After a positive result one person's second test opens nothing: two people see a mistake that one repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bothwell.decision import Decision
from bothwell.dosing.checked import Checked, Today, in_words, said


class PregnancyTest(StrEnum):
    """What a pregnancy test said; untested is None."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """One result on record: when it was seen, when it was recorded, by whom; `is_prescribers` where that is a prescriber."""

    result: PregnancyTest
    at: datetime
    recorded_at: datetime
    by: str
    is_prescribers: bool = False


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """What is known of a pregnancy: whether it is possible, as the work-up says (None where it does not), and every result."""

    is_possible: bool | None = None
    tests: tuple[Result, ...] = ()

    @property
    def newest(self) -> Result | None:
        """The result seen last; of two of one moment, the graver."""
        return max(self.tests, key=lambda one: (one.at, one.result), default=None)


NOTHING_KNOWN = Pregnancy()


def before_a_dose(known: Pregnancy, today: Today, valid_days: Decimal) -> Checked:
    """A test within `valid_days` (days, of the protocol) where the work-up says pregnancy is possible.

    An answer that exists is always weighed: a pregnancy on record and today's test come before what is possible.
    """
    newest = known.newest
    if newest is not None and _holds(newest, known, today):
        return Decision.no(
            f"The pregnancy test was {newest.result}. It holds the dose; call the prescriber."
        ), ""
    if _is_unanswered(known.tests, today):
        return Decision.no(
            "A pregnancy test on record was positive. One person’s negative test after it is kept and does not open this "
            "gate: the prescriber tests again and answers, or a second person sees a second negative test."
        ), ""
    if known.is_possible is None:
        return Decision.no("The work-up does not say whether pregnancy is possible."), ""
    if not known.is_possible:
        return Decision.yes("Not applicable: by the work-up, pregnancy is not possible."), ""
    if newest is None or not today.is_past(newest.at):
        return Decision.no("Pregnancy is possible and no test is on record."), ""
    return said(
        today.has(newest.at) or today.now - newest.at <= timedelta(days=float(valid_days)),
        "Not pregnant, by the last test or answer on record.",
        f"The last test or answer about pregnancy is older than {valid_days} days. Test.",
        in_words(newest.at),
    )


def _holds(newest: Result, known: Pregnancy, today: Today) -> bool:
    """Whether the newest test holds the dose; one refused on another day does where pregnancy is possible."""
    if newest.result is PregnancyTest.REFUSED:
        return today.has(newest.at) or (today.is_past(newest.at) and known.is_possible is True)
    return newest.result is PregnancyTest.POSITIVE and today.is_past(newest.at)


def _is_unanswered(tests: Iterable[Result], today: Today) -> bool:
    """Whether a positive test still stands: a prescriber's negative answers it, or two that two people saw.

    A negative counts that was recorded after the positive was, and was not seen before it.
    """
    found = [one for one in tests if today.is_past(one.at) and today.is_past(one.recorded_at)]
    positives = [one for one in found if one.result is PregnancyTest.POSITIVE]
    if not positives:
        return False
    seen_at, known_at = max(one.at for one in positives), max(one.recorded_at for one in positives)
    negatives = [
        one
        for one in found
        if one.result is PregnancyTest.NEGATIVE and one.at >= seen_at and one.recorded_at > known_at
    ]
    is_answered = any(one.is_prescribers for one in negatives) or len({one.by for one in negatives}) > 1
    return not is_answered
