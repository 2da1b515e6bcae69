"""My insights: write what came up, for oneself alone; then choose who may know it, and take it back.

Only their author ever opens these pages. What others see is on their own pages, word for word as previewed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person, new_id
from bothwell.dosing.models import DosingSession
from bothwell.integration import actions
from bothwell.integration.insights import (
    Around,
    Event,
    Opened,
    Part,
    Version,
    Words,
    audiences_of,
    badge,
    called,
    choices,
    circle_of,
    history,
    latest_own,
    suggest_sleep,
    wakes_at,
)
from bothwell.integration.models import Insight, InsightVersion
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Grant
from bothwell.refusal import Refused, Stale
from bothwell.web.around import Nearby, nearby, zone_of
from bothwell.web.asking import require_partner

PART_LABELS = {
    Part.FEELING: "What I felt",
    Part.TO_SAY: "What I want to say",
    Part.TO_ASK: "What I want to ask",
}

ROLES = {
    Relation.PARTNER: "",
    Relation.COUPLES_THERAPIST: "couples therapist",
    Relation.INDIVIDUAL_THERAPIST: "individual therapist",
}


class WordsForm(forms.Form):
    """What came up. No field has a `maxlength`: a browser would cut a pasted text in silence."""

    text = forms.CharField(required=False, widget=forms.Textarea)
    feeling = forms.CharField(required=False)
    to_say = forms.CharField(required=False, widget=forms.Textarea)
    to_ask = forms.CharField(required=False, widget=forms.Textarea)
    request_id = forms.UUIDField(required=False)
    after = forms.IntegerField(required=False)

    def words(self) -> Words:
        return Words(
            *(
                self.cleaned_data[name].replace("\r\n", "\n")
                for name in ("text", "feeling", "to_say", "to_ask")
            )
        )


class ShareForm(forms.Form):
    """One choice of the share sheet."""

    choice = forms.CharField(max_length=20)
    also = forms.BooleanField(required=False)
    parts = forms.MultipleChoiceField(
        required=False, choices=[(part.value, label) for part, label in PART_LABELS.items()]
    )
    sleep = forms.BooleanField(required=False)
    version = forms.UUIDField()


@dataclass
class Sheet:
    """One insight of the viewer's own with everything about its sharing, as its author sees it."""

    insight: Insight
    current: InsightVersion
    versions: list[InsightVersion]
    grants: list[Grant]
    around: Around
    now: datetime = field(default_factory=timezone.now)

    @property
    def open_grants(self) -> list[Grant]:
        """Those that hold now or will, tomorrow at nine."""
        return [grant for grant in self.grants if grant.revoked_at is None]

    @property
    def audiences(self) -> frozenset[Relation]:
        """Whom it is open to at this moment."""
        return frozenset(Relation(grant.audience) for grant in self.open_grants if grant.opens_at <= self.now)

    @property
    def chosen(self) -> frozenset[Relation]:
        """Whom the author chose, those still asleep among them."""
        return frozenset(Relation(grant.audience) for grant in self.open_grants)

    @property
    def asleep_until(self) -> datetime | None:
        return max((grant.opens_at for grant in self.open_grants if grant.opens_at > self.now), default=None)

    @property
    def circle(self) -> str:
        return circle_of(self.audiences)

    @property
    def badge(self) -> str:
        return badge(self.audiences, self.around)

    @property
    def since(self) -> datetime | None:
        return min((grant.opens_at for grant in self.open_grants if grant.opens_at <= self.now), default=None)

    @property
    def waiting_for(self) -> str:
        return called(self.chosen - self.audiences, self.around)

    @property
    def given(self) -> InsightVersion | None:
        """The words that are open, or will be."""
        opened = {grant.item_id for grant in self.open_grants}
        return next((version for version in self.versions if version.id in opened), None)

    @property
    def given_differs(self) -> bool:
        """Whether what others see is not word for word what stands here now."""
        return self.given is not None and actions.words_of(self.given) != actions.words_of(self.current)

    @property
    def given_parts(self) -> list[dict[str, str]]:
        return _parts(self.given) if self.given else []

    @property
    def given_to(self) -> str:
        return called(self.chosen, self.around)

    @property
    def detail(self) -> list[dict[str, object]]:
        """Who exactly can see it, and since when."""
        return [
            {
                "name": called({Relation(grant.audience)}, self.around),
                "role": ROLES[Relation(grant.audience)],
                "since": grant.opens_at,
            }
            for grant in self.open_grants
            if grant.opens_at <= self.now
        ]

    @property
    def asleep_words(self) -> str:
        """What the badge adds while a share is slept on."""
        return f"Until it opens to {self.waiting_for}." if self.asleep_until else ""

    @property
    def own_versions(self) -> list[InsightVersion]:
        """The author's own versions, newest first, without those made to be given."""
        given = {grant.item_id for grant in self.grants} - {self.current.id}
        return [version for version in self.versions if version.id not in given]

    @property
    def history(self) -> list[Event]:
        return history(
            [Opened(Relation(g.audience), g.recorded_at, g.opens_at, g.revoked_at) for g in self.grants],
            self.around,
            self.now,
        )


