"""Every address, one module a screen."""

from django.urls import include, path

from bothwell.web import errors, public

handler400 = "bothwell.web.errors.unusable"
handler404 = "bothwell.web.errors.not_found"
handler500 = "bothwell.web.errors.broken"

SCREENS = (
    "here",
    "today",
    "checkin",
    "offline",
    "paper",
    "insights",
    "insights_write",
    "insights_share",
    "words_given",
    "us",
    "us_checkin",
    "us_agreed",
    "exercises",
    "support_plan",
    "care_plan",
    "access",
    "consents",
    "decisions",
    "board",
    "room",
    "room_alarms",
    "push",
    "session_paper",
    "programme",
    "adverse",
    "after",
    "room_sync",
    "workup",
    "trajectories",
    "people",
    "couple",
    "couple_session",
    "couple_drafts",
    "score_page",
    "couple_own_notes",
    "couple_library",
    "couple_cycle",
    "couple_alone",
    "invitation",
    "enrol",
    "clinic",
    "close",
    "safety",
    "shelter",
    "records",
    "parting",
    "tasks",
    "syringes",
    "vials",
    "vials_export",
    "instruments_load",
    "instruments",
    "help_now",
    "outcomes",
    "messages",
    "appointments",
    "calendar",
)

urlpatterns = [
    path("", public.home, name="home"),
    path("health", public.health, name="health"),
    # A login has one address, the one its invitation reached.
    path("account/email/", errors.not_found),
    path("account/", include("allauth.urls")),
    *(path("", include(f"bothwell.web.{screen}")) for screen in SCREENS),
]
