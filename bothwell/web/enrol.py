"""Enrolling: a couple, or one person, enters care; both partners on one page, side by side.

A and B are places in the record, not ranks. Nothing typed is lost, and a form sent twice enrols once.
"""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Role
from bothwell.couples.pairing import StartedBy
from bothwell.enrolment import couple_actions, invitation_actions, people_actions
from bothwell.enrolment.age import may_enter_care
from bothwell.pathway.office_actions import at_referral
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web.around import local_now
from bothwell.web.asking import require
from bothwell.web.nav import roles_of
from bothwell.web.telephone import TelephoneField

STARTED_BY = [
    (StartedBy.BOTH, "both of them"),
    (StartedBy.A, "partner A"),
    (StartedBy.B, "partner B"),
    (StartedBy.REFERRER, "somebody who referred them"),
]


class ReachForm(forms.Form):
    """How one person is called and may safely be reached. `today`: the clinic's own date."""

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    name_used = forms.CharField(label="Name they use", max_length=120)
    pronouns = forms.CharField(label="Pronouns", max_length=40, required=False)
    full_name = forms.CharField(label="Full name, as on documents", max_length=200, required=False)
    born_on = forms.DateField(
        label="Date of birth",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    safe_email = forms.EmailField(
        label="Safe e-mail address",
        required=False,
        help_text="One that only they read. Empty: nothing is ever mailed.",
    )
    safe_phone = TelephoneField(label="Safe telephone number", required=False)
    may_leave_message = forms.BooleanField(label="We may leave a message there", required=False)
    call_me = forms.CharField(
        label="Name to ask for on the telephone",
        max_length=120,
        required=False,
        help_text="If it is another one.",
    )

    def clean_born_on(self) -> date | None:
        born_on: date | None = self.cleaned_data["born_on"]
        if not (answer := may_enter_care(born_on, self.today)):
            raise forms.ValidationError(answer.reason)
        return born_on

    def reach(self) -> people_actions.Reach:
        """What was typed about reaching them."""
        given = self.cleaned_data
        return people_actions.Reach(
            full_name=given["full_name"],
            born_on=given["born_on"],
            safe_email=given["safe_email"],
            safe_phone=given["safe_phone"],
            may_leave_message=given["may_leave_message"],
            call_me=given["call_me"],
        )


class PartnerForm(ReachForm):
    """One partner as enrolled."""

    is_treated = forms.BooleanField(
        label="Ketamine-assisted therapy is considered for them",
        required=False,
        help_text="Their own course begins.",
    )

    def partner(self) -> people_actions.NewPartner:
        """The partner as typed."""
        given = self.cleaned_data
        return people_actions.NewPartner(
            given["name_used"], given["pronouns"], self.reach(), given["is_treated"]
        )


class TogetherForm(forms.Form):
    """What concerns both."""

    started_by = forms.ChoiceField(
        label="Who asked for it first?", choices=STARTED_BY, initial=StartedBy.BOTH, widget=forms.RadioSelect,
        help_text="For the care team only; neither partner sees it.",
    )  # fmt: skip
    distinguished_by = forms.CharField(
        label="What tells the two apart, if they say so",
        max_length=80,
        required=False,
        help_text="In their words, for instance “the one who had the accident”. Empty: neither has a role of "
        "their own, and results treat the two alike.",
    )
    send_mail = forms.BooleanField(
        label="Mail each their link, where there is a safe address", required=False
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """One page with both partners."""
    by = require(request, Role.COORDINATOR, Role.LEAD)
    data = request.POST or None
    today = local_now(by).date()
    a, b = (PartnerForm(data, prefix=side, today=today) for side in "ab")
    for blank in (a, b):
        blank.fields["is_treated"].initial = True
    together = TogetherForm(data, initial={"request_id": uuid4(), "send_mail": True})
    refused = ""
    if (
        request.method == "POST"
        and all([a.is_valid(), b.is_valid(), together.is_valid()])
        and _is_apart(a, b)
    ):
        given = together.cleaned_data
        given["started_by"] = StartedBy(given["started_by"])
        try:
            made = couple_actions.enrol_couple(by=by, a=a.partner(), b=b.partner(), **given)
        except Refused as no:
            refused = no.reason
        else:
            return redirect("enrolled", couple_id=made.couple.id)
    context = {"a": a, "b": b, "together": together, "refused": refused}
    return render(request, "enrol/page.html", context, status=422 if request.method == "POST" else 200)


def _is_apart(a: PartnerForm, b: PartnerForm) -> bool:
    """Whether each has a mailbox of their own. A shared one would show each the other's link."""
    one, other = (form.cleaned_data["safe_email"].casefold() for form in (a, b))
    if one and one == other:
        b.add_error(
            "safe_email",
            "Both have this address. A shared mailbox is not safe for either: use two, or leave it empty.",
        )
        return False
    return True


@require_GET
def enrolled(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The couple as enrolled, with the links to hand over."""
    by = require(request, Role.COORDINATOR, Role.LEAD)
    try:
        made = couple_actions.enrolled(couple_id)
    except Refused as no:
        raise Http404 from no
    partners = [
        {
            "side": side,
            "person": person,
            "invitation": invitation,
            "address": invitation_actions.address_of(invitation),
        }
        for side, person, invitation in zip("ab", made.people, made.invitations, strict=True)
    ]
    for person in made.people:
        audit.viewed(by, subject=person, couple=made.couple, what="invitation")
    roles, waits = roles_of(by), at_referral()
    context = {
        "couple": made.couple,
        "partners": partners,
        "is_lead": Role.LEAD in roles,
        # The page of a course is the coordinator's.
        "at_referral": [person for person in made.people if person.id in waits]
        if Role.COORDINATOR in roles
        else [],
    }
    return render(request, "enrol/done.html", context)


class AloneForm(PartnerForm):
    """One person without a partner here."""

    send_mail = forms.BooleanField(
        label="Mail them their link, where there is a safe address", required=False
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def alone(request: HttpRequest) -> HttpResponse:
    """One person enters care without a partner here."""
    by = require(request, Role.COORDINATOR, Role.LEAD)
    initial: dict[str, Any] = {"request_id": uuid4(), "send_mail": True}
    form = AloneForm(request.POST or None, initial=initial, today=local_now(by).date())
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            person = people_actions.add_person(
                by=by, new=form.partner(), request_id=given["request_id"], send_mail=given["send_mail"]
            )
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Enrolled.")
            return redirect("person", person_id=person.id)
    return render(request, "enrol/alone.html", {"form": form}, status=422 if form.errors else 200)


urlpatterns = [
    path("enrol", enrol, name="enrol"),
    path("enrol/alone", alone, name="enrol_alone"),
    path("enrol/<uuid:couple_id>", enrolled, name="enrolled"),
]
