"""Every address, one module a screen."""

from django.urls import include, path

from bothwell.web import public

handler404 = "bothwell.web.errors.not_found"

SCREENS = (
    "today",
    "checkin",
    "insights",
    "us",
    "access",
    "consents",
    "decisions",
    "board",
    "room",
    "workup",
    "people",
    "couple",
    "invitation",
    "enrol",
    "clinic",
    "safety",
)

urlpatterns = [
    path("", public.home, name="home"),
    path("health", public.health, name="health"),
    path("account/", include("allauth.urls")),
    *(path("", include(f"bothwell.web.{screen}")) for screen in SCREENS),
]
