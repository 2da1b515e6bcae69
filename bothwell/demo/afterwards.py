"""What followed a visit of an invented clinic: the call of the next day, a follow-up, a form that was sent.

The rules say when something was due; what somebody said is invented. It rings nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bothwell.demo.sheaf import Sheaf
from bothwell.models import AdverseEvent, DosingSession, NextDayCall, NextDayThoughts, Person, ProgrammeForm
from bothwell.monitoring import next_day

MINUTE = timedelta(minutes=1)
ANSWERS = {
    "sleep": "well", "mood": "same", "nausea": "no", "headache": "no", "dissociation_gone": "yes",
    "drove": "no",
}  # fmt: skip
SAID: tuple[dict[str, str], ...] = (
    {},
    {"mood": "better"},
    {"sleep": "badly"},
    {"headache": "yes", "questions": "May I take something for the headache?"},
    {"mood": "better", "questions": "When is the next one?"},
)
FORM = "spravato-rems-2024"
SENT_AFTER = timedelta(days=3)


def follow(sheaf: Sheaf, session: DosingSession, nurse: Person, now: datetime, zone: ZoneInfo) -> None:
    """The rows after one visit with a dose, as far as they lie before `now`."""
    if session.ended_at is None or session.started_at is None:
        return
    name = f"{session.subject_id} {session.number}"
    about: dict[str, object] = {
        "subject_id": session.subject_id,
        "couple_id": session.couple_id,
        "author": nurse,
        "session": session,
    }
    _ring(sheaf, name, about, session.ended_at, now, zone)
    sent_at = session.ended_at + SENT_AFTER
    if session.course.route == "in" and sent_at < now:
        sheaf.add(
            ProgrammeForm, name, **about, recorded_at=sent_at, form=FORM, number=1, state="sent",
            signed_name=nurse.signs_as, sent_at=sent_at, sent_how="On the programme’s own pages",
        )  # fmt: skip


def _ring(
    sheaf: Sheaf, name: str, about: dict[str, object], ended_at: datetime, now: datetime, zone: ZoneInfo
) -> None:
    draw = sheaf.draw("call", name)
    at = next_day.first_call_at(ended_at, zone) + draw.randint(5, 150) * MINUTE
    is_lately = at > now - timedelta(days=4)
    if at >= now:
        return
    if is_lately and draw.random() < 0.6:
        again_at = min(at + timedelta(hours=5), now - MINUTE)
        sheaf.add(
            NextDayCall, name, "missed", **about, recorded_at=at, at=at, was_reached=False,
            answers={"tried": next_day.NO_ANSWER}, next_at=again_at if again_at > at else now + 60 * MINUTE,
        )  # fmt: skip
        return
    said = draw.choice(SAID)
    call = sheaf.add(
        NextDayCall,
        name,
        **about,
        recorded_at=at,
        at=at,
        was_reached=True,
        answers=ANSWERS | said,
        is_closed=True,
    )
    sheaf.add(NextDayThoughts, name, **about, recorded_at=at, call=call, answer="no")
    if said.get("headache") == "yes" and is_lately:
        _headache(sheaf, name, about, at, zone)


def _headache(sheaf: Sheaf, name: str, about: dict[str, object], at: datetime, zone: ZoneInfo) -> None:
    """What was told on the telephone, noted as an event that is looked after."""
    sheaf.add(
        AdverseEvent, name, "headache", **about, recorded_at=at + MINUTE, term="Headache", code="headache", grade=1,
        began_at=at - timedelta(hours=3), action_taken="Rest, and to drink enough", outcome="ongoing",
        follow_up_on=(at + timedelta(days=2)).astimezone(zone).date(), follow_up="Ring: is the headache gone?",
    )  # fmt: skip
