"""Words being written, kept as they are typed, so that none is lost to a lock, a dead battery or another window.

A draft is its author's alone: nobody is told of it, no log names it, and nothing can be shared from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from bothwell.couples.models import Person, new_id
from bothwell.integration.actions import current_version, words_of
from bothwell.integration.insights import Words
from bothwell.integration.models import Insight, InsightDraft
from bothwell.refusal import Refused

LONGEST_FEELING = 300
OVERLONG = 3
"""A draft may be this many times longer than what can be saved, so that a long text can be kept and then cut."""
EMPTY = Words("")


@dataclass(frozen=True)
class Kept:
    """Where the words are now. `other`: what another window wrote meanwhile; then these lie beside it."""

    draft: InsightDraft | None
    other: InsightDraft | None = None


@dataclass(frozen=True)
class Typed:
    """What one window holds, and where it began: the draft's id and the revision it last knew (0 for none)."""

    draft_id: UUID
    beside_id: UUID
    words: Words
    tags: Sequence[str] = ()
    kind: Insight.Kind = Insight.Kind.INSIGHT
    insight_id: UUID | None = None
    revision: int = 0


def words_in(draft: InsightDraft) -> Words:
    """The words of a draft as the rules know them."""
    return Words(draft.text, draft.feeling, draft.to_say, draft.to_ask)


def open_drafts(who: Person) -> list[InsightDraft]:
    """What somebody began and has neither saved nor put away, newest first."""
    rows = InsightDraft.objects.filter(subject=who, closed_at__isnull=True).select_related("insight")
    return list(rows.order_by("-saved_at", "-id")[:50])


def open_draft(who: Person, draft_id: UUID) -> InsightDraft | None:
    """One draft, while it is open."""
    return InsightDraft.objects.filter(id=draft_id, subject=who, closed_at__isnull=True).first()


def draft_of(who: Person, insight: Insight) -> InsightDraft | None:
    """New words begun for an insight, on whatever device."""
    return InsightDraft.objects.filter(subject=who, insight=insight, closed_at__isnull=True).first()


@transaction.atomic
def keep(*, by: Person, typed: Typed) -> Kept:
    """Keep what is typed. Two windows never write over each other: the second one's words are kept beside the first's.

    Raises Refused with a sentence when the words cannot be kept as they are; they are then only on the page.
    """
    _check(typed.words)
    insight = _insight(by, typed.insight_id)
    there = InsightDraft.objects.filter(id=typed.draft_id, subject=by).first()
    if there is None:
        return _begin(by, typed, insight)
    if there.closed_at is not None:
        return _after_closing(by, typed, there)
    if _holds(there, typed):
        return Kept(there)
    if not _write(by, there.id, typed, typed.revision):
        return _beside(by, typed, InsightDraft.objects.get(id=there.id))
    drop(by=by, draft_id=typed.beside_id)
    there.refresh_from_db()
    return Kept(there)


def _check(words: Words) -> None:
    most = OVERLONG * settings.LONGEST_TEXT
    if any(len(part) > most for part in (words.text, words.to_say, words.to_ask)):
        raise Refused(f"A draft has room for {most:,} characters. The rest is only on this page.")
    if len(words.feeling) > LONGEST_FEELING:
        raise Refused(f"What you felt has room for {LONGEST_FEELING} characters. It is not kept yet.")


def _insight(by: Person, insight_id: UUID | None) -> Insight | None:
    if insight_id is None:
        return None
    insight = Insight.objects.filter(id=insight_id, subject=by).first()
    if insight is None:
        raise Refused("There is no such insight of yours.")
    return insight


def _begin(by: Person, typed: Typed, insight: Insight | None) -> Kept:
    """The first words of a draft. Begun on two devices for one insight, the second lies beside the first."""
    if typed.words == EMPTY and not typed.tags:
        return Kept(None)
    other = draft_of(by, insight) if insight else None
    if other is not None:
        return Kept(other) if _holds(other, typed) else _beside(by, typed, other)
    return Kept(_insert(by, typed.draft_id, typed, insight))


def _insert(by: Person, draft_id: UUID, typed: Typed, insight: Insight | None) -> InsightDraft:
    draft = InsightDraft(
        id=draft_id,
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        insight=insight,
        kind=insight.kind if insight else typed.kind,
        text=typed.words.text,
        feeling=typed.words.feeling,
        to_say=typed.words.to_say,
        to_ask=typed.words.to_ask,
        tags=list(typed.tags),
    )
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError:  # the id is taken, or two windows began at once: the words get an id of their own
        draft.id, draft.insight = new_id(), None
        draft.save(force_insert=True)
    return draft


def _write(by: Person, draft_id: UUID, typed: Typed, revision: int | None) -> bool:
    """Write into an open draft, if it still stands at `revision` (None: whatever it stands at)."""
    rows = InsightDraft.objects.filter(id=draft_id, subject=by, closed_at__isnull=True)
    if revision is not None:
        rows = rows.filter(revision=revision)
    return bool(
        rows.update(
            text=typed.words.text,
            feeling=typed.words.feeling,
            to_say=typed.words.to_say,
            to_ask=typed.words.to_ask,
            tags=list(typed.tags),
            revision=F("revision") + 1,
            saved_at=timezone.now(),
        )
    )


def _holds(draft: InsightDraft, typed: Typed) -> bool:
    return words_in(draft) == typed.words and list(draft.tags) == list(typed.tags)


def _beside(by: Person, typed: Typed, other: InsightDraft) -> Kept:
    """This window's words in a draft of their own, beside the one that another window wrote."""
    mine = InsightDraft.objects.filter(id=typed.beside_id, subject=by).first()
    if mine is None:
        return Kept(_insert(by, typed.beside_id, typed, None), other)
    if not _holds(mine, typed):
        _write(by, mine.id, typed, None)
    return Kept(mine, other)


def _after_closing(by: Person, typed: Typed, closed: InsightDraft) -> Kept:
    """Words that come after their draft was saved or put away: the same ones are kept already, others lie beside."""
    saved = Insight.objects.filter(id=closed.insight_id or closed.id, subject=by).first()
    if saved is not None and words_of(current_version(saved)) == typed.words.trimmed():
        return Kept(None)
    if typed.words == EMPTY:
        return Kept(None)
    mine = InsightDraft.objects.filter(id=typed.beside_id, subject=by).first()
    if mine is None:
        return Kept(_insert(by, typed.beside_id, typed, None))
    if mine.closed_at is None and not _holds(mine, typed):
        _write(by, mine.id, typed, None)
    return Kept(mine)


@transaction.atomic
def finish(*, by: Person, draft_id: UUID, words: Words, revision: int) -> None:
    """The words were saved as a version: empty the draft they came from. One that holds other words stays."""
    draft = open_draft(by, draft_id)
    if draft is None:
        return
    if draft.revision == revision or words_in(draft).trimmed() == words.trimmed():
        _empty(by, draft_id)


@transaction.atomic
def drop(*, by: Person, draft_id: UUID) -> None:
    """Empty a draft and put it away for good. Twice changes nothing."""
    _empty(by, draft_id)


def _empty(by: Person, draft_id: UUID) -> None:
    InsightDraft.objects.filter(id=draft_id, subject=by, closed_at__isnull=True).update(
        text="", feeling="", to_say="", to_ask="", tags=[], closed_at=timezone.now()
    )
