"""The safety circle begins or ends a shelter: a partner finds nothing of what the person gives or does while it stands.

Nothing here is shown to anybody outside the circle; what the person does themselves is done at `help_now`.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from bothwell.privacy import shelter_actions
from bothwell.web.asking import post_or_back
from bothwell.web.safety import acted_on


@post_or_back("safety")
def safety_shelter(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Begin it, for what was heard."""
    done = "From now on their partner finds nothing new of what they give or do."
    return acted_on(request, person_id, shelter_actions.shelter, done, "shelter")


@post_or_back("safety")
def safety_shelter_end(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """End it; what it hid stays hidden, until it is given again."""
    done = "Ended. What they gave while it stood stays unseen; they can give it again."
    return acted_on(request, person_id, shelter_actions.end_shelter, done, "shelter")


_ONE = "safety/<uuid:person_id>/shelter"
urlpatterns: list[URLPattern] = [
    path(_ONE, safety_shelter, name="safety_shelter"),
    path(f"{_ONE}/end", safety_shelter_end, name="safety_shelter_end"),
]
