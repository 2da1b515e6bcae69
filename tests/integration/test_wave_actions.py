"""Asking everybody in care what is due: once, of the right ones, in the same few statements; and reminding them."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.couples.models import Couple, Person
from bothwell.instruments.catalogue import CATALOGUE, load
from bothwell.integration.wave_actions import is_the_hour, plan, remind, reminding, take
from bothwell.models import (
    AuditEntry,
    Clinic,
    ClinicInstrument,
    Contact,
    CouplePause,
    DosingSession,
    Membership,
    ProtocolVersion,
    Reminder,
    Request,
    Response,
)
from bothwell.pathway import protocol as protocols
from tests.cast import Cast, make_cast, pair, person
from tests.conftest import loading
from tests.integration.working import _may_work, working
from tests.web.partners import session_of

__all__ = ["_may_work"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_may_work")]
ZONE = ZoneInfo("America/New_York")
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
MONDAY = datetime(2030, 11, 18, 10, 30, tzinfo=ZONE)
BEGAN = datetime(2030, 10, 23, 15, tzinfo=ZONE)


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(timezone=ZONE.key)
        Couple.objects.filter(clinic=cast.clinic).update(formed_at=BEGAN)
        Person.objects.filter(clinic=cast.clinic).update(created_at=BEGAN)
        cast.clinic.refresh_from_db()
    return cast


def planned(cast: Cast, now: datetime = MONDAY, **more: Any) -> int:
    with working():
        return plan(clinic=cast.clinic, now=now, **more).asked


def asked(who: Person, wave: str = "") -> set[tuple[str, str]]:
    with loading():
        rows = Request.objects.filter(subject=who, wave__startswith=wave)
        return set(rows.values_list("wave", "instrument"))


def test_both_partners_are_asked_the_same_with_the_version_and_the_couple(cast: Cast) -> None:
    assert planned(cast) > 0
    assert asked(cast.a) == asked(cast.b) != set()
    with loading():
        rows = Request.objects.filter(subject=cast.a, wave="weekly 2030-W47")
        assert {row.instrument for row in rows} == {"phq-9", "gad-7", "csi-4", "pulse-us", "pulse-me"}
        for row in rows:
            assert row.author_id is None
            assert row.instrument_version == load(row.instrument).version
            assert row.couple_id == (cast.couple.id if row.kind == "measure.relationship" else None)
            assert row.due_at == MONDAY.replace(hour=8, minute=0)
            assert row.lapses_at is not None and row.lapses_at > row.due_at
        assert not Request.objects.filter(instrument__in=["hark", "ecr-s"]).exists()
        assert not Request.objects.filter(subject__kind="staff").exists()
        assert not Request.objects.filter(subject=cast.other_partner).exists()


def test_again_it_asks_nothing_new_and_in_the_next_week_the_next(cast: Cast) -> None:
    assert planned(cast) > 0
    assert planned(cast, MONDAY + timedelta(hours=1)) == 0
    assert planned(cast, MONDAY + 2 * WEEK) > 0
    assert ("weekly 2030-W49", "csi-4") in asked(cast.a)


def test_what_one_is_asked_by_hand_in_the_same_wave_is_not_asked_twice(cast: Cast) -> None:
    with loading():
        Request.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.prescriber, instrument="csi-4", wave="weekly 2030-W47",
            kind="measure.relationship", due_at=MONDAY,
        )  # fmt: skip
    planned(cast)
    with loading():
        assert Request.objects.filter(subject=cast.a, wave="weekly 2030-W47", instrument="csi-4").count() == 1


def test_who_parted_is_not_asked_again_what_they_answered_at_the_beginning(cast: Cast) -> None:
    planned(cast, BEGAN + DAY)
    with loading():
        waits = Request.objects.filter(subject=cast.a, wave__startswith="intake").exclude(
            kind="measure.relationship"
        )
        answered = set(waits.values_list("instrument", flat=True))
        assert "audit-c" in answered
        for each in waits:
            Response.objects.create(
                clinic=cast.clinic, subject=cast.a, author=cast.a, request=each, instrument=each.instrument,
                instrument_version=each.instrument_version, kind=each.kind, status="sent", answers={},
                wave=each.wave, sent_at=BEGAN + DAY,
            )  # fmt: skip
        Couple.objects.filter(id=cast.couple.id).update(parted_at=BEGAN + 2 * DAY)
        Membership.objects.filter(couple=cast.couple).update(until=BEGAN + 2 * DAY)
    before = asked(cast.a, "intake")
    planned(cast, BEGAN + 20 * DAY)
    assert asked(cast.a, "intake") == before


def test_what_waited_unanswered_when_they_parted_waits_once(cast: Cast) -> None:
    planned(cast, BEGAN + DAY)
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=BEGAN + 2 * DAY)
        Membership.objects.filter(couple=cast.couple).update(until=BEGAN + 2 * DAY)
    planned(cast, BEGAN + 3 * DAY)
    waits = [instrument for _, instrument in asked(cast.a, "intake")]
    assert "audit-c" in waits
    assert len(waits) == len(set(waits))


def test_a_skeleton_is_asked_once_the_clinic_has_loaded_its_words(cast: Cast) -> None:
    planned(cast, BEGAN + DAY)
    assert "ecr-s" not in {instrument for _, instrument in asked(cast.a, "intake")}
    with loading():
        ClinicInstrument.objects.create(
            clinic=cast.clinic, instrument="ecr-s", version="v1", document=_file_of("csi-4", "ecr-s"),
            origin="licensed", licence_holder="X", licence_terms="Y", author=cast.lead,
        )  # fmt: skip
    planned(cast, BEGAN + DAY)
    assert "ecr-s" in {instrument for _, instrument in asked(cast.a, "intake")}


def _file_of(shipped: str, called: str) -> str:
    """A clinic's own file under the id of the skeleton, made from one that reads without fault."""
    (path,) = CATALOGUE.glob(f"*/{shipped}.json")
    text = path.read_text().replace(f"questionnaire:{shipped}", f"questionnaire:{called}")
    return text.replace(f'"id": "{shipped}"', f'"id": "{called}"')


