"""What a year of readings costs the room, the board and the next reading, in months and in one table.

`python -m benchmarks.year [--each ROWS]` fills a database of its own with that many readings a month: first none, then twelve
months each in its table, then the same rows in one. It prints medians of one run; nothing is asserted.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from benchmarks.stage import LOGINS, prepare
from bothwell.couples.models import new_id
from bothwell.monitoring.months import Month, Within, month_of
from bothwell.privacy import door
from bothwell.web import bedside_values
from tests.cast import client_for
from tests.room import Bedside

MONTHS = 12
RUNS = 15
INSERTS = 200
OPEN_SESSION_ROWS = 20_000
# A session of two hours in each of five quantities every two seconds, one after the other through the month.
A_SESSION = 18_000
FILL = """
insert into {table} (id, clinic_id, subject_id, couple_id, session_id, device_id, recorded_at, code, value, unit, observed_at,
  detail, is_artefact, reason, source)
select gen_random_uuid(), %(clinic)s, %(subject)s, %(couple)s, md5(%(starts)s::text || (n / %(session)s))::uuid, %(device)s,
  %(starts)s + n * %(step)s::interval,
  (array['heart_rate', 'spo2', 'respiratory_rate', 'systolic', 'diastolic'])[n %% 5 + 1], 70, '/min',
  %(starts)s + n * %(step)s::interval, '{{}}', false, '', 'x' from generate_series(1, %(rows)s - 1) n
"""


def fill(admin: psycopg.Connection, bedside: Bedside, table: str, months: list[Month], each: int) -> None:
    """So many readings in each month, of sessions that are over; keys and triggers are not asked."""
    about = {
        "clinic": bedside.session.clinic_id,
        "subject": bedside.session.subject_id,
        "couple": bedside.session.couple_id,
        "device": bedside.device.id,
        "session": A_SESSION,
        "rows": each,
    }
    admin.execute("set session_replication_role = replica")
    for month in months:
        step = (month.ends_at - month.starts_at) / each
        admin.execute(FILL.format(table=table), {**about, "starts": month.starts_at, "step": step})  # type: ignore[arg-type]
    admin.execute("set session_replication_role = origin")
    admin.execute("analyze bothwell_sample")
    admin.execute("checkpoint")


def fill_open_session(admin: psycopg.Connection, bedside: Bedside) -> None:
    """What one open session has charted in its last hour."""
    session = bedside.session
    admin.execute("set session_replication_role = replica")
    admin.execute(
        FILL.format(table="bothwell_sample").replace(
            "md5(%(starts)s::text || (n / %(session)s))::uuid", "%(session)s"
        ),  # type: ignore[arg-type]
        {
            "clinic": session.clinic_id,
            "subject": session.subject_id,
            "couple": session.couple_id,
            "device": bedside.device.id,
            "session": session.id,
            "rows": OPEN_SESSION_ROWS,
            "starts": datetime.now(UTC) - timedelta(minutes=59),
            "step": timedelta(minutes=59) / OPEN_SESSION_ROWS,
        },
    )
    admin.execute("set session_replication_role = origin")
    admin.execute("analyze bothwell_sample")


def median_ms(call: Callable[[], object]) -> float:
    call()
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def insert_ms(bedside: Bedside) -> float:
    """One reading by the feed's login, with its commit on disk."""
    session = bedside.session
    words = (
        "insert into bothwell_sample (id, clinic_id, subject_id, couple_id, recorded_at, session_id, device_id, code, value, "
        "unit, observed_at, detail, is_artefact, reason) "
        "values (%s, %s, %s, %s, now(), %s, %s, 'y', 1, '', clock_timestamp(), '{}', false, '') on conflict do nothing"
    )
    who = (session.clinic_id, session.subject_id, session.couple_id, session.id, bedside.device.id)
    took = []
    with psycopg.connect(LOGINS.work, autocommit=True) as work:
        for _ in range(INSERTS):
            begun = time.perf_counter()
            work.execute(words, (new_id(), *who))
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def measure(what: str, bedsides: list[Bedside]) -> None:
    bedside, nurse = bedsides[0], bedsides[0].cast.nurse
    browser, session, now = client_for(nurse), bedside.session, datetime.now(UTC)
    within = Within(now - timedelta(days=2), now + timedelta(days=1))

    def page(address: str) -> None:
        assert browser.get(address, headers={"host": "localhost"}, secure=True).status_code == 200

    def asked(question: Callable[[], object]) -> float:
        with door.opened(nurse.id):
            return median_ms(question)

    found = {
        "room": median_ms(lambda: page(f"/room/{session.id}")),
        "board": median_ms(lambda: page("/board")),
        "newest": asked(lambda: bedside_values.newest([session.id], within=within)),
        "newest, no span": asked(lambda: bedside_values.newest([session.id])),
        "charted": asked(lambda: bedside_values.charted(session.id, within)),
        "charted, no span": asked(lambda: bedside_values.charted(session.id)),
        "insert": insert_ms(bedside),
    }
    print(f"{what:<28}" + "".join(f"  {name} {ms:7.1f}" for name, ms in found.items()), flush=True)


def as_web() -> None:
    login = conninfo_to_dict(LOGINS.web)
    connection.close()
    connection.settings_dict |= {"USER": login["user"], "PASSWORD": login["password"]}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--each", type=int, default=50_000, help="readings a month")
    each = asked.parse_args().each
    bedsides = prepare(1)
    as_web()
    here = month_of(datetime.now(UTC))
    months = [here.plus(-n) for n in range(MONTHS, 0, -1)]
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("update bothwell_course set phase = 'dosing_series'")
        fill_open_session(admin, bedsides[0])
        print(f"median ms of {RUNS}; {each} readings a month; the open session has {OPEN_SESSION_ROWS}")
        measure("today alone", bedsides)
        with psycopg.connect(LOGINS.owner) as owner:
            for month in months:
                owner.execute("select months.make(%s)", [month.starts_at.date()])
        for month in months:
            fill(admin, bedsides[0], f"months.{month.table}", [month], each)
        measure("twelve months, each a table", bedsides)
        for month in months:
            admin.execute(f"alter table bothwell_sample detach partition months.{month.table}")  # type: ignore[call-overload]
            admin.execute(f"drop table months.{month.table}")  # type: ignore[call-overload]
        admin.execute("select months.draft('sample_0001_01')")
        span = (months[0].starts_at, months[-1].ends_at)
        admin.execute(
            f"alter table bothwell_sample attach partition months.sample_0001_01 for values from ('{span[0]}') to ('{span[1]}')"  # type: ignore[call-overload]
        )
        fill(admin, bedsides[0], "months.sample_0001_01", months, each)
        measure("twelve months in one table", bedsides)


if __name__ == "__main__":
    main()
