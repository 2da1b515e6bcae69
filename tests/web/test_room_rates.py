"""A rate in the dosing room: asked about where it is far from the ordered one, and put right where it was mistyped."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client

from bothwell.dosing import syringe_actions
from bothwell.models import Administration, AuditEntry
from bothwell.privacy import door
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, chart, make_ready
from tests.web.test_room import arrive, at, bagged, begin, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def rates() -> list[Decimal | None]:
    with loading():
        rows = Administration.objects.filter(event__in=("start", "rate", "correct")).order_by("recorded_at")
        return [row.rate_ml_per_h for row in rows]


def test_a_rate_no_pump_shows_is_refused(ready: Ready, nurse: Client) -> None:
    bagged(ready)
    begin(ready, 20, rate_ml_per_h=Decimal(150))
    for again in ("", "9999"):
        refused = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="9999", sure_of=again)
        assert refused.status_code == 422  # type: ignore[attr-defined]
        said = refused.content.decode()  # type: ignore[attr-defined]
        assert "up to 1200 mL/h is taken" in said
        assert 'value="9999"' in said
    assert rates() == [150]


@pytest.mark.parametrize(
    ("bag", "typed", "said"), [(True, "750", "5 times"), (True, "15", "1/10 of"), (False, "750", "5 times")]
)
def test_a_rate_far_from_the_ordered_one_is_asked_about_once(
    ready: Ready, nurse: Client, bag: bool, typed: str, said: str
) -> None:
    if bag:
        bagged(ready)
    begin(ready, 20, rate_ml_per_h=Decimal(150))
    asked = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h=typed)
    assert asked.status_code == 422  # type: ignore[attr-defined]
    page = asked.content.decode()  # type: ignore[attr-defined]
    called = "the ordered rate" if bag else "the rate at the start"
    assert f"{typed} mL/h is {said} {called} of 150 mL/h" in page
    assert "press once more" in page
    assert f'name="sure_of" value="{typed}"' in page
    # Another than was asked about is asked about anew.
    other = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="900", sure_of=typed)
    assert other.status_code == 422  # type: ignore[attr-defined]
    kept = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h=typed, sure_of=typed)
    assert kept.status_code == 302  # type: ignore[attr-defined]
    assert rates() == [150, Decimal(typed)]


def test_where_no_rate_is_known_one_that_takes_a_huge_bag_is_asked_about_and_then_the_next_is_held_against_it(
    ready: Ready, nurse: Client
) -> None:
    begin(ready, 20)
    asked = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="900")
    assert "more than a bag of 500 mL" in asked.content.decode()  # type: ignore[attr-defined]
    assert post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="90").status_code == 302  # type: ignore[attr-defined]
    asked = post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="900")
    assert "10 times the rate charted before of 90 mL/h" in asked.content.decode()  # type: ignore[attr-defined]


def test_at_the_start_too_without_a_bag_in_the_order(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
    chart(ready, -0.1, systolic=124, diastolic=78, spo2=97)
    given = {"order": ready.order.id, "rate_ml_per_h": "900"}
    for rate, words in (("9999", "No pump at a bed"), ("900", "more than a bag of 500 mL")):
        asked = post(nurse, at(ready, "start"), **given | {"rate_ml_per_h": rate})
        assert asked.status_code == 422  # type: ignore[attr-defined]
        assert words in asked.content.decode()  # type: ignore[attr-defined]
    assert re.search(r'name="sure_of" value="900"', asked.content.decode())  # type: ignore[attr-defined]
    assert post(nurse, at(ready, "start"), **given, sure_of="900").status_code == 302  # type: ignore[attr-defined]


def test_a_mistyped_rate_is_put_right_and_what_ran_in_is_reckoned_anew(ready: Ready, nurse: Client) -> None:
    bagged(ready)
    begin(ready, 20, rate_ml_per_h=Decimal(150))
    # For ten minutes the pump ran at 75, and 300 was charted.
    ten_ago = ready.clock(ready_start(ready, 10))
    post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="300", at=ten_ago)
    post(nurse, at(ready, "infusion"), event="stop")
    with loading():
        wrong = Administration.objects.get(event="rate")
    address = at(ready, f"correct/rate/{wrong.id}")
    assert address in nurse.get(at(ready)).content.decode()
    assert ran_in_mg(ready) == pytest.approx(25.5, abs=1.5)
    given = {"stood": "300", "rate_ml_per_h": "75", "reason": "A slip.", "request_id": str(uuid4())}
    assert nurse.post(address, given | {"reason": ""}).status_code == 422
    for _ in range(2):
        assert nurse.post(address, given).status_code == 302
    page = nurse.get(at(ready)).content.decode()
    assert "Rate changed to 75 mL/h (charted first: 300 mL/h; corrected: A slip.)" in page
    assert ran_in_mg(ready) == pytest.approx(12.75, abs=1.5)
    assert rates() == [150, 300, 75]
    # Whoever had read the wrong one meanwhile is shown what stands now.
    late = nurse.post(address, given | {"request_id": str(uuid4()), "rate_ml_per_h": "80"})
    assert late.status_code == 409
    with loading():
        assert AuditEntry.objects.filter(action="dose: correct").count() == 1


def test_a_corrected_rate_far_from_the_ordered_one_is_asked_about_too(ready: Ready, nurse: Client) -> None:
    bagged(ready)
    begin(ready, 10, rate_ml_per_h=Decimal(150))
    with loading():
        wrong = Administration.objects.get(event="start")
    address = at(ready, f"correct/rate/{wrong.id}")
    given = {"stood": "150", "rate_ml_per_h": "1100", "reason": "A slip."}
    asked = post(nurse, address, **given)
    assert asked.status_code == 422  # type: ignore[attr-defined]
    assert "press once more" in asked.content.decode()  # type: ignore[attr-defined]
    assert post(nurse, address, **given, sure_of="1100").status_code == 302  # type: ignore[attr-defined]
    # It ran at no rate of the ordered bag: what ran in nobody can say.
    assert not nurse.get(at(ready)).context["side"].infused.is_reckoned
    assert (
        "at 1100 mL/h (charted first: 150 mL/h; corrected: A slip.)" in nurse.get(at(ready)).content.decode()
    )


def test_only_a_rate_of_this_session_is_corrected(ready: Ready, nurse: Client) -> None:
    begin(ready, 10, rate_ml_per_h=Decimal(150))
    post(nurse, at(ready, "infusion"), event="pause")
    with loading():
        paused = Administration.objects.get(event="pause")
    for none in (paused.id, uuid4()):
        assert nurse.get(at(ready, f"correct/rate/{none}")).status_code == 404


def ready_start(ready: Ready, minutes: int) -> datetime:
    with loading():
        began = Administration.objects.get(session=ready.session, event="start").at
    return began + timedelta(minutes=minutes)


def ran_in_mg(ready: Ready) -> float:
    with door.opened(ready.cast.nurse.id):
        told = syringe_actions.charted_in(ready.session.id)
    assert told is not None and told.reckoned_ug is not None
    return told.reckoned_ug / 1000
