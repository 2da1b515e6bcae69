"""How a request for a record stands, and what has left the record, as both sides' pages show it.

It answers nothing and hands out nothing.
"""

from datetime import date
from typing import Any, Final

from bothwell.couples.models import Person
from bothwell.records import rights
from bothwell.records.models import Disclosure, RecordAnswer, RecordRequest

MINE: Final = {"own": "My own record", "couple": "My own record, and my part of what is ours"}
THEIRS: Final = {
    "own": "Their own record",
    "couple": "Their own record, and their part of the couple’s chart",
}


def as_it_stands(row: RecordRequest, now: rights.Standing, today: date) -> dict[str, Any]:
    """A request as its page shows it."""
    last = RecordAnswer.objects.filter(request=row).select_related("author").order_by("-recorded_at").first()
    return {
        "row": row,
        "mine": MINE[row.scope],
        "theirs": THEIRS[row.scope],
        "standing": now,
        "last": last,
        "ground": _ground(last.ground) if last and last.ground else None,
        "is_late": now.is_late(today),
        "can_be_fetched": now.can_be_fetched(today),
    }


def _ground(code: str) -> rights.Ground | None:
    return next((one for one in rights.grounds() if one.code == code), None)


def given_of(who: Person) -> list[dict[str, Any]]:
    """What has been given of this record, the last fifty, each with its ground in words."""
    rows = Disclosure.objects.filter(subject=who).select_related("author").order_by("-at", "-id")[:50]
    return [{"row": row, "ground": rights.ground_words(row.ground)} for row in rows]
