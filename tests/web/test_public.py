"""The front page: whose it is, and whom to call, for somebody who is not logged in."""

import re

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from bothwell.models import Clinic
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
LINES = [{"label": "Samaritans", "number": "116 123", "href": "tel:116123"}]
OTHERS = r"\b(988|911|112|1-800-799-7233)\b"


def text(client: Client) -> str:
    return client.get("/").content.decode()


def test_the_one_clinic_here_is_named_with_the_lines_it_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests leave clinics behind, so that which one is at home here is told to the page by this test."""
    monkeypatch.setattr(door, "front", lambda: door.Front("Clinic by the Thames", LINES))
    page = text(Client())
    assert "Clinic by the Thames" in page
    assert 'Samaritans: <a href="tel:116123">116 123</a>' in page
    assert not re.search(OTHERS, page)
    assert "<title>Bothwell</title>" in page, "what stands in the tab names no clinic"


def test_a_clinic_that_has_confirmed_no_line_is_not_named_and_no_countrys_number_is_guessed() -> None:
    with loading():
        Clinic.objects.create(name="Clinic by the Thames", country="GB", is_demo=True)
    page = text(Client())
    assert "Thames" not in page
    assert "the emergency number of the country you are in" in page
    assert not re.search(OTHERS, page)


def test_the_database_names_a_clinic_where_it_is_the_only_one_and_has_confirmed_its_lines() -> None:
    with loading():
        Clinic.objects.create(name="Clinic by the Thames", country="GB", crisis_lines=LINES, is_demo=True)
        names = list(Clinic.objects.values_list("name", flat=True))
    found = door.front()
    assert (found.name if found else None) == ("Clinic by the Thames" if len(names) == 1 else None)


def test_where_several_clinics_are_at_home_none_is_named_to_a_stranger() -> None:
    cast: Cast = make_cast()
    with loading():
        Clinic.objects.update(crisis_lines=LINES)
    assert "Clinic One" not in text(Client())
    page = text(client_for(cast.a))
    assert "Clinic One" in page
    assert "116 123" in page


def test_before_the_door_nothing_else_of_a_clinic_can_be_read() -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select name from bothwell_clinic")
