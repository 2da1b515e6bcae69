"""A charted dose beside the ledger: what of it was never drawn, whether that may be added yet, how much may be given to it.

Pure. It writes no line and moves no volume: `ledger` judges the line itself, as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from bothwell.decision import Decision
from bothwell.dosing import ledger

DRAWN_ROUTES: Final = frozenset({"iv", "im"})
"""Routes whose dose is drawn up from a vial; a nasal device or a lozenge is none of the ledger's."""


def undrawn_ug(charted_ug: int, drawn_ug: int, step_ug: int) -> int:
    """How much of a charted dose the ledger has no draw for, in µg; nought when it is drawn up to a syringe's own step."""
    lacking = charted_ug - drawn_ug
    return lacking if lacking >= step_ug else 0


def may_be_given(charted_ug: int, earlier_ug: int, given_ug: int, step_ug: int) -> Decision:
    """Whether so much (µg) may be written as given, after what was given earlier in the session.

    Never more than is charted and a syringe's own step beyond it: what was drawn beyond the dose is somebody's to witness.
    """
    total = earlier_ug + given_ug
    if total - charted_ug <= step_ug:
        return Decision.yes("It is no more than is charted.")
    return Decision.no(
        f"{ledger.mg(charted_ug)} mg are charted in this session; with this, {ledger.mg(total)} mg would be given. "
        "What was drawn beyond the dose is wasted, before a witness."
    )


def is_as_reckoned(charted_ug: int, reckoned_ug: int | None, given_ug: int, step_ug: int) -> bool:
    """Whether what the ledger gave (µg) is what the chart says ran in; nobody can say where that cannot be reckoned.

    An infusion that ran to its end, or anything else: to a syringe's own step. One stopped early is reckoned by rates and
    times charted to the minute: to a step and 5 % of the charted dose (ours).
    """
    if reckoned_ug is None:
        return given_ug - charted_ug < step_ug
    if charted_ug - reckoned_ug < step_ug:
        return abs(given_ug - charted_ug) < step_ug
    return abs(given_ug - reckoned_ug) <= step_ug + charted_ug // 20


@dataclass(frozen=True, slots=True)
class LateDraw:
    """What is known when somebody writes a draw down afterwards; every time in the clinic's own zone.

    `agreed_at`: when the vial was last counted and held just what the ledger said, by two, not estimated.
    """

    at: datetime
    now: datetime
    arrived_at: datetime
    charted_at: datetime
    received_on: date
    opened_at: datetime | None
    agreed_at: datetime | None
    is_signed: bool
    reason: str


def may_be_written(draw: LateDraw) -> Decision:
    """Whether a draw of that hour may still be written, with a sentence for whoever writes it."""
    against = next(_against(draw), "")
    return Decision.no(against) if against else Decision.yes("It may be written afterwards.")


def _against(draw: LateDraw) -> Iterator[str]:
    """All that speaks against it, the plainest first. Clock times are typed in whole minutes."""
    minute = _minute(draw.at)
    if draw.at > draw.now:
        yield "That time has not come yet."
    if minute > draw.charted_at:
        yield f"The dose is charted at {draw.charted_at:%H:%M}: it was drawn up before that."
    if minute < _minute(draw.arrived_at):
        yield f"The person came at {draw.arrived_at:%d %b %H:%M}: nothing was drawn up for this session before."
    if minute.date() < draw.received_on:
        yield f"This vial came only on {draw.received_on:%d %b %Y}."
    if draw.opened_at and minute < _minute(draw.opened_at):
        yield f"This vial was opened only {draw.opened_at:%d %b %H:%M} by the ledger: choose the one it came from."
    if draw.agreed_at and minute <= draw.agreed_at:
        yield f"This vial was counted {draw.agreed_at:%d %b %H:%M} and held what the ledger says: it came from another."
    if not draw.reason.strip():
        yield "Write why it was not written down at once."
    if not draw.is_signed:
        yield "A second person must sign this with their own password."


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
