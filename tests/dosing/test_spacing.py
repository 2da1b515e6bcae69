"""Days between doses: counted by the clinic's calendar, asked for by the stage, held by a gate, told when planning."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing import checklist_actions, gate_actions, spacing, spacing_actions, visit_actions
from bothwell.dosing.gates import Gate, GateResult
from bothwell.dosing.spacing import Apart, Visit
from bothwell.models import Course, DosingSession, GateCheck, ProtocolVersion
from bothwell.pathway.protocol import SHIPPED, Number, Route, Status, load
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.cast import make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready

PROTOCOL = load(SHIPPED / "couples-kat-1.toml")
BERLIN = ZoneInfo("Europe/Berlin")


def local(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


# ── counting ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("earlier", "later", "days"),
    [
        (local(2, 9), local(2, 23, 59), 0),
        (local(2, 23, 59), local(3, 0, 0), 1),  # UTC calls both the second
        (local(2, 0, 30), local(4, 0, 0), 2),  # UTC says the first to the third
        (local(2, 20), local(3, 23, 59), 1),
        (local(24, 12, month=10), local(26, 0, 0, month=10), 2),  # the day of 25 hours between
        (local(28, 12, month=3), local(30, 0, 0, month=3), 2),  # the day of 23 hours between
        (local(28, 23, 30, month=3), local(29, 23, 30, month=3), 1),
    ],
)
def test_days_are_midnights_of_the_clinic(earlier: datetime, later: datetime, days: int) -> None:
    assert spacing.days_between(earlier, later, BERLIN) == days


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 60))
def test_the_same_clock_time_so_many_days_later_is_so_many_days_apart(at: datetime, days: int) -> None:
    first, then = (each.replace(tzinfo=BERLIN) for each in (at, at + timedelta(days=days)))
    assert spacing.days_between(first, then, BERLIN) == days


@pytest.mark.parametrize(
    ("route", "given_before", "is_maintained", "stage"),
    [
        (Route.IV, 0, False, "series"),
        (Route.IV, 5, False, "series"),
        (Route.IV, 6, False, "maintenance"),
        (Route.IV, 2, True, "maintenance"),
        (Route.IN, 7, False, "weeks 1 to 4"),
        (Route.IN, 8, False, "weeks 5 to 8"),
        (Route.IN, 11, False, "weeks 5 to 8"),
        (Route.IN, 12, False, "from week 9"),
    ],
)
def test_the_stage_follows_from_the_doses_given(
    route: Route, given_before: int, is_maintained: bool, stage: str
) -> None:
    found = spacing.stage_of(PROTOCOL.routes[route], given_before, is_maintained=is_maintained)
    assert found is not None
    assert found.name == stage


def test_the_words_say_what_passed_and_what_is_asked_for() -> None:
    needed = Number(Decimal(7), "Clinic practice", Status.DEFAULT)
    one = Number(Decimal("1.0"), "Clinic practice", Status.DEFAULT)
    assert Apart(2, needed).words("the last") == "2 days after the last; the protocol asks for 7 days."
    assert Apart(0, one).words("the last") == "On the same day as the last; the protocol asks for 1 day."
    assert (Apart(6, needed).is_enough, Apart(7, needed).is_enough) == (False, True)


def test_a_session_is_held_against_the_one_before_and_the_one_after() -> None:
    plan = PROTOCOL.routes[Route.IV]
    others = [Visit(local(day, 10), is_of_course=True) for day in (2, 4, 6, 8, 10, 13)]
    before, after = spacing.beside(local(12, 10), others, plan, BERLIN)
    assert before is not None
    assert after is not None
    assert (before[1].days, before[1].needed.value) == (2, 2)
    assert (after[1].days, after[1].needed.value) == (1, 7), "the seventh dose is the first of maintenance"


# ── the gate ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    with door.opened(made.cast.nurse.id):
        visit_actions.arrive(by=made.cast.nurse, session_id=made.session.id, room=made.room)
    return made


def zone_of(ready: Ready) -> ZoneInfo:
    return ZoneInfo(ready.cast.clinic.timezone)


def given_on(
    ready: Ready, days_ago: int, *, hour: int = 23, course: Course | None = None, **more: object
) -> None:
    """A session whose dose was begun so many days ago, at this hour of the clinic, and which is over."""
    today = timezone.now().astimezone(zone_of(ready)).replace(hour=hour, minute=30, second=0, microsecond=0)
    begun = today - timedelta(days=days_ago)
    of = course or ready.course
    with loading():
        DosingSession.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            course=of, number=9, scheduled_at=begun,
            **{"arrived_at": begun, "started_at": begun, "ended_at": begun + timedelta(minutes=20),
               "outcome": "discharged", **more},
        )  # fmt: skip


def gate(ready: Ready) -> GateResult:
    with door.opened(ready.cast.nurse.id):
        session = DosingSession.objects.select_related("course__protocol", "clinic").get(id=ready.session.id)
        found = gate_actions.gates_of(session, (), None)
    return next(one for one in found if one.name is Gate.DAYS_BETWEEN)


@pytest.mark.django_db
def test_the_first_dose_has_nothing_to_wait_for(ready: Ready) -> None:
    assert gate(ready).passed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_ago", "hour", "passed"), [(1, 0, False), (1, 23, False), (2, 23, True), (2, 0, True)]
)
def test_a_dose_waits_for_the_days_of_the_calendar(
    ready: Ready, days_ago: int, hour: int, passed: bool
) -> None:
    given_on(ready, days_ago, hour=hour)
    assert gate(ready).passed is passed


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", ["left_early", "discharged"])
def test_whatever_became_of_a_dose_it_was_given(ready: Ready, outcome: str) -> None:
    given_on(ready, 1, outcome=outcome)
    assert not gate(ready).passed


@pytest.mark.django_db
def test_a_visit_without_a_dose_counts_for_nothing(ready: Ready) -> None:
    given_on(ready, 1, started_at=None, outcome="turned_back")
    given_on(ready, 1, started_at=None, arrived_at=None, ended_at=None, outcome="cancelled")
    assert gate(ready).passed


@pytest.mark.django_db
def test_a_second_course_begins_its_stages_anew_and_still_waits_after_the_first(ready: Ready) -> None:
    with loading():
        first = Course.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.prescriber,
            protocol=ready.course.protocol, route="iv", phase="ended", state="ended", steps_taken=9,
        )  # fmt: skip
    for days_ago in (1, 10, 11, 12, 13, 14, 15):
        given_on(ready, days_ago, course=first)
    held = gate(ready)
    assert (held.passed, held.reason.partition(". ")[0]) == (
        False, "1 day after the last dose; the protocol asks for 2 days",
    )  # fmt: skip


@pytest.mark.django_db
def test_the_partners_dose_holds_nobody_else(ready: Ready) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    with loading():
        DosingSession.objects.filter(id=ready.partners.id).update(
            arrived_at=yesterday,
            started_at=yesterday,
            ended_at=yesterday + timedelta(hours=3),
            outcome="discharged",
        )
    assert gate(ready).passed


@pytest.mark.django_db
def test_after_the_series_and_in_maintenance_the_doses_stand_further_apart(ready: Ready) -> None:
    for days_ago in (6, 9, 12, 15, 18):
        given_on(ready, days_ago)
    assert gate(ready).passed, "the sixth of the series"
    given_on(ready, 21)
    assert not gate(ready).passed
    assert "asks for 7 days" in gate(ready).reason


@pytest.mark.django_db
def test_a_course_that_came_to_maintenance_waits_as_maintenance_does(ready: Ready) -> None:
    given_on(ready, 6)
    assert gate(ready).passed
    with loading():
        ready.course.steps.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.prescriber,
            number=6, event="advance", from_phase="review", to_phase="maintenance", to_state="active", why="Agreed.",
        )  # fmt: skip
    assert not gate(ready).passed


def other_protocol(ready: Ready, days: int) -> None:
    """The clinic's own number in the place of the shipped one, in the protocol this course keeps."""
    with loading():
        version = ready.course.protocol
        changed = version.source.replace(
            "minimum_days_between = { value = 2,", f"minimum_days_between = {{ value = {days},"
        )
        assert changed != version.source
        ProtocolVersion.objects.filter(id=version.id).update(source=changed, sha256="f" * 64)


