"""The texts people sign: every one the product asks for, the words in force, and the next version of each.

Nothing published is ever changed here, nobody's signature is touched, and who signed is counted, never named.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Role
from bothwell.pathway.models import ProtocolVersion
from bothwell.privacy import to_sign
from bothwell.privacy.models import AuditEntry, Consent, ConsentText, DisclosureAgreement
from bothwell.privacy.signing_actions import PUBLISHED_MEANWHILE, publish_text
from bothwell.privacy.to_sign import Key, ToSign
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import require
from bothwell.web.clinic import clinic_page
from bothwell.web.consents import OFF_LABEL, ON_LABEL_ROUTES, roles_a_release_reaches
from bothwell.web.texts_lacking import lacking, routes_in_use

LONGEST = 40_000
"""Characters of one text: some twenty pages, more than anybody reads before signing."""

GROUPS: Final = (
    (to_sign.TREATMENT, "Consent to treatment, by route"),
    (to_sign.DISCLOSURE, "The couple's agreement"),
    ("release", "Releases: who may see what"),
    ("research", "Research"),
)

EARLIER: Final = {
    to_sign.TREATMENT: "Who signed an earlier version is not asked anew, and what they signed goes on counting before every "
    "dose until they withdraw it. They find “There is a newer text” under Access, Read and sign. If you want it "
    "signed anew, tell them, at the latest when they are asked again on the day of a session.",
    "release": "Who signed an earlier version is not asked anew: it goes on opening the same to the same person of the care "
    "team until they withdraw it. They find “There is a newer text” under Access, Read and sign. If you want it "
    "signed anew, tell them.",
    "research": "Who signed an earlier version is not asked anew: their scores go on counting until they withdraw it. They "
    "find “There is a newer text” under Access, Read and sign. If the newer one covers more, ask each before you "
    "use more.",
    to_sign.DISCLOSURE: "An agreement both have signed keeps its words and goes on holding. For the newer ones a couples therapist "
    "puts a new version before both (Couples, the couple, their agreement); it holds once both have signed it.",
}
"""What becomes of earlier signatures, as the gates and the policies treat them."""


@dataclass(frozen=True)
class Signatures:
    """How many have signed a text and not withdrawn: `all` in any version, `earlier` of them none that is newest."""

    all: int = 0
    earlier: int = 0

    def words(self, kind: str) -> str:
        """Counted, for a list."""
        if not self.all:
            return "Nobody has signed it yet."
        one, many = ("couple", "couples") if kind == to_sign.DISCLOSURE else ("person", "people")
        told = f"Signed by {self.all} {one if self.all == 1 else many}"
        if not self.earlier:
            return f"{told}."
        those = f"{self.earlier} of them" if self.earlier < self.all else "each"
        return f"{told}, {those} in an earlier version."


@dataclass(frozen=True)
class Line:
    """One text as the lead meets it in the list."""

    asked: ToSign
    newest: ConsentText | None
    counted: str
    is_lacking: bool


@require_GET
def texts(request: HttpRequest) -> HttpResponse:
    """Every text the product can ask for, whether there is one, since when, and how many stand signed."""
    require(request, Role.LEAD)
    newest = _newest()
    standing = _standing(newest)
    wanted = {text.key for text in to_sign.routes_without(newest, routes_in_use())}
    lines = [
        Line(
            text,
            newest.get(text.key),
            standing.get(text.key, Signatures()).words(text.kind),
            text.key in wanted,
        )
        for text in to_sign.all_texts()
    ]
    context = {
        "groups": [(title, [line for line in lines if line.asked.kind == kind]) for kind, title in GROUPS],
        "lacking": lacking(),
        "is_signed": ProtocolVersion.objects.filter(signed_at__isnull=False).exists(),
    }
    return clinic_page(request, "texts", context)


def _newest() -> dict[Key, ConsentText]:
    return {(text.kind, text.code): text for text in ConsentText.objects.order_by("version")}


def _standing(newest: dict[Key, ConsentText]) -> dict[Key, Signatures]:
    """Of each text: people for what one signs alone, couples for what both sign."""
    alone = (
        ((kind, code), subject, version)
        for kind, code, subject, version in Consent.objects.filter(withdrawn_at__isnull=True).values_list(
            "text__kind", "text__code", "subject", "text__version"
        )
    )
    found: dict[Key, dict[Any, int]] = {}
    for key, who, version in (*alone, *_agreed()):
        versions = found.setdefault(key, {})
        versions[who] = max(version, versions.get(who, 0))
    return {
        key: Signatures(len(versions), sum(version < newest[key].version for version in versions.values()))
        for key, versions in found.items()
        if key in newest
    }


def _agreed() -> Iterable[tuple[Key, Any, int]]:
    """The agreement in force of each couple in care: the newest that both have signed."""
    both = (
        DisclosureAgreement.objects.filter(couple__parted_at__isnull=True)
        .annotate(signed=Count("signatures__author", distinct=True))
        .filter(signed=2)
        .order_by("version")
    )
    in_force = {
        couple: ((to_sign.DISCLOSURE, mode), couple, version)
        for couple, mode, version in both.values_list("couple", "mode", "text__version")
    }
    return in_force.values()


class TextForm(forms.Form):
    """The next version of one text."""

    after = forms.IntegerField(
        min_value=0,
        max_value=1_000_000,
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            "This page was sent incomplete. Copy your words, open the page again and put them in.",
        ),
    )
    title = forms.CharField(
        max_length=200,
        label="Title",
        error_messages={"required": "Give it a title: it stands above the text and in people's lists."},
    )
    body = forms.CharField(
        max_length=LONGEST,
        label="Text",
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="An empty line begins a new paragraph. There are no other marks.",
        error_messages={
            "required": "Write what people read before they sign.",
            "max_length": "This is longer than 40,000 characters. Shorten it: nobody can be said to have read it.",
        },
    )

    def clean_body(self) -> str:
        """Lines end as everywhere, and nothing trails: the same words are the same text."""
        lines = str(self.cleaned_data["body"]).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return "\n".join(line.rstrip() for line in lines).strip()


class PublishForm(TextForm):
    """The same, seen as people will see it, and confirmed."""

    confirmed = forms.BooleanField(
        label="I have read it as people will read it, and it has been checked by whoever advises our clinic",
        error_messages={"required": "Tick this when you have read it; only then is it published."},
    )


@require_http_methods(["GET", "POST"])
def text(request: HttpRequest, kind: str, code: str) -> HttpResponse:
    """One text: the words in force, those before, and the next version: written, looked at, published."""
    by = require(request, Role.LEAD)
    asked = to_sign.find(kind, code)
    if asked is None:
        raise Http404
    newest = _newest_of(asked)
    if request.method == "GET":
        return _page(request, asked, newest, TextForm(initial=_begin(request, asked, newest)))
    form = (PublishForm if request.POST.get("do") == "publish" else TextForm)(request.POST)
    if not form.is_valid():
        # All but the tick is there: it stays as it is seen before publishing, and the tick is asked for.
        is_read = set(form.errors) == {"confirmed"}
        return _page(request, asked, newest, form, looks=is_read, status=422)
    if request.POST.get("do") == "look":
        return _look(request, asked, newest, form)
    if request.POST.get("do") != "publish":
        return _page(request, asked, newest, _again(form, newest), status=200)
    given = form.cleaned_data
    try:
        kept = publish_text(
            by=by, kind=ConsentText.Kind(kind), code=code, version=given["after"] + 1,
            title=given["title"], body=given["body"],
        )  # fmt: skip
    except Refused as no:
        return _refused(request, asked, form, no)
    messages.success(
        request, f"Published: {asked.name}, version {kept.version}. It can be signed from now on."
    )
    return redirect("clinic_texts")


def _newest_of(asked: ToSign) -> ConsentText | None:
    return ConsentText.objects.filter(kind=asked.kind, code=asked.code).order_by("-version").first()


def _begin(request: HttpRequest, asked: ToSign, newest: ConsentText | None) -> dict[str, Any]:
    """What stands in the form at first: the words in force, or the example where it was asked for."""
    if request.GET.get("begin") == "example":
        title, body = asked.title, asked.example
    else:
        title, body = (newest.title, newest.body) if newest else ("", "")
    return {"after": newest.version if newest else 0, "title": title, "body": body}


def _look(request: HttpRequest, asked: ToSign, newest: ConsentText | None, form: TextForm) -> HttpResponse:
    """The words as people will see them, before anything is published; what cannot be published is said at once."""
    given = form.cleaned_data
    if newest and (newest.title, newest.body) == (given["title"], given["body"]):
        no = Refused("These are the words in force already; there is nothing to publish.")
        return _refused(request, asked, form, no)
    if given["after"] != (newest.version if newest else 0):
        return _refused(request, asked, form, Stale(PUBLISHED_MEANWHILE))
    return _page(request, asked, newest, PublishForm(initial=given), looks=True, status=200)


def _refused(request: HttpRequest, asked: ToSign, form: TextForm, no: Refused) -> HttpResponse:
    """What was typed stays, to be published after what is in force by now; it has to be looked at once more."""
    newest = _newest_of(asked)
    return _page(request, asked, newest, _again(form, newest), trouble=no.reason, status=422)


def _again(form: TextForm, newest: ConsentText | None) -> TextForm:
    given = form.cleaned_data
    return TextForm(initial={**given, "after": newest.version if newest else 0})


def _page(
    request: HttpRequest,
    asked: ToSign,
    newest: ConsentText | None,
    form: TextForm,
    *,
    looks: bool = False,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    versions = list(ConsentText.objects.filter(kind=asked.kind, code=asked.code).order_by("-version"))
    shown = form.cleaned_data if form.is_bound and looks else form.initial
    context = {
        "asked": asked,
        "newest": newest,
        "counted": _standing({asked.key: newest}).get(asked.key, Signatures()).words(asked.kind)
        if newest
        else "",
        "published": _with_who(versions),
        "next_version": newest.version + 1 if newest else 1,
        "earlier": EARLIER[asked.kind],
        "off_label": OFF_LABEL
        if asked.kind == to_sign.TREATMENT and asked.code not in ON_LABEL_ROUTES
        else "",
        "reaches": [Role(role).label for role in roles_a_release_reaches(asked.code)],
        "form": form,
        "trouble": trouble,
        "looks": looks,
        "shown": shown,
    }
    return clinic_page(request, "text", context, status=status)


@dataclass(frozen=True)
class Published:
    """One version, when and by whom it was published."""

    text: ConsentText
    at: datetime
    by: str


def _with_who(versions: list[ConsentText]) -> list[Published]:
    """The versions with who published each, from the log; empty where the log names nobody."""
    entries = AuditEntry.objects.select_related("actor").filter(
        action="published a text", item_id__in=[text.id for text in versions]
    )
    who = {entry.item_id: entry.actor.signs_as for entry in entries if entry.actor}
    return [Published(text, text.published_at, who.get(text.id, "")) for text in versions]


urlpatterns: list[URLPattern] = [
    path("clinic/texts", texts, name="clinic_texts"),
    path("clinic/texts/<str:kind>/<str:code>", text, name="clinic_text"),
]
