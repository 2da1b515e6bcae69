"""The public page: what this is, in plain words. It scores nobody and advises nobody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bothwell.privacy import door


def home(request: HttpRequest) -> HttpResponse:
    """The public page; someone logged in reads it too. It names the one clinic that is at home here, and its crisis lines."""
    viewer = getattr(request, "viewer", None)
    here = door.Front(viewer.clinic.name, viewer.clinic.crisis_lines) if viewer else door.front()
    return render(request, "public/home.html", {"here": here})


def health(request: HttpRequest) -> HttpResponse:
    """For the supervisor and the proxy: the process answers."""
    return HttpResponse("ok", content_type="text/plain")
