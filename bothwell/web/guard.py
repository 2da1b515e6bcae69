"""Guards a session: locks it when idle, and asks staff for a second factor before anything else.

It never decides what may be seen.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from bothwell.privacy.models import User
from bothwell.web.errors import too_late, words_sent
from bothwell.web.sessions import SessionStore

SEEN = "seen_at"
BEGUN = "begun_at"
ENROLLED = "added_a_second_factor"
FREE = ("/account/", "/invitation/", "/static/", "/health", "/sw.js")
RENEW_AFTER_S = 15
BY_ITSELF = "X-By-Itself"
"""Sent by an open page that looks again because something happened elsewhere: nobody need be there (live.js)."""
LEFT = "left"
"""A cookie that quick-exit.js sets: whoever left without a network is signed out by the next request."""
HANDED = "handed_over"
"""In a session: the device is in the hands of somebody who answers alone. Nothing else opens until a new login."""
STILL_OPEN = frozenset({"/handed", "/account/logout/", "/sw.js"})


class SecondFactor(StrEnum):
    """How a session stands with the second factor."""

    SETTLED = "settled"
    MISSING = "missing"  # this member of staff has none yet
    UNPROVED = "unproved"  # there is one, and this session never showed it: it began with the password alone


class SessionGuard:
    """Idle lock and second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        has_left = LEFT in request.COOKIES
        if has_left:
            logout(request)
        response = self._answer(request)
        if has_left:
            response.delete_cookie(LEFT, samesite="Lax")
        if getattr(request, "is_handed_back", False):  # behind the door no session can be closed
            logout(request)
        # Nothing here may be shown again to whoever sits down next.
        response.setdefault("Cache-Control", "no-store")
        if request.method == "POST" and request.path == reverse("account_logout"):
            # Not "storage": answers that wait to be handed in stay, unreadable until the same person signs in.
            response["Clear-Site-Data"] = '"cache"'
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        if is_idle(request.session):
            logout(request)
            return to_login(request, idle=True)
        if is_too_long(request.session):
            logout(request)
            return to_login(request)
        is_free = request.path in STILL_OPEN or request.path.startswith("/static/")
        if HANDED in request.session and not is_free:
            if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
                # Another tab of this device asks by itself: it is told nothing, and ends nothing for who holds it now.
                return HttpResponse(status=401)
            logout(request)
            return redirect(settings.LOGIN_URL)
        now = int(time.time())
        if BY_ITSELF not in request.headers and now - request.session[SEEN] > min(
            RENEW_AFTER_S, settings.IDLE_LOCK_SECONDS // 4
        ):
            request.session[SEEN] = now
        match second_factor(request):
            case SecondFactor.UNPROVED:
                logout(request)
                return to_login(request)
            case SecondFactor.MISSING if not request.path.startswith(FREE):
                return redirect("/account/2fa/")
        return self.get_response(request)


def is_idle(session: SessionBase) -> bool:
    """Whether nobody was there for longer than a session stays open."""
    return int(time.time()) - int(session.get(SEEN, 0)) > settings.IDLE_LOCK_SECONDS


def is_too_long(session: SessionBase) -> bool:
    """Whether it began longer ago than a login may last, whoever is there: nothing done in it makes it last longer."""
    return int(time.time()) - int(session.get(BEGUN, 0)) > settings.SESSION_COOKIE_AGE


def second_factor(request: HttpRequest) -> SecondFactor:
    """How this request's session stands; asked anew each time, for a factor may be taken away meanwhile."""
    user = request.user
    if settings.DEMO or not isinstance(user, User) or not user.must_have_second_factor:
        return SecondFactor.SETTLED
    if not Authenticator.objects.filter(user=user, type__in=["totp", "webauthn"]).exists():
        return SecondFactor.MISSING
    proofs = (record["method"] for record in get_authentication_records(request, user))
    shown = request.session.get(ENROLLED) == str(user.pk) or "mfa" in proofs
    return SecondFactor.SETTLED if shown else SecondFactor.UNPROVED


def to_login(request: HttpRequest, *, idle: bool = False) -> HttpResponse:
    """The way to the login and back to the page that was open.

    A part of a page gets a bare 401: the page stays as it is, with what was typed, and says so (app.js). A form with
    words in it gets a page that shows them.
    """
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401)
    asked = {"next": _page(request)} | ({"idle": "1"} if idle else {})
    login = f"{settings.LOGIN_URL}?{urlencode(asked)}"
    words = words_sent(request)
    return too_late(request, words, login) if words else redirect(login)


def _page(request: HttpRequest) -> str:
    """The page to come back to: after a form was sent, the page it stood on; never a device that was handed back."""
    if request.path == "/handed":
        return str(settings.LOGIN_REDIRECT_URL)
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host() or not came_from.path:
        return str(settings.LOGIN_REDIRECT_URL)
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")


@receiver(user_logged_in)
def _begin(request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        request.session[BEGUN] = request.session[SEEN] = int(time.time())
        # Whoever only looks at the login leaves a session too: those that ran out go when somebody comes in.
        SessionStore.clear_expired()


@receiver(authenticator_added)
def _enrolled(request: HttpRequest, user: User, **_: Any) -> None:
    # Whoever just set it up holds it.
    request.session[ENROLLED] = str(user.pk)
