"""Asking, drafting and sending, as the database keeps it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from bothwell.instruments.actions import ask, open_response, save_answer, send
from bothwell.instruments.catalogue import load
from bothwell.models import AuditEntry, Request, Response, SafetyFlag
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db
PHQ = load("phq-9")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def request_for(cast: Cast, instrument: str = "phq-9") -> Request:
    due_at = timezone.now() + timedelta(days=2)
    with door.opened(cast.prescriber.id):
        (row,) = ask(
            by=cast.prescriber, subject=cast.a, instrument_ids=[instrument], wave="w1", due_at=due_at
        )
    return row


def fill(cast: Cast, draft: Response, points: dict[str, int | None] | None = None) -> Response:
    """Answer every item with no points, or as `points` says."""
    for item in load(draft.instrument).items:
        at = (points or {}).get(item.link_id, 0)
        draft = save_answer(
            by=cast.a,
            response_id=draft.id,
            link_id=item.link_id,
            code=None if at is None else item.options[at].code,
            revision=draft.revision,
        )
    return draft


def test_nothing_is_due_twice(cast: Cast) -> None:
    due_at = timezone.now()
    with door.opened(cast.coordinator.id):
        asked = ask(
            by=cast.coordinator, subject=cast.a, instrument_ids=["phq-9", "gad-7"], wave="w", due_at=due_at
        )
        again = ask(
            by=cast.coordinator, subject=cast.a, instrument_ids=["phq-9", "csi-16"], wave="w", due_at=due_at
        )
    assert [row.instrument for row in asked] == ["gad-7", "phq-9"]
    assert [row.instrument for row in again] == ["csi-16"]
    with door.opened(cast.a.id):
        assert Request.objects.count() == 3


def test_only_those_who_care_for_a_person_ask(cast: Cast) -> None:
    for other in (cast.b, cast.a, cast.stranger_prescriber, cast.nurse):
        with door.opened(other.id), pytest.raises(Refused):
            ask(by=other, subject=cast.a, instrument_ids=["phq-9"], wave="w", due_at=timezone.now())
    with door.opened(cast.prescriber.id), pytest.raises(Refused):
        ask(by=cast.prescriber, subject=cast.a, instrument_ids=["none-such"], wave="w", due_at=timezone.now())


def test_there_is_one_draft_and_only_its_author_sees_it(cast: Cast) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        assert open_response(by=cast.a, request=request) == open_response(by=cast.a, request=request)
    for other in (cast.prescriber, cast.therapist_a, cast.b, cast.lead):
        with door.opened(other.id):
            assert not Response.objects.exists()
            with pytest.raises(Refused):
                open_response(by=other, request=request)


def test_a_stale_save_changes_nothing(cast: Cast) -> None:
    request, item = request_for(cast), PHQ.items[0]
    with door.opened(cast.a.id):
        draft = open_response(by=cast.a, request=request)
        one, two = item.options[1].code, item.options[2].code
        save_answer(by=cast.a, response_id=draft.id, link_id=item.link_id, code=one, revision=0)
        with pytest.raises(Stale):
            save_answer(by=cast.a, response_id=draft.id, link_id=item.link_id, code=two, revision=0)
        same = save_answer(by=cast.a, response_id=draft.id, link_id=item.link_id, code=one, revision=0)
        assert (same.answers, same.revision) == ({item.link_id: one}, 1)


@pytest.mark.parametrize(("link_id", "code"), [("none", None), (PHQ.items[0].link_id, "none")])
def test_an_answer_foreign_to_the_questionnaire_is_refused(
    cast: Cast, link_id: str, code: str | None
) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        draft = open_response(by=cast.a, request=request)
        with pytest.raises(Refused):
            save_answer(by=cast.a, response_id=draft.id, link_id=link_id, code=code, revision=0)


def test_sent_is_scored_once_and_never_changed(cast: Cast) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        draft = open_response(by=cast.a, request=request)
        with pytest.raises(Refused):
            send(by=cast.a, response_id=draft.id)
        draft = fill(cast, draft, {"phq9-1": 3, "phq9-2": 2})
        sent = send(by=cast.a, response_id=draft.id)
        again = send(by=cast.a, response_id=draft.id)
        assert (sent.total, sent.band, sent.flags) == (Decimal(5), "mild", [])
        assert again.sent_at == sent.sent_at
        assert sent.instrument_version == PHQ.version
        with pytest.raises(Refused):
            save_answer(by=cast.a, response_id=draft.id, link_id="phq9-1", code=None, revision=draft.revision)
        assert AuditEntry.objects.filter(action="sent answers").count() == 1
    with door.opened(cast.prescriber.id):
        assert Response.objects.get().total == 5
    for other in (cast.b, cast.couples_therapist, cast.therapist_b, cast.lead, cast.nurse, cast.coordinator):
        with door.opened(other.id):
            assert not Response.objects.exists()


def test_rather_not_leaves_no_total_and_no_guess(cast: Cast) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        draft = fill(cast, open_response(by=cast.a, request=request), {"phq9-3": None})
        sent = send(by=cast.a, response_id=draft.id)
    assert (sent.total, sent.band) == (None, "")
    assert sent.answers["phq9-3"] is None


@pytest.mark.parametrize(("choice", "flagged"), [(0, False), (1, True), (3, True), (None, False)])
def test_item_nine_opens_one_flag_for_those_who_may_see_it(
    cast: Cast, choice: int | None, flagged: bool
) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        draft = fill(cast, open_response(by=cast.a, request=request), {"phq9-9": choice})
        send(by=cast.a, response_id=draft.id)
        send(by=cast.a, response_id=draft.id)
        assert not SafetyFlag.objects.exists()
    for clinician in (cast.prescriber, cast.therapist_a):
        with door.opened(clinician.id):
            assert SafetyFlag.objects.filter(subject=cast.a).count() == int(flagged)
    for other in (cast.b, cast.couples_therapist, cast.therapist_b, cast.nurse, cast.lead):
        with door.opened(other.id):
            assert not SafetyFlag.objects.exists()


def test_nobody_answers_or_sends_for_another(cast: Cast) -> None:
    request = request_for(cast)
    with door.opened(cast.a.id):
        draft = open_response(by=cast.a, request=request)
    for other in (cast.b, cast.prescriber):
        with door.opened(other.id):
            with pytest.raises(Refused):
                save_answer(by=other, response_id=draft.id, link_id="phq9-1", code=None, revision=0)
            with pytest.raises(Refused):
                send(by=other, response_id=draft.id)
