"""What three years of weekly questions cost: one person's first page, and the hourly plan of the whole clinic.

    python -m benchmarks.measures [--couples 2000] [--years 3]

It lays out a clinic of so many couples with every week asked and answered, and prints the server-side median in
milliseconds and the number of SQL statements. Nothing is asserted: a number is read by somebody.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from benchmarks.stage import LOGINS
from bothwell.couples.models import Role, new_id
from bothwell.instruments.due import due
from bothwell.integration.wave_actions import plan, remind
from bothwell.models import Assignment, Clinic, Person, StaffRole, User
from bothwell.privacy import door

WEEKLY = ("phq-9", "gad-7", "csi-4", "pulse-us", "pulse-me")
OF_THE_COUPLE = ("csi-4", "pulse-us")

PEOPLE = """
create temporary table pairs as
  select n, gen_random_uuid() as couple, gen_random_uuid() as a, gen_random_uuid() as b from generate_series(1, %(couples)s) n;
insert into bothwell_person (id, clinic_id, kind, name_used, pronouns, title, created_at)
  select id, %(clinic)s, 'partner', 'P', '', '', %(began)s from pairs, unnest(array[a, b]) id;
insert into bothwell_contact (id, clinic_id, subject_id, full_name, safe_email, safe_phone, may_leave_message, call_me,
                              wants_reminders, changed_at)
  select gen_random_uuid(), %(clinic)s, id, '', id || '@example.org', '', false, '', true, now()
  from pairs, unnest(array[a, b]) id;
insert into bothwell_couple (id, clinic_id, formed_at, distinguished_by) select couple, %(clinic)s, %(began)s, '' from pairs;
insert into bothwell_membership (id, clinic_id, couple_id, person_id, side)
  select gen_random_uuid(), %(clinic)s, couple, a, 'a' from pairs
  union all select gen_random_uuid(), %(clinic)s, couple, b, 'b' from pairs;
"""
WEEKS = """
create temporary table asked as
  select gen_random_uuid() as id, p.id as subject, p.couple, i as instrument,
         case when i = any(%(of_the_couple)s::text[]) then 'measure.relationship' else 'measure.individual' end as kind,
         to_char(at, '"weekly "IYYY"-W"IW') as wave, at
  from (select couple, unnest(array[a, b]) as id from pairs) p, unnest(%(weekly)s::text[]) i,
       generate_series(%(began)s::timestamptz, %(last)s::timestamptz, interval '7 days') at;
insert into bothwell_request (id, clinic_id, subject_id, couple_id, recorded_at, instrument, instrument_version, kind, wave,
                              due_at, lapses_at)
  select id, %(clinic)s, subject, case when kind = 'measure.relationship' then couple end, at, instrument, '', kind, wave, at,
         at + interval '160 hours' from asked;
insert into bothwell_response (id, clinic_id, subject_id, author_id, recorded_at, request_id, instrument, instrument_version,
    kind, wave, entered_as, status, answers, revision, sent_at, total, band, scores, rules, flags)
  select gen_random_uuid(), %(clinic)s, subject, subject, at, id, instrument, '', kind, wave, 'self', 'sent', '{}', 1,
         at + interval '1 day', case when instrument not like 'pulse%%' then 8 + extract(week from at)::int %% 7 end, '',
         case instrument when 'pulse-me' then '{"regulation": "6"}'::jsonb
           when 'pulse-us' then '{"communication": "6", "empathy": "5", "connection": "7", "closeness": "5", "conflicts": "1"}'
           else jsonb_build_object('total', (8 + extract(week from at)::int %% 7)::text) end,
         '[]', '[]' from asked;
"""


RECENT = """
update bothwell_couple set formed_at = %s where ctid in (select ctid from bothwell_couple order by id limit %s)
"""


def lay_out(couples: int, years: float) -> Clinic:
    """The clinic with every answered week, but for the week that has just begun."""
    clinic = Clinic(id=new_id(), name="Many", timezone="America/New_York")
    now = timezone.now()
    monday = (now - timedelta(days=now.weekday())).replace(hour=12, minute=0, second=0, microsecond=0)
    given: dict[str, Any] = {
        "clinic": clinic.id, "couples": couples, "weekly": list(WEEKLY), "of_the_couple": list(OF_THE_COUPLE),
        "began": monday - timedelta(weeks=round(52 * years)), "last": monday - timedelta(weeks=1),
    }  # fmt: skip
    with psycopg.connect(LOGINS.admin) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute(
            "set session_replication_role = replica"
        )  # a benchmark's rows are made right, not checked
        cursor.execute(
            "insert into bothwell_clinic (id, name, timezone, country, is_demo, crisis_lines, set_up_at) "
            "values (%s, 'Many', 'America/New_York', 'US', false, '[]', now())",
            [clinic.id],
        )
        cursor.execute(PEOPLE, given)
        cursor.execute(WEEKS, given)
        # Half of them began within the year that is asked about.
        recently = now - timedelta(weeks=20)
        cursor.execute(RECENT, [recently, couples // 2])
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("vacuum analyze")
    return clinic


class Counter:
    """Counts the statements that pass."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        self.count += 1
        return execute(*given)


