"""Somebody to call now: the lines this clinic has confirmed, for every partner, at any time.

It is the same page for everybody here, whatever they answered or chose: that somebody opened it tells nothing, and
nothing is logged. What is shared can be kept from a partner here, without a trace on this page or any other.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_http_methods

from bothwell.privacy.shelter_actions import keep_to_myself
from bothwell.web.asking import require_partner


@require_http_methods(["GET", "POST"])
def help_now(request: HttpRequest) -> HttpResponse:
    """The lines, large enough for a shaking hand; and keeping to oneself what one shares.

    The answer to that stands on this one page alone: no address of its own, no message that waits for another page.
    """
    who = require_partner(request)
    is_kept = request.method == "POST" and request.POST.get("do") == "keep"
    if is_kept:
        keep_to_myself(by=who)
    return render(request, "help_now/page.html", {"is_kept": is_kept})


urlpatterns = [path("help-now", help_now, name="help_now")]
