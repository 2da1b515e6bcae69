"""The couples therapist's own work in the invented clinics: notes with their forms filled in, and one couple's cycle.

Nothing in it was ever said by anybody.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bothwell.demo.people import Pair
from bothwell.demo.place import Place
from bothwell.integration import note_forms
from bothwell.integration.cycle import Cycle, CycleType, Node, written
from bothwell.models import (
    Couple,
    CoupleSession,
    CycleMap,
    CycleNode,
    CycleShown,
    DisclosureAgreement,
    IndividualContact,
    Person,
    ProgressNote,
)

TOLD: Final = "nwosu-halloran"

EARLY: Final = Cycle(
    CycleType.PURSUE_WITHDRAW,
    "",
    Node(trigger="He does not answer", secondary="Anger", behaviour="I ask again, louder"),
    Node(
        trigger="Her voice gets sharp", secondary="Nothing shows", behaviour="I go quiet and leave the room"
    ),
)
LATER: Final = Cycle(
    CycleType.PURSUE_WITHDRAW,
    "the chase",
    Node(
        trigger="He goes quiet and leaves the room",
        secondary="Anger, and tired of asking",
        behaviour="I follow, and ask again, louder",
        perception="I do not matter enough to be answered",
        primary="Alone, and afraid that I have failed him",
    ),
    Node(
        trigger="She follows me and her voice gets sharp",
        secondary="Blank, as if I felt nothing",
        behaviour="I go quiet and leave the room",
        perception="Whatever I say now will be wrong",
        primary="Afraid",
    ),
)
NOW: Final = Cycle(
    LATER.kind,
    LATER.title,
    Node(
        trigger=LATER.a.trigger,
        secondary=LATER.a.secondary,
        behaviour=LATER.a.behaviour,
        perception=LATER.a.perception,
        primary=LATER.a.primary,
        need="To know that you are still there, even without words",
    ),
    Node(
        trigger=LATER.b.trigger,
        secondary=LATER.b.secondary,
        behaviour=LATER.b.behaviour,
        perception=LATER.b.perception,
        primary="Afraid of losing her by saying it badly",
        need="To hear that I may get it wrong and still be wanted",
    ),
)
HOME: Final = (
    "Notice the chase once, say its name, and stop for a cup of tea.",
    "One evening each: tell the other one thing that was underneath.",
    "Ask for help once this week before it is late.",
)
NEXT: Final = (
    "What Ben feels when he goes quiet",
    "Amara asking, without the sharp voice",
    "How they come back to each other after a turn of the cycle",
)
SAID_ALONE: Final = (
    "He rang because he was not sure he could come. He is worried that he will be asked about work in the session, "
    "and would like to begin with something else. He will bring it himself."
)


def work(
    place: Place, pair: Pair, couple: Couple, people: dict[str, Person], held: list[CoupleSession]
) -> None:
    """The forms of this couple's notes; for the couple whose story is told, their cycle and a telephone call too."""
    notes = [note for note in place.sheaf.of(ProgressNote) if note.couple_id == couple.id]
    for number, note in enumerate(notes):
        answers = _answers(pair, number, len(notes))
        kept = note_forms.checked(note.modality, answers).kept
        note.detail = note_forms.detail(note.modality, kept)
        note.stage = note_forms.place(note.modality, kept) or note.stage
    if pair.key == TOLD and len(held) >= 4:
        _cycle(place, pair, couple, people, held)
        _call(place, pair, couple, people, held[-1])


def _answers(pair: Pair, number: int, of: int) -> dict[str, Any]:
    calm = max(1, 7 - number)
    common = {
        "mode": "video" if number % 4 == 3 else "room",
        "attendance.a": "whole",
        "attendance.b": "late" if number % 3 == 1 else "whole",
        "minutes": "75",
        "escalation.a": str(calm),
        "escalation.b": str(max(1, calm - 2)),
        "alliance.a": "firm",
        "alliance.b": "mended" if number == 1 else "firm",
        "homework": HOME[number % len(HOME)],
        "next_focus": NEXT[number % len(NEXT)],
    }
    match pair.modality:
        case "eft":
            step = min(2 + number, 7)
            return common | {
                "stage": "1" if step < 5 else "2",
                "step.a": str(step),
                "step.b": str(max(1, step - 1)),
                "position.a": "pursues" if number < of - 1 else "reaches",
                "position.b": "withdraws" if number < of - 2 else "changes",
                "cycle_type": "pursue_withdraw",
                "event": "reengagement" if number == of - 1 and of > 3 else "none",
                **({"event_by": "b"} if number == of - 1 and of > 3 else {}),
                "did": ["tracked", "reflected", "reframed"] if number < 3 else ["evoked", "enacted"],
            }
        case "gottman":
            levels = ("maps", "fondness", "towards", "perspective", "conflict")
            return common | {
                "level": [levels[number % len(levels)]],
                "seen.a": ["repair"],
                "seen.b": ["accepted"],
                "did": ["questions", "appreciation"] if number % 2 else ["startup", "soothing"],
            }
        case _:
            return common


def _cycle(
    place: Place, pair: Pair, couple: Couple, people: dict[str, Person], held: list[CoupleSession]
) -> None:
    about = {"couple": couple, "author": place.staff[pair.therapist]}
    drawn = {}
    for number, (cycle, session) in enumerate(
        zip((EARLY, LATER, NOW), (held[1], held[2], held[-1]), strict=True), 1
    ):
        at = session.at + timedelta(minutes=65)
        drawn[number] = place.sheaf.add(
            CycleMap,
            pair.key,
            number,
            **about,
            session=session,
            recorded_at=at,
            number=number,
            map=written(cycle),
        )
    at = held[-1].at + timedelta(minutes=70)
    for side, person in people.items():
        place.sheaf.add(
            CycleNode,
            pair.key,
            side,
            **about,
            subject=person,
            map=drawn[3],
            node=written(NOW)[side],
            recorded_at=at,
        )
    place.sheaf.add(
        CycleShown, pair.key, **about, map=drawn[3], shown=written(NOW), recorded_at=at + timedelta(minutes=5)
    )


def _call(place: Place, pair: Pair, couple: Couple, people: dict[str, Person], after: CoupleSession) -> None:
    agreement = next(one for one in place.sheaf.of(DisclosureAgreement) if one.couple_id == couple.id)
    at = after.at + timedelta(days=2)
    place.sheaf.add(
        IndividualContact,
        pair.key,
        couple=couple,
        subject=people["b"],
        author=place.staff[pair.therapist],
        agreement=agreement,
        at=at,
        minutes=10,
        by_telephone=True,
        text=SAID_ALONE,
        recorded_at=at + timedelta(minutes=20),
    )