def sheets(who: Person, found: Iterable[Insight], around: Around) -> list[Sheet]:
    """The sheets of these insights, in three queries whatever their number."""
    insights = list(found)
    versions: dict[UUID, list[InsightVersion]] = {insight.id: [] for insight in insights}
    for version in InsightVersion.objects.filter(subject=who, insight_id__in=versions).order_by("-number"):
        versions[version.insight_id].append(version)
    ids = [version.id for rows in versions.values() for version in rows]
    grants: dict[UUID, list[Grant]] = {}
    for grant in Grant.objects.filter(subject=who, item_kind=actions.ITEM_KIND, item_id__in=ids).order_by(
        "id"
    ):
        grants.setdefault(grant.item_id, []).append(grant)
    return [
        _sheet(insight, versions[insight.id], grants, around) for insight in insights if versions[insight.id]
    ]


def _sheet(
    insight: Insight, versions: list[InsightVersion], grants: dict[UUID, list[Grant]], around: Around
) -> Sheet:
    newest = latest_own([Version(row.id, row.number) for row in versions], grants)
    current = next(row for row in versions if newest and row.id == newest.id)
    return Sheet(insight, current, versions, [g for row in versions for g in grants.get(row.id, [])], around)


def _own_sheet(request: HttpRequest, insight_id: UUID) -> tuple[Person, Nearby, Sheet]:
    who = require_partner(request)
    insight = get_object_or_404(Insight, id=insight_id, subject=who)
    surroundings = nearby(who)
    (sheet,) = sheets(who, [insight], surroundings.around)
    return who, surroundings, sheet


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Everything one wrote, newest first; what was set aside on a page of its own."""
    who = require_partner(request)
    aside = request.GET.get("aside") == "1"
    found = Insight.objects.filter(subject=who, set_aside_at__isnull=not aside).order_by(
        "-recorded_at", "-id"
    )[:200]
    context = {"sheets": sheets(who, found, nearby(who).around), "aside": aside}
    return render(request, "insights/page.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A blank sheet. What is typed stays on the page until it is kept."""
    who = require_partner(request)
    kind = _kind(request.POST.get("kind") or request.GET.get("kind"))
    if request.method == "GET":
        return _form(request, WordsForm(initial={"request_id": new_id()}), kind)
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _form(
            request, form, kind, "Something here cannot be kept as it is. Your words are still below.", 422
        )
    try:
        kept = actions.write(
            by=who, words=form.words(), kind=kind, request_id=form.cleaned_data["request_id"] or new_id()
        )
    except Refused as refused:
        return _form(request, form, kind, refused.reason, 422)
    return redirect(f"/insights/{kept.id}")


def _kind(asked: str | None) -> Insight.Kind:
    return Insight.Kind.INTENTION if asked == Insight.Kind.INTENTION else Insight.Kind.INSIGHT


def _form(
    request: HttpRequest,
    form: WordsForm,
    kind: Insight.Kind,
    trouble: str = "",
    status: int = 200,
    sheet: Sheet | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "kind": kind,
        "is_intention": kind == Insight.Kind.INTENTION,
        "trouble": trouble,
        "sheet": sheet,
    }
    return render(request, "insights/write.html", context, status=status)