def measured(what: str, call: Callable[[], object], runs: int) -> None:
    statements, taken = Counter(), []
    with connection.execute_wrapper(statements):
        call()
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    print(f"{what:<72}{statistics.median(taken) * 1000:9.1f} ms{statements.count:5} SQL")


def as_login(dsn: str) -> None:
    login = conninfo_to_dict(dsn)
    connection.close()
    connection.settings_dict |= {"USER": login["user"], "PASSWORD": login["password"]}


def measure_pages(clinic: Clinic) -> None:
    as_login(LOGINS.admin)
    person = Person.objects.filter(clinic=clinic).order_by("id")[7]
    user = User.objects.create(
        email="someone@example.org", person=person, password="!", must_have_second_factor=False
    )
    as_login(LOGINS.web)
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])

    def list_due() -> None:
        with door.opened(person.id):
            list(due(person))

    measured("what is due, of one person with three years behind them", list_due, 30)
    measured("their first page", lambda: client.get("/today"), 30)
    measured("how they have been: every measure, over all the years", lambda: opened(client, "/how-i-am"), 15)
    prescriber = cared_for(clinic, person)
    measured(
        "the same as their prescriber reads it",
        lambda: opened(prescriber, f"/people/{person.id}/measures?since="),
        15,
    )


def opened(client: Client, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200:
        raise SystemExit(f"{address}: {response.status_code}")


def cared_for(clinic: Clinic, person: Person) -> Client:
    """Somebody who prescribes for this person, logged in."""
    as_login(LOGINS.admin)
    staff = Person.objects.create(clinic=clinic, kind="staff", name_used="S")
    StaffRole.objects.create(clinic=clinic, person=staff, role=Role.PRESCRIBER)
    Assignment.objects.create(clinic=clinic, staff=staff, role=Role.PRESCRIBER, subject=person)
    user = User.objects.create(
        email="staff@example.org", person=staff, password="!", must_have_second_factor=False
    )
    as_login(LOGINS.web)
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def measure_plans(clinic: Clinic, couples: int) -> None:
    as_login(LOGINS.work)
    now = timezone.now()
    monday = (now - timedelta(days=now.weekday())).replace(hour=14, minute=0, second=0, microsecond=0)

    def asks(at: datetime) -> Callable[[], None]:
        def call() -> None:
            with transaction.atomic():
                print(f"    asked: {plan(clinic=clinic, now=at).asked}")

        return call

    begun, statements = time.perf_counter(), Counter()
    with connection.execute_wrapper(statements):
        asks(monday)()
    print(
        f"{f'the plan on a Monday morning, {couples} couples':<72}{(time.perf_counter() - begun) * 1000:9.1f} ms"
        f"{statements.count:5} SQL"
    )
    measured(
        "the plan an hour later: nothing new", lambda: plan(clinic=clinic, now=monday + timedelta(hours=1)), 5
    )
    someone = [Person.objects.filter(clinic=clinic).values_list("id", flat=True)[0]]
    measured("the plan of one person", lambda: plan(clinic=clinic, now=monday, people=someone), 20)
    ten = monday + timedelta(hours=1)
    begun, statements = time.perf_counter(), Counter()
    with connection.execute_wrapper(statements):
        count = remind(clinic=clinic, now=ten)
    print(
        f"{f'reminding {count} people':<72}{(time.perf_counter() - begun) * 1000:9.1f} ms{statements.count:5} SQL"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--couples", type=int, default=2000)
    parser.add_argument("--years", type=float, default=3)
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    begun = time.perf_counter()
    clinic = lay_out(asked.couples, asked.years)
    with psycopg.connect(LOGINS.admin) as admin:
        rows = admin.execute("select count(*) from bothwell_response").fetchone()
    print(
        f"laid out in {time.perf_counter() - begun:.0f} s: {asked.couples} couples, {rows[0]:,} answers"
        if rows
        else ""
    )
    measure_plans(clinic, asked.couples)
    measure_pages(clinic)


if __name__ == "__main__":
    main()
