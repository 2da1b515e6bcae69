"""What a person reads when something cannot be done: one sentence that helps, and nothing typed is lost."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from an earlier session: say so, keep the page's text where it is (the browser's Back holds it)."""
    return render(request, "stale.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same bytes for what does not exist and for what one may not see."""
    return render(request, "404.html", status=404)


def unusable(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Too much at once, or nothing a form of ours sends."""
    return _alone("400.html", 400)


def broken(request: HttpRequest) -> HttpResponse:
    """Our own fault."""
    return _alone("500.html", 500)


def _alone(template: str, status: int) -> HttpResponse:
    # Without the request: looking at the session or the viewer may be the very thing that fails.
    return HttpResponse(render_to_string(template), status=status, headers={"Cache-Control": "no-store"})
