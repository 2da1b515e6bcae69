"""Before the dose on one page: what is missing first; and a form's own page, from which one finds back to the room."""

import re
from uuid import uuid4

import pytest
from django.test import Client

from bothwell.dosing import visit_actions
from bothwell.pathway import preparation_actions
from bothwell.privacy import door
from tests.cast import client_for, make_cast
from tests.dosing.ready import Ready, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def arrive(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        visit_actions.arrive(by=ready.cast.nurse, session_id=ready.session.id, room=ready.room)


def name_the_escort(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        preparation_actions.prepare(
            by=ready.cast.nurse, course=ready.course, escort_name="Max", escort_phone="", fasting_explained=True,
            antiemetic_plan="",
        )  # fmt: skip


def checklist(ready: Ready, nurse: Client) -> str:
    page = nurse.get(f"/room/{ready.session.id}").content.decode()
    return page[page.index('id="checklist"') : page.index('class="room-mid"')]


def test_what_is_missing_comes_first_and_what_is_passed_is_folded(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    said = checklist(ready, nurse)
    start, fold = said.index("Still missing:"), said.index('class="fold"')
    gates = [
        (found[1], found.start()) for found in re.finditer(r'<li class="(met|unmet)" data-part="gate-', said)
    ]
    assert len(gates) == 20
    assert start < min(at for _, at in gates), (
        "whether it can start, and what is missing, stands above the rows"
    )
    assert {look for look, at in gates if at < fold} == {"unmet"}
    assert {look for look, at in gates if at > fold} == {"met"}
    assert "9 of 20 passed" in said[fold:]


def test_who_is_named_in_the_preparation_is_asked_for_by_name(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    assert "No escort is named." in checklist(ready, nurse)
    name_the_escort(ready)
    said = checklist(ready, nurse)
    assert "No escort is named." not in said
    assert "Max is named in the preparation: are they here, or reached by telephone?" in said
    assert re.search(r'<li class="unmet" data-part="gate-escort"', said), "a name alone passes no gate"


def test_the_discharge_asks_for_the_escort_by_name(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    name_the_escort(ready)
    page = nurse.get(f"/room/{ready.session.id}/discharge").content.decode()
    assert "Max, the named escort, is here." in page
    assert not re.search(r"<input[^>]*\bchecked\b", page), "nothing is ticked that nobody has looked at"


@pytest.mark.parametrize("end", ["enter/pressure", "medicine", "infusion", "discharge"])
def test_a_page_of_its_own_leads_back_and_shows_the_alarms_that_stand(
    ready: Ready, nurse: Client, end: str
) -> None:
    session = started_ago(ready, 20)
    chart(ready, 5, systolic=124, diastolic=78)
    address = f"/room/{session.id}"
    nurse.post(
        f"{address}/enter/pressure", {"request_id": str(uuid4()), "systolic": "205", "diastolic": "118"}
    )
    page = nurse.post(f"{address}/{end}", {"request_id": str(uuid4())}).content.decode()
    assert re.search(rf'<a class="back" href="{address}">.*?Amara', page, re.S)
    assert re.search(r'<div class="alarm (high|medium)" data-alarm=', page)
