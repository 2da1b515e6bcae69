"""What may be done in a session and what not, with the sentence the nurse reads; then the database's word."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bothwell.dosing import (
    checklist_actions,
    gate_actions,
    giving_actions,
    leaving_actions,
    order_actions,
    session_actions,
    visit_actions,
)
from bothwell.dosing import gates as gating
from bothwell.dosing.discharge import REQUIRED, Condition
from bothwell.models import (
    Administration,
    AuditEntry,
    Consent,
    ConsentReaffirmation,
    ConsentText,
    Couple,
    Course,
    Discharge,
    DosingSession,
    GateCheck,
    MedicalFact,
    Membership,
    Order,
    OrderWithdrawn,
    Sample,
    SessionSummary,
    Step,
)
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Route
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from bothwell.web import checklist_forms
from bothwell.web.access import in_words
from tests.cast import make_cast, pair
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, calm, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Iterator[Ready]:
    """The same, with the nurse's eyes."""
    with door.opened(ready.cast.nurse.id):
        yield ready


def arrive(ready: Ready) -> DosingSession:
    return visit_actions.arrive(by=ready.cast.nurse, session_id=ready.session.id, room=ready.room)


def start(ready: Ready, **changes: object) -> DosingSession:
    shown = order_actions.order_for(session_actions.session_of(ready.session.id))
    given = {
        "pressures": calm(),
        "saturation_at": timezone.now(),
        "request_id": uuid4(),
        "order_id": shown.id if shown else uuid4(),
    } | changes
    return giving_actions.start(by=ready.cast.nurse, session_id=ready.session.id, **given)  # type: ignore[arg-type]


# ── before the dose ───────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_checked_before_the_person_is_here(nurse: Ready) -> None:
    with pytest.raises(Refused, match="has not arrived"):
        checklist_actions.check(by=nurse.cast.nurse, session_id=nurse.session.id, name="weight", value="70")


