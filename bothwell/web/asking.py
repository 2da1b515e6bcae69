"""Who is asking for this page: a partner, or staff in a role. Anyone else finds nothing there."""

from typing import cast

from django.http import Http404, HttpRequest

from bothwell.couples.models import Person, Role
from bothwell.web.nav import roles_of


def viewer(request: HttpRequest) -> Person:
    """The person looking. Pages behind the door always have one."""
    return cast(Person, request.viewer)  # type: ignore[attr-defined]


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
