"""What a person reads when something cannot be done: one sentence that helps, and what they had typed, to be copied.

It shows nobody any words but those this very request brought from a page of ours, and keeps none of them.
"""

import re
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

NOT_WORDS: Final = re.compile(r"password|token|secret|code|otp|credential|_id$|^id$", re.IGNORECASE)
"""Fields whose content is no text of somebody's own, or must stand on no page."""
A_WORD_OR_MORE: Final = re.compile(r"\s|\w{12,}")
AN_IDENTIFIER: Final = re.compile(r"[0-9a-f-]{32,36}|[\d:.,T+-]+")


def words_sent(request: HttpRequest) -> list[str]:
    """The texts a form of ours brought, in their order, for whoever sent it; none for what another site sent."""
    if request.method != "POST" or not _is_from_here(request):
        return []
    found = [
        text.strip()
        for name, texts in request.POST.lists()
        if not NOT_WORDS.search(name)
        for text in map(str, texts)
        if A_WORD_OR_MORE.search(text.strip()) and not AN_IDENTIFIER.fullmatch(text.strip())
    ]
    return list(dict.fromkeys(text.replace("\0", "") for text in found))


def _is_from_here(request: HttpRequest) -> bool:
    """Whether a browser says that a page of this very site sent it: another could put its words on ours."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    return request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from an earlier session: say so, and show what was typed into it."""
    return render(request, "stale.html", {"words_sent": words_sent(request)}, status=403)


def too_late(request: HttpRequest, words: list[str], login: str) -> HttpResponse:
    """Words that came after the login had ended: they are shown, and the way to sign in again."""
    return render(request, "too_late.html", {"words_sent": words, "login": login}, status=401)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same bytes for what does not exist and for what one may not see."""
    return render(request, "404.html", {"words_sent": words_sent(request)}, status=404)


def unusable(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Too much at once, or nothing a form of ours sends."""
    return _alone("400.html", 400, _as_far_as_read(request))


def broken(request: HttpRequest) -> HttpResponse:
    """Our own fault."""
    return _alone("500.html", 500, _as_far_as_read(request))


def _as_far_as_read(request: HttpRequest) -> list[str]:
    """The words, where the request can still be read at all: it may be the very thing that fails."""
    try:
        return words_sent(request)
    except Exception:
        return []


def _alone(template: str, status: int, words: list[str]) -> HttpResponse:
    # Without the request: looking at the session or the viewer may be the very thing that fails.
    page = render_to_string(template, {"words_sent": words})
    return HttpResponse(page, status=status, headers={"Cache-Control": "no-store"})
