"""The board: rooms keep their place, trouble is seen at once, and two partners never come in together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.dosing import giving_actions, order_actions, visit_actions
from bothwell.models import AuditEntry, Course, DosingSession, Order, Person, Room
from bothwell.monitoring import entry_actions, quieting_actions
from bothwell.privacy import door
from bothwell.refusal import Refused
from bothwell.web.board import _none_free
from tests.cast import assign, client_for, make_cast, pair, person
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, calm, chart, make_ready, started_ago


@pytest.fixture
def ready(db: None) -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


@pytest.mark.parametrize("is_offered", [True, False])
def test_the_board_says_whether_a_browser_may_ask_to_be_called(
    is_offered: bool, nurse: Client, settings: Any
) -> None:
    settings.PUSH = is_offered
    assert ("data-calling data-push" in nurse.get("/board").content.decode()) is is_offered


def test_the_board_is_for_nurses_and_prescribers(ready: Ready) -> None:
    for name, who in ready.cast.everyone().items():
        expected = 200 if name in ("nurse", "prescriber", "stranger_prescriber") else 404
        for address in ("/board", "/board/tiles"):
            assert client_for(who).get(address).status_code == expected, (name, address)


def test_who_is_cared_for_by_others_is_not_on_the_board(ready: Ready) -> None:
    started_ago(ready, 20)
    page = client_for(ready.cast.stranger_prescriber).get("/board").content.decode()
    assert "Amara" not in page
    assert "Ben" not in page


def test_rooms_keep_their_place_and_say_who_and_how_long(ready: Ready, nurse: Client) -> None:
    with loading():
        Room.objects.create(clinic=ready.cast.clinic, name="Room 10")
        Room.objects.create(clinic=ready.cast.clinic, name="Room 1")
    before = [tile.room.name for tile in nurse.get("/board").context["tiles"]]
    started_ago(ready, 62)
    chart(ready, 60, systolic=131, diastolic=82, spo2=97, heart_rate=77)
    page = nurse.get("/board")
    assert (
        [tile.room.name for tile in page.context["tiles"]]
        == before
        == ["Room 1", "Room 2", "Room 3", "Room 10"]
    )
    text = page.content.decode()
    assert "Recovery, min 62" in text
    assert "131/82" in text
    assert "Bothwell’s alarms are advisory. The bedside monitor is primary." in text


@pytest.mark.parametrize(("ago", "words"), [(0, "Active phase, min 0 of 40"), (41, "Recovery, min 41")])
def test_after_an_injection_recovery_begins_when_the_protocols_minutes_have_passed(
    ready: Ready, nurse: Client, ago: int, words: str
) -> None:
    with loading():
        Course.objects.filter(id=ready.course.id).update(route="im")
        Order.objects.filter(id=ready.order.id).update(route="im", minutes=None)
    started_ago(ready, ago)
    assert words in nurse.get("/board").content.decode()


def test_an_alarm_fills_a_bar_until_it_is_acknowledged(ready: Ready, nurse: Client) -> None:
    session = started_ago(ready, 20)
    with door.opened(ready.cast.nurse.id):
        entered = entry_actions.enter(
            by=ready.cast.nurse, session=session, readings={"spo2": Decimal(88)}, request_id=uuid4()
        )
    page = nurse.get("/board").content.decode()
    assert 'class="tile card high"' in page
    assert 'class="pill high"' in page
    with door.opened(ready.cast.nurse.id):
        quieting_actions.acknowledge(by=ready.cast.nurse, alarm_id=entered.raised[0].id)
    page = nurse.get("/board").content.decode()
    assert 'class="tile card high"' not in page
    assert 'class="alarm high acknowledged"' in page


def test_someone_expected_is_shown_to_a_room_and_then_stands_in_it(ready: Ready, nurse: Client) -> None:
    page = nurse.get("/board")
    assert [session.subject.name_used for session, _ in page.context["expected"]] == ["Amara", "Ben"]
    for _ in range(2):
        arrived = nurse.post(f"/board/{ready.session.id}/arrive", {"room": str(ready.room.id)})
        assert (arrived.status_code, arrived["Location"]) == (302, f"/room/{ready.session.id}")
    page = nurse.get("/board")
    assert [session.subject.name_used for session, _ in page.context["expected"]] == ["Ben"]
    assert "Before the dose" in page.content.decode()


def test_the_second_partner_is_refused_in_one_clear_sentence(ready: Ready, nurse: Client) -> None:
    nurse.post(f"/board/{ready.session.id}/arrive", {"room": str(ready.room.id)})
    refused = nurse.post(f"/board/{ready.partners.id}/arrive", {"room": str(ready.other_room.id)})
    assert refused.status_code == 422
    assert "is open. It must be signed off before this one can begin." in refused.content.decode()
    nobody = nurse.post(f"/board/{ready.partners.id}/arrive", {"room": str(uuid4())})
    assert nobody.status_code == 422
    stranger = client_for(ready.cast.stranger_prescriber)
    assert (
        stranger.post(f"/board/{ready.partners.id}/arrive", {"room": str(ready.room.id)}).status_code == 404
    )


def test_where_no_room_is_free_the_board_says_who_is_in_them_and_what_helps(
    ready: Ready, nurse: Client
) -> None:
    another(ready, 10, ready.other_room)
    assert "No room is free" not in nurse.get("/board").content.decode()
    nurse.post(f"/board/{ready.session.id}/arrive", {"room": str(ready.room.id)})
    told = (
        "No room is free: Amara is in Room 2, M10 is in Room 3. "
        "Sign off a session first, or the clinic lead adds a room under Clinic."
    )
    page = nurse.get("/board").content.decode()
    assert told in page
    assert f"/board/{ready.partners.id}/arrive" not in page, "there is nothing to press"
    stale = nurse.post(f"/board/{ready.partners.id}/arrive", {})
    assert stale.status_code == 422
    assert stale.context["trouble"] == told
    assert _none_free([]) == "There is no room yet. The clinic lead adds one under Clinic."


def test_each_person_shown_is_logged_once_for_a_board_that_refreshes_itself(
    ready: Ready, nurse: Client
) -> None:
    nurse.get("/board")
    for _ in range(3):
        nurse.get("/board/tiles")
    with loading():
        seen = AuditEntry.objects.filter(action="viewed", actor=ready.cast.nurse).values_list(
            "subject_id", flat=True
        )
        assert sorted(seen) == sorted([ready.cast.a.id, ready.cast.b.id])


def another(ready: Ready, number: int, room: Room | None = None) -> None:
    """One more couple whose first partner is being treated by the same nurse."""
    cast = ready.cast
    with loading():
        one, two = (person(cast.clinic, f"{letter}{number}") for letter in "MN")
        couple = pair(cast.clinic, one, two)
        assign(cast.nurse, "nurse", subject=one)
        course = Course.objects.create(
            clinic=cast.clinic, subject=one, couple=couple, author=cast.nurse, protocol=ready.course.protocol,
            route="iv", phase="dosing_series", state="active",
        )  # fmt: skip
        session = DosingSession.objects.create(
            clinic=cast.clinic, subject=one, couple=couple, author=cast.nurse, course=course, number=1,
            scheduled_at=timezone.now(), arrived_at=timezone.now() - timedelta(minutes=40),
            started_at=timezone.now() - timedelta(minutes=30), order=None,
            room=room or Room.objects.create(clinic=cast.clinic, name=f"Room {number}"),
        )  # fmt: skip
    chart(ready, 5, session, systolic=130, diastolic=80, spo2=97, heart_rate=75)


def statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("address", ["/board", "/board/tiles"])
def test_twenty_rooms_ask_no_more_often_than_one(ready: Ready, nurse: Client, address: str) -> None:
    started_ago(ready, 30)
    chart(ready, 5, systolic=130, diastolic=80, spo2=97, heart_rate=75)
    few = statements(nurse, address)
    for number in range(10, 29):
        another(ready, number)
    page = nurse.get("/board")
    assert sum(1 for tile in page.context["tiles"] if tile.bed) == 20
    assert statements(nurse, address) == few


# ── two at the same moment, on rows that are committed ────────────────────────────────────────────────────


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: object) -> Iterator[Ready]:
    """A couple for good, in a clinic of its own: what two real connections see."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with transaction.atomic():
            ready = make_ready(make_cast())
        yield ready
        connection.close()


