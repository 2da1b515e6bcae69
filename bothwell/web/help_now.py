"""Somebody to call now: the lines this clinic has confirmed, for every partner, at any time.

It is the same page for everybody here, whatever they answered: that somebody opened it tells nothing, and nothing is
logged.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from bothwell.web.asking import require_partner


@require_GET
def help_now(request: HttpRequest) -> HttpResponse:
    """The lines, large enough for a shaking hand."""
    require_partner(request)
    return render(request, "help_now/page.html")


urlpatterns = [path("help-now", help_now, name="help_now")]
