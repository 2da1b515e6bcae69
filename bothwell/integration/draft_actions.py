"""An insight being written: its draft, on whatever device, until it is kept as a version or put away.

A draft is its author's alone: nobody is told of it, no log names it, and nothing can be shared from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from bothwell.couples.models import Person
from bothwell.integration.actions import words_of
from bothwell.integration.insights import Words
from bothwell.integration.keeping_actions import Kept, Shelf, Window, check_room
from bothwell.integration.models import Insight, InsightDraft, InsightVersion
from bothwell.refusal import Refused

LONGEST_FEELING = 300
OVERLONG = 3
"""A draft may be this many times longer than what can be saved, so that a long text can be kept and then cut."""


@dataclass(frozen=True)
class Typed:
    """What one window holds, and where it began: the draft's id and the revision it last knew (0 for none).

    `after`: the version of the insight that these words began from.
    """

    draft_id: UUID
    beside_id: UUID
    words: Words
    tags: Sequence[str] = ()
    kind: Insight.Kind = Insight.Kind.INSIGHT
    insight_id: UUID | None = None
    revision: int = 0
    after: int | None = None


def _in_its_place(by: Person, window: Window) -> InsightDraft | None:
    insight = window.about["insight"]
    return draft_of(by, insight) if insight else None


SHELF = Shelf(
    InsightDraft,
    blank={"text": "", "feeling": "", "to_say": "", "to_ask": "", "tags": []},
    in_its_place=_in_its_place,
)


def words_in(draft: InsightDraft) -> Words:
    """The words of a draft as the rules know them."""
    return Words(draft.text, draft.feeling, draft.to_say, draft.to_ask)


def open_drafts(who: Person) -> list[InsightDraft]:
    """What somebody began and has neither saved nor put away, newest first."""
    return list(SHELF.open_of(who).select_related("insight").order_by("-saved_at", "-id")[:50])


def open_draft(who: Person, draft_id: UUID) -> InsightDraft | None:
    """One draft, while it is open."""
    return SHELF.one(who, draft_id)


def draft_of(who: Person, insight: Insight) -> InsightDraft | None:
    """New words begun for an insight, on whatever device: the first, where there are several."""
    return SHELF.open_of(who).filter(insight=insight).order_by("is_beside", "-saved_at", "-id").first()


def keep(*, by: Person, typed: Typed) -> Kept[InsightDraft]:
    """Keep what is typed. Two windows never write over each other: the second one's words are kept beside the first's.

    Raises Refused with a sentence when the words cannot be kept as they are; they are then only on the page.
    """
    words = typed.words
    texts = {"text": words.text, "to_say": words.to_say, "to_ask": words.to_ask}
    check_room(texts, OVERLONG * settings.LONGEST_TEXT)
    if len(words.feeling) > LONGEST_FEELING:
        raise Refused(f"What you felt has room for {LONGEST_FEELING} characters. It is not kept yet.")
    insight = _insight(by, typed.insight_id)
    window = Window(
        typed.draft_id,
        typed.beside_id,
        content={**texts, "feeling": words.feeling, "tags": list(typed.tags)},
        about={
            "subject": by,
            "insight": insight,
            "kind": insight.kind if insight else typed.kind,
            "after": typed.after if insight else None,
        },
        revision=typed.revision,
    )
    return SHELF.keep(by=by, window=window, is_saved=lambda draft: _was_saved(by, draft, words))


def _insight(by: Person, insight_id: UUID | None) -> Insight | None:
    if insight_id is None:
        return None
    insight = Insight.objects.filter(id=insight_id, subject=by).first()
    if insight is None:
        raise Refused("There is no such insight of yours.")
    return insight


def _was_saved(by: Person, draft: InsightDraft, words: Words) -> bool:
    """Whether these words are a version of the insight that the draft became."""
    versions = InsightVersion.objects.filter(insight_id=draft.insight_id or draft.id, subject=by)
    return any(words_of(version) == words.trimmed() for version in versions)


def finish(*, by: Person, draft_id: UUID, words: Words, revision: int) -> None:
    """The words were saved as a version: empty the draft they came from. One that holds other words stays."""
    SHELF.finish(
        by=by,
        draft_id=draft_id,
        revision=revision,
        is_saved=lambda draft: words_in(draft).trimmed() == words.trimmed(),
    )


def drop(*, by: Person, draft_id: UUID, revision: int | None = None) -> None:
    """Empty a draft and put it away for good. Twice changes nothing. Raises Stale where it was written to meanwhile."""
    SHELF.drop(by=by, draft_id=draft_id, revision=revision)
