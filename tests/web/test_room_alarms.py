"""Pausing alarms and turning them off, as it stands on the pages of the room and the board."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.models import AlarmSetting
from bothwell.monitoring import entry_actions
from bothwell.privacy import door
from bothwell.web import board, room_alarms
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    ready = make_ready(make_cast())
    started_ago(ready, 20)
    return ready


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def at(ready: Ready, end: str = "") -> str:
    return f"/room/{ready.session.id}{end}"


def settings_of(ready: Ready) -> list[tuple[str, str, str]]:
    with loading():
        rows = AlarmSetting.objects.filter(session=ready.session).order_by("at")
        return [(row.code, row.what, row.reason) for row in rows]


def test_off_stands_in_the_room_with_who_and_why_until_it_is_on_again(ready: Ready, nurse: Client) -> None:
    address = at(ready, "/alarms/heart_rate/off")
    assert "<form" in nurse.get(address).content.decode()
    posted = nurse.post(address, {"reason": "electrodes <off>", "request_id": str(uuid4())})
    assert (posted.status_code, posted["Location"]) == (302, at(ready))
    for end in ("", "/live", "/alarms"):
        page = client_for(ready.cast.prescriber).get(at(ready, end)).content.decode()
        assert "electrodes &lt;off&gt;" in page
        assert ready.cast.nurse.name_used in page
        assert "Heart rate" in page
    nurse.post(at(ready, "/alarms/heart_rate/on"), {"request_id": str(uuid4())})
    assert "electrodes" not in nurse.get(at(ready)).content.decode()
    assert [what for _, what, _ in settings_of(ready)] == ["off", "on"]


def test_a_pause_is_one_press_and_a_second_is_refused_in_words(ready: Ready, nurse: Client) -> None:
    given = {"request_id": str(uuid4())}
    assert nurse.post(at(ready, "/alarms/spo2/pause"), given).status_code == 302
    assert nurse.post(at(ready, "/alarms/spo2/pause"), given).status_code == 302
    again = nurse.post(at(ready, "/alarms/spo2/pause"), {"request_id": str(uuid4())})
    assert again.status_code == 422
    assert "paused already" in again.content.decode()
    assert len(settings_of(ready)) == 1
    assert "SpO₂ alarms paused" in nurse.get(at(ready)).content.decode()


def test_what_one_cuff_measures_is_paused_off_and_on_in_one_press(ready: Ready, nurse: Client) -> None:
    three = ["diastolic", "mean_pressure", "systolic"]
    given = {"request_id": str(uuid4())}
    for _ in range(2):  # the same press twice
        assert nurse.post(at(ready, "/alarms/pressure/pause"), given).status_code == 302
    assert sorted(settings_of(ready)) == [(code, "pause", "") for code in three]
    for end in ("", "/alarms"):
        page = nurse.get(at(ready, end)).content.decode()
        assert "Blood pressure" in page
        assert "Systolic alarms" not in page and "<b>Systolic" not in page
    again = nurse.post(at(ready, "/alarms/pressure/pause"), {"request_id": str(uuid4())})
    assert (again.status_code, "paused already" in again.content.decode()) == (422, True)
    off = {"reason": "cuff off", "request_id": str(uuid4())}
    assert nurse.post(at(ready, "/alarms/pressure/off"), off).status_code == 302
    with door.opened(ready.cast.nurse.id):
        (quiet,) = room_alarms.off_or_paused([ready.session.id], timezone.now())[ready.session.id]
        assert (quiet.short, quiet.codes) == ("BP off", tuple(three))
    nurse.post(at(ready, "/alarms/pressure/on"), {"request_id": str(uuid4())})
    assert sorted(code for code, what, _ in settings_of(ready) if what == "on") == three
    with door.opened(ready.cast.nurse.id):
        assert room_alarms.off_or_paused([ready.session.id], timezone.now()) == {}


def test_one_of_a_cuff_that_is_off_already_stays_so_and_has_a_row_of_its_own(
    ready: Ready, nurse: Client
) -> None:
    nurse.post(at(ready, "/alarms/systolic/off"), {"reason": "wrong cuff", "request_id": str(uuid4())})
    assert nurse.post(at(ready, "/alarms/pressure/pause"), {"request_id": str(uuid4())}).status_code == 302
    assert [(code, what) for code, what, _ in settings_of(ready)] == [
        ("systolic", "off"), ("diastolic", "pause"), ("mean_pressure", "pause"),
    ]  # fmt: skip
    page = nurse.get(at(ready, "/alarms")).content.decode()
    assert at(ready, "/alarms/systolic/on") in page and "wrong cuff" in page


def test_without_a_reason_nothing_is_off_and_the_page_says_why(ready: Ready, nurse: Client) -> None:
    answer = nurse.post(at(ready, "/alarms/spo2/off"), {"reason": " ", "request_id": str(uuid4())})
    assert answer.status_code == 422
    assert "Say why these alarms are to be off." in answer.content.decode()
    long = nurse.post(at(ready, "/alarms/spo2/off"), {"reason": "x" * 301, "request_id": str(uuid4())})
    assert (long.status_code, "x" * 301 in long.content.decode()) == (422, True)
    assert settings_of(ready) == []


@pytest.mark.parametrize("code", ["monitor", "checks"])
def test_what_tells_of_the_watch_itself_has_no_switch(ready: Ready, nurse: Client, code: str) -> None:
    page = nurse.get(at(ready, "/alarms")).content.decode()
    assert at(ready, f"/alarms/{code}/pause") in page
    assert at(ready, f"/alarms/{code}/off") not in page
    answer = nurse.post(at(ready, f"/alarms/{code}/off"), {"reason": "loud", "request_id": str(uuid4())})
    assert answer.status_code == 422
    assert settings_of(ready) == []


def test_an_alarm_there_is_not_is_not_found(ready: Ready, nurse: Client) -> None:
    assert nurse.post(at(ready, "/alarms/mood/pause"), {"request_id": str(uuid4())}).status_code == 404
    assert nurse.get(at(ready, "/alarms/spo2/pause")).status_code == 405


def test_each_button_of_the_page_is_a_post_of_its_own(ready: Ready, nurse: Client) -> None:
    page = nurse.get(at(ready, "/alarms")).content.decode()
    ids = [part.split('"')[0] for part in page.split('name="request_id" value="')[1:]]
    assert len(ids) == len(set(ids)) == len(room_alarms.OFFERED)


def test_the_board_is_told_what_is_quiet(ready: Ready, nurse: Client) -> None:
    nurse.post(at(ready, "/alarms/spo2/off"), {"reason": "moving", "request_id": str(uuid4())})
    with door.opened(ready.cast.nurse.id):
        now = timezone.now()
        (quiet,) = room_alarms.off_or_paused([ready.session.id], now)[ready.session.id]
        (bed,) = board.bedside.gather([ready.session], now).values()
        assert [each.short for each in bed.quiet] == [quiet.short] == ["SpO₂ off"]
        assert room_alarms.off_or_paused([ready.session.id], now - timedelta(days=1)) != {}
    with door.opened(ready.cast.therapist_a.id):
        assert room_alarms.off_or_paused([ready.session.id], timezone.now()) == {}


def test_every_screen_that_shows_an_alarm_says_that_the_bedside_monitor_is_primary(
    ready: Ready, nurse: Client
) -> None:
    with door.opened(ready.cast.nurse.id):
        entry_actions.enter(
            by=ready.cast.nurse, session=ready.session, request_id=uuid4(),
            readings={"systolic": Decimal(186), "diastolic": Decimal(90)},
        )  # fmt: skip
    ends = (
        *("", "/enter/pressure", "/enter/note", "/medicine", "/infusion", "/discharge", "/leave-early"),
        *("/alarms", "/events"),
    )
    pages = {end: nurse.get(at(ready, end)).content.decode() for end in ends}
    pages["board"] = nurse.get("/board").content.decode()
    shown = {end for end, page in pages.items() if "186 mmHg" in page}
    assert {"", "/enter/pressure", "/infusion", "/discharge", "/leave-early", "board"} <= shown
    assert [end for end in shown if "Bothwell’s alarms are advisory" not in pages[end]] == []
