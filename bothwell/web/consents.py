"""Consents: what is signed, what may be signed, each in its own words, withdrawn as easily as given.

A release opens a class of one's own data to one role. Nothing is signed for anybody else, or unread.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person, Role
from bothwell.pathway.models import Course
from bothwell.pathway.steps import State
from bothwell.privacy import to_sign
from bothwell.privacy.circles import READS, Relation
from bothwell.privacy.models import Consent, ConsentText, DisclosureAgreement, DisclosureSignature
from bothwell.privacy.signing_actions import sign_agreement, sign_consent, withdraw_consent
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import require_partner

ON_LABEL_ROUTES: Final = frozenset({"in"})
"""Routes with a labelled product (esketamine nasal spray); the protocol says the same of each route."""

OFF_LABEL: Final = "This use is off label: the medicine is approved for anaesthesia, not for this purpose."

GROUPS: Final = (
    (ConsentText.Kind.TREATMENT, "Treatment", "care", "You and your care team"),
    (ConsentText.Kind.RELEASE, "Who may see what", "care", "You, your care team and the one it names"),
    (ConsentText.Kind.RESEARCH, "Research", "care", "You and your care team"),
)
SIGNED_IS_SEEN: Final = (
    "That you signed it, and when: you, your prescriber, nurse and individual therapist, and the clinic lead."
)
ROLE_WORDS: Final = {
    Relation.PRESCRIBER: "your prescriber",
    Relation.INDIVIDUAL_THERAPIST: "your individual therapist",
    Relation.COUPLES_THERAPIST: "your couples therapist",
}


def roles_a_release_reaches(data_class: str) -> tuple[Relation, ...]:
    """The roles that see something under this class, read from the table itself."""
    way = f"R:{data_class}"
    return tuple(role for role in ROLE_WORDS if any(way in cells[role] for cells in READS.values()))


@dataclass
class Line:
    """One text as the person meets it in the list: to sign, or signed."""

    text: ConsentText
    role: Relation | None
    to: str
    signed: Consent | None = None
    newer: bool = field(default=False)

    @property
    def href(self) -> str:
        return f"/consents/texts/{self.text.id}" + (f"?to={self.role}" if self.role else "")


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Every text once for each role it may open something to; of the treatment's, those their own course needs."""
    who = require_partner(request)
    surroundings = nearby(who)
    newest: dict[tuple[str, str], ConsentText] = {}
    for text in ConsentText.objects.exclude(kind=ConsentText.Kind.DISCLOSURE).order_by("version"):
        newest[text.kind, text.code] = text
    signed = {
        (row.text.kind, row.text.code, row.release_to): row
        for row in Consent.objects.select_related("text")
        .filter(subject=who, withdrawn_at__isnull=True)
        .order_by("text__version")
    }
    routes = routes_of(who)
    offered = {
        key: text
        for key, text in newest.items()
        if text.kind != ConsentText.Kind.TREATMENT or text.code in routes or (*key, "") in signed
    }
    groups = [
        {
            "title": title,
            "circle": circle,
            "label": label,
            "lines": _lines(kind, offered, signed, surroundings),
        }
        for kind, title, circle, label in GROUPS
    ]
    context = {
        "awaited": [text.name for text in to_sign.routes_without(newest, sorted(routes))],
        "groups": [group for group in groups if group["lines"]],
        "agreement": _agreement(surroundings),
        "nearby": surroundings,
    }
    return render(request, "consents/page.html", context)


def routes_of(who: Person) -> set[str]:
    """The route of their own course in care, where one is decided; nobody is offered the texts of another."""
    courses = Course.objects.filter(subject=who, state__in=[State.ACTIVE, State.ON_HOLD])
    return set(courses.exclude(route="").values_list("route", flat=True))


def _lines(
    kind: str,
    newest: dict[tuple[str, str], ConsentText],
    signed: dict[tuple[str, str, str], Consent],
    surroundings: Nearby,
) -> list[Line]:
    lines = []
    for (each, code), text in sorted(newest.items()):
        if each != kind:
            continue
        for role in roles_a_release_reaches(code) if kind == ConsentText.Kind.RELEASE else (None,):
            mine = signed.get((each, code, role or ""))
            if role and mine is None and not surroundings.team.get(role):
                continue
            lines.append(
                Line(text, role, _called(role, surroundings), mine, bool(mine and mine.text_id != text.id))
            )
    return lines


def _called(role: Relation | None, surroundings: Nearby) -> str:
    if role is None:
        return ""
    names = surroundings.team.get(role, ())
    return f"{' and '.join(names)}, {ROLE_WORDS[role]}" if names else ROLE_WORDS[role]


def _agreement(surroundings: Nearby) -> dict[str, Any] | None:
    if surroundings.couple is None:
        return None
    row = (
        DisclosureAgreement.objects.select_related("text")
        .prefetch_related("signatures")
        .filter(couple=surroundings.couple)
        .order_by("-version")
        .first()
    )
    if row is None:
        return None
    return {
        "row": row,
        "mine": next((s for s in row.signatures.all() if s.author_id == surroundings.person.id), None),
    }


class SignForm(forms.Form):
    """A name typed by its owner, and that the text was read."""

    signed_name = forms.CharField(
        max_length=120,
        label="Your name, as you sign it",
        error_messages={"required": "Type your name to sign."},
    )
    read = forms.BooleanField(
        label="I have read this and had the chance to ask.",
        error_messages={"required": "Tick this when you have read it."},
    )


