"""What every page's frame needs: who looks, where they can go, whom to call."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from bothwell.web.guard import SecondFactor, second_factor
from bothwell.web.nav import places


def frame(request: HttpRequest) -> dict[str, Any]:
    """`viewer`, `clinic`, `nav` and `demo` for base.html; whether a second factor is missing, looked up where a page asks."""
    viewer = getattr(request, "viewer", None)
    return {
        "viewer": viewer,
        "clinic": viewer.clinic if viewer else None,
        "nav": places(request, viewer) if viewer else [],
        "demo": settings.DEMO,
        "must_add_a_factor": lambda: second_factor(request) is SecondFactor.MISSING,
    }