def test_while_the_couple_rests_or_has_parted_nobody_is_asked_about_it(cast: Cast) -> None:
    with loading():
        CouplePause.objects.create(clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist)
        Couple.objects.filter(id=cast.strangers.id).update(parted_at=MONDAY - DAY)
        Membership.objects.filter(couple=cast.strangers).update(until=MONDAY - DAY)
    planned(cast)
    for who in (cast.a, cast.b, cast.stranger_a, cast.stranger_b):
        ids = {instrument for _, instrument in asked(who)}
        assert not ids & {"csi-4", "csi-16", "cpq-sf", "iri-c", "pulse-us"}
        assert ids >= {"gad-7", "pulse-me", "phq-9"}


def test_a_hold_of_ones_own_care_changes_nothing_for_the_other(cast: Cast) -> None:
    session = session_of(cast, cast.a, MONDAY + timedelta(hours=5))
    with loading():
        session.course.__class__.objects.filter(id=session.course_id).update(state="on_hold")
    planned(cast)
    assert asked(cast.b) == {row for row in asked(cast.a) if not row[0].startswith("before dose")}
    assert asked(cast.a, "before dose") != set()
    assert asked(cast.b, "before dose") == set()


def test_questions_before_a_session_end_when_it_is_cancelled_or_moved(cast: Cast) -> None:
    session = session_of(cast, cast.a, MONDAY + timedelta(hours=6))
    planned(cast, people=[cast.a.id])
    before = asked(cast.a, "before dose")
    assert {instrument for _, instrument in before} == {"asq", "phq-2", "before-dose"}
    assert asked(cast.b) == set()
    with loading():
        DosingSession.objects.filter(id=session.id).update(scheduled_at=MONDAY + timedelta(hours=26))
    with working():
        assert plan(clinic=cast.clinic, now=MONDAY + timedelta(minutes=1), people=[cast.a.id]).closed == 3
    moved = asked(cast.a, "before dose") - before
    assert {instrument for _, instrument in moved} == {"asq", "phq-2", "before-dose"}
    with loading():
        DosingSession.objects.filter(id=session.id).update(outcome="cancelled")
    now = MONDAY + timedelta(minutes=2)
    with working():
        assert plan(clinic=cast.clinic, now=now, people=[cast.a.id]).closed == 3
    with loading():
        assert not Request.objects.filter(wave__startswith="before dose", lapses_at__gt=now).exists()


def test_the_clinics_own_protocol_holds_once_it_is_signed_and_an_older_one_without_waves_leaves_the_shipped(
    cast: Cast,
) -> None:
    text = protocols.shipped()[0].read_text()
    without = text[: text.index("[[waves]]")]
    own = without + text[text.index('[[waves]]\nid = "weekly"') :].replace('"csi-4"', '"k6"', 1).replace(
        'yields_to = ["intake", "month_12", "month_6", "month_3", "every_4_weeks"]\n', ""
    )
    own = "\n".join(line for line in own.splitlines() if not line.startswith("yields_within"))
    assert not protocols.read(own, "own").problems
    for number, source in enumerate((without, own)):
        with loading():
            ProtocolVersion.objects.create(
                clinic=cast.clinic, name="Ours", version=str(number), sha256=str(number), source=source,
                signed_by=cast.lead, signed_at=timezone.now() + timedelta(seconds=number), signed_name="Lea",
            )  # fmt: skip
        planned(cast, MONDAY + number * WEEK)
    assert {i for _, i in asked(cast.a, "weekly 2030-W47")} == {
        "phq-9",
        "gad-7",
        "csi-4",
        "pulse-us",
        "pulse-me",
    }
    assert {i for _, i in asked(cast.a, "weekly 2030-W48")} == {
        "phq-9",
        "gad-7",
        "k6",
        "pulse-us",
        "pulse-me",
    }


