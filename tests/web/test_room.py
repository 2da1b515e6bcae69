"""The dosing room: who may open it, what stands on it, every post kept once or refused in words."""

import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.dosing import actions
from bothwell.models import (
    Administration,
    Alarm,
    AlarmEvent,
    AuditEntry,
    Binding,
    Channel,
    Discharge,
    DosingSession,
    GateCheck,
    Note,
    Sample,
)
from bothwell.monitoring import actions as monitoring
from bothwell.privacy import door
from tests.cast import assign, client_for, make_cast, person
from tests.conftest import loading
from tests.dosing.ready import Ready, answer_all, calm, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def at(ready: Ready, end: str = "") -> str:
    return f"/room/{ready.session.id}" + (f"/{end}" if end else "")


def arrive(ready: Ready) -> None:
    with door.opened(ready.cast.nurse.id):
        actions.arrive(by=ready.cast.nurse, session_id=ready.session.id, room=ready.room)


def post(client: Client, address: str, **given: object) -> object:
    return client.post(address, {"request_id": str(uuid4()), **given})


def plain(content: bytes) -> str:
    """A page without what is drawn anew each time: the token that guards its forms."""
    return re.sub(r"[A-Za-z0-9]{64}", "", content.decode())


# ── who ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_this_persons_nurse_and_prescriber_find_the_room(ready: Ready) -> None:
    started_ago(ready, 20)
    with loading():
        other_nurse = person(ready.cast.clinic, "Nora", "staff", "nurse")
        assign(other_nurse, "nurse", subject=ready.cast.stranger_a)
    for who in (ready.cast.nurse, ready.cast.prescriber):
        assert client_for(who).get(at(ready)).status_code == 200
    everyone = ready.cast.everyone() | {"other_nurse": other_nurse}
    missing = f"/room/{uuid4()}"
    for name, who in everyone.items():
        if name in ("nurse", "prescriber"):
            continue
        client = client_for(who)
        for address in (at(ready), at(ready, "live"), at(ready, "discharge"), at(ready, "enter/pressure")):
            shut, absent = client.get(address), client.get(missing)
            assert (shut.status_code, plain(shut.content)) == (404, plain(absent.content)), (name, address)
        assert (
            client.post(at(ready, "enter/note"), {"note": "x", "request_id": str(uuid4())}).status_code == 404
        )


def test_the_partner_is_nowhere_on_the_page(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    page = nurse.get(at(ready)).content.decode()
    assert "Amara" in page
    assert "Ben" not in page


def test_opening_the_chart_stands_in_the_log_once_a_page_and_refreshing_adds_nothing(
    ready: Ready, nurse: Client
) -> None:
    started_ago(ready, 20)
    nurse.get(at(ready))
    for _ in range(3):
        assert nurse.get(at(ready, "live")).status_code == 200
    with loading():
        seen = AuditEntry.objects.filter(action="viewed", subject=ready.cast.a, actor=ready.cast.nurse)
        assert [entry.item_kind for entry in seen] == ["dosing.flowsheet"]
    for seen_before, end in enumerate(("live", "discharge"), 2):
        client_for(ready.cast.nurse).get(at(ready, end))
        with loading():
            assert AuditEntry.objects.filter(action="viewed", subject=ready.cast.a).count() == seen_before


# ── before ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_checklist_names_what_is_missing_and_each_answer_ticks_it_off(
    ready: Ready, nurse: Client
) -> None:
    arrive(ready)
    page = nurse.get(at(ready))
    assert page.context["missing"] == [
        "wanted today", "suicide risk", "weight", "blood pressure", "oxygen saturation", "fasting", "antiemetic", "going home",
    ]  # fmt: skip
    assert "Bothwell’s alarms are advisory. The bedside monitor is primary." in page.content.decode()
    assert "34 mg ÷ 50 mg/mL = 0.68 mL" in page.content.decode()
    assert re.search(r"<button[^>]*\bdisabled\b[^>]*>Start", page.content.decode())
    answers = {
        "check/consent_reaffirmed": {"answer": "yes"},
        "check/suicide_rescreened": {"answer": "no"},
        "check/weight": {"weight_kg": "68.5"},
        "check/fasting": {
            "food_on": "2",
            "food_at": "20:00",
            "drink_on": "1",
            "drink_at": "07:30",
            "confirmed": "on",
        },
        "check/antiemetic": {"antiemetic": "given"},
        "check/escort": {"escort": "Ruth"},
        "enter/pressure": {"systolic": "124", "diastolic": "78"},
        "enter/vitals": {"spo2": "98", "heart_rate": "72", "respiratory_rate": "14"},
    }
    for end, given in answers.items():
        assert post(nurse, at(ready, end), **given).status_code == 302, end  # type: ignore[attr-defined]
    page = nurse.get(at(ready))
    assert page.context["missing"] == []
    key = str(uuid4())
    for _ in range(2):
        assert nurse.post(at(ready, "start"), {"request_id": key}).status_code == 302
    with loading():
        assert Administration.objects.filter(session=ready.session).count() == 1
    assert nurse.get(at(ready)).context["stage"] == "running"