@require_http_methods(["GET", "POST"])
def text(request: HttpRequest, text_id: UUID) -> HttpResponse:
    """One text to read, and to sign below it. What a newer one has replaced is read by who signed it, and by nobody signed."""
    who = require_partner(request)
    row = get_object_or_404(ConsentText.objects.exclude(kind=ConsentText.Kind.DISCLOSURE), id=text_id)
    role = _role(row, request.POST.get("to") or request.GET.get("to"))
    newest = ConsentText.objects.filter(kind=row.kind, code=row.code).order_by("version").last() or row
    if request.method == "GET":
        if newest.id != row.id and not _signed(who, row, role):
            return redirect(Line(newest, Relation(role) if role else None, "").href)
        return _text(request, who, row, role, SignForm(), newer=newest)
    form = SignForm(request.POST)
    if newest.id != row.id:
        kept = SignForm(initial={"signed_name": request.POST.get("signed_name", "")})
        return _text(request, who, newest, role, kept, REPLACED, 422)
    if not form.is_valid():
        return _text(request, who, row, role, form, status=422)
    try:
        sign_consent(
            by=who, text_id=row.id, signed_name=form.cleaned_data["signed_name"], release_to=role or ""
        )
    except Refused as refused:
        return _text(request, who, row, role, form, refused.reason, 422)
    messages.success(request, "Signed. It holds from now on, and you can withdraw it here at any time.")
    return redirect("/consents")


REPLACED: Final = (
    "Your clinic has published a newer text since you opened yours. Nothing is signed. Read this one, and sign it if you "
    "agree."
)


def _signed(who: Person, row: ConsentText, role: Role | None) -> Consent | None:
    return Consent.objects.filter(
        subject=who, text=row, release_to=role or "", withdrawn_at__isnull=True
    ).first()


def _role(row: ConsentText, asked: str | None) -> Role | None:
    if row.kind != ConsentText.Kind.RELEASE:
        return None
    if asked not in roles_a_release_reaches(row.code):
        raise Http404
    return Role(str(asked))


def _text(
    request: HttpRequest,
    who: Person,
    row: ConsentText,
    role: Role | None,
    form: SignForm,
    trouble: str = "",
    status: int = 200,
    newer: ConsentText | None = None,
) -> HttpResponse:
    surroundings = nearby(who)
    signed = _signed(who, row, role)
    is_treatment = row.kind == ConsentText.Kind.TREATMENT
    context = {
        "text": row,
        "seen": _seen(row.kind),
        "role": role or "",
        "to": _called(Relation(role), surroundings) if role else "",
        "off_label": OFF_LABEL if is_treatment and row.code not in ON_LABEL_ROUTES else "",
        "signed": signed,
        "newer": Line(newer, Relation(role) if role else None, "").href
        if newer and newer.id != row.id
        else "",
        "action": f"/consents/texts/{row.id}",
        "form": form,
        "trouble": trouble,
    }
    return render(request, "consents/text.html", context, status=status)


def _seen(kind: str) -> dict[str, str]:
    """Who reads that a text of this kind was signed, for the badge above it."""
    circle, label = next((circle, label) for each, _, circle, label in GROUPS if each == kind)
    named = " And the one it names." if kind == ConsentText.Kind.RELEASE else ""
    return {"circle": circle, "label": label, "sentence": f"{SIGNED_IS_SEEN}{named} Not your partner."}


@require_POST
def withdraw(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Withdraw one signature: its effect ends with anyone's next page."""
    who = require_partner(request)
    get_object_or_404(Consent, id=consent_id, subject=who)
    withdraw_consent(by=who, consent_id=consent_id)
    messages.success(request, "Withdrawn, from this moment on.")
    return redirect("/consents")


@require_http_methods(["GET", "POST"])
def agreement(request: HttpRequest, agreement_id: UUID) -> HttpResponse:
    """How the couples therapist handles what one says alone: read by both, signed by each."""
    who = require_partner(request)
    row = get_object_or_404(DisclosureAgreement.objects.select_related("text", "couple"), id=agreement_id)
    if request.method == "GET":
        return _agreement_page(request, who, row, SignForm())
    form = SignForm(request.POST)
    if not form.is_valid():
        return _agreement_page(request, who, row, form, status=422)
    try:
        sign_agreement(by=who, agreement_id=agreement_id, signed_name=form.cleaned_data["signed_name"])
    except Refused as refused:
        return _agreement_page(request, who, row, form, refused.reason, 422)
    messages.success(request, "Signed.")
    return redirect(f"/agreement/{agreement_id}")


def _agreement_page(
    request: HttpRequest,
    who: Person,
    row: DisclosureAgreement,
    form: SignForm,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    signatures = list(
        DisclosureSignature.objects.select_related("author").filter(agreement=row).order_by("recorded_at")
    )
    context = {
        "agreement": row,
        "signatures": signatures,
        "mine": next((each for each in signatures if each.author_id == who.id), None),
        "in_force": len({each.author_id for each in signatures}) == 2,
        "together": bool(row.couple and row.couple.is_together),
        "label": nearby(who).ours_label,
        "form": form,
        "trouble": trouble,
    }
    return render(request, "consents/agreement.html", context, status=status)


urlpatterns: list[URLPattern] = [
    path("consents", listing, name="consents"),
    path("consents/texts/<uuid:text_id>", text, name="consent-text"),
    path("consents/<uuid:consent_id>/withdraw", withdraw, name="consent-withdraw"),
    path("agreement/<uuid:agreement_id>", agreement, name="agreement"),
]
