"""Opens the door for every page: names the viewer, or shows the way to the login."""

from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.privacy import door
from bothwell.web.errors import unusable
from bothwell.web.guard import to_login

BEFORE_THE_DOOR = ("/account/", "/invitation/", "/static/", "/health", "/sw.js", "/calendar/")
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
            return self.get_response(request) if request.path == "/" else to_login(request)
        person_id = request.user.person_id
        with door.opened(person_id):
            request.viewer = Person.objects.select_related("clinic").get(id=person_id)  # type: ignore[attr-defined]
            # Every time on a page, and every time typed into one, is the clinic's.
            with timezone.override(request.viewer.clinic.timezone):  # type: ignore[attr-defined]
                response = self.get_response(request)
                if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                    response.render()
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A character no database keeps, in a place no form looked at: a sentence, not a breakdown."""
        if isinstance(exception, ValueError | DataError) and _has_unkeepable(request):
            return unusable(request)
        return None


def _has_unkeepable(request: HttpRequest) -> bool:
    """Whether something sent holds a NUL: PostgreSQL refuses it in any text."""
    given = (*request.GET.lists(), *request.POST.lists())
    return any("\0" in text for name, values in given for text in (name, *values))
