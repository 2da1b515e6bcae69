"""Suicide risk, asked about on the day of a dose: what opens the gate, and what keeps somebody from going home.

It asks nobody and closes no task. A Yes is never taken back by a second answer: the prescriber asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bothwell.decision import Decision
from bothwell.dosing.checked import Checked, Today, in_words, said


@dataclass(frozen=True, slots=True)
class Asked:
    """What was answered about suicide. Whatever is None was not asked, or did not happen.

    `asked_by_clinician`: whether it was said by somebody at the bed, not by answers sent. `flag_at`: when the newest positive
    answer came that nobody has closed. `decided_at`: when a prescriber last said, having asked, that nothing holds.
    `yes_at`: when it was last said today, at the bed, that something does.
    """

    asked_at: datetime | None = None
    risk_found: bool | None = None
    asked_by_clinician: bool = False
    flag_at: datetime | None = None
    flag_is_acknowledged: bool = False
    decided_at: datetime | None = None
    yes_at: datetime | None = None


NOT_ASKED = Asked()


def before_a_dose(asked: Asked, today: Today) -> Checked:
    """Whether the answers of today let a dose begin, and when they were given."""
    if not today.has(asked.asked_at) or asked.risk_found is None:
        return Decision.no("Suicide risk has not been asked about today."), ""
    if asked.flag_at is not None and not _is_decided(asked, today):
        return Decision.no(_open_answer(asked, today)), ""
    if asked.yes_at is not None and not _said_no_since(asked.yes_at, asked, today):
        return Decision.no(
            "A Yes about suicide was said at the bed today: call the prescriber, who answers now. "
            "A No from anybody else is kept and does not open this gate, even where the Yes was a slip."
        ), ""
    return said(
        not asked.risk_found,
        "Suicide risk was asked about today; nothing holds the dose.",
        "Today's answer about suicide risk holds the dose; call the prescriber.",
        in_words(asked.asked_at),
    )


def before_going_home(asked: Asked, today: Today) -> Decision:
    """Whether it was asked again since the last of the dose, and nothing said at the bed keeps the person here."""
    if asked.asked_at is None or asked.risk_found is None:
        return Decision.no("Suicide risk was not asked about again since the dose.")
    if asked.yes_at is not None and not _said_no_since(asked.yes_at, asked, today):
        return Decision.no(
            "A Yes about suicide was said at the bed today: call the prescriber, who asks again and answers. "
            "Until then nobody goes home by this."
        )
    if asked.flag_at is not None and not _said_no_since(asked.flag_at, asked, today):
        return Decision.no(
            "A positive answer about suicide is open, and the prescriber has not asked again since: call the prescriber."
        )
    if asked.risk_found:
        return Decision.no("The answer about suicide risk keeps the person here; call the prescriber.")
    return Decision.yes("Suicide risk was asked about again; nothing keeps the person here.")


def _open_answer(asked: Asked, today: Today) -> str:
    """What a positive answer that is open still waits for, by how far it was seen to."""
    if _has_asked_again(asked, today):
        return (
            "The prescriber asked again and found nothing that holds the dose. The positive answer about suicide "
            "still waits to be acknowledged, with what happens next."
        )
    if asked.flag_is_acknowledged:
        words = "A positive answer about suicide is open and acknowledged."
        return f"{words}{_beside(asked)} Now the prescriber asks again and decides."
    words = "A positive answer about suicide is open."
    return f"{words}{_beside(asked)} Acknowledge it; then the prescriber asks again and decides."


def _beside(asked: Asked) -> str:
    """What was said at the bed today beside a positive answer, and why that opens nothing."""
    if asked.decided_at is not None and asked.flag_at is not None and asked.decided_at <= asked.flag_at:
        return " It came after what the prescriber said."
    if not asked.asked_by_clinician:
        return ""
    if asked.risk_found:
        return " What was said at the bed today holds the dose too."
    return " The No said at the bed today is kept; it does not open this gate."


def _has_asked_again(asked: Asked, today: Today) -> bool:
    """Whether a prescriber, today and after the answer, asked again and found nothing that holds."""
    return asked.flag_at is not None and _said_no_since(asked.flag_at, asked, today)


def _said_no_since(yes_at: datetime, asked: Asked, today: Today) -> bool:
    """Whether a prescriber said today, after this, that nothing holds the dose."""
    at = asked.decided_at
    return at is not None and at > yes_at and today.has(at)


def _is_decided(asked: Asked, today: Today) -> bool:
    """Whether a prescriber decided today, after the answer and knowing that it was seen to."""
    return _has_asked_again(asked, today) and asked.flag_is_acknowledged
