"""A couples session soon after a dose: the therapist is told as far as it was released to them, and nobody else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bothwell.integration.after_dose import Dose, too_soon
from bothwell.integration.after_dose_actions import too_soon_after_a_dose
from bothwell.models import Consent, CoupleSession, DosingSession
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.desks import Desk
from tests.web.partners import session_of

BERLIN = ZoneInfo("Europe/Berlin")
DOSE_AT = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)


def told_of(hours_after: float, *, is_given: bool = True, from_hours: int = 24) -> str:
    dose = Dose("Amara", DOSE_AT, is_given, Decimal(from_hours))
    return too_soon(DOSE_AT + timedelta(hours=hours_after), (dose,), BERLIN)


def test_it_says_whose_when_and_how_long_before() -> None:
    assert told_of(2.5) == (
        "Amara's dosing session began 24 November, 14:05, 2 hours before this one; "
        "the protocol asks for 24 hours between a dose and integration."
    )
    assert "less than an hour before" in told_of(0.2)
    assert "is planned for 24 November" in told_of(2, is_given=False)


@pytest.mark.parametrize(
    ("hours_after", "from_hours", "is_told"),
    [(0, 24, True), (23.99, 24, True), (24, 24, False), (-0.1, 24, False), (30, 48, True), (1, 0, False)],
)
def test_it_speaks_only_within_the_protocols_hours(
    hours_after: float, from_hours: int, is_told: bool
) -> None:
    assert bool(told_of(hours_after, from_hours=from_hours)) is is_told


@pytest.fixture
def cast(db: None) -> Cast:
    made = make_cast()
    begun = timezone.now() - timedelta(hours=5)
    session_of(
        made, made.a, begun, arrived_at=begun, started_at=begun, ended_at=begun + timedelta(hours=3),
        outcome="discharged",
    )  # fmt: skip
    return made


def said(cast: Cast, viewer: str = "couples_therapist", hours: float = 1) -> str:
    who = getattr(cast, viewer)
    with door.opened(who.id):
        return too_soon_after_a_dose(cast.couple, timezone.now() + timedelta(hours=hours))


def test_the_therapist_knows_of_it_only_under_the_release(cast: Cast) -> None:
    assert said(cast) == ""
    Desk(cast).release(cast.a, "individual_scores")
    Desk(cast).release(cast.b, "dosing_summary")
    assert said(cast) == "", "another release, and the other one's, open nothing"
    Desk(cast).release(cast.a, "dosing_summary")
    assert "Amara's dosing session began" in said(cast)
    assert said(cast, hours=19.1) == ""
    with loading():
        Consent.objects.filter(release_class="dosing_summary", subject=cast.a).update(
            withdrawn_at=timezone.now()
        )
    assert said(cast) == ""


def test_without_the_release_not_even_one_who_knows_of_it_otherwise_is_told_here(cast: Cast) -> None:
    assert said(cast, "nurse") == said(cast, "lead") == ""


@pytest.mark.parametrize("outcome", ["cancelled", "turned_back"])
def test_what_came_to_no_dose_is_not_spoken_of(cast: Cast, outcome: str) -> None:
    Desk(cast).release(cast.a, "dosing_summary")
    with loading():
        DosingSession.objects.update(started_at=None, outcome=outcome)
    assert said(cast) == ""


def plan(cast: Cast, hours: float = 1) -> str:
    """The therapist plans; what the next page says."""
    at = (timezone.now() + timedelta(hours=hours)).astimezone(ZoneInfo(cast.clinic.timezone))
    given = {"at": at.strftime("%Y-%m-%dT%H:%M"), "minutes": "60", "place": "", "request_id": str(uuid4())}
    client = client_for(cast.couples_therapist)
    page = client.post(f"/couples/{cast.couple.id}/plan", given, follow=True).content.decode()
    assert "Planned. Both see it on their pages." in page
    session = CoupleSession.objects.order_by("-number").values_list("id", flat=True)
    with loading():
        key = session[0]
    return page + client.get(f"/couples/{cast.couple.id}/sessions/{key}").content.decode()


def test_planning_says_it_and_so_does_the_sessions_own_page(cast: Cast) -> None:
    assert "before this one" not in plan(cast)
    Desk(cast).release(cast.a, "dosing_summary")
    assert plan(cast).count("Amara&#x27;s dosing session began") == 2
    for partner in (cast.a, cast.b):
        assert "before this one" not in client_for(partner).get("/today").content.decode()
