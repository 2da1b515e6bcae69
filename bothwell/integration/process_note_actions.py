"""Writing and reading a therapist's own notes: sealed before they reach the database, opened for their author alone.

They are no part of anybody's record. The log says that one was written, to its author only, and nothing of its words.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from bothwell.couples.models import Couple, Person
from bothwell.integration.models import CoupleSession, ProcessNote
from bothwell.integration.process_notes import (
    KIND,
    NONCE_BYTES,
    CannotOpen,
    is_key_of,
    seal,
    unseal,
)
from bothwell.integration.session_actions import check_length, is_therapist_of
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.refusal import Refused, SentBefore

NO_KEY = (
    "Your own notes cannot be sealed just now: the clinic’s key for them is missing. Nothing was kept. "
    "Whoever looks after the machine finds process-notes.key in the last backup."
)


OTHER_KEY = (
    "Your own notes cannot be sealed just now: the clinic’s key for them is another one than before. Nothing was kept. "
    "Whoever looks after the machine puts back the right process-notes.key, from the last backup."
)


@dataclass(frozen=True, slots=True)
class OwnNote:
    """One note as its author reads it; `words` is None while the key that opens it is missing."""

    id: UUID
    session: CoupleSession | None
    words: str | None
    recorded_at: datetime


@transaction.atomic
def write_process_note(
    *, by: Person, couple: Couple, session_id: UUID | None, text: str, request_id: UUID
) -> ProcessNote:
    """A psychotherapy note: its author's alone, and in no export. Posted twice, it is kept once.

    It stays possible after a couple has parted: it is the therapist's own, not the couple's chart.
    """
    if kept := _sent_before(by, request_id, text.strip()):
        return kept
    if not is_therapist_of(by, couple):
        raise Refused("Only the couple's own couples therapist can do this.")
    if not text.strip():
        raise Refused("Write a few words first.")
    check_length(text)
    if not has_right_key():
        raise Refused(OTHER_KEY if settings.PROCESS_NOTES_KEY else NO_KEY)
    if session_id and not CoupleSession.objects.filter(id=session_id, couple=couple).exists():
        raise Refused("There is no such session.")
    note = ProcessNote(
        id=request_id,
        clinic_id=by.clinic_id,
        couple=couple,
        author=by,
        session_id=session_id,
        sealed=_sealed(text.strip(), request_id, by.id),
    )
    if not kept_first(note):
        _sent_before(by, request_id, text.strip())
        return ProcessNote.objects.get(id=request_id)
    # The log says that something of one's own was written, never about which session nor a word of it.
    audit.log("wrote a process note", by=by, couple=couple, item_kind=KIND, item_id=note.id)
    return note


def has_right_key() -> bool:
    """Whether the key at hand is the one the database was told of; also where it was told of none yet."""
    with connection.cursor() as cursor:
        cursor.execute("select sealed from door.notes_key()")
        row = cursor.fetchone()
    return row is None or is_key_of(bytes(row[0]), settings.PROCESS_NOTES_KEY)


def _sent_before(by: Person, request_id: UUID, words: str) -> ProcessNote | None:
    """What the same form left before. Raises SentBefore where it said something else."""
    kept = sent_before(ProcessNote, request_id, by)
    if kept is not None and _words(kept, by.id) != words:
        raise SentBefore
    return kept


def own_notes(by: Person, **which: Any) -> list[OwnNote]:
    """The notes `by` wrote, oldest first, opened; `which` narrows them (couple=…, session=…)."""
    rows = ProcessNote.objects.select_related("session").filter(author=by, **which).order_by("recorded_at")
    return [OwnNote(row.id, row.session, _words(row, by.id), row.recorded_at) for row in rows]


def _words(note: ProcessNote, author: UUID) -> str | None:
    if not note.sealed:
        return note.text
    try:
        return unseal(bytes(note.sealed), secret=settings.PROCESS_NOTES_KEY, note=note.id, author=author)
    except CannotOpen:
        return None


def _sealed(words: str, note: UUID, author: UUID) -> bytes:
    try:
        return seal(
            words,
            secret=settings.PROCESS_NOTES_KEY,
            note=note,
            author=author,
            nonce=os.urandom(NONCE_BYTES),
        )
    except CannotOpen:
        raise Refused(NO_KEY) from None


def seal_rows(notes: Iterable[Any]) -> None:
    """Seal notes that are still in plain words, in memory: for those who write many at once."""
    for note in notes:
        if note.text and note.author_id:
            note.sealed, note.text = _sealed(note.text, note.id, note.author_id), ""


def seal_earlier(apps: Any, schema_editor: Any) -> None:
    """For a migration (RunPython): seals what was written before there was a key, in place.

    The owner of the tables sees no row while row-level security is forced, so it is not while the rows change;
    `policies.sql`, applied after every migration, forces it again in any case.
    """
    table = "bothwell_processnote"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"alter table {table} no force row level security")
        earlier = apps.get_model("bothwell", "ProcessNote").objects
        notes = list(earlier.exclude(text="").filter(author__isnull=False))
        seal_rows(notes)
        for note in notes:
            earlier.filter(id=note.id).update(sealed=note.sealed, text="")
        cursor.execute("set constraints all immediate")
        cursor.execute(f"alter table {table} force row level security")
