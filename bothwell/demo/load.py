"""Puts the invented clinics into a database that holds no others, as the role that can write nowhere else.

It never touches a clinic that is not marked as invented: the database refuses the loader's role all else.
It loads once; a database that holds the demonstration already is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import ForeignKey, Model

from bothwell.demo import cast, outcomes, story
from bothwell.demo.people import PASSWORD, SEED, House, Partner, Staff
from bothwell.demo.sheaf import Sheaf
from bothwell.enrolment import link
from bothwell.integration.process_note_actions import seal_rows
from bothwell.models import Clinic, Membership, Person, ProcessNote, User

BATCH = 2000
LOCALTIME = Path("/etc/localtime")
TURN = 7407
"""Any number, as in `found`: two that start at once take turns."""


@contextmanager
def as_loader() -> Iterator[None]:
    """One transaction in which the connection may write into invented clinics, and into no other."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('role', 'bothwell_loader', true), pg_advisory_xact_lock(%s)", [TURN]
            )
        yield
        with connection.cursor() as cursor:
            cursor.execute("select set_config('role', 'none', true)")


def load(now: datetime, zone: ZoneInfo, secret: str, *, seed: int = SEED) -> dict[str, int] | None:
    """Load every house; how many records each has, or None when the demonstration is there already."""
    with as_loader():
        if Clinic.objects.filter(is_demo=True, name__in=[house.name for house in cast.HOUSES]).exists():
            return None
        password = make_password(PASSWORD)
        return {house.name: _load(house, now, zone, secret, seed, password) for house in cast.HOUSES}


def _load(house: House, now: datetime, zone: ZoneInfo, secret: str, seed: int, password: str) -> int:
    def token_hash(key: UUID) -> str:
        return link.token_hash(link.token(key, secret))

    sheaf = story.tell(house, now, zone, seed=seed, token_hash=token_hash)
    outcomes.ask(sheaf, house, zone, now)
    give_logins(sheaf, house, password, now)
    seal_rows(sheaf.of(ProcessNote))
    write(sheaf)
    return len(sheaf)


def give_logins(sheaf: Sheaf, house: House, password: str, now: datetime) -> None:
    """A login for everybody but those who are invited; `password` as it is stored."""
    for one in people(house):
        if isinstance(one, Staff) or one.has_login:
            sheaf.keep(
                User(
                    id=sheaf.key("User", one.key),
                    email=one.email,
                    person_id=sheaf.key(Person.__name__, one.key),
                    password=password,
                    must_have_second_factor=False,
                    created_at=sheaf.of(Clinic)[0].set_up_at or now,
                )
            )
    for user in sheaf.of(User):
        sheaf.keep(EmailAddress(user=user, email=user.email, verified=True, primary=True))


def people(house: House) -> Iterator[Staff | Partner]:
    """Everybody of one house."""
    yield from house.staff
    for pair in house.pairs:
        yield from (partner for _, partner, _, _ in pair.sides if partner)


def write(sheaf: Sheaf) -> None:
    """Insert everything, what is named before what names it; the database's own promises are kept at once."""
    for model in in_order({type(row) for row in sheaf}):
        model._default_manager.bulk_create(sheaf.of(model), batch_size=BATCH)
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("set constraints all deferred")


def in_order(models: Iterable[type[Model]]) -> list[type[Model]]:
    """Tables such that each stands behind those its rows name, and who is in which couple before all else."""
    wanted: list[type[Model]] = sorted(models, key=lambda model: model.__name__)
    found: list[type[Model]] = []

    def visit(model: type[Model]) -> None:
        if model in found or model not in wanted:
            return
        for column in model._meta.concrete_fields:
            if isinstance(column, ForeignKey) and column.related_model is not model:
                visit(column.related_model)  # type: ignore[arg-type]
        found.append(model)

    visit(Membership)
    for each in wanted:
        visit(each)
    return found


def zone_here() -> ZoneInfo:
    """The time zone of this machine, so that the clinic's day is the visitor's; else UTC."""
    told = os.environ.get("TZ", "").lstrip(":")
    linked = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    return ZoneInfo(next((name for name in (told, linked) if name in available_timezones()), "UTC"))


def invitations(secret: str, *, seed: int = SEED) -> list[tuple[str, str]]:
    """Who is invited and has no login yet, with the token of their link."""
    found = []
    for house in cast.HOUSES:
        sheaf = Sheaf(seed, house.key)
        found += [
            (one.full_name, link.token(sheaf.key("Invitation", one.key), secret))
            for one in people(house)
            if isinstance(one, Partner) and not one.has_login
        ]
    return found
