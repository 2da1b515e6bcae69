"""What is taken back is gone from an open page within a second, and from the very next page."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from bothwell.privacy.circles import Relation
from tests.cast import Cast, make_cast
from tests.web.taking_back import AT_ONCE_S, served, take_back

TIMES = 20


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    with served() as port:
        yield port


@pytest.fixture
def cast() -> Cast:
    """Committed: the server is another process."""
    with transaction.atomic():
        return make_cast()


def test_a_partner_loses_what_was_taken_back_within_a_second(port: int, cast: Cast) -> None:
    taken = take_back(port, cast.a, cast.b, Relation.PARTNER, "/us", TIMES)
    assert len(taken) == TIMES
    assert max(each.heard_s for each in taken) < AT_ONCE_S


def test_a_therapist_loses_what_was_taken_back_within_a_second(port: int, cast: Cast) -> None:
    path = f"/couples/{cast.couple.id}"
    taken = take_back(port, cast.a, cast.couples_therapist, Relation.COUPLES_THERAPIST, path, TIMES)
    assert len(taken) == TIMES
    assert max(each.heard_s for each in taken) < AT_ONCE_S
