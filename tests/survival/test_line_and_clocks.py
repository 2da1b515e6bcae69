"""A cable that is pulled out, and clocks that jump: told within ten seconds, and nothing measured is lost."""

import time
from datetime import timedelta

from tests.survival.running import Clinic, Monitor, until

TECHNICAL = (
    "select count(*), max(extract(epoch from raised_at))::float from bothwell_alarm "
    "where session_id = %s and code = 'monitor'"
)


def test_a_cable_pulled_out_is_told_and_filled_in_after(
    clinic: Clinic, monitors: tuple[Monitor, ...]
) -> None:
    monitor = monitors[0]
    session = clinic.session_of(monitor.device)
    # After a start every monitor has ten seconds to call; what was missing by then is over once it speaks.
    until(lambda: monitor.since(0) > 60, 60, "it has been heard for a while")
    ((before, _),) = clinic.rows(TECHNICAL, session)
    monitor.cut()
    cut_at = time.time()
    until(lambda: clinic.rows(TECHNICAL, session)[0][0] > before, 20, "the silence is told")
    ((_, raised_at),) = clinic.rows(TECHNICAL, session)
    assert raised_at - cut_at <= 10.5, "ten seconds, and what was under way when the cable went"
    mended_s = time.monotonic()
    monitor.mend()
    until(lambda: monitor.since(mended_s) > 30, 30, "it says what it held back")
    until(monitor.is_all_kept_once, 20, "everything is in the record")
    filled = clinic.rows(
        "select count(*) from bothwell_sample where session_id = %s and code = 'heart_rate' "
        "and observed_at between to_timestamp(%s) and to_timestamp(%s)",
        *(session, cut_at + 1, raised_at),
    )
    assert filled[0][0] > 10
    over = (
        "select count(*) from bothwell_alarmevent e join bothwell_alarm a on a.id = e.alarm_id "
        "where a.session_id = %s and a.code = 'monitor' and e.kind = 'over' and e.at > to_timestamp(%s)"
    )
    until(lambda: clinic.rows(over, session, raised_at)[0][0], 10, "the silence is over")


def test_a_monitor_whose_clock_falls_back_five_minutes_is_heard(
    clinic: Clinic, monitors: tuple[Monitor, ...]
) -> None:
    monitor = monitors[1]
    session = clinic.session_of(monitor.device)
    count = "select count(*) from bothwell_alarm where session_id = %s and code = 'spo2'"
    ((before,),) = clinic.rows(count, session)
    monitor.ahead = timedelta(minutes=-5)
    monitor.values["spo2"] = 77
    began_s = time.monotonic()
    until(lambda: clinic.rows(count, session)[0][0] > before, 10, "a value beyond its limit still calls")
    until(lambda: monitor.since(began_s) > 5, 10, "what it says is acknowledged")
    monitor.values["spo2"] = 97
    until(monitor.is_all_kept_once, 20, "everything is in the record")
    assert monitor.refused == 0


def test_a_monitor_whose_clock_leaps_ahead_is_missed_not_believed(
    clinic: Clinic, monitors: tuple[Monitor, ...]
) -> None:
    monitor = monitors[0]
    session = clinic.session_of(monitor.device)
    until(lambda: monitor.since(0) > 20, 30, "it is heard")
    ((before, _),) = clinic.rows(TECHNICAL, session)
    monitor.ahead = timedelta(minutes=5)
    # Values from the future would lead the alarms astray: they are refused, and the room hears of the silence.
    until(lambda: monitor.refused > 3, 10, "it is told that its values are refused")
    until(lambda: clinic.rows(TECHNICAL, session)[0][0] > before, 20, "the silence is told")
    assert not clinic.rows(
        "select 1 from bothwell_sample where session_id = %s and observed_at > now() + interval '3 minutes'",
        session,
    )
    monitor.ahead = timedelta(0)
    right_s = time.monotonic()
    until(lambda: monitor.since(right_s) > 5, 20, "it is heard again")
    until(monitor.is_all_kept_once, 20, "everything is in the record")
