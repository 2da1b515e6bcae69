"""Copying a paper form: by those who care for the person, whole or with gaps, once; shown to whoever may read it."""

import re
from typing import Any

import pytest
from django.test import Client

from bothwell.instruments.catalogue import load
from bothwell.models import Person, Response
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.web.partners import asked

pytestmark = pytest.mark.django_db
GAD = load("gad-7")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def address(cast: Cast, instrument: str = "gad-7") -> str:
    return f"/people/{cast.a.id}/paper/{instrument}"


def form_of(client: Client, path: str, **answers: str) -> dict[str, str]:
    """What the page sends when these answers are filled in."""
    form = client.get(path).context["form"]
    return {name: str(form[name].initial or "") for name in ("answered_at", "request_id", "wave")} | {
        "entered_as": "paper", **answers,
    }  # fmt: skip


def all_at(option: int) -> dict[str, str]:
    return {f"q{number}": item.options[option].code for number, item in enumerate(GAD.items, 1)}


def stored(cast: Cast, who: Person) -> list[Response]:
    with door.opened(who.id):
        return list(Response.objects.all())


def test_it_is_kept_once_scored_and_shown_to_whoever_may_read_it(cast: Cast) -> None:
    request, client = asked(cast, cast.a, "gad-7", wave="week 2"), client_for(cast.prescriber)
    given = form_of(client, address(cast), **all_at(1))
    first = client.post(address(cast), given)
    assert client.post(address(cast), given)["Location"] == first["Location"]
    (row,) = stored(cast, cast.prescriber)
    assert (row.total, row.wave, row.entered_as) == (7, request.wave, "paper")
    page = client.get(first["Location"]).content.decode()
    assert "Copied from paper by Helen" in page
    assert "Amara, answered" in page
    assert "<form" not in page.split('id="main"')[1], "no empty form ready under the finger"
    for link in (f"/people/{cast.a.id}/paper", f"/people/{cast.a.id}"):
        assert f'<a class="btn" href="{link}">' in page
    assert re.search(r'<span class="num">7(\.00)?</span>', page)


def test_who_may_enter_but_not_read_sees_no_total(cast: Cast) -> None:
    client = client_for(cast.nurse)
    done = client.post(address(cast), form_of(client, address(cast), **all_at(2)))
    page = client.get(done["Location"]).content.decode()
    assert "Kept." in page
    assert "Amara, answered" in page
    assert "It stands in their record" in page
    assert 'class="num"' not in page
    assert "safety task" not in page
    assert stored(cast, cast.nurse) == []
    assert len(stored(cast, cast.prescriber)) == 1


SAID_YES = {"q1": "true", "q2": "false", "q3": "false", "q4": "false", "q5": "false"}
RAISED = "This answer raised a safety task."


def kept_page(cast: Cast, client: Client, **answers: str) -> tuple[str, str]:
    """The address and the page after copying the questions about not wanting to live."""
    path = address(cast, "asq")
    at = client.post(path, form_of(client, path, **answers))["Location"]
    return at, client.get(at).content.decode()


def test_a_task_that_was_raised_is_said_at_once_until_it_is_closed(cast: Cast) -> None:
    client = client_for(cast.prescriber)
    at, page = kept_page(cast, client, **SAID_YES)
    assert RAISED in page
    assert '<a href="/tasks">See them now.</a>' in page
    assert RAISED in client_for(cast.therapist_a).get(at).content.decode()
    (task,) = re.findall(r"/tasks/[0-9a-f-]+/acknowledge", client.get("/tasks").content.decode())
    client.post(task, {"plan": "I am with her"})
    assert RAISED in client.get(at).content.decode()
    client.post(task.replace("acknowledge", "close"), {"reason": "We spoke, all is agreed"})
    assert RAISED not in client.get(at).content.decode()


def test_who_copies_and_cannot_see_the_task_is_told_all_the_same(cast: Cast) -> None:
    client = client_for(cast.nurse)
    at, page = kept_page(cast, client, **SAID_YES)
    assert stored(cast, cast.nurse) == []
    assert RAISED in page
    assert "See them now." in page
    assert 'href="/tasks">See' not in page
    assert RAISED in client.get(at).content.decode(), "a page opened again says it again"
    assert client_for(cast.nurse).get(at).status_code == 404, "another login has copied nothing"


