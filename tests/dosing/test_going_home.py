"""Going home: what was answered about suicide since the dose, and the minutes that begin anew with a further one."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.dosing import checklist_actions, discharge, leaving_actions, session_actions
from bothwell.instruments.actions import enter_on_behalf
from bothwell.models import Administration, Course, Order, SafetyFlag
from bothwell.pathway.protocol import Route
from bothwell.privacy import door
from bothwell.web import bedside
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    started_ago(made, 200)
    return made


def said(ready: Ready, who: str, *, risk: bool) -> None:
    by = getattr(ready.cast, who)
    with door.opened(by.id):
        checklist_actions.check(
            by=by, session_id=ready.session.id, name="suicide_rescreened", value={"risk": risk}
        )


def criterion(ready: Ready, name: str) -> discharge.Criterion:
    """One criterion as the session's rows have it; a hand-made condition that says all is well changes nothing of it."""
    with door.opened(ready.cast.nurse.id):
        session = session_actions.session_of(ready.session.id)
        condition = discharge.Condition(
            timezone.now(), Route(session.course.route), session.started_at, is_dose_running=False
        )
        found = leaving_actions.discharge_criteria(session, condition)
    return next(one for one in found if one.name == name)


def given(ready: Ready, event: str, minutes_ago: float, **more: object) -> None:
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=ready.session, event=event, at=timezone.now() - timedelta(minutes=minutes_ago),
            **{"substance": "Ketamine", "route": "iv"} | more,
        )  # fmt: skip


def test_only_an_answer_after_the_last_of_the_dose_counts(ready: Ready) -> None:
    assert "not asked about again" in criterion(ready, discharge.SUICIDE).reason
    said(ready, "nurse", risk=False)
    assert criterion(ready, discharge.SUICIDE).met
    given(ready, "given", -0.001, dose_mg=10)
    assert not criterion(ready, discharge.SUICIDE).met


def test_a_yes_before_going_home_raises_the_task_and_keeps_the_person_until_the_prescriber_asked_again(
    ready: Ready,
) -> None:
    said(ready, "nurse", risk=False)
    said(ready, "nurse", risk=True)
    with door.opened(ready.cast.therapist_a.id):
        assert SafetyFlag.objects.get().what == "Told at the bed, after a dose: thoughts of not living"
    assert "call the prescriber" in criterion(ready, discharge.SUICIDE).reason
    said(ready, "nurse", risk=False)
    assert not criterion(ready, discharge.SUICIDE).met, "a nurse does not take it back"
    said(ready, "prescriber", risk=False)
    assert criterion(ready, discharge.SUICIDE).met


def test_a_positive_answer_sent_after_the_dose_keeps_the_person_until_the_prescriber_asked_again(
    ready: Ready,
) -> None:
    said(ready, "nurse", risk=False)
    answers = {f"asq-{n}": "false" for n in range(1, 5)} | {"asq-3": "true", "asq-5": "false"}
    with door.opened(ready.cast.nurse.id):
        enter_on_behalf(
            by=ready.cast.nurse, subject=ready.cast.a, instrument_id="asq", wave="today", answers=answers,
            answered_at=timezone.now(), entered_as="spoken", request_id=uuid4(),
        )  # fmt: skip
    said(ready, "nurse", risk=False)
    assert "is open" in criterion(ready, discharge.SUICIDE).reason
    said(ready, "prescriber", risk=False)
    assert criterion(ready, discharge.SUICIDE).met


def test_the_page_asks_in_its_own_words_and_comes_back_to_the_discharge(ready: Ready) -> None:
    nurse, address = client_for(ready.cast.nurse), f"/room/{ready.session.id}"
    page = nurse.get(f"{address}/discharge").content.decode()
    assert f'href="{address}/check/suicide_rescreened"' in page
    assert "is_suicide_rescreen_done" not in page, "what was answered is not ticked"
    assert (
        "Does the answer keep the person here?"
        in nurse.get(f"{address}/check/suicide_rescreened").content.decode()
    )


def test_a_further_injection_begins_the_least_time_anew_and_the_room_says_so(ready: Ready) -> None:
    with loading():
        Course.objects.filter(id=ready.course.id).update(route="im")
        Order.objects.filter(id=ready.order.id).update(route="im", minutes=None, dose_mg=60)
    given(ready, "given", 200, dose_mg=60, route="im")
    given(ready, "given", 50, substance="Ondansetron", dose_mg=4)
    assert criterion(ready, "minutes_since_last_dose").met
    given(ready, "given", 40, substance="ketamine", dose_mg=Decimal(30), route="im")
    assert criterion(ready, "minutes_since_last_dose").reason == "40 of at least 120 min since the last dose."
    with door.opened(ready.cast.nurse.id):
        session = session_actions.session_of(ready.session.id)
        side = bedside.gather([session], timezone.now())[session.id]
    assert (side.progress.minute, side.progress.of_minutes) == (200, 280)


def test_an_infusion_paused_resumed_or_stopped_is_no_further_dose(ready: Ready) -> None:
    given(ready, "start", 200, dose_mg=34)
    for event, minutes_ago in (("pause", 190), ("resume", 60), ("stop", 40)):
        given(ready, event, minutes_ago)
    assert criterion(ready, "minutes_since_last_dose").met
