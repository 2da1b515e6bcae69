"""Pausing and turning off as people do it: on record with a name, seen, and never for longer than it says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from bothwell.models import Alarm, AlarmEvent, AlarmSetting, AuditEntry, Person, StaffRole
from bothwell.monitoring import binding_actions, entry_actions, quieting_actions, ticking
from bothwell.monitoring.watch import ESCALATE_AFTER_SECONDS
from bothwell.privacy import door
from bothwell.refusal import Refused
from bothwell.web.quieted import off_or_paused
from tests.conftest import LOGINS, loading
from tests.monitoring.test_actions import heard
from tests.room import Bedside, add_device, as_login, open_bedside, said


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


LEEWAY = timedelta(seconds=30)
"""A tick's own time goes on while it looks at every open session, those of other tests too."""


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside()


def do(
    what: str, bedside: Bedside, code: str = "spo2", by: Person | None = None, **more: object
) -> AlarmSetting:
    by = by or bedside.cast.nurse
    with door.opened(by.id):
        given = {"request_id": uuid4(), **more}
        return getattr(quieting_actions, what)(by=by, session=bedside.session, code=code, **given)  # type: ignore[no-any-return]


def tick(now: datetime) -> int:
    with as_login(LOGINS.work):
        return ticking.tick(now)


def alarms(bedside: Bedside, code: str = "spo2") -> list[tuple[str, list[str]]]:
    with loading():
        return [
            (row.priority, sorted(row.events.values_list("kind", flat=True)))
            for row in Alarm.objects.filter(session=bedside.session, code=code).order_by("number")
        ]


def shown(bedside: Bedside, now: datetime | None = None) -> list[tuple[str, str, str, str]]:
    with door.opened(bedside.cast.prescriber.id):
        found = off_or_paused([bedside.session.id], now or timezone.now())
    return [(one.code, one.what, one.who, one.reason) for one in found.get(bedside.session.id, ())]


def test_a_pause_calls_nobody_and_the_clock_calls_what_holds_at_its_end(bedside: Bedside) -> None:
    setting = do("pause", bedside)
    assert setting.until is not None
    assert setting.until - setting.at == timedelta(minutes=2)
    heard(said(bedside.device.identifier, timezone.now(), spo2=85))
    assert alarms(bedside) == []
    tick(setting.until - LEEWAY)
    assert alarms(bedside) == []
    tick(setting.until)
    tick(setting.until + LEEWAY)
    assert alarms(bedside) == [("high", [])]


def test_it_is_on_record_and_shown_with_the_name_until_it_is_over(bedside: Bedside) -> None:
    setting = do("pause", bedside, "heart_rate")
    assert shown(bedside) == [("heart_rate", "paused", bedside.cast.nurse.name_used, "")]
    assert shown(bedside, setting.until) == []
    with loading():
        assert AuditEntry.objects.filter(action="paused alarms", subject=bedside.cast.a).count() == 1


def test_off_needs_a_reason_stays_and_calls_again_when_turned_on(bedside: Bedside) -> None:
    with pytest.raises(Refused, match="Say why"):
        do("turn_off", bedside, reason="  ")
    do("turn_off", bedside, reason="probe on a cold finger")
    assert shown(bedside) == [("spo2", "off", bedside.cast.nurse.name_used, "probe on a cold finger")]
    heard(said(bedside.device.identifier, timezone.now(), spo2=85))
    tick(timezone.now() + timedelta(hours=1))
    assert alarms(bedside) == []
    do("turn_on", bedside, by=bedside.cast.prescriber)
    assert alarms(bedside) == [("high", [])]
    assert shown(bedside) == []
    with pytest.raises(Refused, match="on already"):
        do("turn_on", bedside)


def test_the_same_post_twice_is_one_and_another_use_of_it_is_refused(bedside: Bedside) -> None:
    request_id = uuid4()
    assert do("pause", bedside, request_id=request_id).id == do("pause", bedside, request_id=request_id).id
    with pytest.raises(Refused, match="paused already"):
        do("pause", bedside)
    with pytest.raises(Refused, match="used before"):
        do("pause", bedside, "heart_rate", request_id=request_id)


