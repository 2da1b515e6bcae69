"""Asking for a copy, answering in time, and legal holds: who may, and who learns of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from bothwell.models import AuditEntry, LegalHold, RecordAnswer
from bothwell.privacy import door
from bothwell.records import export_actions, hold_actions, request_actions
from bothwell.records.models import RecordRequest
from bothwell.records.rights import Kind
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def asks(cast: Cast) -> RecordRequest:
    with door.opened(cast.a.id):
        return request_actions.ask_for_copy(
            by=cast.a, scope=RecordRequest.Scope.OWN, words="For my doctor", request_id=uuid4()
        )


def test_it_is_due_in_thirty_days_and_asking_again_changes_nothing(cast: Cast) -> None:
    asked = asks(cast)
    assert asked.due_on == request_actions.local_day(cast.a) + timedelta(days=30)
    assert asks(cast) == asked


def test_asked_for_something_else_meanwhile_nothing_typed_is_dropped_in_silence(cast: Cast) -> None:
    asks(cast)
    with door.opened(cast.a.id), pytest.raises(Stale, match="waits"):
        request_actions.ask_for_copy(
            by=cast.a, scope=RecordRequest.Scope.COUPLE, words="For my lawyer", request_id=uuid4()
        )


def test_only_the_one_who_asked_and_the_office_know_of_it(cast: Cast) -> None:
    asks(cast)
    knows = {name for name, who in cast.everyone().items() for _ in [0] if _counts(who.id)}
    assert knows == {"a", "lead", "coordinator"}


def _counts(viewer: object) -> int:
    with door.opened(viewer):  # type: ignore[arg-type]
        return RecordRequest.objects.count()


def test_the_office_prolongs_once_with_a_reason_then_gives(cast: Cast) -> None:
    asked = asks(cast)
    with door.opened(cast.coordinator.id):
        with pytest.raises(Refused, match="why it takes longer"):
            request_actions.answer(by=cast.coordinator, asked_id=asked.id, kind=Kind.PROLONGED)
        request_actions.answer(
            by=cast.coordinator, asked_id=asked.id, kind=Kind.PROLONGED, words="The archive is away."
        )
        now = request_actions.standing_of(RecordRequest.objects.get(id=asked.id))
        assert (now.is_open, now.due_on) == (True, asked.due_on + timedelta(days=30))
        with pytest.raises(Refused, match="prolonged already"):
            request_actions.answer(
                by=cast.coordinator, asked_id=asked.id, kind=Kind.PROLONGED, words="Again."
            )
        request_actions.answer(by=cast.coordinator, asked_id=asked.id, kind=Kind.GIVEN)
        with pytest.raises(Refused, match="answered already"):
            request_actions.answer(by=cast.coordinator, asked_id=asked.id, kind=Kind.GIVEN)
    with door.opened(cast.a.id):
        assert RecordAnswer.objects.count() == 2


def test_nobody_else_answers(cast: Cast) -> None:
    asked = asks(cast)
    for who in (cast.a, cast.b, cast.prescriber, cast.couples_therapist, cast.other_lead):
        with door.opened(who.id), pytest.raises(Refused):
            request_actions.answer(by=who, asked_id=asked.id, kind=Kind.GIVEN)


def test_a_ground_is_kept_only_with_a_refusal(cast: Cast) -> None:
    asked = asks(cast)
    with door.opened(cast.lead.id):
        row = request_actions.answer(by=cast.lead, asked_id=asked.id, kind=Kind.GIVEN, ground="danger")
    assert row.ground == ""


def test_a_legal_hold_is_the_leads_and_the_person_sees_nothing_of_it(cast: Cast) -> None:
    for who in (cast.coordinator, cast.prescriber, cast.a):
        with door.opened(who.id), pytest.raises(Refused):
            hold_actions.lay_hold(by=who, subject=cast.a, reason="County court, 12/26")
    with door.opened(cast.lead.id):
        with pytest.raises(Refused, match="why"):
            hold_actions.lay_hold(by=cast.lead, subject=cast.a, reason=" ")
        laid = hold_actions.lay_hold(by=cast.lead, subject=cast.a, reason="County court, 12/26")
        assert hold_actions.lay_hold(by=cast.lead, subject=cast.a, reason="County court, 12/26") == laid
        with pytest.raises(Stale, match="another reason"):
            hold_actions.lay_hold(by=cast.lead, subject=cast.a, reason="Another court")
        assert set(hold_actions.holds_on([cast.a.id, cast.b.id])) == {cast.a.id}
    with door.opened(cast.coordinator.id):
        assert hold_actions.holds_on([cast.a.id])
    for who in (cast.a, cast.b, cast.prescriber, cast.couples_therapist):
        with door.opened(who.id):
            assert not LegalHold.objects.exists()
            assert not AuditEntry.objects.filter(item_kind="legal.hold").exists()


def test_ending_a_hold_needs_a_reason_that_stands_in_the_clinics_log(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        laid = hold_actions.lay_hold(by=cast.lead, subject=cast.a, reason="County court, 12/26")
        with pytest.raises(Refused):
            hold_actions.end_hold(by=cast.lead, hold_id=laid.id, reason="")
        hold_actions.end_hold(by=cast.lead, hold_id=laid.id, reason="Closed by the court")
        hold_actions.end_hold(by=cast.lead, hold_id=laid.id, reason="Closed by the court")
        assert not hold_actions.holds_on([cast.a.id])
        assert AuditEntry.objects.filter(action="ended a legal hold", why="Closed by the court").count() == 1


def test_what_left_by_another_way_is_written_down_by_the_lead_on_a_ground(cast: Cast) -> None:
    number = uuid4()
    what: dict[str, Any] = {"recipient": "County court", "what": "Dates of sessions", "request_id": number}
    with door.opened(cast.lead.id):
        with pytest.raises(Refused, match="ground"):
            export_actions.write_down(by=cast.lead, subject=cast.a, ground="danger", **what)
        first = export_actions.write_down(by=cast.lead, subject=cast.a, ground="court_order", **what)
        assert export_actions.write_down(by=cast.lead, subject=cast.a, ground="court_order", **what) == first
        with pytest.raises(SentBefore):
            export_actions.write_down(
                by=cast.lead, subject=cast.a, ground="court_order", **{**what, "what": "x"}
            )
    with door.opened(cast.coordinator.id), pytest.raises(Refused):
        export_actions.write_down(by=cast.coordinator, subject=cast.a, ground="court_order", **what)
    with loading():
        assert AuditEntry.objects.filter(action="gave out", subject=cast.a).count() == 1
