"""How long the server takes for the pages people open most, and what ten times the couples cost.

`python -m benchmarks.pages` loads the invented clinic twice into databases of its own: as it is, and with every
couple ten times. It prints, for each page, the median over the runs in milliseconds, the number of SQL statements,
and the ratio between the two clinics in the same run. Nothing is asserted: a number is read by somebody.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from benchmarks.stage import LOGINS
from bothwell.demo import cast, load, people
from bothwell.demo.people import House, Pair, Partner
from bothwell.models import DosingSession, Membership, Person, User
from bothwell.privacy import door

PAGES = {
    "amara": ("/today", "/insights", "/us", "/access", "/consents"),
    "dana": ("/today", "/couples", "couple"),
    "helen": ("/today", "/people", "workup", "/board"),
    "luis": ("/board", "room"),
    "margaret": ("/clinic", "/clinic/log"),
    "joy": ("/people",),
}


def _copy(partner: Partner | None, number: int) -> Partner | None:
    return replace(partner, key=f"{partner.key}{number}") if partner else None


def many_times(house: House, times: int) -> House:
    """The same clinic with every couple told so many times; the copies stand in no bed."""
    copies: list[Pair] = [
        replace(pair, key=f"{pair.key}-{number}", a=_copy(pair.a, number), b=_copy(pair.b, number))  # type: ignore[arg-type]
        for number in range(1, times)
        for pair in house.pairs
        if pair.b  # who is the partner of a member of staff stays one
    ]
    rooms = tuple(f"{room}, floor {number}" for number in range(1, times) for room in house.rooms)
    return replace(house, pairs=house.pairs + tuple(copies), rooms=house.rooms + rooms)


def lay_out(times: int) -> None:
    house = many_times(cast.ALDER, times)
    with load.as_loader():
        password = make_password(people.PASSWORD)
        load._load(house, timezone.now(), ZoneInfo("UTC"), settings.SECRET_KEY, people.SEED, password)


def paths(person: Person, wanted: tuple[str, ...]) -> Iterator[str]:
    """The addresses, with the identifiers this person may see."""
    amara_id = User.objects.get(email=f"amara@{people.DOMAIN}").person_id
    with door.opened(person.id):
        for path in wanted:
            match path:
                case "couple":
                    yield f"/couples/{Membership.objects.get(person=amara_id).couple_id}"
                case "workup":
                    yield f"/people/{amara_id}/workup"
                case "room":
                    running = DosingSession.objects.filter(
                        started_at__isnull=False, ended_at__isnull=True
                    ).first()
                    yield f"/room/{running.id}" if running else "/board"
                case _:
                    yield path


class _Counter:
    """Counts the statements that pass."""

    count = 0

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        self.count += 1
        return execute(*given)


def measure(runs: int) -> dict[tuple[str, str], tuple[float, int]]:
    """Median milliseconds and statements, by person and page."""
    found = {}
    for key, wanted in PAGES.items():
        user = User.objects.get(email=f"{key}@{people.DOMAIN}")
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        for name, path in zip(wanted, list(paths(_person(user), wanted)), strict=True):
            for _ in range(3):
                answer = client.get(path)
            assert answer.status_code == 200, (
                f"{key} {name}: {answer.status_code} {answer.headers.get('Location', '')}"
            )
            statements = _Counter()
            with connection.execute_wrapper(statements):
                client.get(path)
            taken = []
            for _ in range(runs):
                begun = time.perf_counter()
                client.get(path)
                taken.append(time.perf_counter() - begun)
            found[key, name] = (statistics.median(taken) * 1000, statements.count)
    return found


def _person(user: User) -> Person:
    with door.opened(user.person_id):
        return Person.objects.get(id=user.person_id)


def clinic(times: int, runs: int) -> dict[tuple[str, str], tuple[float, int]]:
    """Measure in a database of its own, as the bare web login."""
    owner, web = conninfo_to_dict(LOGINS.owner), conninfo_to_dict(LOGINS.web)
    name = f"pages_{times}"
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(f"create database {name} owner bothwell_owner")
        admin.execute(f"grant connect on database {name} to bothwell_web")
    with psycopg.connect(LOGINS.admin, dbname=name, autocommit=True) as admin:
        admin.execute("create extension if not exists btree_gist")
    connection.close()
    connection.settings_dict |= {"NAME": name, "USER": owner["user"], "PASSWORD": owner["password"]}
    call_command("migrate", verbosity=0)
    begun = time.perf_counter()
    lay_out(times)
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    print(f"{times:>2} × the couples: loaded in {time.perf_counter() - begun:.0f} s")
    connection.close()
    connection.settings_dict |= {"USER": web["user"], "PASSWORD": web["password"]}
    return measure(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--times", type=int, default=10)
    asked = parser.parse_args()
    settings.DEMO, settings.ALLOWED_HOSTS = True, ["testserver"]
    one, many = clinic(1, asked.runs), clinic(asked.times, asked.runs)
    print(f"{'person':<10}{'page':<14}{'ms':>8}{'SQL':>6}{f'ms ×{asked.times}':>10}{'SQL':>6}{'ratio':>8}")
    for (who, page), (ms, statements) in one.items():
        more_ms, more_statements = many[who, page]
        print(
            f"{who:<10}{page:<14}{ms:8.1f}{statements:6}{more_ms:10.1f}{more_statements:6}{more_ms / ms:8.2f}"
        )
    everything = [ms for ms, _ in one.values()]
    print(f"median over pages {statistics.median(everything):.1f} ms; worst {max(everything):.1f} ms")


if __name__ == "__main__":
    main()
