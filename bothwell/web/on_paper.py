"""A page handed out as a PDF, or a word to whoever asked where this machine cannot make one."""

from collections.abc import Callable
from types import ModuleType

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def hand_out(request: HttpRequest, name: str, back: str, html: Callable[[ModuleType], str]) -> HttpResponse:
    """The file `name`; or the way `back`, an address, with a word.

    `html` writes the page. It is given `bothwell.web.printed`, for the style of what is drawn on it.
    """
    try:
        # Only who asks for paper waits for the library that makes it.
        from bothwell.web import printed
    except OSError:  # a library of the system is missing: docs/running.md
        messages.error(request, "No PDF can be made here yet. The page itself can be printed.")
        return redirect(back)
    answer = HttpResponse(printed.pdf(html(printed)), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
