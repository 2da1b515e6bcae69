"""A progress note being written: its draft, kept as it is typed, until the session is recorded or the note corrected.

It is no part of the record and in no copy of it, and seen by its author alone: neither partner, no colleague, no lead.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from bothwell.couples.models import Person
from bothwell.integration.keeping_actions import Kept, Shelf, Window
from bothwell.integration.models import CoupleSession, NoteDraft, ProgressNote
from bothwell.integration.session_actions import is_therapist_of
from bothwell.refusal import Refused

MOST_FIELDS = 200
ROOM = 6 * settings.LONGEST_TEXT
"""Characters of all that a form holds: a note, what stays with both, and every answer."""

Fields = Mapping[str, Sequence[str]]
"""What stands in a form: each field's name with what was typed or chosen there."""


@dataclass(frozen=True)
class Sheet:
    """What a note is being written for: a session, and the note it will correct, if one stands already."""

    session: CoupleSession
    corrects: ProgressNote | None = None


def _in_its_place(by: Person, window: Window) -> NoteDraft | None:
    return draft_of(by, Sheet(window.about["session"], window.about["corrects"]))


SHELF = Shelf(NoteDraft, blank={"fields": {}}, in_its_place=_in_its_place)


def drafts_of(who: Person, sheet: Sheet) -> list[NoteDraft]:
    """What somebody began to write there and has not recorded, the one of the first window first."""
    rows = SHELF.open_of(who).filter(session=sheet.session, corrects=sheet.corrects)
    return list(rows.order_by("is_beside", "-saved_at", "-id")[:20])


def draft_of(who: Person, sheet: Sheet) -> NoteDraft | None:
    """The first of these."""
    return next(iter(drafts_of(who, sheet)), None)


def keep(
    *, by: Person, sheet: Sheet, draft_id: UUID, beside_id: UUID, fields: Fields, revision: int
) -> Kept[NoteDraft]:
    """Keep what is typed. Two windows never write over each other: the second one's words are kept beside the first's.

    Raises Refused with a sentence when the words cannot be kept; they are then only on the page.
    """
    couple = sheet.session.couple
    if couple is None or not is_therapist_of(by, couple):
        raise Refused("Only the couple's own couples therapist can do this.")
    if sheet.corrects and sheet.corrects.session_id != sheet.session.id:
        raise Refused("There is no such note.")
    kept = {name: list(texts) for name, texts in fields.items() if any(texts)}
    if len(kept) > MOST_FIELDS or len(json.dumps(kept, ensure_ascii=False)) > ROOM:
        raise Refused(f"A draft has room for {ROOM:,} characters. The rest is only on this page.")
    window = Window(
        draft_id,
        beside_id,
        content={"fields": kept},
        about={"couple": couple, "session": sheet.session, "corrects": sheet.corrects},
        revision=revision,
    )
    return SHELF.keep(by=by, window=window, is_saved=lambda draft: _is_on_record(by, sheet, kept))


def _is_on_record(by: Person, sheet: Sheet, kept: Fields) -> bool:
    """Whether a note of one's own with these very words stands already: they came after it was recorded."""
    said = {name: (kept.get(name) or [""])[0].replace("\r\n", "\n").strip() for name in ("focus", "text")}
    notes = ProgressNote.objects.filter(session=sheet.session, corrects=sheet.corrects, author=by)
    return notes.filter(**said).exists()


def finish(*, by: Person, draft_id: UUID, beside_id: UUID | None, revision: int, fields: Fields) -> None:
    """The note was recorded: empty the draft it came from, and one beside it with the same words. Others stay."""
    kept = {name: list(texts) for name, texts in fields.items() if any(texts)}
    for each, known in ((draft_id, revision), (beside_id, 0)):
        if each is not None:
            SHELF.finish(
                by=by, draft_id=each, revision=known, is_saved=lambda draft: bool(draft.fields == kept)
            )


def drop(*, by: Person, draft_id: UUID, revision: int | None = None) -> None:
    """Empty a draft and put it away for good. Twice changes nothing. Raises Stale where it was written to meanwhile."""
    SHELF.drop(by=by, draft_id=draft_id, revision=revision)
