"""One form sent twice: in the same words it is kept once and nothing is said; in others, what stands is said."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.dosing import checklist_actions, gates, giving_actions, leaving_actions, visit_actions
from bothwell.models import Administration, DosingSession, GateCheck, Order, Sample
from bothwell.monitoring import entry_actions
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, calm, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    made = make_ready(make_cast())
    with door.opened(made.cast.nurse.id):
        visit_actions.arrive(by=made.cast.nurse, session_id=made.session.id, room=made.room)
    return made


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def on_duty(ready: Ready) -> dict[str, str]:
    prescriber, nurse = str(ready.cast.prescriber.id), str(ready.cast.nurse.id)
    return {"prescriber": prescriber, "nurse": nurse, "second": prescriber}


HOURS_AGO = {hours: (timezone.now() - timedelta(hours=hours)).isoformat() for hours in (3, 10)}


@pytest.mark.parametrize(
    ("name", "first", "other"),
    [
        ("consent_reaffirmed", False, True),
        ("suicide_rescreened", {"risk": False}, {"risk": True}),
        ("pregnancy", {"result": "negative"}, {"result": "positive"}),
        ("weight", "68", "86"),
        ("antiemetic", "given", "declined"),
        ("medications", {"changed": False, "what": ""}, {"changed": True, "what": "Moclobemide begun"}),
        ("escort", {"name": "Ruth", "phone": "555-0100", "is_here": False},
         {"name": "Ruth", "phone": "555-0199", "is_here": False}),
        ("equipment", [code for code, _ in gates.EQUIPMENT], ["oxygen"]),
        ("fasting", {"confirmed": True, "food_at": HOURS_AGO[10], "drink_at": HOURS_AGO[3]},
         {"confirmed": True, "food_at": HOURS_AGO[3], "drink_at": HOURS_AGO[3]}),
    ],
)  # fmt: skip
def test_an_item_of_the_checklist_in_other_words_is_told_and_in_the_same_kept_once(
    ready: Ready, name: str, first: Any, other: Any
) -> None:
    key = uuid4()

    def answer(value: Any, item: str = name) -> GateCheck:
        return checklist_actions.check(
            by=ready.cast.nurse, session_id=ready.session.id, name=item, value=value, request_id=key
        )

    with door.opened(ready.cast.nurse.id):
        kept = answer(first)
        assert answer(first) == kept
        with pytest.raises(SentBefore):
            answer(other)
        with pytest.raises(SentBefore):
            answer("taken", "another item")
        assert GateCheck.objects.filter(request_id=key).count() == 1


def test_who_is_on_duty_sent_again_is_the_same_although_somebody_is_called_otherwise_since(
    ready: Ready,
) -> None:
    key, who = uuid4(), on_duty(ready)

    def answer(said: dict[str, str]) -> GateCheck:
        return checklist_actions.check(
            by=ready.cast.nurse, session_id=ready.session.id, name="staffing", value=said, request_id=key
        )

    with door.opened(ready.cast.nurse.id):
        kept = answer(who)
    with loading():
        type(ready.cast.nurse).objects.filter(id=ready.cast.nurse.id).update(name_used="Luisa")
    with door.opened(ready.cast.nurse.id):
        assert answer(who) == kept
        with pytest.raises(SentBefore):
            answer(who | {"nurse": str(ready.cast.prescriber.id)})


def test_an_answer_sent_again_after_the_session_was_signed_off_is_no_trouble(ready: Ready) -> None:
    key = uuid4()

    def answer() -> GateCheck:
        return checklist_actions.check(
            by=ready.cast.nurse, session_id=ready.session.id, name="weight", value="68", request_id=key
        )

    with door.opened(ready.cast.nurse.id):
        kept = answer()
        leaving_actions.turn_back(
            by=ready.cast.nurse, session_id=ready.session.id, reason="Ate an hour ago.", signed_name="Luis"
        )
        assert answer() == kept


def test_the_room_shows_the_words_that_were_not_kept_and_takes_them_at_the_next_press(
    ready: Ready, nurse: Client
) -> None:
    address, key = f"/room/{ready.session.id}/check/suicide_rescreened", str(uuid4())
    assert nurse.post(address, {"request_id": key, "answer": "no"}).status_code == 302
    refused = nurse.post(address, {"request_id": key, "answer": "yes"})
    assert refused.status_code == 409
    form = refused.context["form"]
    assert form["answer"].value() == "yes"
    anew = form["request_id"].value()
    assert nurse.post(address, {"request_id": anew, "answer": "yes"}).status_code == 302
    with door.opened(ready.cast.nurse.id):
        said = GateCheck.objects.order_by("recorded_at").values_list("value", flat=True)
        assert list(said) == [{"risk": False}, {"risk": True}]


# ── the first dose ────────────────────────────────────────────────────────────────────────────────────────


def start(ready: Ready, key: UUID, **more: Any) -> DosingSession:
    now = timezone.now()
    asked: dict[str, Any] = {"order_id": ready.order.id, "pressures": calm(), "saturation_at": now} | more
    return giving_actions.start(by=ready.cast.nurse, session_id=ready.session.id, request_id=key, **asked)


@pytest.mark.parametrize("bag_ml", [None, Decimal(100)])
def test_a_start_sent_again_at_another_rate_is_told(ready: Ready, bag_ml: Decimal | None) -> None:
    with loading():
        Order.objects.filter(id=ready.order.id).update(bag_ml=bag_ml)
    key, rate = uuid4(), {"rate_ml_per_h": Decimal(150), "rate_reason": "Not asked for"}
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
        began = start(ready, key, **rate).started_at
        assert start(ready, key, **rate).started_at == began
        assert start(ready, key, **rate, at=began).started_at == began
        for other in (
            {"rate_ml_per_h": Decimal(75)},
            {"rate_ml_per_h": None},
            {"at": timezone.now() - timedelta(minutes=9)},
            {"order_id": uuid4()},
        ):
            with pytest.raises(SentBefore):
                start(ready, key, **rate | other)
        assert Administration.objects.get().rate_ml_per_h == 150


def test_a_start_of_another_reason_is_told_where_a_reason_was_asked_for(ready: Ready) -> None:
    with loading():
        Order.objects.filter(id=ready.order.id).update(bag_ml=Decimal(100))
    key = uuid4()
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
        start(ready, key, rate_ml_per_h=Decimal(75), rate_reason="A larger bag")
        start(ready, key, rate_ml_per_h=Decimal(75), rate_reason="A larger bag ")
        with pytest.raises(SentBefore):
            start(ready, key, rate_ml_per_h=Decimal(75), rate_reason="The pump is old")


def test_what_was_charted_under_the_number_of_something_else_is_no_start(ready: Ready) -> None:
    key = uuid4()
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
        giving_actions.administer(
            by=ready.cast.nurse, session_id=ready.session.id, event=Administration.Event.GIVEN,
            substance="Ondansetron", request_id=key,
        )  # fmt: skip
        with pytest.raises(SentBefore):
            start(ready, key)
        assert DosingSession.objects.get(id=ready.session.id).started_at is None


@pytest.mark.parametrize("named", ["Ketamine", "ketamine 30 mg", "Racemic Ketamine HCl", "Esketamine"])
def test_the_dose_is_not_charted_as_a_medicine_before_its_start(ready: Ready, named: str) -> None:
    """So charted it passed no gate, and the person could be turned back as if no dose had been given."""

    def give(substance: str) -> Administration:
        return giving_actions.administer(
            by=ready.cast.nurse, session_id=ready.session.id, event=Administration.Event.GIVEN, substance=substance,
            dose_mg=Decimal(30), route="im", request_id=uuid4(),
        )  # fmt: skip

    with door.opened(ready.cast.nurse.id):
        with pytest.raises(Refused, match="charted with Start, when every gate is passed"):
            give(named)
        give("Ondansetron")
    started_ago(ready, 20)
    with door.opened(ready.cast.nurse.id):
        more = give(named)
        session = DosingSession.objects.select_related("order").get(id=ready.session.id)
        is_counted = giving_actions.last_dose_at(session) == more.at
    assert is_counted is (named != "Esketamine"), "another drug than was ordered is no further part of it"


# ── what is measured, corrected and signed ────────────────────────────────────────────────────────────────


def test_a_pressure_sent_again_with_other_numbers_is_told_and_not_lost(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    address, said = f"/room/{ready.session.id}/enter/pressure", {"systolic": "124", "diastolic": "78"}
    key = {"request_id": str(uuid4())}
    for _ in range(2):
        assert nurse.post(address, said | key).status_code == 302
    worse = {"systolic": "194", "diastolic": "112"}
    for other in (worse, said | {"limb": "left arm"}, said | {"at": "00:01"}):
        refused = nurse.post(address, other | key)
        assert refused.status_code in (409, 422)
    refused = nurse.post(address, worse | key)
    assert (refused.status_code, 'value="194"' in refused.content.decode()) == (409, True)
    again = {"request_id": refused.context["form"]["request_id"].value()}
    assert nurse.post(address, worse | again).status_code == 302
    with loading():
        assert sorted(Sample.objects.filter(code="systolic").values_list("value", flat=True)) == [124, 194]


def test_a_note_or_a_correction_in_other_words_is_told(ready: Ready) -> None:
    session = started_ago(ready, 20)
    note, fix, by = uuid4(), uuid4(), ready.cast.nurse

    def enter(words: str) -> None:
        entry_actions.enter(by=by, session=session, readings={}, request_id=note, note=words)

    with door.opened(by.id):
        enter("Calm.")
        enter(" Calm. ")
        with pytest.raises(SentBefore):
            enter("Frightened.")
        (wrong,) = entry_actions.enter(
            by=by, session=session, readings={"spo2": Decimal(79)}, request_id=uuid4()
        ).samples

        def correct(value: int, reason: str = "Misread.") -> Sample:
            return entry_actions.correct(
                by=by, sample_id=wrong.id, value=Decimal(value), reason=reason, request_id=fix
            )

        assert correct(97) == correct(97)
        for other in ((99, "Misread."), (97, "Slipped.")):
            with pytest.raises(SentBefore):
                correct(*other)


def test_a_session_signed_off_in_one_way_is_not_taken_for_another(ready: Ready) -> None:
    end = {"session_id": ready.session.id, "reason": "Ate an hour ago.", "signed_name": "Luis"}
    with door.opened(ready.cast.nurse.id):
        kept = leaving_actions.turn_back(by=ready.cast.nurse, **end)
        assert leaving_actions.turn_back(by=ready.cast.nurse, **end) == kept
        with pytest.raises(Stale):
            leaving_actions.turn_back(by=ready.cast.nurse, **end | {"reason": "Wants to think it over."})
    with door.opened(ready.cast.prescriber.id), pytest.raises(Stale):
        leaving_actions.leave_early(by=ready.cast.prescriber, **end)


def test_a_summary_in_other_words_is_told(ready: Ready) -> None:
    key = uuid4()
    with door.opened(ready.cast.nurse.id):
        for _ in range(2):
            leaving_actions.summarise(
                by=ready.cast.nurse, session_id=ready.session.id, text="Calm.", request_id=key
            )
        with pytest.raises(SentBefore):
            leaving_actions.summarise(
                by=ready.cast.nurse, session_id=ready.session.id, text="Afraid.", request_id=key
            )
