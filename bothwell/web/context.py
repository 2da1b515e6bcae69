"""What every page's frame needs: who looks, where they can go, whom to call."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from bothwell.web.nav import places


def frame(request: HttpRequest) -> dict[str, Any]:
    """`viewer`, `clinic`, `nav` and `demo` for base.html."""
    viewer = getattr(request, "viewer", None)
    return {
        "viewer": viewer,
        "clinic": viewer.clinic if viewer else None,
        "nav": places(request, viewer) if viewer else [],
        "demo": settings.DEMO,
    }
