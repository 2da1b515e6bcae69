"""Before a dose: asked about suicide today, and a positive answer that is open holds until a prescriber decides."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.dosing import checklist_actions, gate_actions, visit_actions
from bothwell.dosing.gates import Gate, GateResult
from bothwell.instruments import safety_actions
from bothwell.instruments.actions import enter_on_behalf
from bothwell.models import SafetyFlag
from bothwell.privacy import door
from tests.cast import make_cast
from tests.dosing.ready import Ready, make_ready

pytestmark = pytest.mark.django_db
NO = {f"asq-{n}": "false" for n in range(1, 5)}
YES = NO | {"asq-3": "true", "asq-5": "false"}


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    with door.opened(made.cast.nurse.id):
        visit_actions.arrive(by=made.cast.nurse, session_id=made.session.id, room=made.room)
    return made


def answered(ready: Ready, answers: dict[str, Any], instrument: str = "asq") -> None:
    with door.opened(ready.cast.nurse.id):
        enter_on_behalf(
            by=ready.cast.nurse, subject=ready.cast.a, instrument_id=instrument, wave=uuid4().hex[:8],
            answers=answers, answered_at=timezone.now(), entered_as="spoken", request_id=uuid4(),
        )  # fmt: skip


def said(ready: Ready, who: str, *, risk: bool) -> None:
    by = getattr(ready.cast, who)
    with door.opened(by.id):
        checklist_actions.check(
            by=by, session_id=ready.session.id, name="suicide_rescreened", value={"risk": risk}
        )


def gate(ready: Ready, viewer: str = "nurse") -> GateResult:
    with door.opened(getattr(ready.cast, viewer).id):
        session = (
            type(ready.session).objects.select_related("course__protocol", "clinic").get(id=ready.session.id)
        )
        found = gate_actions.gates_of(session, (), None)
    return next(one for one in found if one.name is Gate.SUICIDE_RESCREENED)


def acknowledged(ready: Ready) -> None:
    with door.opened(ready.cast.prescriber.id):
        (flag,) = SafetyFlag.objects.filter(acknowledged__isnull=True)
        safety_actions.acknowledge(
            by=ready.cast.prescriber, flag_id=flag.id, plan="I see her before the dose"
        )


def test_answers_of_today_are_an_answer(ready: Ready) -> None:
    assert not gate(ready).passed
    answered(ready, NO)
    assert gate(ready).passed


def test_a_screen_that_asks_about_something_else_is_none(ready: Ready) -> None:
    answered(ready, {"gad7-1": None}, "gad-7")
    assert not gate(ready).passed


def test_a_clinicians_concern_stands_above_answers_without_any(ready: Ready) -> None:
    said(ready, "nurse", risk=True)
    answered(ready, NO)
    assert not gate(ready).passed


@pytest.mark.parametrize("viewer", ["nurse", "prescriber"])
def test_an_open_positive_answer_holds_until_it_is_acknowledged_and_the_prescriber_decides(
    ready: Ready, viewer: str
) -> None:
    answered(ready, YES)
    assert not gate(ready, viewer).passed
    said(ready, "prescriber", risk=False)
    assert not gate(ready, viewer).passed, "nobody has acknowledged it"
    acknowledged(ready)
    assert gate(ready, viewer).passed
    answered(ready, YES)
    assert not gate(ready, viewer).passed, "a new answer asks for a new decision"


def test_a_nurse_does_not_decide_it(ready: Ready) -> None:
    answered(ready, YES)
    acknowledged(ready)
    said(ready, "nurse", risk=False)
    held = gate(ready)
    assert not held.passed
    assert "the prescriber asks again and decides" in held.reason


def test_closed_it_holds_no_more(ready: Ready) -> None:
    answered(ready, YES)
    acknowledged(ready)
    with door.opened(ready.cast.prescriber.id):
        (flag,) = SafetyFlag.objects.all()
        safety_actions.close(
            by=ready.cast.prescriber, flag_id=flag.id, reason="Seen; no intent, safety plan made"
        )
    said(ready, "nurse", risk=False)
    assert gate(ready).passed
