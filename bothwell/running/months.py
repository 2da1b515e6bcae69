"""Keeps a table ready for each month of readings, before the month begins.

It never removes a reading: what had fallen elsewhere is moved into its month, whole or not at all.
"""

import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime

import psycopg

from bothwell.monitoring.months import Month, due
from bothwell.running.supervise import say

A_DAY_S = 24 * 3600.0
# A clinic at work is not made to wait: who cannot have the table for a moment comes again.
PATIENCE = "5s"
TRIES = 5


def make(owner_dsn: str, now: datetime) -> dict[Month, int]:
    """Make what is missing; the months made, each with the number of readings that came into it from elsewhere."""
    with psycopg.connect(owner_dsn, connect_timeout=10) as connection:
        connection.execute("select set_config('lock_timeout', %s, false)", [PATIENCE])
        elsewhere = [
            Month(first.year, first.month) for (first,) in connection.execute("select months.elsewhen()")
        ]
        connection.commit()
        made = {}
        for month in due(now, elsewhere):
            if not _is_there(connection, month):
                row = connection.execute("select months.make(%s)", [first_day(month)]).fetchone()
                made[month] = int(row[0]) if row else 0
            connection.commit()
    return made


def make_patiently(owner_dsn: str, now: datetime, *, wait_s: float = 2.0) -> dict[Month, int] | None:
    """As `make`, tried again while others hold the table; None when it could not be had: nothing is lost by it."""
    for _ in range(TRIES):
        with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return make(owner_dsn, now)
        time.sleep(wait_s)
    return None


def first_day(month: Month) -> date:
    return month.starts_at.date()


def _is_there(connection: psycopg.Connection, month: Month) -> bool:
    found = connection.execute(
        "select to_regclass('months.' || %(table)s) is not null or to_regclass('archive.' || %(table)s) is not null",
        {"table": month.table},
    ).fetchone()
    return bool(found and found[0])


def keep_daily(owner_dsn: str) -> threading.Thread:
    """Make the months ahead once a day for as long as this process runs."""
    thread = threading.Thread(target=_daily, args=(owner_dsn,), daemon=True)
    thread.start()
    return thread


def _daily(owner_dsn: str) -> None:
    while True:
        time.sleep(A_DAY_S)
        try:
            made = make_patiently(owner_dsn, datetime.now(UTC))
        except psycopg.Error:
            say("months", "could not be made ready today; readings are kept beside them until they are")
            continue
        tell(made)


def tell(made: dict[Month, int] | None) -> None:
    """One line for the person at the terminal, if there is anything to say."""
    if made is None:
        say("months", "others held the table of readings; tried again tomorrow, nothing is lost by it")
    elif made:
        say("months", f"ready: {', '.join(map(str, made))}; moved into them: {sum(made.values())} readings")
