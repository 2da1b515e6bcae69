"""Keeping what is being typed, so that none of it is lost to a lock, a dead battery or another window.

What one window wrote is never written over by another: both are kept, until the person puts one away. A draft is its
author's alone; nobody is told of it, and no log names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from bothwell.couples.models import Person, new_id
from bothwell.integration.models import Draft
from bothwell.refusal import Refused, Stale

D = TypeVar("D", bound=Draft)


@dataclass(frozen=True)
class Window:
    """What one window holds. `content`: the columns with the words; `about`: those that say what they are for.

    `revision`: the one of `draft_id` it last knew (0 for none); `beside_id`: where its words go if another wrote there.
    """

    draft_id: UUID
    beside_id: UUID
    content: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 0


@dataclass(frozen=True)
class Kept(Generic[D]):
    """Where the words are now. `other`: what another window wrote meanwhile; then these lie beside it."""

    draft: D | None
    other: D | None = None


@dataclass(frozen=True)
class Shelf(Generic[D]):
    """Where drafts of one kind lie. `blank`: their columns with no word in them.

    `in_its_place`: the open draft that one about the same thing lies beside, if there can be only one.
    """

    model: type[D]
    blank: Mapping[str, Any]
    in_its_place: Callable[[Person, Window], D | None] = lambda by, window: None

    def all_of(self, who: Person) -> "QuerySet[D]":
        """Every draft somebody ever began, what was emptied since too."""
        return self.model._default_manager.filter(author=who)

    def open_of(self, who: Person) -> "QuerySet[D]":
        """What somebody began and has neither saved nor put away."""
        return self.all_of(who).filter(closed_at__isnull=True)

    def one(self, who: Person, draft_id: UUID) -> D | None:
        """One draft, while it is open."""
        return self.open_of(who).filter(id=draft_id).first()

    # ── keeping ──

    @transaction.atomic
    def keep(
        self, *, by: Person, window: Window, is_saved: Callable[[D], bool] = lambda draft: False
    ) -> Kept[D]:
        """Keep what a window holds. `is_saved`: whether the very same words came out of a draft that is closed now."""
        there = self.all_of(by).filter(id=window.draft_id).first()
        if there is None:
            return self._begin(by, window)
        if (
            there.closed_at is None
            and not holds(there, window)
            and not self._write(there, window, window.revision)
        ):
            there.refresh_from_db()  # another window was first: it wrote, or closed it
            if there.closed_at is None:
                return self._beside(by, window, there)
        if there.closed_at is not None:
            is_done = self._is_blank(window) or is_saved(there)
            return Kept(None) if is_done else self._beside(by, window, None)
        there.refresh_from_db()
        return Kept(there)

    def _begin(self, by: Person, window: Window) -> Kept[D]:
        """The first words of a draft. Begun in two windows for one thing, the second lies beside the first."""
        if self._is_blank(window):
            return Kept(None)
        other = self.in_its_place(by, window)
        if other is not None:
            return Kept(other) if holds(other, window) else self._beside(by, window, other)
        return Kept(self._insert(by, window, window.draft_id))

    def _beside(self, by: Person, window: Window, other: D | None) -> Kept[D]:
        """This window's words in a draft of their own."""
        mine = self.all_of(by).filter(id=window.beside_id).first()
        if (
            mine is not None
            and mine.closed_at is None
            and (holds(mine, window) or self._write(mine, window, None))
        ):
            mine.refresh_from_db()
            return Kept(mine, other)
        # None yet, or it was put away meanwhile: what is typed now is kept all the same.
        return Kept(self._insert(by, window, new_id() if mine else window.beside_id, is_beside=True), other)

    def _insert(self, by: Person, window: Window, draft_id: UUID, is_beside: bool = False) -> D:
        row = self.model(
            id=draft_id,
            clinic_id=by.clinic_id,
            author=by,
            is_beside=is_beside,
            **window.about,
            **window.content,
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except (
            IntegrityError
        ):  # the id is taken, or two windows began at once: the words get an id of their own
            row.id, row.is_beside = new_id(), True
            row.save(force_insert=True)
        return row

    def _write(self, draft: D, window: Window, revision: int | None) -> bool:
        """Write into an open draft, if it still stands at `revision` (None: whatever it stands at)."""
        rows = self.model._default_manager.filter(id=draft.id, closed_at__isnull=True)
        if revision is not None:
            rows = rows.filter(revision=revision)
        return bool(
            rows.update(**window.content, revision=F("revision") + 1, saved_at=timezone.now())  # type: ignore[misc]
        )

    def _is_blank(self, window: Window) -> bool:
        return all(window.content[name] == empty for name, empty in self.blank.items())

    # ── and letting go ──

    @transaction.atomic
    def finish(self, *, by: Person, draft_id: UUID, revision: int, is_saved: Callable[[D], bool]) -> None:
        """The words were saved: empty the draft they came from, unless it holds others that another window wrote."""
        draft = self.one(by, draft_id)
        if draft is not None and (draft.revision == revision or is_saved(draft)):
            self._empty(draft)

    @transaction.atomic
    def drop(self, *, by: Person, draft_id: UUID, revision: int | None = None) -> None:
        """Empty a draft and put it away for good. Twice changes nothing.

        Raises Stale where it no longer stands at the `revision` that was looked at.
        """
        draft = self.one(by, draft_id)
        if draft is None:
            return
        if (revision is not None and draft.revision != revision) or not self._empty(draft):
            raise Stale(
                "Something was added to it in another window. Look at it again before you put it away."
            )

    def _empty(self, draft: D) -> bool:
        """Compare and set: only what was read is put away."""
        rows = self.model._default_manager.filter(
            id=draft.id, closed_at__isnull=True, revision=draft.revision
        )
        return bool(rows.update(**self.blank, closed_at=timezone.now()))


def holds(draft: Draft, window: Window) -> bool:
    """Whether these very words stand in it."""
    return all(getattr(draft, name) == value for name, value in window.content.items())


def check_room(texts: Mapping[str, str], most: int) -> None:
    """Raises Refused where a text is longer than a draft may be; it is then only on the page."""
    if any(len(text) > most for text in texts.values()):
        raise Refused(f"A draft has room for {most:,} characters. The rest is only on this page.")
