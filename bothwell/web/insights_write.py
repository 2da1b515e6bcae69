"""Writing what came up: the blank sheet, new words for an old one, and drafts that are kept as they are typed.

A draft is shown to its author alone, on whatever device; two windows never write over each other.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person, new_id
from bothwell.integration import actions, draft_actions, prompts
from bothwell.integration.draft_actions import Typed
from bothwell.integration.finding import tags_of
from bothwell.integration.insights import Words
from bothwell.integration.models import Insight, InsightDraft
from bothwell.refusal import Refused, Stale
from bothwell.web.around import local_now
from bothwell.web.asking import require_partner
from bothwell.web.drafts import DraftForm, answer, carry, uuid_of
from bothwell.web.insights_sheet import Sheet, last_session_at, own_sheet

UNKEEPABLE = "Something here cannot be kept as it is. Your words are still below."
TWO = "Another window wrote other words here. Both are kept: yours below, the others under “Begun, not finished”."
FIELDS = ("text", "feeling", "to_say", "to_ask")


class WordsForm(DraftForm):
    """What came up. No field has a `maxlength`: a browser would cut a pasted text in silence."""

    text = forms.CharField(required=False, widget=forms.Textarea, strip=False)
    feeling = forms.CharField(required=False, strip=False)
    to_say = forms.CharField(required=False, widget=forms.Textarea, strip=False)
    to_ask = forms.CharField(required=False, widget=forms.Textarea, strip=False)
    tags = forms.CharField(required=False)
    request_id = forms.UUIDField(required=False)
    after = forms.IntegerField(required=False, min_value=0, max_value=2_000_000_000)

    def words(self) -> Words:
        return Words(*(self.cleaned_data[name].replace("\r\n", "\n") for name in FIELDS))

    def tags_typed(self) -> tuple[str, ...]:
        return tags_of(self.cleaned_data["tags"])

    def typed(self, kind: Insight.Kind, insight_id: UUID | None, draft_id: UUID | None = None) -> Typed:
        """What this window holds, for the drafts."""
        known = self.cleaned_data
        return Typed(
            draft_id=draft_id or known["draft_id"] or known["request_id"] or new_id(),
            beside_id=known["beside_id"] or new_id(),
            words=self.words(),
            tags=self.tags_typed(),
            kind=kind,
            insight_id=insight_id,
            revision=known["revision"] or 0,
            after=known["after"],
        )


def _by_hand(request: HttpRequest) -> bool:
    return "as_draft" in request.POST


# ------------------------------------------------------------------------------------------------- the pages


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A blank sheet. What is typed is kept as a draft until it is kept for good."""
    who = require_partner(request)
    kind = _kind(request.POST.get("kind") or request.GET.get("kind"))
    if request.method == "GET":
        start = DraftForm.of(None)
        blank = start | {"request_id": start["draft_id"]}
        return _form(request, who, WordsForm(initial=blank), kind, begun=_begun(who, kind))
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _form(request, who, form, kind, trouble=UNKEEPABLE, status=422)
    if "another" in request.POST:
        return _form(request, who, form, kind)
    if _by_hand(request):
        return _keep_by_hand(request, who, form, kind)
    request_id = form.cleaned_data["request_id"] or new_id()
    try:
        kept = actions.write(
            by=who, words=form.words(), kind=kind, request_id=request_id, tags=form.tags_typed()
        )
    except Stale as stale:  # saved in another window with other words: these go on by themselves
        fresh = DraftForm.of(None)
        carry(form, **fresh, request_id=fresh["draft_id"])
        return _form(request, who, form, kind, trouble=stale.reason, status=409)
    except Refused as refused:
        return _form(request, who, form, kind, trouble=refused.reason, status=422)
    _finish(who, form, request_id)
    return redirect(f"/insights/{kept.id}")


def _kind(asked: str | None) -> Insight.Kind:
    return Insight.Kind.INTENTION if asked == Insight.Kind.INTENTION else Insight.Kind.INSIGHT