def test_one_line_in_the_clinics_log_and_none_in_anybodys_own(cast: Cast) -> None:
    planned(cast)
    planned(cast)
    with loading():
        (entry,) = AuditEntry.objects.filter(service="planner", clinic=cast.clinic)
        assert entry.subject_id is None


def test_the_statements_do_not_grow_with_the_clinic(cast: Cast) -> None:
    def statements(now: datetime) -> int:
        with working(), CaptureQueriesContext(connection) as seen:
            plan(clinic=cast.clinic, now=now)
        return len(seen)

    few = statements(MONDAY)
    with loading():
        for n in range(6):
            couple = pair(cast.clinic, person(cast.clinic, f"P{n}"), person(cast.clinic, f"Q{n}"))
            Couple.objects.filter(id=couple.id).update(formed_at=BEGAN)
    assert statements(MONDAY + WEEK) <= few


# ------------------------------------------------------------------------------------------------ reminding


def reminded(cast: Cast, now: datetime = MONDAY) -> set[str]:
    """Whose reminder was noted at this time."""
    with working():
        remind(clinic=cast.clinic, now=now)
    with loading():
        rows = Reminder.objects.filter(clinic=cast.clinic, recorded_at=now)
        return {row.subject.name_used for row in rows.select_related("subject") if row.subject}


EVERYBODY = {"Amara", "Ben", "Carl", "Dora"}


def test_once_a_day_at_the_clinics_hour_and_twice_for_a_wave(cast: Cast) -> None:
    planned(cast)
    assert reminded(cast, MONDAY.replace(hour=9)) == set()
    assert reminded(cast) == EVERYBODY
    assert reminded(cast, MONDAY + timedelta(hours=1)) == set()
    assert reminded(cast, MONDAY + DAY) == set()
    assert reminded(cast, MONDAY + 2 * DAY) == EVERYBODY
    assert reminded(cast, MONDAY + 4 * DAY) == set()
    assert reminded(cast, MONDAY + 5 * DAY) == set()


def test_never_at_night(cast: Cast) -> None:
    with working():
        rule = reminding(cast.clinic.id)
    assert [hour for hour in range(24) if is_the_hour(MONDAY.replace(hour=hour), rule)] == list(range(10, 20))


def test_only_who_wants_it_has_an_address_and_has_not_begun(cast: Cast) -> None:
    planned(cast)
    with loading():
        Contact.objects.filter(subject=cast.a).update(wants_reminders=False)
        Contact.objects.filter(subject=cast.stranger_a).update(safe_email="")
        for request in Request.objects.filter(subject=cast.stranger_b):
            Response.objects.create(
                clinic=cast.clinic, subject=cast.stranger_b, author=cast.stranger_b, request=request,
                instrument=request.instrument, instrument_version="1", kind=request.kind, wave=request.wave,
            )  # fmt: skip
    assert reminded(cast) == {"Ben"}


def test_nothing_the_other_does_changes_whether_one_is_reminded(cast: Cast) -> None:
    planned(cast)
    with loading():
        Request.objects.filter(subject=cast.b).update(lapses_at=MONDAY)
    assert "Amara" in reminded(cast) and "Ben" not in reminded(cast)


def test_the_screen_about_violence_reminds_nobody(cast: Cast) -> None:
    with loading():
        Request.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.safety, instrument="hark", kind="screen.violence",
            wave="w", due_at=MONDAY,
        )  # fmt: skip
    assert reminded(cast) == set()


def test_a_mail_is_taken_once_and_not_at_all_when_it_came_too_late_or_for_nothing(cast: Cast) -> None:
    planned(cast)
    reminded(cast)

    def taken(who: Person, now: datetime) -> str:
        with working():
            (row,) = Reminder.objects.filter(subject=who, on=MONDAY.date())
            return take(reminder_id=row.id, now=now)

    assert taken(cast.a, MONDAY.replace(hour=21)) == ""
    assert taken(cast.a, MONDAY + DAY) == ""
    assert taken(cast.a, MONDAY) == f"{cast.a.id}@example.org"
    assert taken(cast.a, MONDAY) == ""
    with loading():
        Contact.objects.filter(subject=cast.b).update(wants_reminders=False)
        Request.objects.filter(subject=cast.stranger_a).update(lapses_at=MONDAY)
    assert taken(cast.b, MONDAY) == taken(cast.stranger_a, MONDAY) == ""
