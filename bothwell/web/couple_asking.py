"""What the pages of a couples therapist's desk share: whose couple it is, and how a form says what went wrong.

It shows nothing by itself; for everybody but the couple's own therapist, none of these pages exists.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from bothwell.couples.models import Couple, Person
from bothwell.integration.models import CoupleSession
from bothwell.integration.session_actions import hold_on, is_therapist_of
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require, told
from bothwell.web.couple_chart import Voice, members_of

LOCAL = "%Y-%m-%dT%H:%M"


class DayAndTime(forms.DateTimeField):
    """A day and a time on the clinic's clock, in the browser's own picker."""

    def __init__(self, **kept: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL)
        super().__init__(widget=widget, input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **kept)


def therapist_and_couple(request: HttpRequest, couple_id: UUID) -> tuple[Person, Couple]:
    """The therapist looking and their couple, or 404: for other colleagues this desk does not exist."""
    who = require(request)
    couple = get_object_or_404(Couple, id=couple_id)
    not_ones_own(who, couple=couple.id)
    if not is_therapist_of(who, couple):
        raise Http404
    return who, couple


def session_of(couple: Couple, session_id: UUID) -> CoupleSession:
    """A session of this couple, or 404."""
    return get_object_or_404(CoupleSession, id=session_id, couple=couple)


def attempt(form: forms.Form, act: Callable[[], object]) -> bool:
    """Whether it was done; a refusal becomes the form's own sentence, and what was typed stays."""
    try:
        act()
    except Refused as refused:
        told(form, refused)
        return False
    return True


def status_of(form: forms.Form | None) -> int:
    """422 for a form that was sent and is not right, else 200."""
    return 422 if form is not None and form.is_bound and not form.is_valid() else 200


def names_of(couple: Couple) -> dict[str, str]:
    """The names of the two, by side."""
    return {side: person.name_used for side, person in members_of([couple]).get(couple.id, {}).items()}


def frame(couple: Couple, who: Person) -> dict[str, Any]:
    """What the head of a page needs that does not read the whole chart."""
    members = members_of([couple]).get(couple.id, {})
    voices = {side: Voice(side, person, frozenset()) for side, person in members.items()}
    return {"chart": {"couple": couple, **voices}, "hold": hold_on(who, couple)}
