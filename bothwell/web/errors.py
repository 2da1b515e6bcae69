"""What a person reads when something cannot be done: one sentence that helps, and nothing typed is lost."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from an earlier session: say so, keep the page's text where it is (the browser's Back holds it)."""
    return render(request, "stale.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same bytes for what does not exist and for what one may not see."""
    return render(request, "404.html", status=404)


def too_large(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=413)
