"""The server's own clock leaps five minutes and back, told through the time the feed and the tick are given."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bothwell.devices.listen import Desk
from bothwell.monitoring import ticking
from tests.conftest import LOGINS
from tests.room import Bedside, as_login, open_bedside, said

LEAP = timedelta(minutes=5)


@pytest.fixture
def bedside(django_db_setup: None, django_db_blocker: object) -> Iterator[Bedside]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        made = open_bedside()
        with as_login(LOGINS.work):
            yield made


def alarms_of(bedside: Bedside, *codes: str) -> list[tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.code, exists (select 1 from bothwell_alarmevent e where e.alarm_id = a.id and e.kind = 'over') "
            "from bothwell_alarm a where a.session_id = %s and a.code = any(%s) order by a.raised_at, a.id",
            [bedside.session.id, list(codes)],
        )
        return cursor.fetchall()


@pytest.mark.parametrize("leap", [LEAP, -LEAP])
def test_no_value_is_lost_and_no_value_calls_because_the_clock_leapt(
    bedside: Bedside, leap: timedelta
) -> None:
    desk, now = Desk(), timezone.now()

    def say(at: datetime, received_at: datetime, **values: float) -> None:
        answer = desk.answer(said(bedside.device.identifier, at, **values), received_at)
        assert answer is not None

    def second(number: int) -> datetime:
        return now + timedelta(seconds=number)

    say(now, now, heart_rate=70, spo2=97)
    ticking.tick(second(1))
    assert alarms_of(bedside, "monitor", "spo2", "heart_rate") == []
    # The leap. Ahead: everything seems to have been silent for minutes, which is told. Back: the monitor seems ahead.
    ticking.tick(second(2) + leap)
    silence = [("monitor", False)] if leap > timedelta(0) else []
    assert alarms_of(bedside, "monitor", "spo2", "heart_rate") == silence
    say(second(3), second(3) + leap, heart_rate=70, spo2=97)
    ticking.tick(second(4) + leap)
    # Ahead: it is over with the first word. Back: values seem to come from the future and are refused by name.
    assert alarms_of(bedside, "monitor") == [(code, True) for code, _ in silence]
    # The clock is right again.
    say(second(5), second(5), heart_rate=70, spo2=78)
    ticking.tick(second(6))
    assert alarms_of(bedside, "spo2") == [("spo2", False)]
    say(second(7), second(7), heart_rate=70, spo2=97)
    assert alarms_of(bedside, "spo2", "heart_rate") == [("spo2", True)]
