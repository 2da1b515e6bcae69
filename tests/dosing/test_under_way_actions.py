"""A dose under way, in the room and by the feed: another pace than ordered, its end, a further part, a second post."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.dosing import giving_actions, leaving_actions, session_actions, syringe_actions
from bothwell.models import Administration, Course, DosingSession, Order
from bothwell.privacy import door
from bothwell.refusal import Refused, SentBefore
from bothwell.web import bedside, room_expected
from tests.cast import make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


def charted(ready: Ready, event: str, minute: float, **more: object) -> None:
    """Something of the dose, so many minutes after its start; as the loader."""
    with loading():
        session = DosingSession.objects.get(id=ready.session.id)
        assert session.started_at
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=session, event=event, at=session.started_at + timedelta(minutes=minute),
            **{"substance": "Ketamine", "route": "iv"} | more,
        )  # fmt: skip


def infused_since(ready: Ready, minutes: int, rate_ml_per_h: int | None = None) -> None:
    started_ago(ready, minutes)
    charted(ready, "start", 0, dose_mg=Decimal(34), rate_ml_per_h=rate_ml_per_h)


def a_bag(ready: Ready) -> None:
    """Of 100 mL over 40 min: 150 mL/h."""
    with loading():
        Order.objects.filter(id=ready.order.id).update(bag_ml=Decimal(100))


def give(ready: Ready, event: str, **more: object) -> Administration:
    asked = {"by": ready.cast.nurse, "session_id": ready.session.id, "substance": "", "request_id": uuid4()}
    return giving_actions.administer(event=Administration.Event(event), **asked | more)  # type: ignore[arg-type]


def side_of(ready: Ready) -> bedside.Bedside:
    """As the room shows it. The door is open."""
    session = session_actions.session_of(ready.session.id)
    return bedside.gather([session], timezone.now())[session.id]


# ── begun at another rate than the ordered bag's ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate_ml_per_h", [75, None])
def test_begun_at_another_rate_than_the_bags_it_runs_on_until_somebody_charts_the_stop(
    ready: Ready, rate_ml_per_h: int | None
) -> None:
    a_bag(ready)
    infused_since(ready, 50, rate_ml_per_h)
    with door.opened(ready.cast.nurse.id):
        side = side_of(ready)
        assert side.progress.words.endswith("when it ends is not known")
        course = room_expected.of(side.session, giving_actions.given_in(side.session), None)
        assert course is not None and course.level is None
        give(ready, "rate", rate_ml_per_h=Decimal(100))
        give(ready, "pause")


def test_stopped_after_the_ordered_minutes_neither_chart_nor_ledger_say_it_was_all_of_it(
    ready: Ready,
) -> None:
    a_bag(ready)
    infused_since(ready, 50, 75)
    charted(ready, "stop", 40)
    with door.opened(ready.cast.nurse.id):
        told = syringe_actions.charted_in(ready.session.id)
    assert told is not None and told.ran_in is not None
    assert (told.ran_in.about_mg, told.reckoned_ug) == (None, None)


# ── nobody goes home before the stop is charted ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("events", [(), ("pause",)])
def test_nobody_leaves_early_before_the_stop_is_charted(ready: Ready, events: tuple[str, ...]) -> None:
    infused_since(ready, 10)
    end = {"by": ready.cast.nurse, "session_id": ready.session.id, "signed_name": "Luis"}
    with door.opened(ready.cast.nurse.id):
        for event in events:
            give(ready, event)
        with pytest.raises(Refused, match="Chart its end first"):
            leaving_actions.leave_early(reason="Pulled the line, went home with Ruth.", **end)
        give(ready, "stop")
        kept = leaving_actions.leave_early(reason="Pulled the line, went home with Ruth.", **end)
    assert kept.outcome == "left_early"


# ── how often is looked, while it runs ────────────────────────────────────────────────────────────────────


def all_seen(ready: Ready, minute: float) -> None:
    chart(
        ready, minute, systolic=140, diastolic=80, heart_rate=80, respiratory_rate=14, spo2=97, sedation=5,
        dissociation=0, nausea=0, anxiety=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "due"),
    [
        ([("pause", 5), ("resume", 35)], 60),
        ([("pause", 5)], 60),
        ([], 60),
        ([("stop", 40)], 70),
    ],
)
def test_the_room_asks_at_the_pace_of_the_infusion_until_its_stop(
    ready: Ready, events: list[tuple[str, float]], due: int
) -> None:
    infused_since(ready, 51)
    for event, minute in events:
        charted(ready, event, minute)
    all_seen(ready, 55 if due == 70 else 50)
    chart(ready, 300, heart_rate=80, respiratory_rate=14, nausea=0)
    with door.opened(ready.cast.nurse.id):
        side = side_of(ready)
    assert side.next is not None and side.session.started_at
    assert side.next.due_at == side.session.started_at + timedelta(minutes=due)


# ── a further part ────────────────────────────────────────────────────────────────────────────────────────


def test_a_further_injection_of_what_was_ordered_is_part_of_the_dose(ready: Ready) -> None:
    with loading():
        Course.objects.filter(id=ready.course.id).update(route="im")
        Order.objects.filter(id=ready.order.id).update(route="im", minutes=None, dose_mg=60)
    session = started_ago(ready, 130)
    assert session.started_at
    charted(ready, "given", 0, dose_mg=60, route="im")
    charted(ready, "given", 90, substance="Ondansetron", dose_mg=4)
    with door.opened(ready.cast.nurse.id):
        assert giving_actions.last_of_the_dose_at(session) == session.started_at
    charted(ready, "given", 125, substance="ketamine", dose_mg=30, route="im")
    with door.opened(ready.cast.nurse.id):
        assert giving_actions.last_of_the_dose_at(session) == session.started_at + timedelta(minutes=125)


# ── one post, one row ─────────────────────────────────────────────────────────────────────────────────────

ONDANSETRON = {"substance": "Ondansetron", "dose_mg": Decimal(4), "route": "iv", "note": "Slowly."}


@pytest.mark.parametrize(
    "changed",
    [
        {"substance": "Labetalol"},
        {"dose_mg": Decimal(8)},
        {"route": "po"},
        {"note": "Fast."},
        {"minutes_ago": 7},
        {"event": "pause", "substance": ""},
    ],
)
def test_a_second_post_that_says_something_else_is_not_taken_for_the_first(
    ready: Ready, changed: dict[str, object]
) -> None:
    infused_since(ready, 20)
    key, now = uuid4(), timezone.now()

    def post(minutes_ago: int = 3, event: str = "given", **said: object) -> Administration:
        return give(ready, event, request_id=key, at=now - timedelta(minutes=minutes_ago), **said)

    with door.opened(ready.cast.nurse.id):
        first = post(**ONDANSETRON)
        assert post(**ONDANSETRON) == first
        with pytest.raises(SentBefore):
            post(**ONDANSETRON | changed)  # type: ignore[arg-type]
        assert Administration.objects.filter(request_id=key).count() == 1


def test_the_same_post_of_a_time_in_the_minute_of_the_arrival_changes_nothing(ready: Ready) -> None:
    """What is typed as 14:05 is kept as 14:05:40 where the person came then."""
    session = started_ago(ready, 20)
    with loading():
        session.refresh_from_db()
    assert session.arrived_at
    typed = session.arrived_at.replace(second=0, microsecond=0)
    with door.opened(ready.cast.nurse.id):
        key = uuid4()
        kept = [give(ready, "given", request_id=key, at=typed, **ONDANSETRON) for _ in range(2)]
    assert kept[0] == kept[1]
