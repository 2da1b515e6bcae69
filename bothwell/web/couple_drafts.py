"""A progress note being written: kept while it is typed, and shown to its author alone, on whatever device.

Nothing here is part of the record. Two windows never write over each other; nothing is put away but by its author.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from bothwell.couples.models import Couple, Person, new_id
from bothwell.integration import note_draft_actions as actions
from bothwell.integration.keeping_actions import Kept
from bothwell.integration.models import NoteDraft, ProgressNote
from bothwell.integration.note_draft_actions import Sheet
from bothwell.refusal import Refused, Stale
from bothwell.web.couple_asking import session_of, therapist_and_couple
from bothwell.web.drafts import DraftForm, answer, uuid_of

ABOUT_THE_DRAFT = frozenset(
    {"csrfmiddlewaretoken", "draft_id", "beside_id", "revision", "corrects", "as_draft", "request_id", "seen"}
)
WORDY = ("text", "focus", "summary", "stage", "reason")


@dataclass(frozen=True)
class OnThePage:
    """The draft a page goes on with, those of other windows beside it, and what its form carries."""

    draft: NoteDraft | None
    others: list[NoteDraft]
    carried: Mapping[str, Any]


def on_the_page(who: Person, sheet: Sheet, asked: str = "", posted: QueryDict | None = None) -> OnThePage:
    """What was begun for this note; the one named by `asked` where there are several. `posted`: a form shown again."""
    there = actions.drafts_of(who, sheet)
    if posted is not None:
        form = DraftForm(posted)
        form.full_clean()
        known = {name: value for name, value in form.cleaned_data.items() if value is not None}
        carried = {**DraftForm.of(None), **known}
        return OnThePage(None, [one for one in there if one.id != carried["draft_id"]], carried)
    draft = next((one for one in there if str(one.id) == asked), next(iter(there), None))
    return OnThePage(draft, [one for one in there if one is not draft], DraftForm.of(draft))


def fields_in(posted: QueryDict) -> dict[str, list[str]]:
    """What stands in each field of a form that was sent, as it was typed."""
    return {
        name: [text.replace("\0", "").replace("\r\n", "\n") for text in texts]
        for name, texts in posted.lists()
        if name not in ABOUT_THE_DRAFT
    }


def kept_by(who: Person, sheet: Sheet, posted: QueryDict, draft_id: UUID | None = None) -> Kept[NoteDraft]:
    """Keep a form as it was sent. Raises Refused."""
    form = DraftForm(posted)
    if not form.is_valid():
        raise Refused("Something here cannot be kept as it is. Your words are still on the page.")
    known = form.cleaned_data
    return actions.keep(
        by=who,
        sheet=sheet,
        draft_id=draft_id or known["draft_id"] or new_id(),
        beside_id=known["beside_id"] or new_id(),
        fields=fields_in(posted),
        revision=known["revision"] or 0,
    )


def recorded(who: Person, posted: QueryDict) -> None:
    """The note stands: what it was written in is put away."""
    form = DraftForm(posted)
    if form.is_valid() and (draft_id := form.cleaned_data["draft_id"]):
        actions.finish(
            by=who,
            draft_id=draft_id,
            beside_id=form.cleaned_data["beside_id"],
            revision=form.cleaned_data["revision"] or 0,
            fields=fields_in(posted),
        )


def shown(draft: NoteDraft) -> str:
    """The words of a draft, to be told from others and to be copied."""
    return "\n\n".join(text for name in WORDY for text in draft.fields.get(name, ()) if text.strip())


def told(draft: NoteDraft) -> dict[str, Any]:
    """One draft for a template."""
    return {"row": draft, "words": shown(draft) or "Only ticks and choices."}


def drafts_in(begun: OnThePage, is_drawn: bool) -> dict[str, Any]:
    """What the note's page says of drafts. `is_drawn`: whether its form stands there; if not, they are shown to copy."""
    others = begun.others if is_drawn else [*([begun.draft] if begun.draft else []), *begun.others]
    return {
        "draft": begun.draft if is_drawn else None,
        "draft_carried": begun.carried,
        "draft_others": [told(one) for one in others],
        "draft_is_drawn": is_drawn,
    }


def keep_by_hand(request: HttpRequest, who: Person, sheet: Sheet) -> None:
    """The key `Keep as a draft`, for a browser that does not do it by itself."""
    kept = kept_by(who, sheet, request.POST)
    if kept.other is None:
        messages.success(request, "Kept as a draft. Only you see it.")
    else:
        messages.warning(request, "Another window wrote other words here. Both are kept: look at both below.")


def _fields(draft: NoteDraft) -> Mapping[str, Sequence[str]]:
    return draft.fields  # type: ignore[no-any-return]


def _sheet(couple: Couple, session_id: UUID, corrects: str) -> Sheet:
    session = session_of(couple, session_id)
    note_id = uuid_of(corrects)
    note = get_object_or_404(ProgressNote, id=note_id, session=session) if note_id else None
    return Sheet(session, note)


@require_POST
def keep(request: HttpRequest, couple_id: UUID, session_id: UUID, draft_id: UUID) -> HttpResponse:
    """Keep what is being typed: asked by the page itself, every second or so while somebody writes."""
    who, pair = therapist_and_couple(request, couple_id)
    sheet = _sheet(pair, session_id, request.POST.get("corrects", ""))
    try:
        kept = kept_by(who, sheet, request.POST, draft_id)
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    return answer(kept, fields=_fields, shown=shown)


@require_POST
def drop(request: HttpRequest, couple_id: UUID, session_id: UUID, draft_id: UUID) -> HttpResponse:
    """Put a draft away for good; put away already, it stays so."""
    who, pair = therapist_and_couple(request, couple_id)
    session = session_of(pair, session_id)
    draft = get_object_or_404(NoteDraft, id=draft_id, session=session, author=who)
    back = reverse("couple_session", args=[pair.id, session.id])
    seen = request.POST.get("seen", "")
    try:
        known = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None
        actions.drop(by=who, draft_id=draft.id, revision=known)
    except Stale as stale:
        messages.warning(request, stale.reason)
        return redirect(f"{back}?draft={draft.id}")
    messages.success(request, "Put away. The words are gone.")
    return redirect(
        reverse("couple_correct", args=[pair.id, draft.corrects_id]) if draft.corrects_id else back
    )


_ONE = "couples/<uuid:couple_id>/sessions/<uuid:session_id>/drafts/<uuid:draft_id>"
urlpatterns: list[URLPattern] = [
    path(f"{_ONE}/keep", keep, name="couple_draft_keep"),
    path(f"{_ONE}/drop", drop, name="couple_draft_drop"),
]
