"""The address one signs in with: changed by its owner alone, who proves again that it is them, and that mail reaches them.

The address before stays good until the link in the mail to the new one was answered. Whether an address is known here,
neither page nor mail nor pause tells.
"""

from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.core.ratelimit import consume
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from bothwell.enrolment.address_actions import address_asked_for, ask_for_address, take_address
from bothwell.privacy.models import User
from bothwell.refusal import Stale

TOO_OFTEN = "You asked for several addresses within an hour. Wait an hour, then send it again."
NOT_SENT = "The mail could not be sent just now. Send it again in a few minutes."


class AddressForm(forms.Form):
    """The new address."""

    email = forms.EmailField(
        label="New e-mail address",
        max_length=254,
        help_text="Only you should read what arrives there. A link goes there; until you follow it, you sign in as before.",
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if email == self.user.email.lower():
            raise forms.ValidationError("You sign in with this address already.")
        return email


# No `never_cache`: the guard says it for every page, without the hour.
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # a device left open changes no login
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """A link to the new address; the same answer whether or not the address is somebody else's."""
    user = _login(request)
    form = AddressForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        if not consume(request, action="ask_for_address"):
            form.add_error(None, TOO_OFTEN)
        elif not _send(request, user, form.cleaned_data["email"]):
            form.add_error(None, NOT_SENT)
        else:
            return render(request, "account/address_sent.html")
    return render(request, "account/address.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, key: str) -> HttpResponse:
    """The link in the mail, for whoever asked for it and nobody else who finds it: they sign in as they did, then press."""
    user = _login(request)
    if request.method == "GET":
        works = address_asked_for(user, key) is not None
        return render(request, "account/email_confirm.html", {"works": works}, status=200 if works else 404)
    try:
        before = take_address(by=user, token=key)
    except Stale:
        return render(request, "account/email_confirm.html", {"works": False}, status=404)
    _mail(request, "address_changed", before)
    messages.success(request, "From now on you sign in with the new address.")
    return redirect("mfa_index")


def _login(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("only a login has an address")
    return request.user


def _send(request: HttpRequest, user: User, email: str) -> bool:
    """Whether the mail to the new address went out, whoever's it is; the one in use is told as well.

    Under a shelter too: if that mail stayed away, whoever reads the mailbox would learn of the shelter.
    """
    link = ask_for_address(by=user, email=email)
    words = ("email_confirmation", email, {"activate_url": link}) if link else ("address_in_use", email, {})
    _mail(request, "address_asked", user.email)
    # One that was written to again and again is left in peace, whoever asks, and whether or not it is known here.
    is_enough = not consume(request, action="mail_new_address", key=email)
    return is_enough or _mail(request, *words)


def _mail(request: HttpRequest, words: str, email: str, more: dict[str, str] | None = None) -> bool:
    """Whether it could be handed over to be sent."""
    try:
        get_adapter(request).send_mail(f"account/email/{words}", email, more or {})
    except (SMTPException, OSError):
        return False
    return True


urlpatterns = [
    path("account/email/", change, name="account_email"),
    # In place of the login library's own, which would let in whoever finds the link.
    path("account/confirm-email/<str:key>/", answer, name="account_confirm_email"),
]
