"""Guards a session: locks it when idle, and asks staff for a second factor before anything else."""

import time
from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

SEEN = "seen_at"
ENROLLED = "has_second_factor"
FREE = ("/account/", "/invitation/", "/static/", "/health")


class SessionGuard:
    """Idle lock and second factor. It never decides what may be seen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        now = int(time.time())
        if now - request.session.get(SEEN, now) > settings.IDLE_LOCK_SECONDS:
            logout(request)
            return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': request.get_full_path(), 'idle': 1})}")
        if now - request.session.get(SEEN, 0) > 15:
            request.session[SEEN] = now
        if self._owes_second_factor(request):
            return redirect("/account/2fa/")
        return self.get_response(request)

    def _owes_second_factor(self, request: HttpRequest) -> bool:
        user = request.user
        if settings.DEMO or not user.must_have_second_factor or request.path.startswith(FREE):
            return False
        if not request.session.get(ENROLLED):
            request.session[ENROLLED] = Authenticator.objects.filter(
                user=user, type__in=["totp", "webauthn"]
            ).exists()
        return not request.session[ENROLLED]