def _finish(who: Person, form: WordsForm, draft_id: UUID | None) -> None:
    """The words are saved: the draft they came from is emptied, and one beside it with the same words."""
    if draft_id:
        revision = form.cleaned_data["revision"] or 0
        draft_actions.finish(by=who, draft_id=draft_id, words=form.words(), revision=revision)
    if beside_id := form.cleaned_data["beside_id"]:
        draft_actions.finish(by=who, draft_id=beside_id, words=form.words(), revision=0)


def _begun(who: Person, kind: Insight.Kind) -> list[InsightDraft]:
    """New sheets begun before, so that nobody begins the same one twice."""
    drafts = [each for each in draft_actions.open_drafts(who) if each.insight_id is None]
    return [each for each in drafts if each.kind == kind and draft_actions.words_in(each) != Words("")][:3]


@require_GET
def resume(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Go on where one was, on any device."""
    who = require_partner(request)
    draft = draft_actions.open_draft(who, draft_id)
    if draft is None:
        if Insight.objects.filter(id=draft_id, subject=who).exists():  # saved meanwhile
            return redirect(f"/insights/{draft_id}")
        raise Http404
    if draft.insight_id:
        return redirect(
            f"/insights/{draft.insight_id}/edit" + (f"?draft={draft.id}" if draft.is_beside else "")
        )
    start = _as_typed(draft) | DraftForm.of(draft) | {"request_id": draft.id}
    return _form(request, who, WordsForm(initial=start), _kind(draft.kind), draft=draft)


def _as_typed(draft: InsightDraft) -> dict[str, Any]:
    words = {name: getattr(draft, name) for name in FIELDS}
    return words | {"tags": ", ".join(draft.tags)}


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """New words for an insight. What was given stays as it was given, until it is given anew."""
    who, _, sheet = own_sheet(request, insight_id)
    kind = _kind(sheet.insight.kind)
    if request.method == "GET":
        draft = _draft_asked(request, who, sheet)
        form = WordsForm(initial=_start(sheet, draft))
        return _form(request, who, form, kind, sheet=sheet, draft=draft)
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _form(request, who, form, kind, sheet=sheet, trouble=UNKEEPABLE, status=422)
    if _by_hand(request):
        return _keep_by_hand(request, who, form, kind, sheet)
    try:
        actions.rewrite(
            by=who,
            insight_id=insight_id,
            words=form.words(),
            after=form.cleaned_data["after"] or 0,
            tags=form.tags_typed() if "tags" in request.POST else None,
        )
    except Refused as refused:
        status = 409 if isinstance(refused, Stale) else 422
        return _form(request, who, form, kind, sheet=sheet, trouble=refused.reason, status=status)
    _finish(who, form, form.cleaned_data["draft_id"])
    return redirect(f"/insights/{insight_id}")


def _draft_asked(request: HttpRequest, who: Person, sheet: Sheet) -> InsightDraft | None:
    """The draft to go on with: the one named, where there are several, else the first."""
    asked = uuid_of(request.GET.get("draft", ""))
    named = draft_actions.open_draft(who, asked) if asked else None
    if named is not None and named.insight_id == sheet.insight.id:
        return named
    return draft_actions.draft_of(who, sheet.insight)


def _start(sheet: Sheet, draft: InsightDraft | None) -> dict[str, Any]:
    current = sheet.current
    words = {name: getattr(current, name) for name in FIELDS} | {"tags": ", ".join(current.tags)}
    # Words begun before newer ones were kept still say which they began from: on saving, the person is asked.
    after = (draft.after if draft else None) or current.number
    return words | (_as_typed(draft) if draft else {}) | DraftForm.of(draft) | {"after": after}


def _form(
    request: HttpRequest,
    who: Person,
    form: WordsForm,
    kind: Insight.Kind,
    *,
    sheet: Sheet | None = None,
    draft: InsightDraft | None = None,
    begun: list[InsightDraft] | None = None,
    other: InsightDraft | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    ours = (form["draft_id"], form["request_id"]) if sheet else (form["request_id"], form["draft_id"])
    draft_id = next((uuid for field in ours if (uuid := uuid_of(str(field.value() or "")))), None) or new_id()
    context = {
        "form": form,
        "kind": kind,
        "is_intention": kind == Insight.Kind.INTENTION,
        "trouble": trouble,
        "sheet": sheet,
        "draft": draft,
        "draft_id": draft_id,
        "begun": begun,
        "beside": [other] if other else _beside(who, sheet, draft_id),
        "is_kept": request.method == "GET",
        **({} if sheet else _prompted(request, who, kind)),
    }
    return render(request, "insights/write.html", context, status=status)


def _beside(who: Person, sheet: Sheet | None, draft_id: UUID) -> list[InsightDraft]:
    """Other words begun for the same insight, in another window: each can be gone on with."""
    if sheet is None:
        return []
    drafts = draft_actions.open_drafts(who)
    return [each for each in drafts if each.insight_id == sheet.insight.id and each.id != draft_id]


def _prompted(request: HttpRequest, who: Person, kind: Insight.Kind) -> dict[str, Any]:
    """One question to begin with, and the one after it."""
    is_intention = kind == Insight.Kind.INTENTION
    when = prompts.occasion(is_intention, last_session_at(who), timezone.now())
    turn = prompts.in_turn(when, local_now(who).date())
    asked = request.POST.get("another", request.GET.get("prompt", ""))
    shown = prompts.shown(turn, asked)
    return {"prompt": shown, "next_prompt": prompts.another(turn, shown), "prompts": turn}


# --------------------------------------------------------------------------------------------------- drafts


def _keep_by_hand(
    request: HttpRequest, who: Person, form: WordsForm, kind: Insight.Kind, sheet: Sheet | None = None
) -> HttpResponse:
    """The key `Keep as draft`, for a browser that does not do it by itself."""
    try:
        kept = draft_actions.keep(by=who, typed=form.typed(kind, sheet.insight.id if sheet else None))
    except Refused as refused:
        return _form(request, who, form, kind, sheet=sheet, trouble=refused.reason, status=422)
    if kept.other is not None and kept.draft is not None:
        carry(form, **DraftForm.of(kept.draft), request_id=kept.draft.id)
        return _form(request, who, form, kind, sheet=sheet, other=kept.other, trouble=TWO, status=409)
    messages.success(request, "Kept as a draft. Only you see it.")
    return redirect("/insights")


@require_POST
def keep(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Keep what is being typed: asked by the page itself, every second or so while somebody writes."""
    who = require_partner(request)
    form = WordsForm({name: str(value).replace("\0", "") for name, value in request.POST.items()})
    if not form.is_valid():
        return JsonResponse({"reason": UNKEEPABLE}, status=422)
    insight_id = uuid_of(request.POST.get("insight_id", ""))
    try:
        typed = form.typed(_kind(request.POST.get("kind")), insight_id, draft_id)
        kept = draft_actions.keep(by=who, typed=typed)
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    is_new_sheet = kept.draft is not None and kept.draft.insight_id is None
    address = f"/insights/drafts/{kept.draft.id}" if kept.draft is not None and is_new_sheet else ""
    return answer(kept, fields=_fields, shown=_shown, address=address)


def _fields(draft: InsightDraft) -> dict[str, list[str]]:
    return {name: [text] for name, text in _as_typed(draft).items()}


def _shown(draft: InsightDraft) -> str:
    return draft.text or draft.to_say or draft.to_ask or draft.feeling or ", ".join(draft.tags)


@require_POST
def drop(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Put a draft away for good; put away already, it stays so."""
    who = require_partner(request)
    get_object_or_404(InsightDraft, id=draft_id, subject=who)
    seen = request.POST.get("seen", "")
    revision = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None
    try:
        draft_actions.drop(by=who, draft_id=draft_id, revision=revision)
    except Stale as stale:
        messages.warning(request, stale.reason)
        return redirect(f"/insights/drafts/{draft_id}")
    messages.success(request, "Put away. The words are gone.")
    return redirect("/insights")


urlpatterns: list[URLPattern] = [
    path("insights/new", new, name="insight-new"),
    path("insights/drafts/<uuid:draft_id>", resume, name="insight-draft"),
    path("insights/drafts/<uuid:draft_id>/keep", keep, name="insight-draft-keep"),
    path("insights/drafts/<uuid:draft_id>/drop", drop, name="insight-draft-drop"),
    path("insights/<uuid:insight_id>/edit", edit, name="insight-edit"),
]