def test_starting_too_early_is_refused_with_the_reasons(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    refused = post(nurse, at(ready, "start"))
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Suicide risk has not been asked about today." in refused.content.decode()  # type: ignore[attr-defined]


def test_only_the_prescriber_is_offered_the_decision_above_the_limit(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    post(nurse, at(ready, "enter/pressure"), systolic="152", diastolic="96")
    assert nurse.get(at(ready)).context["may_override"] is None
    prescriber = client_for(ready.cast.prescriber)
    assert prescriber.get(at(ready)).context["may_override"] is not None
    refused = post(nurse, at(ready, "check/pressure_override"), reason="White coat, seen before.")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "White coat, seen before." in refused.content.decode()  # type: ignore[attr-defined]
    kept = post(prescriber, at(ready, "check/pressure_override"), reason="White coat, seen before.")
    assert kept.status_code == 302  # type: ignore[attr-defined]


# ── entering ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_post_twice_is_one_entry(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    key = str(uuid4())
    posts = (
        ("enter/check", {"systolic": "131", "diastolic": "82", "sedation": "4", "dissociation": "2",
                         "wanted": "yes", "nausea": "1", "note": "Quiet."}),
        ("medicine", {"substance": "Ondansetron", "dose_mg": "4", "route": "iv"}),
        ("infusion", {"event": "pause"}),
        ("device", {"device": str(ready.device.id)}),
    )  # fmt: skip
    for end, given in posts:
        for _ in range(2):
            assert nurse.post(at(ready, end), {"request_id": key, **given}).status_code == 302, end
    with loading():
        assert sorted(Sample.objects.values_list("code", flat=True)) == [
            "diastolic", "dissociation", "nausea", "sedation", "systolic",
        ]  # fmt: skip
        assert Sample.objects.get(code="dissociation").detail == {"wanted": True}
        assert Note.objects.count() == 1
        assert Binding.objects.count() == 1
        assert Administration.objects.count() == 1, "one key is one thing, whatever it was posted to"


def test_a_corrected_time_is_the_time_of_the_value(ready: Ready, nurse: Client) -> None:
    session = started_ago(ready, 30)
    then = (timezone.now() - timedelta(minutes=12)).strftime("%H:%M")
    post(nurse, at(ready, "enter/nausea"), nausea="3", at=then)
    with loading():
        kept = Sample.objects.get(code="nausea")
    assert session.started_at
    assert kept.observed_at.strftime("%H:%M") == then
    assert kept.recorded_at - kept.observed_at > timedelta(minutes=11)


@pytest.mark.parametrize(
    ("end", "given", "words", "kept"),
    [
        ("enter/pressure", {"systolic": "78", "diastolic": "124"}, "swapped", "124"),
        ("enter/pressure", {"systolic": "124"}, "needs both numbers", "124"),
        ("enter/vitals", {"spo2": "197"}, "can only be 20 to 100 %", "197"),
        ("enter/nausea", {"nausea": "3", "at": "quarter past"}, "hours and minutes", "quarter past"),
        ("enter/dissociation", {"dissociation": "2", "note": "Floating."}, "wanted or unwanted", "Floating."),
        ("enter/note", {"note": "  "}, "nothing to enter", ""),
        ("medicine", {"substance": "Ondansetron", "dose_mg": "lots"}, "Enter a number", "lots"),
        ("check/weight", {"weight_kg": "6"}, "20 to 400", "6"),
        ("leave-early", {"reason": "Off.", "signed_name": "Luis"}, "in a sentence", "Off."),
        (
            "discharge",
            {"signed_name": "Luis", "is_on_room_air": "air", "gait": "2"},
            "Give 2, 1 or 0 points",
            "Luis",
        ),
    ],
)
def test_a_refusal_is_a_sentence_and_keeps_what_was_typed(
    ready: Ready, nurse: Client, end: str, given: dict[str, str], words: str, kept: str
) -> None:
    started_ago(ready, 20)
    refused = post(nurse, at(ready, end), **given)
    page = refused.content.decode()  # type: ignore[attr-defined]
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert words in page
    assert kept in page
    with loading():
        assert not Sample.objects.exists()
        assert not Discharge.objects.exists()


def test_a_correction_keeps_both_and_the_chart_shows_the_right_one(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    post(nurse, at(ready, "enter/pressure"), systolic="184", diastolic="82")
    with loading():
        wrong = Sample.objects.get(code="systolic")
    assert (
        post(nurse, at(ready, f"correct/{wrong.id}"), value="134", reason="Typed wrong.").status_code == 302
    )  # type: ignore[attr-defined]
    page = nurse.get(at(ready))
    assert page.context["vitals"]["pressure"].shown == "134/82"
    assert "corrected: Typed wrong." in page.content.decode()
    assert nurse.get(at(ready, f"correct/{uuid4()}")).status_code == 404


# ── alarms and the monitor ────────────────────────────────────────────────────────────────────────────────


def raise_alarm(ready: Ready) -> Alarm:
    with door.opened(ready.cast.nurse.id):
        session = DosingSession.objects.get(id=ready.session.id)
        monitoring.enter(
            by=ready.cast.nurse, session=session,
            readings={"systolic": Decimal(186), "diastolic": Decimal(90)},
            request_id=uuid4(),
        )  # fmt: skip
        return Alarm.objects.get()


def test_an_alarm_stands_until_somebody_acknowledges_it_by_name(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    alarm = raise_alarm(ready)
    page = nurse.get(at(ready)).content.decode()
    assert 'class="alarm high"' in page
    assert alarm.text in page.replace("&#x27;", "'")
    for _ in range(2):
        assert nurse.post(at(ready, f"acknowledge/{alarm.id}")).status_code == 302
    with loading():
        assert AlarmEvent.objects.get(kind="acknowledged").author_id == ready.cast.nurse.id
    page = nurse.get(at(ready)).content.decode()
    assert 'class="alarm high acknowledged"' in page
    assert "Luis" in page


def test_an_alarm_that_is_gone_is_said_so(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    refused = nurse.post(at(ready, f"acknowledge/{uuid4()}"))
    assert refused.status_code == 422
    assert "no such alarm" in refused.content.decode()


def test_a_monitor_is_chosen_then_confirmed_by_name_and_taken_off(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    assert "Which monitor stands at this bed?" in nurse.get(at(ready, "device")).content.decode()
    confirm = nurse.get(at(ready, "device"), {"device": str(ready.device.id)}).content.decode()
    assert "This monitor is on Amara." in confirm
    with loading():
        assert not Binding.objects.exists()
    post(nurse, at(ready, "device"), device=str(ready.device.id))
    assert nurse.get(at(ready)).context["side"].binding.device_id == ready.device.id
    nurse.post(at(ready, "device/off"))
    assert nurse.get(at(ready)).context["side"].binding is None
    assert nurse.get(at(ready, "device"), {"device": "no-such"}).status_code == 404


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────


def going(**changes: str) -> dict[str, str]:
    ticks = ("oriented", "steady_gait", "dissociation_resolved", "respiratory_depression_resolved",
             "escort_present", "suicide_rescreen_done", "instructions_given")  # fmt: skip
    points = {"vitals": "2", "gait": "2", "nausea": "2", "pain": "2", "bleeding": "2"}
    return (
        points
        | {f"is_{name}": "on" for name in ticks}
        | {"is_on_room_air": "air", "signed_name": "Luis"}
        | changes
    )


def test_a_discharge_takes_its_values_from_the_chart_and_frees_the_monitor(
    ready: Ready, nurse: Client
) -> None:
    started_ago(ready, 130)
    with door.opened(ready.cast.nurse.id):
        monitoring.bind_device(by=ready.cast.nurse, session=ready.session, device=ready.device)
    chart(ready, -5, systolic=124, diastolic=78, spo2=98)
    chart(ready, 125, systolic=160, diastolic=88, spo2=97, sedation=5, nausea=0)
    page = nurse.get(at(ready, "discharge"))
    form = page.context["form"]
    assert {code: form[code].value() for code in ("vitals", "nausea", "bleeding")} == {
        "vitals": 1,
        "nausea": 2,
        "bleeding": 2,
    }
    assert form["gait"].value() is None, "nobody has said so"
    refused = post(nurse, at(ready, "discharge"), **going())
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Blood pressure 160/88 mmHg" in refused.content.decode()  # type: ignore[attr-defined]
    chart(ready, 128, systolic=126, diastolic=78)
    for _ in range(2):
        assert post(nurse, at(ready, "discharge"), **going()).status_code == 302  # type: ignore[attr-defined]
    with loading():
        assert Discharge.objects.get().outcome == "discharged"
        assert Binding.objects.get().until is not None
    assert nurse.get(at(ready)).context["stage"] == "over"
    assert post(nurse, at(ready, "summary"), text="A calm session, some tears.").status_code == 302  # type: ignore[attr-defined]
    assert "A calm session, some tears." in nurse.get(at(ready)).content.decode()


def test_an_unfinished_tick_keeps_the_person_here(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 130)
    chart(ready, -5, systolic=124, diastolic=78, spo2=98)
    chart(ready, 125, systolic=124, diastolic=78, spo2=97, sedation=5)
    given = going()
    del given["is_escort_present"]
    refused = post(nurse, at(ready, "discharge"), **given)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "The named escort is not here." in refused.content.decode()  # type: ignore[attr-defined]


def test_turning_back_keeps_everything_recorded(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
    assert (
        post(
            nurse, at(ready, "turn-back"), reason="Ate breakfast an hour ago.", signed_name="Luis"
        ).status_code
        == 302
    )  # type: ignore[attr-defined]
    assert "Turned back, no dose" in nurse.get(at(ready)).content.decode()
    with loading():
        assert GateCheck.objects.filter(session=ready.session).count() == 6


# ── how often the database is asked ───────────────────────────────────────────────────────────────────────


def statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("end", ["", "live", "discharge"])
def test_a_longer_session_asks_no_more_often(ready: Ready, nurse: Client, end: str) -> None:
    started_ago(ready, 100)
    chart(ready, -5, systolic=124, diastolic=78, spo2=98, heart_rate=70, respiratory_rate=14, sedation=5)
    few = statements(nurse, at(ready, end))
    for minute in range(90):
        chart(ready, minute, systolic=130, diastolic=80, spo2=97, heart_rate=75, respiratory_rate=13)
    for _ in range(5):
        post(
            nurse,
            at(ready, "enter/check"),
            systolic="131",
            diastolic="82",
            sedation="4",
            nausea="1",
            note="Calm.",
        )
        post(nurse, at(ready, "medicine"), substance="Ondansetron", dose_mg="4")
    assert statements(nurse, at(ready, end)) == few


def test_the_chart_thins_what_a_monitor_repeats_and_keeps_every_pressure(ready: Ready, nurse: Client) -> None:
    session = started_ago(ready, 30)
    for second in range(0, 120, 2):
        chart(ready, second / 60, heart_rate=70 + second % 7)
    for minute in (5, 5.1, 5.2):
        chart(ready, minute, systolic=130, diastolic=80)
    series = nurse.get(at(ready)).context["chart"]["series"]
    assert session.started_at
    assert 8 <= len(series["heart_rate"]) <= 9
    assert len(series["systolic"]) == 3


def test_addresses_of_other_sessions_values_lead_nowhere(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    chart(ready, 5, heart_rate=80)
    with loading():
        other: UUID = ready.partners.id
        sample = Sample.objects.get()
    assert nurse.get(f"/room/{other}/correct/{sample.id}").status_code == 404
    with loading():
        assert not Channel.objects.filter(session_id=other).exists()
    assert calm()
