"""Is somebody still signed in here, and who? Asked by an open page while words are typed in it, and before it sends them.

It shows nothing and writes nothing. To ask counts as being there, like any page that is opened: it puts off the idle
lock, and never the end of a login.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from bothwell.web.asking import viewer

MOST_OFTEN_S, LEAST_OFTEN_S = 1, 60


@require_GET
def here(request: HttpRequest) -> HttpResponse:
    """Who is signed in, what their forms must carry, and after how many seconds of typing to ask again."""
    again_s = min(max(settings.IDLE_LOCK_SECONDS // 5, MOST_OFTEN_S), LEAST_OFTEN_S)
    return JsonResponse({"who": str(viewer(request).id), "token": get_token(request), "again_s": again_s})


urlpatterns: list[URLPattern] = [path("here", here, name="here")]
