"""Who works here: a colleague's roles, credentials and way to a login.

It shows no chart and no care team, and no password: a link is handed over, or mailed.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Contact, Credential, Person, PersonKind, Role, StaffRole, open_at
from bothwell.couples.pairing import OnFile, valid_kinds
from bothwell.enrolment import invitation_actions, roles_actions, staff_actions
from bothwell.pathway.decision_actions import CREDENTIALS_NEEDED
from bothwell.privacy.models import User
from bothwell.refusal import Refused
from bothwell.web.around import local_now
from bothwell.web.asking import require, uuid_or_404
from bothwell.web.clinic import clinic_page
from bothwell.web.own_name import NameForm, name_form, save_name


class StaffForm(forms.Form):
    """A colleague who joins."""

    name_used = forms.CharField(label="Name they use", max_length=120)
    title = forms.CharField(
        label="Title, as they sign", max_length=80, required=False, help_text="MD, RN, LMFT"
    )
    email = forms.EmailField(
        label="E-mail address", required=False, help_text="Empty: hand the link over yourself."
    )
    roles = forms.MultipleChoiceField(
        label="Roles", choices=Role.choices, widget=forms.CheckboxSelectMultiple
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def staff(request: HttpRequest) -> HttpResponse:
    """Everyone who works here, with roles, credentials and login; and a form for the next."""
    by = require(request, Role.LEAD)
    form = StaffForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if request.method == "POST" and form.is_valid():
        given = {**form.cleaned_data, "roles": [Role(role) for role in form.cleaned_data["roles"]]}
        try:
            joined = staff_actions.add_staff(by=by, **given)
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Added. Hand over their link.")
            return redirect(f"{reverse('clinic_colleague', args=[joined.id])}?added")
    logins = set(User.objects.values_list("person_id", flat=True))
    people = [
        {
            "person": person,
            "roles": [row.get_role_display() for row in person.staff_roles.all()],
            "credentials": [_on_file(row) for row in person.credentials.all()],
            "to_sign": to_sign(person),
            "has_login": person.id in logins,
        }
        for person in _colleagues()
    ]
    return clinic_page(request, "staff", {"people": people, "form": form})


def _colleagues() -> QuerySet[Person]:
    held = StaffRole.objects.filter(open_at(timezone.now())).order_by("role")
    filed = Credential.objects.order_by("kind", "-filed_at")
    return (
        Person.objects.filter(kind=PersonKind.STAFF)
        .order_by("name_used", "id")
        .prefetch_related(Prefetch("staff_roles", held), Prefetch("credentials", filed))
    )


def _on_file(row: Credential) -> dict[str, Any]:
    is_valid = OnFile(row.kind, row.expires_on).is_valid(timezone.localdate())
    return {
        "kind": row.get_kind_display(),
        "reference": row.reference,
        "until": row.expires_on,
        "is_valid": is_valid,
    }


@dataclass(frozen=True)
class ToSign:
    """What a role needs on file, in words, to sign a joint decision that it goes on; and what of it lacks now."""

    role: str
    needs: str
    lacks: str


def to_sign(person: Person) -> list[ToSign]:
    """For each role this colleague holds in which a joint decision is signed."""
    held = valid_kinds(
        (OnFile(row.kind, row.expires_on) for row in person.credentials.all()), timezone.localdate()
    )
    found = []
    for row in person.staff_roles.all():
        if needed := CREDENTIALS_NEEDED.get(row.role):
            lacks = ", ".join(kind.label for kind in needed if kind not in held)
            found.append(ToSign(row.get_role_display(), ", ".join(kind.label for kind in needed), lacks))
    return found


class RoleForm(forms.Form):
    """One more role."""

    role = forms.ChoiceField(label="Role", choices=Role.choices)


class AddressForm(forms.Form):
    """Where a colleague's invitation goes."""

    email = forms.EmailField(
        label="E-mail address", required=False, help_text="Empty: hand the link over yourself."
    )


