"""Setting up one's login from a link: choose an e-mail address and a password, once.

It never says whom the link is for, from whom it comes, or why a link is dead.
"""

from allauth.account.internal.flows.login import record_authentication
from django import forms
from django.contrib.auth import login
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from bothwell.enrolment import invitation_actions
from bothwell.privacy.models import User
from bothwell.refusal import Refused, Stale

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class LoginForm(forms.Form):
    """The two things a login needs."""

    email = forms.EmailField(
        label="E-mail address",
        help_text="Only you should read what arrives there. You log in with it.",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "inputmode": "email"}),
    )
    password = forms.CharField(
        label="Password",
        help_text="At least 12 characters; a few words in a row are good.",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, str]:
        given: dict[str, str] = super().clean() or {}
        if "email" in given and "password" in given:
            try:
                validate_password(given["password"], User(email=given["email"]))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The form while the link works; one and the same page when it does not, whatever the reason."""
    if invitation_actions.open_invitation(token) is None:
        return _dead(request)
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = invitation_actions.accept_invitation(token=token, **form.cleaned_data)
        except Stale:
            return _dead(request)
        except Refused as refused:
            form.add_error("email", refused.reason)
        else:
            login(request, user, backend=BACKEND)
            record_authentication(request, user, method="password", email=user.email)
            return redirect("/account/2fa/" if user.must_have_second_factor else "/today")
    context = {"form": form, "rules": password_validators_help_texts()}
    return render(request, "invitation/page.html", context, status=422 if form.errors else 200)


def _dead(request: HttpRequest) -> HttpResponse:
    return render(request, "invitation/dead.html", {"words": invitation_actions.DEAD_LINK}, status=404)


urlpatterns = [path("invitation/<str:token>", invitation, name="invitation")]
