"""The public page: what this is, in plain words. It scores nobody and advises nobody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def home(request: HttpRequest) -> HttpResponse:
    """The public page; someone logged in reads it too."""
    return render(request, "public/home.html")


def health(request: HttpRequest) -> HttpResponse:
    """For the supervisor and the proxy: the process answers."""
    return HttpResponse("ok", content_type="text/plain")