@pytest.mark.django_db
def test_another_clinics_number_counts_in_its_own_protocol(ready: Ready) -> None:
    given_on(ready, 2)
    assert gate(ready).passed
    other_protocol(ready, 4)
    held = gate(ready)
    assert (held.passed, held.reason.startswith("2 days after the last dose; the protocol asks for 4 days.")) == (
        False, True,
    )  # fmt: skip


def decided(ready: Ready, who: str, reason: str) -> None:
    by = getattr(ready.cast, who)
    with door.opened(by.id):
        checklist_actions.check(by=by, session_id=ready.session.id, name="interval_override", value=reason)


@pytest.mark.django_db
def test_only_the_prescriber_goes_on_too_soon_with_a_reason_and_for_today(ready: Ready) -> None:
    given_on(ready, 1)
    with pytest.raises(Refused, match="Only the prescriber may decide to go on so soon after the last dose"):
        decided(ready, "nurse", "They asked me to go on.")
    with pytest.raises(Refused, match="reason in a sentence"):
        decided(ready, "prescriber", "ok")
    assert not gate(ready).passed
    decided(ready, "prescriber", "Agreed with the medical director: leaves the country.")
    opened = gate(ready)
    assert opened.passed
    assert "The prescriber decided to go on, with a reason." in opened.reason
    with loading():
        GateCheck.objects.filter(name="interval_override").update(
            recorded_at=timezone.now() - timedelta(days=1)
        )
    assert not gate(ready).passed


# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────


def planned(ready: Ready, days: int, viewer: str = "nurse") -> str:
    """What is said of a session planned so many days from now."""
    who = getattr(ready.cast, viewer)
    with door.opened(who.id):
        course = Course.objects.select_related("protocol", "clinic").get(id=ready.course.id)
        return spacing_actions.too_close(course, timezone.now() + timedelta(days=days), ready.session)


@pytest.mark.django_db
def test_whoever_plans_too_close_is_told_by_how_much(ready: Ready) -> None:
    given_on(ready, 0, hour=0)
    today = timezone.now().astimezone(zone_of(ready))
    assert planned(ready, 1) == (
        f"1 day after the session of {today.day} {today:%B}; the protocol asks for 2 days. "
        "Sooner, the dose waits for the prescriber's decision."
    )
    assert planned(ready, 2) == ""


@pytest.mark.django_db
def test_a_session_planned_before_another_is_told_too(ready: Ready) -> None:
    given_on(ready, -4, started_at=None, arrived_at=None, ended_at=None, outcome="")
    assert planned(ready, 2) == ""
    assert "would be 1 day after this one; the protocol asks for 2 days." in planned(ready, 3)


@pytest.mark.django_db
def test_what_was_cancelled_or_turned_back_stands_in_nobodys_way(ready: Ready) -> None:
    given_on(ready, 1, started_at=None, outcome="turned_back")
    given_on(ready, 1, started_at=None, arrived_at=None, ended_at=None, outcome="cancelled")
    assert planned(ready, 0) == ""
    given_on(ready, 1, hour=1)
    assert planned(ready, 0) != ""


@pytest.mark.django_db
def test_a_session_of_a_past_day_to_which_nobody_came_stands_in_nobodys_way(ready: Ready) -> None:
    nobody_came = {"started_at": None, "arrived_at": None, "ended_at": None, "outcome": ""}
    given_on(ready, 1, **nobody_came)
    assert planned(ready, 0) == ""
    given_on(ready, 0, hour=0, **nobody_came)
    assert planned(ready, 1) != "", "today somebody may still come"


@pytest.mark.django_db
def test_who_may_not_see_the_sessions_is_told_nothing_of_them(ready: Ready) -> None:
    given_on(ready, 0, hour=0)
    with door.opened(ready.cast.couples_therapist.id):
        course = Course.objects.select_related("protocol", "clinic").get(id=ready.course.id)
        assert spacing_actions.too_close(course, timezone.now() + timedelta(days=1)) == ""