def test_of_two_partners_who_arrive_in_the_same_moment_exactly_one_comes_in(committed: Ready) -> None:
    both, gate = [(committed.session, committed.room), (committed.partners, committed.other_room)], Barrier(2)
    nurse: Person = committed.cast.nurse

    def arrive(session: DosingSession, room: Room) -> str:
        try:
            with door.opened(nurse.id):
                gate.wait(timeout=20)
                visit_actions.arrive(by=nurse, session_id=session.id, room=room)
        except Refused as refused:
            return refused.reason
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(2) as threads:
        said = sorted(each.result(timeout=60) for each in [threads.submit(arrive, *one) for one in both])
    assert said[0] == ""
    assert said[1].startswith("Another session in this couple's care is open")
    with loading():
        here = DosingSession.objects.filter(couple=committed.cast.couple, arrived_at__isnull=False)
        assert here.count() == 1


def test_the_first_dose_pressed_on_two_tablets_is_given_once(committed: Ready) -> None:
    nurse, gate, key = committed.cast.nurse, Barrier(2), uuid4()
    with door.opened(nurse.id):
        visit_actions.arrive(by=nurse, session_id=committed.session.id, room=committed.room)
        answer_all(committed)

    def start(_: int) -> object:
        try:
            with door.opened(nurse.id):
                gate.wait(timeout=20)
                return giving_actions.start(
                    by=nurse,
                    session_id=committed.session.id,
                    pressures=calm(),
                    saturation_at=timezone.now(),
                    request_id=key,
                    order_id=order_actions.order_for(committed.session).id,
                ).started_at
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        begun = list(threads.map(start, range(2)))
    assert begun[0] == begun[1]
    with door.opened(nurse.id):
        assert len(giving_actions.given_in(DosingSession.objects.get(id=committed.session.id))) == 1