@require_GET
def one(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """One insight: its words, who can see it, what happened to it."""
    _, _, sheet = _own_sheet(request, insight_id)
    return render(request, "insights/one.html", {"sheet": sheet, "parts": _parts(sheet.current)})


def _parts(version: InsightVersion) -> list[dict[str, str]]:
    return [
        {"name": part.value, "label": label, "text": getattr(version, part.value)}
        for part, label in PART_LABELS.items()
        if getattr(version, part.value)
    ]


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """New words for an insight. What was given stays as it was given, until it is given anew."""
    who, _, sheet = _own_sheet(request, insight_id)
    kind = _kind(sheet.insight.kind)
    if request.method == "GET":
        current = sheet.current
        start = {name: getattr(current, name) for name in ("text", "feeling", "to_say", "to_ask")}
        return _form(request, WordsForm(initial={**start, "after": current.number}), kind, sheet=sheet)
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _form(
            request,
            form,
            kind,
            "Something here cannot be kept as it is. Your words are still below.",
            422,
            sheet,
        )
    try:
        actions.rewrite(
            by=who, insight_id=insight_id, words=form.words(), after=form.cleaned_data["after"] or 0
        )
    except Refused as refused:
        return _form(request, form, kind, refused.reason, 409 if isinstance(refused, Stale) else 422, sheet)
    return redirect(f"/insights/{insight_id}")


@require_http_methods(["GET", "POST"])
def share(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """Who may know this? Plain choices, the exact words, sleep on it."""
    who, surroundings, sheet = _own_sheet(request, insight_id)
    if request.method == "GET":
        return _share(request, surroundings, sheet)
    form = ShareForm(request.POST)
    if not form.is_valid():
        return _share(request, surroundings, sheet, form, "Choose who may know this.", 422)
    audiences = audiences_of(form.cleaned_data["choice"], form.cleaned_data["also"], surroundings.around)
    if audiences is None:
        return _share(
            request, surroundings, sheet, form, "That choice is no longer there. Choose again.", 422
        )
    try:
        actions.choose_audience(
            by=who,
            insight_id=insight_id,
            version_id=form.cleaned_data["version"],
            audiences=audiences,
            parts=[Part(name) for name in form.cleaned_data["parts"]],
            opens_at=wakes_at(timezone.now(), zone_of(who)) if form.cleaned_data["sleep"] else None,
        )
    except Refused as refused:
        return _share(
            request, surroundings, sheet, form, refused.reason, 409 if isinstance(refused, Stale) else 422
        )
    return redirect(f"/insights/{insight_id}")


def _share(
    request: HttpRequest,
    surroundings: Nearby,
    sheet: Sheet,
    form: ShareForm | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    who, around, now = surroundings.person, surroundings.around, timezone.now()
    suggested = suggest_sleep(_last_session_at(who), now)
    offered = choices(around)
    chosen = form.data.get("choice") if form else _choice_now(sheet, around)
    given, ticked = sheet.given, request.POST.getlist("parts")
    context = {
        "sheet": sheet,
        "side": surroundings.side,
        "around": around,
        "choices": [{"each": each, "sees": called(each.audiences, around)} for each in offered],
        "chosen": chosen,
        "also": bool(form.data.get("also")) if form else Relation.INDIVIDUAL_THERAPIST in sheet.chosen,
        "individual": called({Relation.INDIVIDUAL_THERAPIST}, around) if around.individual_therapists else "",
        "parts": [
            {
                **part,
                "on": part["name"] in ticked if form else bool(given and getattr(given, part["name"])),
            }
            for part in _parts(sheet.current)
        ],
        "sleep": bool(form.data.get("sleep")) if form else suggested.allowed,
        "sleep_reason": suggested.reason,
        "wakes_at": wakes_at(now, zone_of(who)),
        "trouble": trouble,
    }
    return render(request, "insights/share.html", context, status=status)


def _choice_now(sheet: Sheet, around: Around) -> str:
    couples = sheet.chosen - {Relation.INDIVIDUAL_THERAPIST}
    return next((each.code for each in choices(around) if each.audiences == couples), "me")


def _last_session_at(who: Person) -> datetime | None:
    """When the person last was in a dosing session, as far as it got."""
    last = (
        DosingSession.objects.filter(subject=who, started_at__isnull=False)
        .order_by("-started_at")
        .values("started_at", "ended_at")
        .first()
    )
    return (last["ended_at"] or last["started_at"]) if last else None


@require_POST
def take_back(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """Take it back from everyone, at once."""
    who, _, _ = _own_sheet(request, insight_id)
    actions.take_back(by=who, insight_id=insight_id)
    return redirect(f"/insights/{insight_id}")


@require_POST
def aside(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """Out of sight, or back."""
    who, _, _ = _own_sheet(request, insight_id)
    actions.set_aside(by=who, insight_id=insight_id, aside=request.POST.get("aside") == "1")
    return redirect("/insights")


urlpatterns: list[URLPattern] = [
    path("insights", listing, name="insights"),
    path("insights/new", new, name="insight-new"),
    path("insights/<uuid:insight_id>", one, name="insight"),
    path("insights/<uuid:insight_id>/edit", edit, name="insight-edit"),
    path("insights/<uuid:insight_id>/share", share, name="insight-share"),
    path("insights/<uuid:insight_id>/take-back", take_back, name="insight-take-back"),
    path("insights/<uuid:insight_id>/aside", aside, name="insight-aside"),
]
