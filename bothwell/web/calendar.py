"""A calendar under a secret address, for a telephone that follows it: times, and nothing that tells of what.

It needs no login, so it says nothing a stranger could use; what ended and what never was are the same page.
"""

import re
import time
from typing import Any, Final

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import password_changed, password_reset, password_set
from django.conf import settings
from django.core.cache import cache
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_safe

from bothwell.couples.models import Person
from bothwell.messaging import feed, feed_actions
from bothwell.messaging.feed_actions import calendar_of, hash_of, owner_of
from bothwell.privacy import door
from bothwell.privacy.models import User

SECRET: Final = re.compile(r"^[A-Za-z0-9_-]{43}$")
ASKED_AGAIN_S: Final = 600
MOST_OF_ONE: Final = 30
MOST_UNKNOWN: Final = 60
"""In ten minutes: of one calendar, and of addresses that are none from one place. Ours; telephones ask hourly."""


@require_safe
def calendar(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The calendar; 304 where nothing has changed, 429 where it is asked for too often, 404 for all else."""
    owner = owner_of(secret) if SECRET.match(secret) else None
    name, most = (hash_of(secret), MOST_OF_ONE) if owner else (_from(request), MOST_UNKNOWN)
    if _asked(name) > most:
        return HttpResponse(status=429, headers={"Retry-After": str(ASKED_AGAIN_S)})
    if owner is None:
        raise Http404
    with door.opened(owner):
        person = Person.objects.filter(id=owner).first()
        body = calendar_of(person, timezone.now()) if person else b""
    tag = feed.etag(body)
    headers = {"ETag": tag, "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
    if tag in [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="text/calendar; charset=utf-8", headers=headers)


def _from(request: HttpRequest) -> str:
    return f"from {hash_of(request.META.get('REMOTE_ADDR', ''))}"


def _asked(name: str) -> int:
    """How often within the last while, this time included; counted by each process for itself."""
    key = f"calendar {name}".replace(" ", ":")
    cache.add(key, 0, ASKED_AGAIN_S)
    try:
        return cache.incr(key)
    except ValueError:  # it ran out between the two
        return 1


def has_proved_again(request: HttpRequest) -> bool:
    """Whether whoever looks has shown lately, in this session, that it is still them: by password, or second factor."""
    proofs = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    lately = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return any(one.get("reauthenticated") and one["at"] > lately for one in proofs)


@receiver([password_changed, password_reset, password_set])
def _end_with_the_password(user: User, **_: Any) -> None:
    """Whoever knew the old password may have made an address with it: that one ends."""
    with door.opened(user.person_id):
        feed_actions.end(by=Person.objects.get(id=user.person_id))


urlpatterns: list[URLPattern] = [
    path("calendar/<str:secret>.ics", calendar, name="calendar"),
]
