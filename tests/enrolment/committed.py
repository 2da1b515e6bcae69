"""A clinic that is really committed, for what only shows between transactions: two at once, and jobs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections, transaction
from psycopg.conninfo import conninfo_to_dict

from bothwell.enrolment import invitation_actions
from bothwell.models import Clinic, Contact, Invitation, Person
from tests.cast import person
from tests.conftest import LOGINS, loading


@pytest.fixture
def committing(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database without a transaction around the test. What is made stays."""
    with django_db_blocker.unblock():
        yield
        connection.close()


def new_clinic() -> tuple[Clinic, Person]:
    """An invented clinic and its coordinator."""
    with transaction.atomic(), loading():
        clinic = Clinic.objects.create(name="Committed", is_demo=True)
        return clinic, person(clinic, "Cora", "staff", "coordinator")


def invited(safe_email: str = "") -> Invitation:
    """An open invitation of somebody new in a clinic of their own."""
    clinic, _ = new_clinic()
    with transaction.atomic(), loading():
        lone = Person.objects.create(clinic=clinic, kind="partner", name_used="Zebulon")
        Contact.objects.create(clinic=clinic, subject=lone, safe_email=safe_email)
        return invitation_actions.new_invitation(clinic.id, lone, None)


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What `count` threads get or raise when they act at the same moment."""
    ready = Barrier(count)

    def one(number: int) -> Any:
        try:
            ready.wait(timeout=20)
            return act(number)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@contextmanager
def as_worker() -> Iterator[None]:
    """Inside, the database sees the login of the jobs."""
    mine, work = connections["default"], conninfo_to_dict(LOGINS.work)
    theirs = mine.copy()
    theirs.settings_dict = {**mine.settings_dict, "USER": work["user"], "PASSWORD": work["password"]}
    connections["default"] = theirs
    try:
        yield
    finally:
        theirs.close()
        connections["default"] = mine
