"""A draft of the next version of a protocol: its forms, group by group, what it changes, and the signature under it.

It shows no patient. No form of it is written by hand: the fields come from the protocol itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Role
from bothwell.pathway import draft_actions
from bothwell.pathway.models import ProtocolDraft, ProtocolVersion
from bothwell.pathway.protocol import ProtocolInvalid
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.protocol_changes import (
    Typed,
    changes,
    differences,
    parsed,
    standing,
    written,
)
from bothwell.pathway.protocol_fields import Field, Group, Kind, by_place, full_name, groups, shown
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import require
from bothwell.web.clinic import clinic_page
from bothwell.web.clinic_protocols import SignForm

VALUE, REASON = "value:", "reason:"
LONGEST_SENT = 2000


@require_POST
def change(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """Begin a draft of the next version, or go on with the one that is open."""
    by = require(request, Role.LEAD)
    get_object_or_404(ProtocolVersion, id=protocol_id)
    try:
        draft = draft_actions.begin_draft(by=by, protocol_id=protocol_id)
    except Refused as no:
        messages.error(request, no.reason)
        return redirect("clinic_protocol", protocol_id=protocol_id)
    return redirect("clinic_draft", draft_id=draft.id)


@require_GET
def draft(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """What can be changed, form by form, and what is changed already."""
    by = require(request, Role.LEAD)
    one = _draft(draft_id)
    base = protocol_of(one.base)
    changed = {change.field.at for change in changes(base, draft_actions.edits_of(one))}
    listed = [
        (group, len(group.fields), sum(field.at in changed for field in group.fields))
        for group in groups(base)
    ]
    context = {"draft": one, "groups": listed, "changed": len(changed), "me": by, "last": _last(one)}
    return clinic_page(request, "draft", context)


@dataclass(frozen=True)
class Line:
    """One field in its form, with the field for the reason."""

    field: Field
    value: forms.BoundField
    reason: forms.BoundField | None


@require_http_methods(["GET", "POST"])
def fields(request: HttpRequest, draft_id: UUID, group_id: str) -> HttpResponse:
    """The form of one group. What was sent and cannot be kept stays on the page, with what to do at each field."""
    by = require(request, Role.LEAD)
    one = _draft(draft_id, or_closed=request.method == "POST")
    base = protocol_of(one.base)
    group = next((group for group in groups(base) if group.id == group_id), None)
    if group is None:
        raise Http404
    if request.method == "GET":
        return _form_page(request, one, group, _typed_in(one, group), seen=one.revision)
    typed, seen = _sent(request, group), _seen(request)
    try:
        kept = draft_actions.keep_changes(by=by, draft_id=one.id, seen=seen, typed=typed)
    except Refused as no:
        is_stale = isinstance(no, Stale)
        return _form_page(request, one, group, typed, seen=seen, general=[no.reason], is_stale=is_stale)
    if kept.weighed.faults:
        names = {at: full_name(*known) for at, known in by_place(base).items()}
        faults = kept.weighed.faults
        elsewhere = [f"{names.get(at, at)}: {what}" for at, what in faults.items() if at not in typed]
        return _form_page(
            request,
            kept.draft,
            group,
            {**typed, **kept.weighed.theirs},
            seen=kept.draft.revision,
            faults=faults,
            general=elsewhere,
            is_stale=bool(kept.weighed.overtaken),
        )
    _tell(request, kept)
    return redirect("clinic_draft", draft_id=one.id)


def _tell(request: HttpRequest, kept: draft_actions.Kept) -> None:
    count = len(kept.weighed.edits)
    messages.success(
        request, f"Kept: {count} change{'' if count == 1 else 's'}." if count else "Nothing changed."
    )
    if kept.meanwhile:
        who = ", ".join(dict.fromkeys(edit.by_name for edit in kept.meanwhile))
        there = len({edit.at for edit in kept.meanwhile})
        messages.info(
            request,
            f"While you wrote, {who} changed {there} field{'' if there == 1 else 's'} of this draft. "
            "Theirs and yours are both kept.",
        )


def _seen(request: HttpRequest) -> int:
    """The revision the page was made from; of one that says none, the first, so that nothing is overlooked."""
    sent = request.POST.get("seen", "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else 0


def _sent(request: HttpRequest, group: Group) -> dict[str, Typed]:
    """What the form holds, field by field; a field it does not hold is left as it is."""
    return {
        field.at: Typed(
            request.POST[VALUE + field.at][:LONGEST_SENT],
            request.POST.get(REASON + field.at, "")[:LONGEST_SENT],
        )
        for field in group.fields
        if VALUE + field.at in request.POST
    }


def _typed_in(draft: ProtocolDraft, group: Group) -> dict[str, Typed]:
    """The fields as the draft has them now."""
    left = standing(draft_actions.edits_of(draft))
    return {
        field.at: Typed(left[field.at].value, left[field.at].reason)
        if field.at in left
        else Typed(written(field.value))
        for field in group.fields
    }


def _form_page(
    request: HttpRequest,
    draft: ProtocolDraft,
    group: Group,
    typed: Mapping[str, Typed],
    *,
    seen: int,
    faults: Mapping[str, str] | None = None,
    general: list[str] | None = None,
    is_stale: bool = False,
) -> HttpResponse:
    typed = {**_typed_in(draft, group), **typed}
    form = _form(group, typed, faults or {})
    lines = [
        Line(field, form[VALUE + field.at], None if field.kind is Kind.TEXT else form[REASON + field.at])
        for field in group.fields
    ]
    context = {"draft": draft, "group": group, "lines": lines, "seen": seen, "general": general or []}
    context["troubled"] = sum(line.field.at in (faults or {}) for line in lines)
    return clinic_page(request, "draft_fields", context, status=409 if is_stale else None)


def _form(group: Group, typed: Mapping[str, Typed], faults: Mapping[str, str]) -> forms.Form:
    """The form that shows these words, with these faults at their fields. What is wrong, the draft's rules said."""
    data: dict[str, str] = {}
    form = forms.Form(data, use_required_attribute=False)
    for field in group.fields:
        data[VALUE + field.at] = typed[field.at].value
        data[REASON + field.at] = typed[field.at].reason
        form.fields[VALUE + field.at] = _control(field)
        form.fields[REASON + field.at] = forms.CharField(
            label="Why, if you change it",
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
    form.full_clean()
    for at, what in faults.items():
        if VALUE + at in form.fields:
            form.add_error(VALUE + at, what)
    for one in form.fields.values():
        one.required = True  # only so that no field is called optional: emptiness was judged already
    return form


def _control(field: Field) -> forms.Field:
    match field.kind:
        case Kind.FLAG:
            return _choice(field, {"yes": "Yes", "no": "No"})
        case Kind.CHOICE:
            return _choice(field, field.choices)
        case Kind.TEXT:
            return forms.CharField(label=field.name, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    mode = "numeric" if field.is_whole else "decimal"
    widget = forms.TextInput(attrs={"inputmode": mode, "autocomplete": "off"})
    return forms.CharField(label=field.name, required=False, widget=widget)


def _choice(field: Field, choices: Mapping[str, str]) -> forms.Field:
    """A choice that shows what was sent, even if it is none of those offered: the rules say so at the field."""
    return forms.CharField(
        label=field.name, required=False, widget=forms.Select(choices=list(choices.items()))
    )


UNREADABLE = (
    "The version this draft was begun from, or the one in force, breaks a rule of this Bothwell, so that it cannot be "
    "compared. Nothing can be signed here. Tell whoever runs Bothwell for you."
)


@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """What the draft changes, old and new, with each reason; and the signature that puts it in force."""
    by = require(request, Role.LEAD)
    one = _draft(draft_id, or_closed=request.method == "POST")
    form = SignForm(request.POST if request.method == "POST" else None, by=by)
    is_stale = False
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["signed_name"]
        try:
            version = draft_actions.sign_draft(
                by=by, draft_id=one.id, seen=_seen(request), against=_against(request), signed_name=name
            )
        except Refused as no:
            is_stale = isinstance(no, Stale)
            form.add_error(None, no.reason)
            one = _draft(draft_id, or_closed=True)
        except ProtocolInvalid:
            form.add_error(None, UNREADABLE)
        else:
            messages.success(request, f"Signed. Courses begun from now on keep version {version.version}.")
            return redirect("clinic_protocol", protocol_id=version.id)
    if one.closed_at:
        messages.error(request, "This draft was signed or laid aside already.")
        return redirect("clinic_protocol", protocol_id=one.became_id or one.base_id)
    if is_stale:
        form.not_read()
    context = {"form": form, "draft": one, **_compared_or_why_not(one)}
    return clinic_page(request, "draft_sign", context, status=409 if is_stale else None)


def _against(request: HttpRequest) -> UUID | None:
    """The version whose differences the page showed; None of a page that says none."""
    try:
        return UUID(request.POST.get("against", ""))
    except ValueError:
        return None


def _compared_or_why_not(draft: ProtocolDraft) -> dict[str, Any]:
    try:
        return _compared(draft)
    except Refused as no:
        return {"trouble": no.reason}
    except ProtocolInvalid:
        return {"trouble": UNREADABLE}


def _compared(draft: ProtocolDraft) -> dict[str, Any]:
    in_use = draft_actions.compared_with(draft)
    _, rules = draft_actions.draft_text(draft)
    edits = draft_actions.edits_of(draft)
    last = standing(edits)
    fields = by_place(protocol_of(draft.base))
    earlier = [
        (edit, full_name(*fields[edit.at]), _said(fields[edit.at][1], edit.value))
        for edit in edits
        if last[edit.at] is not edit and edit.at in fields
    ]
    return {
        "next": rules.version,
        "against": in_use,
        "is_overtaken": in_use.id != draft.base_id and in_use.signed_at is not None,
        "differences": differences(protocol_of(in_use), rules, edits),
        "unconfirmed": sum(field.is_default for group in groups(rules) for field in group.fields),
        "earlier": earlier,
        "last": _last(draft),
    }


def _said(field: Field, text: str) -> str:
    return shown(field, parsed(field, text)[0])


@require_POST
def aside(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Close a draft that is not wanted."""
    by = require(request, Role.LEAD)
    one = _draft(draft_id)
    try:
        draft_actions.lay_aside(by=by, draft_id=one.id)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "The draft is laid aside. The protocol stays as it is.")
    return redirect("clinic_protocol", protocol_id=one.base_id)


def _draft(draft_id: UUID, *, or_closed: bool = False) -> ProtocolDraft:
    """An open draft; one that is signed or laid aside is nowhere, but for words on their way to it."""
    found = ProtocolDraft.objects.select_related("base", "begun_by")
    return get_object_or_404(found if or_closed else found.filter(closed_at__isnull=True), id=draft_id)


def _last(draft: ProtocolDraft) -> Any:
    """The change made last, for who saved it and when."""
    return next(reversed(draft_actions.edits_of(draft)), None)


urlpatterns: list[URLPattern] = [
    path("clinic/protocols/<uuid:protocol_id>/change", change, name="clinic_protocol_change"),
    path("clinic/protocols/drafts/<uuid:draft_id>", draft, name="clinic_draft"),
    path("clinic/protocols/drafts/<uuid:draft_id>/sign", sign, name="clinic_draft_sign"),
    path("clinic/protocols/drafts/<uuid:draft_id>/aside", aside, name="clinic_draft_aside"),
    path(
        "clinic/protocols/drafts/<uuid:draft_id>/fields/<slug:group_id>", fields, name="clinic_draft_fields"
    ),
]
