"""Asking, drafting and sending, as the database keeps it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bothwell.instruments.actions import (
    ask,
    enter_on_behalf,
    open_response,
    record,
    save_answer,
    send,
    standing_of,
)
from bothwell.instruments.answering import Event, Outcome
from bothwell.instruments.catalogue import load
from bothwell.instruments.instrument import Item
from bothwell.models import Answered, AuditEntry, Person, Request, Response, SafetyFlag
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

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


# ── batches of answers, from several devices ──────────────────────────────────────────────────────────────


ONE, TWO = uuid4(), uuid4()
FIRST = PHQ.items[0]


def event(option: int | None, device: UUID = ONE, after: Event | None = None, item: Item = FIRST) -> Event:
    answer = None if option is None else item.options[option].code
    return Event(uuid4(), item.link_id, answer, device, after.event if after else None, timezone.now())


def opened(cast: Cast, instrument: str = "phq-9") -> Response:
    request = request_for(cast, instrument)
    with door.opened(cast.a.id):
        return open_response(by=cast.a, request=request)


def test_a_batch_is_kept_in_order_and_a_repeat_answers_as_the_first_time(cast: Cast) -> None:
    draft = opened(cast)
    one = event(1)
    two = event(2, after=one)
    with door.opened(cast.a.id):
        first = record(by=cast.a, response_id=draft.id, events=[one, two])
        again = record(by=cast.a, response_id=draft.id, events=[two, one])
        assert first.outcomes == again.outcomes == {one.event: Outcome.KEPT, two.event: Outcome.KEPT}
        assert again.response.answers == {FIRST.link_id: FIRST.options[2].code}
        assert (again.response.revision, Answered.objects.count()) == (1, 2)


def test_of_two_devices_the_earlier_answer_stands_until_the_person_chooses(cast: Cast) -> None:
    draft = opened(cast)
    one, two = event(1), event(3, TWO)
    with door.opened(cast.a.id):
        record(by=cast.a, response_id=draft.id, events=[one])
        other = record(by=cast.a, response_id=draft.id, events=[two])
        assert other.outcomes == {two.event: Outcome.IN_CONFLICT}
        assert other.response.answers == {FIRST.link_id: FIRST.options[1].code}
        standing = standing_of(other.response)[FIRST.link_id]
        assert standing.rival is not None
        assert standing.rival.answer == FIRST.options[3].code
        chosen = record(by=cast.a, response_id=draft.id, events=[event(3, TWO, after=one)])
        assert chosen.response.answers == {FIRST.link_id: FIRST.options[3].code}
        assert standing_of(chosen.response)[FIRST.link_id].rival is None


def test_what_no_questionnaire_takes_is_kept_nowhere_and_holds_up_nothing(cast: Cast) -> None:
    draft = opened(cast)
    foreign, good = replace(event(0), answer="zzz"), event(1)
    with door.opened(cast.a.id):
        recorded = record(by=cast.a, response_id=draft.id, events=[foreign, good])
        assert recorded.outcomes == {foreign.event: Outcome.REFUSED, good.event: Outcome.KEPT}
        assert list(recorded.reasons) == [foreign.event]
        assert Answered.objects.count() == 1


def test_what_comes_after_sending_is_refused_and_what_was_in_before_is_not(cast: Cast) -> None:
    draft = opened(cast)
    early, late = event(0), event(3)
    with door.opened(cast.a.id):
        record(by=cast.a, response_id=draft.id, events=[early])
        fill(cast, Response.objects.get(id=draft.id))
        sent = send(by=cast.a, response_id=draft.id)
        recorded = record(by=cast.a, response_id=draft.id, events=[early, late])
        assert recorded.outcomes == {early.event: Outcome.KEPT, late.event: Outcome.REFUSED}
        assert "sent already" in recorded.reasons[late.event]
        assert recorded.response.answers == sent.answers
        assert not Answered.objects.filter(event=late.event).exists()


def test_nobody_else_hands_in_answers_and_nobody_else_reads_them(cast: Cast) -> None:
    draft = opened(cast)
    with door.opened(cast.a.id):
        record(by=cast.a, response_id=draft.id, events=[event(1)])
    for other in (cast.b, cast.prescriber, cast.therapist_a, cast.lead):
        with door.opened(other.id):
            assert not Answered.objects.exists()
            with pytest.raises(Refused):
                record(by=other, response_id=draft.id, events=[event(2)])


def test_what_was_not_seen_is_not_sent(cast: Cast) -> None:
    draft = opened(cast)
    with door.opened(cast.a.id):
        seen = fill(cast, draft)
        record(by=cast.a, response_id=draft.id, events=[event(0, TWO, item=PHQ.items[1])])
        with pytest.raises(Stale):
            send(by=cast.a, response_id=draft.id, revision=seen.revision)
        assert send(by=cast.a, response_id=draft.id, revision=seen.revision + 1).status == "sent"


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_two_devices_leaves_in_the_draft_only_what_was_kept(
    cast: Cast, data: st.DataObject
) -> None:
    with transaction.atomic():
        with loading():
            draft = Response.objects.create(
                clinic=cast.clinic, subject=cast.a, author=cast.a, instrument="phq-9", kind="measure.predose",
                instrument_version=PHQ.version, wave=str(uuid4()),
            )  # fmt: skip
        streams: list[list[Event]] = []
        for device in (ONE, TWO):
            stream: list[Event] = []
            for at in data.draw(st.lists(st.sampled_from([None, 0, 1, 2, 3]), max_size=4)):
                stream.append(event(at, device, after=stream[-1] if stream else None))
            streams.append(stream)
        with door.opened(cast.a.id):
            left = [0, 0]
            while any(left[each] < len(streams[each]) for each in (0, 1)):
                each = data.draw(st.sampled_from([d for d in (0, 1) if left[d] < len(streams[d])]))
                until = data.draw(st.integers(left[each] + 1, len(streams[each])))
                since = data.draw(st.integers(0, left[each]))
                record(by=cast.a, response_id=draft.id, events=streams[each][since:until])
                left[each] = until
            stored = list(Answered.objects.filter(response=draft).order_by("recorded_at"))
            answers = Response.objects.get(id=draft.id).answers
        assert sorted(row.event for row in stored) == sorted(one.event for each in streams for one in each)
        assert len({row.recorded_at for row in stored}) == len(stored)
        kept = [row.answer for row in stored if row.outcome == Outcome.KEPT]
        assert answers == ({FIRST.link_id: kept[-1]} if kept else {})
        transaction.set_rollback(True)


# ── copied from paper ─────────────────────────────────────────────────────────────────────────────────────


def enter(cast: Cast, by: Person, instrument: str = "phq-9", **more: Any) -> Response:
    answers = {item.link_id: item.options[1].code for item in load(instrument).items}
    given = {
        "subject": cast.a, "instrument_id": instrument, "wave": "w1", "answers": answers, "entered_as": "paper",
        "answered_at": timezone.now() - timedelta(hours=3), "request_id": uuid4(), **more,
    }  # fmt: skip
    with door.opened(by.id):
        return enter_on_behalf(by=by, **given)


def test_a_paper_form_is_scored_followed_up_and_kept_once(cast: Cast) -> None:
    key = uuid4()
    entered = enter(cast, cast.prescriber, request_id=key)
    assert enter(cast, cast.prescriber, request_id=key).id == entered.id
    with door.opened(cast.prescriber.id):
        row = Response.objects.get()
        assert (row.total, row.status, row.entered_as, row.author, row.request) == (
            9, "sent", "paper", cast.prescriber, None,
        )  # fmt: skip
        assert SafetyFlag.objects.filter(subject=cast.a).count() == 1
    with door.opened(cast.lead.id):
        assert AuditEntry.objects.filter(action="entered answers", subject_id=cast.a.id).count() == 1
    with door.opened(cast.a.id):
        assert Response.objects.get().id == key


def test_left_blank_is_declined(cast: Cast) -> None:
    entered = enter(cast, cast.nurse, answers={FIRST.link_id: FIRST.options[2].code})
    assert (entered.answers[FIRST.link_id], entered.answers["phq9-2"]) == (FIRST.options[2].code, None)
    assert entered.total is None


@pytest.mark.parametrize(
    "who", ["b", "lead", "coordinator", "therapist_b", "stranger_prescriber", "other_lead"]
)
def test_only_those_who_care_for_a_person_enter_for_them(cast: Cast, who: str) -> None:
    with pytest.raises(Refused):
        enter(cast, getattr(cast, who))


def test_the_screen_about_home_is_the_safety_circles_to_enter(cast: Cast) -> None:
    for other in (cast.prescriber, cast.nurse, cast.therapist_a):
        with pytest.raises(Refused):
            enter(cast, other, "hark")
    enter(cast, cast.safety, "hark")
    with door.opened(cast.safety.id):
        assert Response.objects.get().kind == "screen.violence"
    for unaware in (cast.a, cast.b, cast.prescriber, cast.lead):
        with door.opened(unaware.id):
            assert not Response.objects.exists()
            assert not AuditEntry.objects.filter(action="entered answers").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"answered_at": timezone.now() + timedelta(days=1)},
        {"answered_at": timezone.now() - timedelta(days=367)},
        {"entered_as": "self"},
        {"answers": {"phq9-1": "none"}},
        {"answers": {"none": None}},
        {"instrument_id": "none-such"},
    ],
)
def test_what_cannot_be_is_not_entered(cast: Cast, more: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        enter(cast, cast.prescriber, **more)


@pytest.mark.parametrize(("who", "instrument"), [("prescriber", "phq-9"), ("safety", "hark")])
def test_a_slip_in_the_year_is_said_and_a_paper_of_last_winter_is_taken(
    cast: Cast, who: str, instrument: str
) -> None:
    by = getattr(cast, who)
    with pytest.raises(Refused, match=r"That is more than a year ago\. Check the year\."):
        enter(cast, by, instrument, answered_at=timezone.now() - timedelta(days=367))
    at = timezone.now() - timedelta(days=364)
    assert enter(cast, by, instrument, answered_at=at).sent_at == at