class CredentialForm(forms.Form):
    """A licence or certificate."""

    kind = forms.ChoiceField(label="What", choices=Credential.Kind.choices)
    reference = forms.CharField(label="Number, course or certificate", max_length=120)
    expires_on = forms.DateField(
        label="Valid until", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def colleague(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One colleague: link, roles, credentials."""
    by = require(request, Role.LEAD)
    person = get_object_or_404(_colleagues(), id=person_id)
    what = request.POST.get("do", "") if request.method == "POST" else ""
    name = name_form(person, request.POST if what == "name" else None, is_own=False)
    known = Contact.objects.filter(subject=person).first()
    address = AddressForm(
        request.POST if what == "address" else None, initial={"email": known.safe_email if known else ""}
    )
    role = RoleForm(request.POST if what == "role" else None)
    credential = CredentialForm(
        request.POST if what == "credential" else None, initial={"request_id": uuid4()}
    )
    refused = ""
    if what:
        try:
            if _changed(by, person, what, request, _Forms(name, address, role, credential)):
                return redirect("clinic_colleague", person_id=person_id)
        except Refused as no:
            refused = no.reason
    invitation = None if (has_login := invitation_actions.has_login(person)) else _newest(person)
    context = {
        "person": person,
        "roles": person.staff_roles.all(),
        "credentials": [_on_file(row) for row in person.credentials.all()],
        "to_sign": to_sign(person),
        "role": role,
        "credential": credential,
        "name": name,
        "mail": address,
        "has_login": has_login,
        "invitation": invitation,
        "address": invitation_actions.address_of(invitation) if invitation else "",
        "refused": refused,
        "is_added": "added" in request.GET,
    }
    return clinic_page(request, "colleague", context)


def _newest(person: Person) -> Any:
    invitation = invitation_actions.newest_invitations([person.id]).get(person.id)
    return invitation if invitation and invitation.expires_at > timezone.now() else None


@dataclass(frozen=True)
class _Forms:
    """Everything that can be changed on a colleague's page."""

    name: NameForm
    address: AddressForm
    role: RoleForm
    credential: CredentialForm


def _changed(by: Person, person: Person, what: str, request: HttpRequest, forms: _Forms) -> bool:
    """Whether what was asked for was done; if not, a form says why.

    Raises Refused, Http404 for anything unknown.
    """
    match what:
        case "invite":
            invitation_actions.invite(by=by, person=person)
        case "name":
            return save_name(by, person, forms.name)
        case "address" if forms.address.is_valid():
            staff_actions.correct_address(by=by, person=person, email=forms.address.cleaned_data["email"])
            messages.success(
                request,
                "Saved. A link mailed before opens no longer. Make a new link to have it mailed there.",
            )
        case "role" if forms.role.is_valid():
            roles_actions.add_staff_role(by=by, person=person, role=Role(forms.role.cleaned_data["role"]))
        case "end":
            roles_actions.end_staff_role(by=by, role_id=uuid_or_404(request.POST.get("role", "")))
        case "credential" if forms.credential.is_valid():
            said = forms.credential.cleaned_data
            given = {**said, "kind": Credential.Kind(said["kind"])}
            kept = staff_actions.file_credential(by=by, person=person, **given)
            _say_filed(request, by, kept)
        case "role" | "credential" | "address":
            return False
        case _:
            raise Http404
    return True


def _say_filed(request: HttpRequest, by: Person, kept: Credential) -> None:
    if kept.expires_on is None or OnFile(kept.kind, kept.expires_on).is_valid(local_now(by).date()):
        messages.success(request, f"Filed: {kept.get_kind_display()}.")
    else:
        messages.warning(
            request, f"This ran out on {date_format(kept.expires_on, 'j F Y')}; filed as run out."
        )


urlpatterns: list[URLPattern] = [
    path("clinic/staff", staff, name="clinic_staff"),
    path("clinic/staff/<uuid:person_id>", colleague, name="clinic_colleague"),
]
