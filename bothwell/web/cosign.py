"""A second person signs on the same screen: their own address and password, proved before the door opens.

It keeps no password and begins no session, and it signs nothing by itself: it only says who stood there. Wrong
tries count towards the same limit as those at the login.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from bothwell.privacy.models import User

WHERE = re.compile(r"/vials|/people/[0-9a-f-]{36}/workup$")
SIGNERS = ("witness", "second")
WRONG = "This address and password do not belong together."
TOO_OFTEN = "Too many tries with this address. Wait five minutes."


@dataclass(frozen=True)
class Proof:
    """Who proved to be there, or why nobody did."""

    person_id: UUID | None = None
    trouble: str = ""


class CosignMiddleware:
    """Before the door, where passwords can be checked: `request.cosigned` says who signs with the one who is logged in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.cosigned = {}  # type: ignore[attr-defined]
        if request.method == "POST" and WHERE.match(request.path) and request.user.is_authenticated:
            request.cosigned = {name: prove(request, name) for name in SIGNERS if asked(request, name)}  # type: ignore[attr-defined]
        return self.get_response(request)


def asked(request: HttpRequest, name: str) -> bool:
    """Whether somebody typed both an address and a password for this signature."""
    return bool(request.POST.get(f"{name}_email", "").strip() and request.POST.get(f"{name}_password"))


def prove(request: HttpRequest, name: str) -> Proof:
    """Whose address and password these are; the limits of the login hold here too."""
    email, password = request.POST[f"{name}_email"].strip(), request.POST[f"{name}_password"]
    if "\0" in email + password:
        return Proof(trouble=WRONG)
    try:
        user = get_adapter(request).authenticate(request, email=email, password=password)
    except ValidationError:
        return Proof(trouble=TOO_OFTEN)
    if not isinstance(user, User) or not user.is_active:
        return Proof(trouble=WRONG)
    return Proof(person_id=user.person_id)
