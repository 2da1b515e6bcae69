"""The database goes away in the middle of a session: nothing acknowledged is lost, and alarms are seen all the same."""

import os
import signal
import time

from tests.survival.running import Clinic, Monitor, Page, until


def alarms_in_record(clinic: Clinic, session: str, code: str) -> int:
    ((count,),) = clinic.rows(
        "select count(*) from bothwell_alarm where session_id = %s and code = %s", session, code
    )
    return int(count)


def test_alarms_go_on_and_everything_is_in_the_record_after(
    clinic: Clinic, monitors: tuple[Monitor, ...], cookie: str
) -> None:
    session = clinic.session_of(monitors[0].device)
    room = Page(clinic, cookie, f"/live/room/{session}")
    board = Page(clinic, cookie, f"/live/board/{clinic.clinic_of(session)}")
    for page in (room, board):
        page.hear("changed", 10)
    room.hear("readings", 10)
    before = alarms_in_record(clinic, session, "spo2")
    with clinic.frozen():
        os.kill(clinic.postmaster(), signal.SIGQUIT)
        killed_s = time.monotonic()
        for page in (room, board):
            assert page.hear("away", 5).at_s - killed_s < 5
        until(lambda: all(each.since(killed_s + 2) > 4 for each in monitors), 15, "acknowledged meanwhile")
        monitors[0].values["spo2"] = 79
        began_s = time.monotonic()
        low = room.hear(
            "standby",
            5,
            lambda data: any(a["code"] == "spo2" and not a["is_in_record"] for a in data["alarms"]),
        )
        assert low.at_s - began_s < 5
        assert {each["code"] for each in low.data["readings"]} >= {"heart_rate", "spo2"}
        on_board = board.hear("standby", 5, lambda data: data["session"] == session and data["alarms"])
        assert "readings" not in on_board.data
        monitors[0].values["spo2"] = 97
        until(lambda: monitors[0].since(began_s + 1) > 2, 10, "and after it")
    for page in (room, board):
        page.hear("changed", 60)
    until(clinic.database_answers, 60, "the database is back")
    until(lambda: all(each.is_all_kept_once() for each in monitors), 30, "everything is in the record")
    assert alarms_in_record(clinic, session, "spo2") > before
    assert any(
        event.name == "readings" and any(a["code"] == "spo2" for a in event.data["alarms"])
        for event in (room.hear("readings", 10), *room.seen)
    )
    for page in (room, board):
        page.close()
    log = clinic.log.read_text()
    assert ("kept in the journal" in log or "alarms go on without it" in log) and "and has everything" in log
