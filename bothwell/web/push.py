"""Whether this browser calls a member of staff when an alarm waits, though the page is shut.

It shows no alarm and no address, and is offered only where the clinic has what it needs.
"""

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import Person, Role
from bothwell.monitoring import push_actions, push_key
from bothwell.refusal import Refused
from bothwell.web.asking import require


def _offered_to(request: HttpRequest) -> Person:
    """Staff whom an alarm may reach, where calls can be sent at all; else 404."""
    who = require(request, Role.NURSE, Role.PRESCRIBER, Role.LEAD)
    if not settings.PUSH:
        raise Http404
    return who


@require_GET
def offer(request: HttpRequest) -> JsonResponse:
    """What a browser needs to be called by this clinic."""
    _offered_to(request)
    return JsonResponse({"key": push_key.public_key(settings.SECRET_KEY), "token": get_token(request)})


@require_POST
def subscribe(request: HttpRequest) -> JsonResponse:
    """Call me here."""
    who, given = _offered_to(request), request.POST
    try:
        push_actions.subscribe(
            by=who,
            endpoint=given.get("endpoint", ""),
            public_key=given.get("public_key", ""),
            secret=given.get("secret", ""),
        )
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    return JsonResponse({"is_called": True})


@require_POST
def unsubscribe(request: HttpRequest) -> JsonResponse:
    """Call me here no longer."""
    who = _offered_to(request)
    push_actions.unsubscribe(by=who, endpoint=request.POST.get("endpoint", ""))
    return JsonResponse({"is_called": False})


urlpatterns: list[URLPattern] = [
    path("push", offer, name="push"),
    path("push/on", subscribe, name="push-on"),
    path("push/off", unsubscribe, name="push-off"),
]
