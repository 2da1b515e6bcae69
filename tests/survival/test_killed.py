"""Any process is ended without warning while two monitors speak: it comes back, and nothing acknowledged is lost."""

import os
import signal
import time

import pytest

from tests.survival.running import Clinic, Monitor, until

WORDS = {"web": "granian", "listener": "listen", "worker": "work"}


def pid_of(clinic: Clinic, which: str) -> int | None:
    return clinic.postmaster() if which == "database" else clinic.pid_of(WORDS[which])


def is_another(clinic: Clinic, which: str, before: int) -> bool:
    try:
        return pid_of(clinic, which) not in (None, before)
    except (OSError, IndexError, ValueError):
        return False  # the database's mark is being written


@pytest.mark.parametrize("which", ["listener", "web", "worker", "database"])
def test_it_comes_back_and_nothing_acknowledged_is_lost(
    clinic: Clinic, monitors: tuple[Monitor, ...], which: str
) -> None:
    before = pid_of(clinic, which)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    killed_s = time.monotonic()
    until(lambda: is_another(clinic, which, before), 60, f"{which} runs again")
    until(clinic.database_answers, 60, "the database answers")
    until(clinic.is_up, 60, "the pages answer")
    back_s = time.monotonic()
    until(lambda: all(each.since(back_s) > 3 for each in monitors), 60, "monitors are heard again")
    until(lambda: all(each.is_all_kept_once() for each in monitors), 60, "everything is in the record")
    assert all(each.since(killed_s) > 3 and each.refused == 0 for each in monitors)
    session = clinic.session_of(monitors[1].device)
    count = "select count(*) from bothwell_alarm where session_id = %s and code = 'spo2'"
    ((raised,),) = clinic.rows(count, session)
    monitors[1].values["spo2"] = 78
    until(lambda: clinic.rows(count, session)[0][0] > raised, 20, "alarms go on")
    monitors[1].values["spo2"] = 97
