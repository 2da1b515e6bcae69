"""Opens the door for every page: names the viewer, or shows the way to the login."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils import timezone
from django.utils.http import urlencode

from bothwell.couples.models import Person
from bothwell.privacy import door

BEFORE_THE_DOOR = ("/account/", "/invitation/", "/static/", "/health")
"""Paths that run without a viewer, as the bare web login, which sees no clinical table."""


class DoorMiddleware:
    """One transaction a request, as the person who is logged in; nobody logged in sees the public page or the login."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.viewer = None  # type: ignore[attr-defined]
        if request.path.startswith(BEFORE_THE_DOOR):
            return self.get_response(request)
        if not request.user.is_authenticated:
            if request.path == "/":
                return self.get_response(request)
            return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': request.get_full_path()})}")
        person_id = request.user.person_id
        with door.opened(person_id):
            request.viewer = Person.objects.select_related("clinic").get(id=person_id)  # type: ignore[attr-defined]
            # Every time on a page, and every time typed into one, is the clinic's.
            with timezone.override(request.viewer.clinic.timezone):  # type: ignore[attr-defined]
                response = self.get_response(request)
                if hasattr(response, "render") and not response.is_rendered:
                    response.render()
        response["Cache-Control"] = "no-store"
        return response