def test_a_no_raises_no_notice(cast: Cast) -> None:
    for who in (cast.prescriber, cast.nurse):
        assert RAISED not in kept_page(cast, client_for(who), **SAID_YES | {"q1": "false"})[1]


def test_what_was_kept_is_found_under_its_own_address_only(cast: Cast) -> None:
    client = client_for(cast.nurse)
    at = client.post(address(cast), form_of(client, address(cast), **all_at(2)))["Location"]
    assert client.get(at).status_code == 200
    assert client.get(at.replace("gad-7", "phq-9")).status_code == 404
    assert client.get(at.replace(str(cast.a.id), str(cast.b.id))).status_code == 404


def test_a_form_with_nothing_filled_in_is_not_kept(cast: Cast) -> None:
    client = client_for(cast.prescriber)
    given = form_of(client, address(cast)) | {"entered_as": "spoken"}
    said = client.post(address(cast), given)
    page = said.content.decode()
    assert said.status_code == 422
    assert "Nothing is filled in." in page
    assert '<option value="spoken" selected>' in page
    assert given["request_id"] in page
    assert stored(cast, cast.prescriber) == []


def test_a_slip_in_the_year_is_said_with_all_kept(cast: Cast) -> None:
    client = client_for(cast.prescriber)
    given = form_of(client, address(cast), **all_at(1)) | {"answered_at": "1926-11-02T10:00"}
    said = client.post(address(cast), given)
    page = said.content.decode()
    assert said.status_code == 422
    assert "That is more than a year ago. Check the year." in page
    assert 'value="1926-11-02T10:00"' in page
    assert len(re.findall(r'name="q\d"[^>]* checked', page)) == len(GAD.items)
    assert stored(cast, cast.prescriber) == []


def test_left_blank_is_declined_and_a_wrong_number_is_said_with_all_kept(cast: Cast) -> None:
    client, path = client_for(cast.prescriber), address(cast, "before-dose")
    wrong = client.post(path, form_of(client, path, q1="99", q2="true"))
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert "Look again at question 1" in page
    assert 'value="99"' in page
    assert re.search(r'name="q2" value="true"[^>]* checked', page)
    assert client.post(path, form_of(client, path, q1="6.5", q2="true")).status_code == 302
    (row,) = stored(cast, cast.prescriber)
    assert row.answers == {
        "beforedose-1": "6.5",
        "beforedose-2": "true",
        "beforedose-3": None,
        "beforedose-5": None,
    }


@pytest.mark.parametrize(
    "more", [{"answered_at": "2999-01-01T10:00"}, {"answered_at": ""}, {"entered_as": "self"}, {"wave": "x"}]
)
def test_what_cannot_be_is_said(cast: Cast, more: dict[str, Any]) -> None:
    client = client_for(cast.prescriber)
    assert client.post(address(cast), form_of(client, address(cast), **all_at(0)) | more).status_code == 422
    assert stored(cast, cast.prescriber) == []


@pytest.mark.parametrize(
    "who", ["a", "b", "lead", "coordinator", "safety", "therapist_b", "stranger_prescriber", "other_lead"]
)
def test_to_everyone_else_it_is_not_there(cast: Cast, who: str) -> None:
    client = client_for(getattr(cast, who))
    for path in (address(cast), f"/people/{cast.a.id}/paper"):
        assert client.get(path).status_code == 404


def test_the_screen_about_home_is_not_among_these_forms(cast: Cast) -> None:
    client = client_for(cast.prescriber)
    chooser = client.get(f"/people/{cast.a.id}/paper").content.decode()
    assert f"/people/{cast.a.id}/paper/gad-7" in chooser
    assert "hark" not in chooser
    assert client.get(address(cast, "hark")).status_code == 404


def test_a_digit_is_the_number_printed_beside_an_answer(cast: Cast) -> None:
    page = client_for(cast.prescriber).get(address(cast, "csi-4")).content.decode()
    assert re.findall(r'name="q1" value="[^"]+" data-digit="(\d)"', page) == list("0123456")
