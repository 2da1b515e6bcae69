"""Who is asking for this page: a partner, or staff in a role. Anyone else finds nothing there."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID, uuid4

from django.db.models import Q
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from bothwell.couples.models import Membership, Person, Role
from bothwell.refusal import Refused, SentBefore, Stale
from bothwell.web.nav import roles_of


def viewer(request: HttpRequest) -> Person:
    """The person looking. Pages behind the door always have one."""
    return cast(Person, request.viewer)  # type: ignore[attr-defined]


def by_script(request: HttpRequest) -> bool:
    """Whether the page's own script asks, for a part of it or by a form, and not the browser for the whole."""
    return bool(request.htmx)  # type: ignore[attr-defined]


def require_partner(request: HttpRequest) -> Person:
    """The partner looking, or 404."""
    who = viewer(request)
    if who.is_staff_member:
        raise Http404
    return who


def require(request: HttpRequest, *roles: Role) -> Person:
    """The member of staff looking, who holds one of `roles` now (any role when none is named), or 404."""
    who = viewer(request)
    if not who.is_staff_member or (roles and not roles_of(who) & set(roles)):
        raise Http404
    return who


def not_ones_own(who: Person, *, person: UUID | None = None, couple: UUID | None = None) -> None:
    """404 where staff ask, as staff, for the chart of whoever they are or were a couple with."""
    about = Q(couple_id=couple) if couple else Q(couple__memberships__person_id=person)
    if Membership.objects.filter(about, person=who).exists():
        raise Http404


def uuid_or_404(text: str) -> UUID:
    """The identifier a form or an address names, or 404."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def told(form: Form, refused: Refused) -> None:
    """The refusal becomes the form's own sentence, and what was typed stays. Where the same form came before with other
    words, it is shown with a new number: pressed once more, these are kept as well.
    """
    form.add_error(None, refused.reason)
    numbered_anew(form, refused)


def refusal_status(refused: Refused) -> int:
    """What the page of a refusal is answered with: 409 where something else stands meanwhile, else 422."""
    return 409 if isinstance(refused, Stale) else 422


def numbered_anew(form: Form, refused: Refused) -> None:
    """Where the same form came before with other words, it is shown with a new number."""
    if isinstance(refused, SentBefore):
        filled_in(form, "request_id", str(uuid4()))


def filled_in(form: Form, name: str, value: str) -> None:
    """Show a form that was sent with this in one of its hidden fields, and all else as it was typed."""
    typed: Any = form.data
    form.data = typed.copy()
    form.data[form.add_prefix(name)] = value  # type: ignore[index]


def post_or_back(page: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for a form alone: staff who open its address, as after a login, are sent to `page`; others get 405.

    Nothing is looked up on the way, so that what is there and what never was lead to the same place.
    """

    def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        posted = require_POST(view)

        @wraps(view)
        def answer(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
            if request.method == "GET" and viewer(request).is_staff_member:
                return redirect(page)
            return posted(request, *given, **named)

        return answer

    return guarded