def test_a_dose_is_refused_with_everything_that_is_missing(nurse: Ready) -> None:
    arrive(nurse)
    with pytest.raises(Refused) as refused:
        start(nurse, pressures=())
    for words in (
        "not been asked today",
        "Suicide risk",
        "Weight",
        "Blood pressure",
        "Fasting",
        "antiemetic",
        "escort",
    ):
        assert words in refused.value.reason
    assert DosingSession.objects.get(id=nurse.session.id).started_at is None
    assert not Administration.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("consent_reaffirmed", False, "not been asked today"),
        ("suicide_rescreened", {"risk": True}, "A positive answer about suicide is open"),
    ],
)
def test_an_answer_that_is_a_no_holds_the_dose(nurse: Ready, name: str, value: object, words: str) -> None:
    arrive(nurse)
    answer_all(nurse)
    checklist_actions.check(by=nurse.cast.nurse, session_id=nurse.session.id, name=name, value=value)
    with pytest.raises(Refused, match=words):
        start(nurse)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("weight", "seventy", "number of kilograms"),
        ("weight", "7", "20 to 400"),
        ("weight", "NaN", "20 to 400"),
        ("fasting", {"confirmed": True}, "last food"),
        ("fasting", {"confirmed": True, "food_at": "2999-01-01T00:00:00+00:00"}, "not come yet"),
        ("antiemetic", "forgotten", "not an answer"),
        ("escort", {"name": " ", "phone": "", "is_here": True}, "Name who"),
        ("escort", {"name": "Ruth", "phone": "", "is_here": False}, "How is the escort reached"),
        ("escort", "Ruth", "not an answer"),
        ("medications", {"changed": True, "what": " "}, "which medicine"),
        ("medications_seen", True, "Only the prescriber"),
        ("pregnancy", {"result": "perhaps"}, "not an answer"),
        ("suicide_rescreened", {"risk": None}, "not an answer"),
        ("mood", "fine", "not an answer"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_words(
    nurse: Ready, name: str, value: object, words: str
) -> None:
    arrive(nurse)
    with pytest.raises(Refused, match=words):
        checklist_actions.check(by=nurse.cast.nurse, session_id=nurse.session.id, name=name, value=value)
    assert not GateCheck.objects.exists()


def test_wanting_it_today_is_kept_with_the_consent_too(nurse: Ready) -> None:
    arrive(nurse)
    for _ in range(2):
        checklist_actions.check(
            by=nurse.cast.nurse, session_id=nurse.session.id, name="consent_reaffirmed", value=True,
            request_id=nurse.room.id,
        )  # fmt: skip
    (kept,) = ConsentReaffirmation.objects.all()
    assert kept.subject_id == nurse.cast.a.id
    assert GateCheck.objects.count() == 1


def test_todays_weight_counts_against_the_range(nurse: Ready) -> None:
    arrive(nurse)
    answer_all(nurse)
    checklist_actions.check(by=nurse.cast.nurse, session_id=nurse.session.id, name="weight", value="40")
    with pytest.raises(Refused, match="outside"):
        start(nurse)


def test_only_the_prescriber_goes_on_above_the_hold_limit_and_with_a_reason(ready: Ready) -> None:
    high = tuple(Pressure(Decimal(150), Decimal(95), timezone.now() - timedelta(minutes=m)) for m in (7, 1))
    ask = {"session_id": ready.session.id, "name": "pressure_override"}
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        with pytest.raises(Refused, match="above 140/90"):
            start(ready, pressures=high)
        with pytest.raises(Refused, match="Only the prescriber"):
            checklist_actions.check(by=ready.cast.nurse, value="Known white-coat pressure.", **ask)
    with door.opened(ready.cast.prescriber.id):
        with pytest.raises(Refused, match="reason in a sentence"):
            checklist_actions.check(by=ready.cast.prescriber, value="ok", **ask)
        checklist_actions.check(
            by=ready.cast.prescriber, value="Known white-coat pressure, seen today.", **ask
        )
    with door.opened(ready.cast.nurse.id):
        assert start(ready, pressures=high).started_at


def test_what_is_asked_before_a_session_is_looked_at_again_as_soon_as_its_dose_begins(
    nurse: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(nurse)
    answer_all(nurse)
    deferred: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(giving_actions, "later", lambda task, **ids: deferred.append((task, ids)))
    begun = start(nurse)
    assert deferred == [("measures.plan", {"clinic": begun.clinic_id, "person": begun.subject_id})]


def test_the_dose_starts_once_however_often_it_is_posted(nurse: Ready) -> None:
    arrive(nurse)
    answer_all(nurse)
    key = uuid4()
    first, second = start(nurse, request_id=key), start(nurse, request_id=key)
    assert first.started_at == second.started_at
    (given,) = Administration.objects.all()
    assert (given.event, given.substance, given.dose_mg) == ("start", "Ketamine", Decimal(34))
    assert first.order_id == nurse.order.id
    course = Course.objects.get(id=nurse.course.id)
    assert (course.phase, course.steps_taken) == ("dosing_series", 6)
    with pytest.raises(Refused, match="started already"):
        start(nurse)


def test_a_later_session_in_the_calendar_does_not_stand_in_the_way(nurse: Ready) -> None:
    later = timezone.now() + timedelta(days=7)
    visit_actions.schedule(by=nurse.cast.nurse, course=nurse.course, at=later)
    arrive(nurse)
    answer_all(nurse)
    assert start(nurse).started_at


@pytest.mark.parametrize("phase", ["referral", "evaluation", "joint_decision"])
def test_before_the_joint_decision_no_session_is_planned(ready: Ready, phase: str) -> None:
    nurse, week = ready.cast.nurse, timezone.now() + timedelta(days=7)
    with loading():
        Course.objects.filter(id=ready.course.id).update(phase=phase)
    with door.opened(nurse.id):
        course = Course.objects.get(id=ready.course.id)
        with pytest.raises(Refused, match="The joint decision comes first"):
            visit_actions.schedule(by=nurse, course=course, at=week)
        assert not DosingSession.objects.filter(scheduled_at=week).exists()


def test_an_order_is_for_one_session(nurse: Ready) -> None:
    arrive(nurse)
    answer_all(nurse)
    start(nurse)
    next_one = visit_actions.schedule(
        by=nurse.cast.nurse, course=nurse.course, at=timezone.now() + timedelta(days=7)
    )
    assert order_actions.order_for(next_one) is None


def signed_again(ready: Ready, **changes: Any) -> Order:
    """Another order for the same course, signed after the first."""
    kept = {one.attname: getattr(ready.order, one.attname) for one in Order._meta.concrete_fields}
    with loading():
        return Order.objects.create(**kept | {"id": uuid4(), "recorded_at": timezone.now(), **changes})


def test_an_order_that_was_replaced_never_comes_back(ready: Ready) -> None:
    newer = signed_again(ready)
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        assert start(ready).order_id == newer.id
        week = timezone.now() + timedelta(days=7)
        next_one = visit_actions.schedule(by=ready.cast.nurse, course=ready.course, at=week)
        assert order_actions.order_for(next_one) is None


def test_an_order_of_another_route_than_was_decided_on_waits_for_nobody(ready: Ready) -> None:
    signed_again(ready, route="im")
    with door.opened(ready.cast.nurse.id):
        assert order_actions.order_for(ready.session) is None


def test_with_a_withdrawn_order_nothing_starts(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        shown = order_actions.order_for(ready.session)
    assert shown
    with door.opened(ready.cast.prescriber.id):
        asked = {"by": ready.cast.prescriber, "course": ready.course, "order_id": shown.id}
        kept = order_actions.withdraw(**asked, reason="The weight was another's.")
        assert order_actions.withdraw(**asked, reason="Again") == kept
    with door.opened(ready.cast.nurse.id):
        assert order_actions.order_for(ready.session) is None
        with pytest.raises(Refused, match="order"):
            start(ready, order_id=shown.id)


def test_an_order_that_was_begun_is_not_withdrawn(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        started = start(ready)
    with door.opened(ready.cast.prescriber.id), pytest.raises(Refused, match="began with this order"):
        order_actions.withdraw(
            by=ready.cast.prescriber, course=ready.course, order_id=started.order_id, reason="Too late"
        )


@pytest.mark.parametrize("first", ["given", "withdrawn"])
def test_the_database_itself_takes_one_of_the_two(ready: Ready, first: str) -> None:
    about = {"clinic": ready.cast.clinic, "subject": ready.cast.a, "couple": ready.cast.couple}

    def give() -> None:
        DosingSession.objects.filter(id=ready.session.id).update(order=ready.order)

    def withdraw() -> None:
        OrderWithdrawn.objects.create(**about, author=ready.cast.prescriber, order=ready.order, reason="Why")

    steps = (give, withdraw) if first == "given" else (withdraw, give)
    with loading():
        steps[0]()
        with pytest.raises(IntegrityError, match="never both"), transaction.atomic():
            steps[1]()


def test_who_is_on_the_team_but_not_at_the_bed_changes_nothing(ready: Ready) -> None:
    therapist = ready.cast.therapist_a
    with door.opened(therapist.id), pytest.raises(Refused, match="nurse or prescriber"):
        visit_actions.arrive(by=therapist, session_id=ready.session.id, room=ready.room)
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
    with door.opened(therapist.id):
        for refused in (
            lambda: checklist_actions.check(
                by=therapist, session_id=ready.session.id, name="weight", value="70"
            ),
            lambda: leaving_actions.turn_back(
                by=therapist, session_id=ready.session.id, reason="Not fit for it today.", signed_name="Priya"
            ),
        ):
            with pytest.raises(Refused):
                refused()
    with door.opened(ready.cast.a.id), pytest.raises(Refused):
        checklist_actions.check(by=ready.cast.a, session_id=ready.session.id, name="weight", value="70")
    with door.opened(ready.cast.stranger_prescriber.id), pytest.raises(Refused, match="no such session"):
        checklist_actions.check(
            by=ready.cast.stranger_prescriber, session_id=ready.session.id, name="weight", value="70"
        )


# ── one at a time ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_second_partner_reads_a_sentence(nurse: Ready) -> None:
    arrive(nurse)
    with pytest.raises(Refused, match="Another session in this couple's care is open"):
        visit_actions.arrive(by=nurse.cast.nurse, session_id=nurse.partners.id, room=nurse.other_room)
    assert DosingSession.objects.get(id=nurse.partners.id).arrived_at is None


def test_the_second_partner_may_come_once_the_first_is_signed_off(nurse: Ready) -> None:
    arrive(nurse)
    leaving_actions.turn_back(
        by=nurse.cast.nurse,
        session_id=nurse.session.id,
        reason="Ate breakfast an hour ago.",
        signed_name="Luis",
    )
    assert visit_actions.arrive(by=nurse.cast.nurse, session_id=nurse.partners.id, room=nurse.room).arrived_at


def test_the_database_refuses_both_partners_even_when_nobody_asks_the_action(ready: Ready) -> None:
    with loading(), connection.cursor() as cursor:
        sql = "update bothwell_dosingsession set arrived_at = now() where id = %s"
        cursor.execute(sql, [ready.session.id])
        with pytest.raises(IntegrityError, match="never_both_partners_at_once"), transaction.atomic():
            cursor.execute(sql, [ready.partners.id])


@pytest.fixture(params=["begun alone", "together again"])
def changed(ready: Ready, request: pytest.FixtureRequest) -> Ready:
    """The same two, a couple now of which their sessions do not say: one or both began alone, or in a couple that parted."""
    both = [ready.session.id, ready.partners.id]
    with loading():
        if request.param == "begun alone":
            DosingSession.objects.filter(id__in=both).update(couple=None)
        else:
            Couple.objects.filter(id=ready.cast.couple.id).update(
                formed_at=timezone.now() - timedelta(days=9), parted_at=timezone.now()
            )
            Membership.objects.filter(couple=ready.cast.couple).update(until=timezone.now())
            again = pair(ready.cast.clinic, ready.cast.a, ready.cast.b)
            DosingSession.objects.filter(id=ready.partners.id).update(couple=again)
    return ready


def test_what_counts_is_the_couple_they_are_in_now(changed: Ready) -> None:
    with door.opened(changed.cast.nurse.id):
        assert not is_other_open(changed)
        arrive(changed)
        assert is_other_open(changed)
        with pytest.raises(Refused, match="Another session in this couple's care is open"):
            visit_actions.arrive(
                by=changed.cast.nurse, session_id=changed.partners.id, room=changed.other_room
            )
        leaving_actions.turn_back(
            by=changed.cast.nurse, session_id=changed.session.id, reason="Ate an hour ago.", signed_name="L"
        )
        arrived = visit_actions.arrive(
            by=changed.cast.nurse, session_id=changed.partners.id, room=changed.other_room
        )
    assert arrived.arrived_at
    with loading(), pytest.raises(IntegrityError, match="at once"), transaction.atomic():
        DosingSession.objects.filter(id=changed.session.id).update(ended_at=None)


def is_other_open(ready: Ready) -> bool | None:
    """What the gate before the partner's dose finds."""
    return gate_actions.before(session_actions.session_of(ready.partners.id), [], None).is_other_session_open


def test_a_room_holds_one_person(ready: Ready) -> None:
    with loading():
        DosingSession.objects.filter(id=ready.partners.id).update(couple=None)
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        two_in_a_room(ready)


def two_in_a_room(nurse: Ready) -> None:
    with pytest.raises(Refused, match="room is taken"):
        visit_actions.arrive(by=nurse.cast.nurse, session_id=nurse.partners.id, room=nurse.room)


def test_arriving_twice_in_the_same_room_is_arriving(nurse: Ready) -> None:
    first = arrive(nurse)
    assert arrive(nurse).arrived_at == first.arrived_at
    with pytest.raises(Stale):
        visit_actions.arrive(by=nurse.cast.nurse, session_id=nurse.session.id, room=nurse.other_room)


# ── during ────────────────────────────────────────────────────────────────────────────────────────────────


def give(ready: Ready, event: str, **more: object) -> Administration:
    asked = {
        "by": ready.cast.nurse,
        "session_id": ready.session.id,
        "substance": "Ketamine",
        "request_id": uuid4(),
    }
    return giving_actions.administer(event=Administration.Event(event), **asked | more)  # type: ignore[arg-type]


def test_an_infusion_is_paused_resumed_and_stopped_in_that_order_only(nurse: Ready) -> None:
    arrive(nurse)
    with pytest.raises(Refused, match="has not been started"):
        give(nurse, "pause")
    answer_all(nurse)
    session = start(nurse)
    assert giving_actions.is_running(session)
    with pytest.raises(Refused, match="not paused"):
        give(nurse, "resume")
    give(nurse, "pause")
    assert giving_actions.is_running(session), "a pause is not the end"
    with pytest.raises(Refused, match="not running"):
        give(nurse, "pause")
    give(nurse, "resume")
    give(nurse, "stop")
    assert not giving_actions.is_running(session)
    with pytest.raises(Refused, match="over"):
        give(nurse, "stop")


def test_a_time_lies_after_what_was_charted_before_it(ready: Ready) -> None:
    started_ago(ready, 30)
    started = DosingSession.objects.get
    with loading():
        session = started(id=ready.session.id)
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=session, event="start", substance="Ketamine", dose_mg=34, route="iv", at=session.started_at,
        )  # fmt: skip
    now = timezone.now()
    with door.opened(ready.cast.nurse.id):
        kept = give(ready, "pause", at=now - timedelta(minutes=10))
        assert (kept.substance, kept.route, kept.dose_mg) == ("Ketamine", "iv", None)
        for wrong, words in (
            (now - timedelta(minutes=12), "Something later was charted"),
            (now - timedelta(minutes=90), "between the arrival and now"),
            (now + timedelta(minutes=1), "between the arrival and now"),
        ):
            with pytest.raises(Refused, match=words):
                give(ready, "resume", at=wrong)
        same_minute = kept.at.replace(second=0, microsecond=0)
        assert give(ready, "resume", at=same_minute).at == kept.at, "a minute typed reaches to its end"
        with pytest.raises(Refused, match="mL/h"):
            give(ready, "rate")
        assert give(ready, "rate", rate_ml_per_h=Decimal("0.51")).rate_ml_per_h == Decimal("0.51")
        with pytest.raises(Refused, match="no infusion"):
            give(ready, "dose")


def test_what_was_answered_yesterday_opens_no_gate_today(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        visit_actions.arrive(by=ready.cast.nurse, session_id=ready.session.id, room=ready.room)
        answer_all(ready)
        session = DosingSession.objects.get(id=ready.session.id)
        of_today = {one.name for one in gate_actions.gates_of(session, calm(), timezone.now()) if one.passed}
    with loading():
        GateCheck.objects.filter(session=session).update(recorded_at=timezone.now() - timedelta(days=1))
    with door.opened(ready.cast.nurse.id):
        now_passed = {
            one.name for one in gate_actions.gates_of(session, calm(), timezone.now()) if one.passed
        }
    asked = {
        gating.Gate.FASTING, gating.Gate.WEIGHT_RECORDED, gating.Gate.ANTIEMETIC, gating.Gate.ESCORT,
        gating.Gate.EQUIPMENT, gating.Gate.STAFFING, gating.Gate.CONSENT_REAFFIRMED,
    }  # fmt: skip
    assert asked <= of_today
    assert not asked & now_passed


def otherwise(ready: Ready, route: str, mg: int, product: str) -> None:
    """The same session, its dose by another route."""
    with loading():
        text = ConsentText.objects.create(
            clinic=ready.cast.clinic, kind="treatment", code=route, title="Treatment", body="What this is.",
            sha256="0" * 64,
        )  # fmt: skip
        Consent.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.a,
            text=text, sha256=text.sha256, signed_name="Amara",
        )  # fmt: skip
        Course.objects.filter(id=ready.course.id).update(route=route)
        Order.objects.filter(id=ready.order.id).update(
            route=route, dose_mg=mg, minutes=None, product=product, concentration_mg_per_ml=None
        )


def begun(ready: Ready) -> DosingSession:
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        long_ago = (timezone.now() - timedelta(hours=10)).isoformat()  # enough for every route
        fasting = {"confirmed": True, "food_at": long_ago, "drink_at": long_ago}
        checklist_actions.check(
            by=ready.cast.nurse, session_id=ready.session.id, name="fasting", value=fasting
        )
        return start(ready)


def test_devices_are_charted_one_by_one_five_minutes_apart(ready: Ready) -> None:
    otherwise(ready, "in", 56, "Esketamine nasal spray")
    session = begun(ready)
    with door.opened(ready.cast.nurse.id):
        (first,) = Administration.objects.all()
        assert (first.event, first.dose_mg) == ("dose", Decimal(28))
        assert giving_actions.is_running(session)
        with pytest.raises(Refused, match="Too early: the next device"):
            give(ready, "dose")
    with loading():
        long_ago = timezone.now() - timedelta(minutes=6)
        DosingSession.objects.filter(id=session.id).update(arrived_at=long_ago, started_at=long_ago)
        Administration.objects.filter(id=first.id).update(at=long_ago)
    with door.opened(ready.cast.nurse.id):
        second = give(ready, "dose")
        assert (second.substance, second.dose_mg, second.route) == (
            "Esketamine nasal spray",
            Decimal(28),
            "in",
        )
        assert not giving_actions.is_running(DosingSession.objects.get(id=session.id))
        with pytest.raises(Refused, match="The dose is over"):
            give(ready, "dose")


def test_a_tablet_is_in_the_mouth_until_charted_otherwise(ready: Ready) -> None:
    otherwise(ready, "sl", 100, "Ketamine lozenge")
    session = begun(ready)
    with door.opened(ready.cast.nurse.id):
        assert giving_actions.is_running(session)
        with pytest.raises(Refused, match="no infusion"):
            give(ready, "pause")
        give(ready, "spat")
        assert not giving_actions.is_running(session)
        with pytest.raises(Refused, match="The dose is over"):
            give(ready, "swallow")


def test_a_start_is_dated_back_only_to_when_every_gate_was_passed(nurse: Ready) -> None:
    arrive(nurse)
    answer_all(nurse)
    with pytest.raises(Refused, match="not been asked"):
        start(nurse, at=DosingSession.objects.get(id=nurse.session.id).arrived_at)
    with pytest.raises(Refused, match="between the arrival and now"):
        start(nurse, at=timezone.now() - timedelta(hours=1))
    assert DosingSession.objects.get(id=nurse.session.id).started_at is None


def test_who_is_here_are_the_clinics_own_and_the_second_checker_is_somebody_else(nurse: Ready) -> None:
    arrive(nurse)
    cast = nurse.cast
    good = {
        "prescriber": str(cast.prescriber.id),
        "nurse": str(cast.nurse.id),
        "second": str(cast.prescriber.id),
    }
    for changed, words in (
        ({"second": str(cast.nurse.id)}, "somebody else than the nurse"),
        ({"prescriber": str(cast.nurse.id)}, "prescriber on site"),
        ({"nurse": str(cast.therapist_a.id)}, "The nurse must be"),
        ({"second": str(cast.other_lead.id)}, "second checker must be a nurse or prescriber"),
    ):
        with pytest.raises(Refused, match=words):
            checklist_actions.check(
                by=cast.nurse, session_id=nurse.session.id, name="staffing", value=good | changed
            )
    kept = checklist_actions.check(by=cast.nurse, session_id=nurse.session.id, name="staffing", value=good)
    assert kept.value["second"] == {"id": str(cast.prescriber.id), "name": "Helen"}


def test_a_pregnancy_test_counts_wherever_it_was_made_and_the_newest_counts(ready: Ready) -> None:
    def gate() -> str:
        with door.opened(ready.cast.nurse.id):
            session = session_actions.session_of(ready.session.id)
            found = {one.name: one for one in gate_actions.gates_of(session, calm(), timezone.now())}
            return found["pregnancy"].reason

    def fact(code: str, value: bool, days_ago: float) -> None:
        with loading():
            MedicalFact.objects.create(
                clinic=ready.cast.clinic, subject=ready.cast.a, author=ready.cast.prescriber, code=code,
                value=value, source="laboratory", observed_at=timezone.now() - timedelta(days=days_ago),
            )  # fmt: skip

    with door.opened(ready.cast.nurse.id):
        arrive(ready)
    assert gate().startswith("Not applicable")
    fact("pregnancy_possible", True, 8)
    assert "no test is on record" in gate()
    fact("pregnant", False, 7.5)
    assert "older than 7 days" in gate()
    fact("pregnant", False, 3)
    assert gate().startswith("Not pregnant")
    with door.opened(ready.cast.nurse.id):
        checklist_actions.check(
            by=ready.cast.nurse, session_id=ready.session.id, name="pregnancy", value={"result": "positive"}
        )
    assert "was positive" in gate()


def test_a_medicine_posted_twice_is_given_once_and_never_in_the_future(nurse: Ready) -> None:
    arrive(nurse)
    key = uuid4()
    for _ in range(2):
        give(nurse, "given", substance="Ondansetron", dose_mg=Decimal(4), route="iv", request_id=key)
    assert Administration.objects.count() == 1
    with pytest.raises(Refused, match="between the arrival and now"):
        give(nurse, "given", at=timezone.now() + timedelta(minutes=5))
    with pytest.raises(Refused, match="what was given"):
        give(nurse, "given", substance=" ")


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────


def well(session: DosingSession, **changes: object) -> Condition:
    """Somebody who may go home."""
    now, begun = timezone.now(), session.started_at
    assert begun
    return Condition(
        **{
            "now": now,
            "route": Route.IV,
            "started_at": begun,
            "is_dose_running": False,
            "answers": {"vitals": 2, "gait": 2, "nausea": 2, "pain": 2, "bleeding": 2},
            "sedation": 5,
            "dissociation": 0,
            "dissociation_at": now,
            "spo2_percent": Decimal(97),
            "spo2_baseline_percent": Decimal(98),
            "is_on_room_air": True,
            "pressure": Pressure(Decimal(126), Decimal(78), now),
            "pressure_baseline": Pressure(Decimal(124), Decimal(78), begun),
            "checked": dict.fromkeys(REQUIRED, True),
        }
        | changes
    )  # type: ignore[arg-type]


def asked_again(ready: Ready) -> GateCheck:
    """What was answered about suicide before going home."""
    return checklist_actions.check(
        by=ready.cast.nurse, session_id=ready.session.id, name="suicide_rescreened", value={"risk": False}
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sedation": 4}, "MOAA/S 4, 5 needed"),
        ({"dissociation": 1}, "Dissociation was charted as mild at"),
        ({"checked": dict.fromkeys(REQUIRED, True) | {"escort_present": False}}, "escort is not here"),
        ({"answers": {}}, "not answered"),
        ({"spo2_percent": Decimal(93)}, "SpO2 93"),
        ({"pressure": None}, "after the dose"),
    ],
)
def test_nobody_goes_home_before_every_criterion_is_met(
    ready: Ready, changes: dict[str, object], words: str
) -> None:
    session = started_ago(ready, 130)
    with door.opened(ready.cast.nurse.id):
        asked_again(ready)
        with pytest.raises(Refused, match=words):
            leaving_actions.sign_discharge(
                by=ready.cast.nurse,
                session_id=session.id,
                condition=well(session, **changes),
                signed_name="Luis",
            )
    with loading():
        assert not Discharge.objects.exists()


def test_a_signed_discharge_keeps_every_criterion_and_moves_the_course_once(ready: Ready) -> None:
    session = started_ago(ready, 130)
    sign = {"by": ready.cast.nurse, "session_id": session.id, "condition": well(session)}
    with door.opened(ready.cast.nurse.id):
        asked_again(ready)
        with pytest.raises(Refused, match="Type your name"):
            leaving_actions.sign_discharge(signed_name=" ", **sign)
        first = leaving_actions.sign_discharge(signed_name="Luis", **sign)
        assert leaving_actions.sign_discharge(signed_name="Luis", **sign) == first
        with pytest.raises(Stale, match="in other words"):
            leaving_actions.leave_early(
                by=ready.cast.nurse, session_id=session.id, reason="Went home with Ruth.", signed_name="Luis"
            )
        assert len(first.criteria) == 14
        assert all(one["met"] for one in first.criteria)
        course = Course.objects.get(id=ready.course.id)
        assert (course.phase, course.steps_taken) == ("individual_integration", 6)
        with pytest.raises(Refused, match="signed off"):
            give(ready, "given", substance="Ondansetron")


def test_turning_back_keeps_what_was_recorded_and_steps_back(nurse: Ready) -> None:
    arrive(nurse)
    answer_all(nurse)
    checks = GateCheck.objects.count()
    end = {"by": nurse.cast.nurse, "session_id": nurse.session.id, "signed_name": "Luis"}
    with pytest.raises(Refused, match="in a sentence"):
        leaving_actions.turn_back(reason="no", **end)
    kept = leaving_actions.turn_back(reason="Ate breakfast an hour ago.", **end)
    assert leaving_actions.turn_back(reason="Ate breakfast an hour ago.", **end) == kept
    session = DosingSession.objects.get(id=nurse.session.id)
    assert (session.outcome, session.started_at) == ("turned_back", None)
    assert GateCheck.objects.count() == checks
    course = Course.objects.get(id=nurse.course.id)
    assert (course.phase, course.state) == ("preparation", "active")
    assert Step.objects.get(course=course, number=6).event == "step_back"
    with pytest.raises(Refused, match="signed off"):
        start(nurse)


def test_after_a_dose_there_is_no_turning_back_and_before_it_no_leaving_early(ready: Ready) -> None:
    end = {"by": ready.cast.nurse, "session_id": ready.session.id, "signed_name": "Luis"}
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        with pytest.raises(Refused, match="Turn back instead"):
            leaving_actions.leave_early(reason="Wants to go home at once.", **end)
    started_ago(ready, 20)
    with door.opened(ready.cast.nurse.id):
        with pytest.raises(Refused, match="ends with a discharge"):
            leaving_actions.turn_back(reason="Wants to go home at once.", **end)
        kept = leaving_actions.leave_early(reason="Left against advice with Ruth; told not to drive.", **end)
    assert kept.outcome == "left_early"


def test_a_summary_is_written_once_and_not_by_everybody(ready: Ready) -> None:
    started_ago(ready, 130)
    key = uuid4()
    with door.opened(ready.cast.therapist_a.id):
        for _ in range(2):
            leaving_actions.summarise(
                by=ready.cast.therapist_a,
                session_id=ready.session.id,
                text="A quiet session.",
                request_id=key,
            )
    with door.opened(ready.cast.therapist_a.id):
        assert SessionSummary.objects.count() == 1
    with door.opened(ready.cast.a.id), pytest.raises(Refused):
        leaving_actions.summarise(by=ready.cast.a, session_id=ready.session.id, text="Mine.")


def test_every_write_leaves_an_entry_in_the_log(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        arrive(ready)
        answer_all(ready)
        start(ready)
    with loading():
        said = set(AuditEntry.objects.filter(subject=ready.cast.a).values_list("action", flat=True))
    assert {
        "arrived",
        "checked the weight",
        "reaffirmed consent",
        "gave the first dose",
        "step: advance",
    } <= said


def test_what_the_monitor_said_is_not_counted_by_the_tests_helper_as_the_persons(ready: Ready) -> None:
    started_ago(ready, 10)
    chart(ready, 5, heart_rate=80)
    with loading():
        assert Sample.objects.get().author_id is None


def test_the_log_names_what_was_checked_in_words(ready: Ready) -> None:
    from_the_form = set(checklist_forms.CHECKS)
    assert from_the_form <= set(checklist_actions.CHECKED)
    assert not [words for words in checklist_actions.CHECKED.values() if "_" in words]
    older = AuditEntry(action="checked consent_reaffirmed", item_kind="dosing.flowsheet")
    assert [line.did for line in in_words([older], ready.cast.a)] == [
        "checked that today's session is wanted"
    ]
