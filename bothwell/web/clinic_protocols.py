"""The clinic's treatment protocols: every number by a plain name, with its unit and source, and the signature under it.

A version is never changed here: a change is a draft of the next one (`protocol_drafts`).
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person, Role
from bothwell.dosing.gates import EQUIPMENT, EQUIPMENT_SOURCE
from bothwell.pathway import draft_actions, facts
from bothwell.pathway.models import ProtocolDraft, ProtocolVersion
from bothwell.pathway.protocol_actions import load_protocols, protocol_in_use, protocol_of, sign_protocol
from bothwell.pathway.protocol_changes import differences
from bothwell.pathway.protocol_fields import groups
from bothwell.pathway.schema import Status
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.clinic import clinic_page
from bothwell.web.protocol_waves import waves_in_words


@require_http_methods(["GET", "POST"])
def protocols(request: HttpRequest) -> HttpResponse:
    """Every protocol version of the clinic; those that ship with Bothwell are loaded here."""
    by = require(request, Role.LEAD)
    if request.method == "POST":
        load_protocols(by=by)
        return redirect("clinic_protocols")
    versions = ProtocolVersion.objects.select_related("signed_by").order_by("-loaded_at", "name")
    drafts = ProtocolDraft.objects.select_related("base", "begun_by").filter(closed_at__isnull=True)
    context = {"versions": versions, "drafts": drafts.order_by("begun_at"), "in_use": protocol_in_use()}
    return clinic_page(request, "protocols", context)


class SignForm(forms.Form):
    """The signature under one version."""

    has_read = forms.BooleanField(
        label="I have read every number that is to be confirmed, and confirm them for our clinic"
    )
    signed_name = forms.CharField(label="Name of the medical director who signs", max_length=120)

    def __init__(self, *arguments: Any, by: Person, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fields[
            "signed_name"
        ].help_text = f"You enter it as {by.signs_as}: that is kept and shown beside the name given."

    def not_read(self) -> None:
        """Shown again beside other numbers, it holds no word for them yet."""
        self.data = self.data.copy()  # type: ignore[attr-defined]
        self.data.pop("has_read", None)  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def protocol(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """One version: every number with its name, unit and source, whether it is to be confirmed, and the signature."""
    by = require(request, Role.LEAD)
    version = get_object_or_404(
        ProtocolVersion.objects.select_related("signed_by", "came_from__base"), id=protocol_id
    )
    form = SignForm(request.POST if request.method == "POST" else None, by=by)
    if request.method == "POST" and form.is_valid():
        try:
            sign_protocol(by=by, protocol_id=version.id, signed_name=form.cleaned_data["signed_name"])
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Signed. New courses begin under this version.")
            return redirect("clinic_protocol", protocol_id=version.id)
    return clinic_page(request, "protocol", {"form": form, **_shown(by, version)})


def _shown(by: Person, version: ProtocolVersion) -> dict[str, Any]:
    rules = protocol_of(version)
    forms_of = groups(rules)
    numbered = [(group, [field for field in group.fields if field.status]) for group in forms_of]
    in_use, changed = protocol_in_use(), _changes(version)
    differing = {one.at for one in changed}
    return {
        "version": version,
        "rules": rules,
        "groups": [
            (
                group,
                sum(field.is_default for field in group.fields),
                sum(field.at in differing for field in group.fields),
            )
            for group in forms_of
        ],
        "numbers": sum(len(fields) for _, fields in numbered),
        "unconfirmed": sum(field.is_default for _, fields in numbered for field in fields),
        "waves": waves_in_words(rules, by.clinic_id),
        "beside": _beside_the_file(),
        "equipment_source": EQUIPMENT_SOURCE,
        "in_use": in_use,
        "is_in_use": in_use is not None and in_use.id == version.id,
        "draft": draft_actions.open_draft(version),
        "may_change": draft_actions.may_begin_from(version),
        "changes": changed,
        "differing": differing,
    }


def _changes(version: ProtocolVersion) -> list[Any]:
    """What this version changed in the one it was begun from, with who and why; empty for one that ships."""
    draft = getattr(version, "came_from", None)
    if draft is None:
        return []
    return differences(protocol_of(draft.base), protocol_of(version), draft_actions.edits_of(draft))


def _beside_the_file() -> list[tuple[str, str, str]]:
    """What is the same in every protocol and yet to be confirmed: title, what follows from it, source."""
    rules = [
        (facts.SPECS[rule.code].title, rule.reason, rule.source)
        for rule in facts.RULES
        if rule.status is Status.DEFAULT and rule.code in facts.SPECS
    ]
    ready = ", ".join(words for _, words in EQUIPMENT)
    return [*rules, ("Ready at the bed before a dose", f"{ready}.", EQUIPMENT_SOURCE)]


urlpatterns: list[URLPattern] = [
    path("clinic/protocols", protocols, name="clinic_protocols"),
    path("clinic/protocols/<uuid:protocol_id>", protocol, name="clinic_protocol"),
]