@pytest.mark.parametrize("code", ["monitor", "checks"])
def test_what_tells_that_the_watch_failed_can_be_paused_but_never_turned_off(
    bedside: Bedside, code: str
) -> None:
    do("pause", bedside, code)
    with pytest.raises(Refused, match="not turned off"):
        do("turn_off", bedside, code, reason="too loud")


def test_a_lost_signal_in_a_pause_is_called_at_its_end(bedside: Bedside) -> None:
    setting = do("pause", bedside, "monitor")
    assert setting.until is not None
    heard(said(bedside.device.identifier, timezone.now(), spo2=97))
    tick(setting.until - timedelta(seconds=5))
    assert alarms(bedside, "monitor") == []
    tick(setting.until)
    assert alarms(bedside, "monitor") == [("technical", [])]


@pytest.mark.parametrize(
    "who", ["therapist_a", "couples_therapist", "lead", "coordinator", "a", "b", "stranger_prescriber"]
)
@pytest.mark.parametrize("what", ["pause", "turn_off", "turn_on"])
def test_nobody_but_the_nurse_and_the_prescriber_of_this_person(
    bedside: Bedside, who: str, what: str
) -> None:
    more = {"reason": "x"} if what == "turn_off" else {}
    with pytest.raises(Refused):
        do(what, bedside, by=bedside.cast.everyone()[who], **more)
    with loading():
        assert not AlarmSetting.objects.filter(session=bedside.session).exists()


def test_another_monitor_ends_what_was_quiet_and_says_so(bedside: Bedside) -> None:
    do("turn_off", bedside, reason="moving")
    heard(said(bedside.device.identifier, timezone.now(), spo2=85))
    with loading():
        other = add_device(bedside.cast)
    with door.opened(bedside.cast.nurse.id):
        binding_actions.bind_device(by=bedside.cast.nurse, session=bedside.session, device=other)
    assert shown(bedside) == []
    assert alarms(bedside) == [("high", [])]
    with loading():
        newest = AlarmSetting.objects.filter(session=bedside.session).latest("at")
        assert (newest.what, newest.reason) == ("on", "A monitor was put on.")


def test_nobody_answers_and_the_next_is_called_level_after_level(bedside: Bedside) -> None:
    cast = bedside.cast
    with loading():
        for person, role in ((cast.prescriber, "prescriber"), (cast.nurse, "nurse"), (cast.lead, "lead")):
            StaffRole.objects.get_or_create(clinic=cast.clinic, person=person, role=role)
    at = timezone.now()
    heard(said(bedside.device.identifier, at, spo2=85), at)
    for turn in range(1, 6):
        tick(at + timedelta(seconds=turn * ESCALATE_AFTER_SECONDS))
    with loading():
        passed = AlarmEvent.objects.filter(
            alarm__session=bedside.session, alarm__code="spo2", kind="escalated"
        ).order_by("level")
        assert [(each.level, each.to_id) for each in passed] == [
            (1, cast.prescriber.id),
            (2, None),
            (3, cast.lead.id),
        ]


def test_a_check_nobody_made_is_called_and_charting_it_ends_that() -> None:
    bedside = open_bedside(dosed=True, is_bound=False)
    now = timezone.now()
    tick(now)
    assert alarms(bedside, "checks") == [("medium", [])]
    tick(now + timedelta(seconds=ESCALATE_AFTER_SECONDS) + LEEWAY)
    assert alarms(bedside, "checks") == [("medium", ["escalated"])]
    with door.opened(bedside.cast.nurse.id):
        entry_actions.enter(
            by=bedside.cast.nurse,
            session=bedside.session,
            readings={code: Decimal(value) for code, value in CHECKED.items()},
            request_id=uuid4(),
        )
    tick(now + timedelta(seconds=ESCALATE_AFTER_SECONDS) + 2 * LEEWAY)
    assert alarms(bedside, "checks") == [("medium", ["escalated", "over"])]


CHECKED = {
    "systolic": 120, "diastolic": 80, "spo2": 98, "heart_rate": 70, "respiratory_rate": 14, "sedation": 5,
    "dissociation": 0, "nausea": 0,
}  # fmt: skip
