"""The dosing room: who may open it, what stands on it, every post kept once or refused in words."""

import html
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.couples.models import new_id
from bothwell.dosing import gates, visit_actions
from bothwell.instruments import safety_actions
from bothwell.instruments.actions import enter_on_behalf
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
    Person,
    SafetyFlag,
    Sample,
)
from bothwell.monitoring import binding_actions, entry_actions
from bothwell.privacy import door
from bothwell.web import room_checklist
from bothwell.web.checklist_forms import Staffed
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
        visit_actions.arrive(by=ready.cast.nurse, session_id=ready.session.id, room=ready.room)


def post(client: Client, address: str, **given: object) -> object:
    return client.post(address, {"request_id": str(uuid4()), **given})


MEDICINE = {"dose_mg": "4", "route": "iv", "indication": "Nausea 6", "ordered_how": "standing"}
"""All that is asked of a medicine, but its name."""


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
        "wanted today", "suicide risk", "medicines", "fasting", "weight", "blood pressure", "oxygen saturation",
        "antiemetic", "going home", "equipment", "who is here",
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
        "check/escort": {"escort": "Ruth", "phone": "555-0100"},
        "check/medications": {"answer": "no"},
        "check/equipment": {"ready": [code for code, _ in gates.EQUIPMENT]},
        "check/staffing": {
            "prescriber": str(ready.cast.prescriber.id),
            "nurse": str(ready.cast.nurse.id),
            "second": str(ready.cast.prescriber.id),
        },
        "enter/pressure": {"systolic": "124", "diastolic": "78"},
        "enter/vitals": {"spo2": "98", "heart_rate": "72", "respiratory_rate": "14"},
    }
    for end, given in answers.items():
        assert post(nurse, at(ready, end), **given).status_code == 302, end  # type: ignore[attr-defined]
    page = nurse.get(at(ready))
    assert page.context["missing"] == []
    shown = page.content.decode()
    for words in (
        "68.5 kg.",
        "Ruth, 555-0100.",
        "Prescriber on site Helen; nurse Luis; second checker Helen.",
    ):
        assert words in shown
    key = str(uuid4())
    for _ in range(2):
        assert nurse.post(at(ready, "start"), {"request_id": key, "order": ready.order.id}).status_code == 302
    with loading():
        assert Administration.objects.filter(session=ready.session).count() == 1
    assert nurse.get(at(ready)).context["stage"] == "running"


def test_nothing_starts_by_an_order_that_was_not_on_the_button(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
    chart(ready, -0.1, systolic=124, diastolic=78, spo2=97)
    shown = ready.order.id
    assert f'name="order" value="{shown}"' in nurse.get(at(ready)).content.decode()
    bagged(ready)
    for order in (shown, ""):
        refused = post(nurse, at(ready, "start"), order=order, rate_ml_per_h="75", rate_reason="As shown")
        assert refused.status_code == 422  # type: ignore[attr-defined]
        page = refused.content.decode()  # type: ignore[attr-defined]
        assert "signed another order meanwhile" in page and f'name="order" value="{ready.order.id}"' in page
        assert 'value="75"' in page and "As shown" in page
    with loading():
        assert not Administration.objects.filter(session=ready.session).exists()


def test_starting_too_early_is_refused_with_the_reasons(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    refused = post(nurse, at(ready, "start"))
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Suicide risk has not been asked about today." in refused.content.decode()  # type: ignore[attr-defined]


def test_only_the_prescriber_is_offered_the_decision_above_the_limit(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    post(nurse, at(ready, "enter/pressure"), systolic="152", diastolic="96")
    assert decision_of(nurse, ready, gates.Gate.BLOOD_PRESSURE) == ""
    prescriber = client_for(ready.cast.prescriber)
    assert decision_of(prescriber, ready, gates.Gate.BLOOD_PRESSURE) == "pressure_override"
    refused = post(nurse, at(ready, "check/pressure_override"), reason="White coat, seen before.")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "White coat, seen before." in refused.content.decode()  # type: ignore[attr-defined]
    kept = post(prescriber, at(ready, "check/pressure_override"), reason="White coat, seen before.")
    assert kept.status_code == 302  # type: ignore[attr-defined]


def row_of(client: Client, ready: Ready, gate: gates.Gate) -> room_checklist.GateRow:
    """The row of one gate, as this person's page shows it."""
    rows: list[room_checklist.GateRow] = client.get(at(ready)).context["gates"]
    return next(row for row in rows if row.result.name is gate)


def decision_of(client: Client, ready: Ready, gate: gates.Gate) -> str:
    """What the page offers to decide about a gate; empty where nothing."""
    found = row_of(client, ready, gate).decision
    return found.check if found else ""


def test_a_dose_too_soon_is_held_and_only_the_prescriber_is_offered_to_decide(
    ready: Ready, nurse: Client
) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    with loading():
        DosingSession.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, course=ready.course, number=9,
            scheduled_at=yesterday, arrived_at=yesterday, started_at=yesterday,
            ended_at=yesterday + timedelta(hours=2), outcome="left_early",
        )  # fmt: skip
    arrive(ready)
    page = nurse.get(at(ready))
    assert "days since the last dose" in page.context["missing"]
    assert "1 day after the last dose; the protocol asks for 2 days." in page.content.decode()
    prescriber = client_for(ready.cast.prescriber)
    offered = [decision_of(each, ready, gates.Gate.DAYS_BETWEEN) for each in (nurse, prescriber)]
    assert offered == ["", "interval_override"]
    refused = post(nurse, at(ready, "check/interval_override"), reason="They asked for it today.")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Only the prescriber may decide" in refused.content.decode()  # type: ignore[attr-defined]
    for reason, status in (("no", 422), ("Leaves the country tomorrow; agreed by the team.", 302)):
        assert post(prescriber, at(ready, "check/interval_override"), reason=reason).status_code == status  # type: ignore[attr-defined]
    assert "days since the last dose" not in nurse.get(at(ready)).context["missing"]


def test_what_opens_a_gate_is_among_the_parts_a_standing_page_asks_for(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    before = nurse.get(at(ready, "live")).content.decode()
    assert "Oxygen saturation has not been measured today" in before
    assert 'data-last="spo2"' not in before
    chart(ready, 0, spo2=97)
    live = nurse.get(at(ready, "live")).content.decode()
    assert re.search(r'<li class="met" data-part="gate-oxygen_saturation"', live)
    assert 'data-last="spo2"' in live
    page = nurse.get(at(ready)).content.decode()
    parts = re.compile(r'data-part="((?:gate|decide|start)[^"]*)"')
    assert parts.findall(live) == parts.findall(page)
    assert len(parts.findall(page)) == len(gates.Gate) + len(room_checklist.DECIDED_BY) + 4


def raised(ready: Ready) -> SafetyFlag:
    """A positive answer about suicide of today."""
    with door.opened(ready.cast.nurse.id):
        enter_on_behalf(
            by=ready.cast.nurse, subject=ready.cast.a, instrument_id="asq", wave="today",
            answers={f"asq-{n}": "false" for n in range(1, 5)} | {"asq-3": "true", "asq-5": "false"},
            answered_at=timezone.now(), entered_as="spoken", request_id=uuid4(),
        )  # fmt: skip
    with loading():
        return SafetyFlag.objects.get()


def test_an_open_positive_answer_shows_each_the_way_on(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    flag = raised(ready)
    prescriber = client_for(ready.cast.prescriber)
    post(nurse, at(ready, "check/suicide_rescreened"), answer="no")
    row = row_of(nurse, ready, gates.Gate.SUICIDE_RESCREENED)
    assert not row.result.passed
    assert "The No said at the bed today is kept; it does not open this gate." in row.result.reason
    assert (row.elsewhere, row.is_task) == ("To call: Helen.", True)
    page = nurse.get(at(ready)).content.decode()
    assert 'href="/tasks"' in page
    assert "Ask again and decide" not in page
    with door.opened(ready.cast.nurse.id):
        safety_actions.acknowledge(
            by=ready.cast.nurse, flag_id=flag.id, plan="Helen sees her before the dose"
        )
    row = row_of(nurse, ready, gates.Gate.SUICIDE_RESCREENED)
    assert (row.is_task, "cknowledge it" in row.result.reason) == (False, False)
    assert decision_of(prescriber, ready, gates.Gate.SUICIDE_RESCREENED) == "suicide_rescreened"
    assert "Ask again and decide" in prescriber.get(at(ready)).content.decode()
    assert post(prescriber, at(ready, "check/suicide_rescreened"), answer="no").status_code == 302  # type: ignore[attr-defined]
    assert row_of(nurse, ready, gates.Gate.SUICIDE_RESCREENED).result.passed


# ── entering ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_post_twice_is_one_entry(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    key = str(uuid4())
    posts = (
        ("enter/check", {"systolic": "131", "diastolic": "82", "sedation": "4", "dissociation": "2",
                         "wanted": "yes", "nausea": "1", "note": "Quiet."}),
        ("medicine", {"substance": "Ondansetron", **MEDICINE}),
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
        assert Administration.objects.count() == 1


def test_under_the_key_of_something_else_a_post_is_not_taken_for_kept(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    said = {"request_id": str(uuid4()), **MEDICINE}
    assert nurse.post(at(ready, "medicine"), said | {"substance": "Ondansetron"}).status_code == 302
    refused = nurse.post(at(ready, "medicine"), said | {"substance": "Labetalol"})
    assert (refused.status_code, "Labetalol" in refused.content.decode()) == (409, True)
    assert "press once more" in refused.context["trouble"]
    once_more = said | {"substance": "Labetalol", "request_id": refused.context["form"]["request_id"].value()}
    assert nurse.post(at(ready, "medicine"), once_more).status_code == 302
    assert nurse.post(at(ready, "infusion"), said | {"event": "pause"}).status_code == 409
    with loading():
        kept = Administration.objects.order_by("recorded_at").values_list("substance", flat=True)
        assert list(kept) == ["Ondansetron", "Labetalol"]


def test_a_corrected_time_is_the_time_of_the_value(ready: Ready, nurse: Client) -> None:
    session = started_ago(ready, 30)
    then = ready.clock(timezone.now() - timedelta(minutes=12))
    post(nurse, at(ready, "enter/nausea"), nausea="3", at=then)
    with loading():
        kept = Sample.objects.get(code="nausea")
    assert session.started_at
    assert ready.clock(kept.observed_at) == then
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
        ("medicine", {"substance": "Ondansetron", "dose_mg": "lots"}, "Write a number, in digits", "lots"),
        ("check/weight", {"weight_kg": "6"}, "20 to 400", "6"),
        ("check/escort", {"escort": "Ruth Abel"}, "How is the escort reached?", "Ruth Abel"),
        ("check/medications", {"answer": "yes"}, "Say which medicine changed", "checked"),
        (
            "check/staffing",
            {"prescriber": "x", "nurse": "y", "second": "z"},
            "Choose one of those that stand here",
            "",
        ),
        ("check/equipment", {}, "Tick what stands ready.", ""),
        ("infusion", {"event": "rate", "rate_ml_per_h": "fast"}, "Write a number, in digits", "fast"),
        ("infusion", {"event": "rate", "rate_ml_per_h": "0"}, "above 0", "0"),
        (
            "infusion",
            {"event": "rate", "rate_ml_per_h": "150000"},
            "This number is too large: at most 5 digits",
            "150000",
        ),
        (
            "medicine",
            {"substance": "Ondansetron", "dose_mg": "100000"},
            "This number is too large: at most 5 digits",
            "100000",
        ),
        ("medicine", {"substance": "Ondansetron", "dose_mg": "-4"}, "above 0", "-4"),
        ("infusion", {"event": "pause", "at": "half"}, "hours and minutes", "half"),
        ("infusion", {"event": "given", "rate_ml_per_h": "31"}, "Choose what was done", "31"),
        ("enter/pressure", {"limb": "left arm"}, "nothing to enter", "left arm"),
        (
            "enter/vomiting",
            {"vomiting": "200", "note": "Twice."},
            "Choose one of those that stand here",
            "Twice.",
        ),
        (
            "medicine",
            {"substance": "Labetalol", "ordered_how": "sung"},
            "Choose one of those that stand here",
            "Labetalol",
        ),
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


def test_a_pressure_says_where_it_was_taken(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    post(
        nurse,
        at(ready, "enter/pressure"),
        systolic="131",
        diastolic="82",
        limb="right arm",
        posture="sitting",
    )
    with loading():
        assert Sample.objects.get(code="systolic").detail == {"body_site": "right arm, sitting"}
    assert "Systolic 131 mmHg (right arm, sitting)" in nurse.get(at(ready)).content.decode()


def test_a_page_that_stands_open_is_told_what_its_keys_say(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    post(nurse, at(ready, "enter/pressure"), systolic="131", diastolic="82")
    post(nurse, at(ready, "enter/anxiety"), anxiety="7")
    for page in (nurse.get(at(ready)), nurse.get(at(ready, "live"))):
        said = page.content.decode()
        assert '<small data-part="key-pressure">131/82</small>' in said
        assert '<small data-part="key-anxiety">7 of 10</small>' in said


def test_anxiety_vomiting_and_carbon_dioxide_are_entered_by_hand(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 20)
    assert "EtCO₂" not in [vital.title for vital in nurse.get(at(ready)).context["trio"]]
    post(nurse, at(ready, "enter/anxiety"), anxiety="7")
    post(nurse, at(ready, "enter/vomiting"), vomiting="2")
    post(nurse, at(ready, "enter/vitals"), etco2="38")
    page = nurse.get(at(ready))
    assert page.context["vitals"]["anxiety"].shown == "7 of 10"
    assert page.context["vitals"]["vomiting"].shown == "2 times"
    assert [vital.shown for vital in page.context["trio"]] == ["–", "–", "–", "38"]
    assert page.context["chart"]["series"]["etco2"][0][1] == 38.0


def test_an_artefact_is_left_out_with_all_its_cuff_said_and_stays_on_record(
    ready: Ready, nurse: Client
) -> None:
    started_ago(ready, 20)
    chart(ready, 5, systolic=128, diastolic=80)
    chart(ready, 10, systolic=240, diastolic=120)
    with loading():
        wrong = Sample.objects.get(code="systolic", value=240)
    address, key = at(ready, f"correct/{wrong.id}"), str(uuid4())
    refused = nurse.post(
        address, {"request_id": key, "reason": "Moved the arm.", "value": "128", "is_artefact": "on"}
    )
    assert refused.status_code == 422
    assert "Moved the arm." in refused.content.decode()
    for _ in range(2):
        kept = nurse.post(address, {"request_id": key, "reason": "Moved the arm.", "is_artefact": "on"})
        assert kept.status_code == 302
    page = nurse.get(at(ready))
    assert page.context["vitals"]["pressure"].shown == "128/80"
    assert [point[1] for point in page.context["chart"]["series"]["systolic"]] == [128.0]
    assert "(artefact: Moved the arm.)" in page.content.decode()
    with loading():
        assert Sample.objects.filter(is_artefact=True).count() == 2
        assert Sample.objects.filter(value=240).count() == 2
    again = nurse.post(address, {"request_id": str(uuid4()), "reason": "Again.", "is_artefact": "on"})
    assert again.status_code == 409


def begin(ready: Ready, minutes: int, rate_ml_per_h: Decimal | None = None) -> None:
    """The infusion as if begun so long ago."""
    session = started_ago(ready, minutes)
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject=ready.cast.a, couple=ready.cast.couple, author=ready.cast.nurse,
            session=session, event="start", substance="Ketamine", dose_mg=Decimal(34), route="iv",
            at=session.started_at, rate_ml_per_h=rate_ml_per_h,
        )  # fmt: skip


def test_the_infusion_changes_its_rate_and_its_stop_is_charted(ready: Ready, nurse: Client) -> None:
    begin(ready, 20, rate_ml_per_h=Decimal(60))
    page = nurse.get(at(ready, "infusion")).content.decode()
    assert all(words in page for words in ("Rate changed", "Infusion paused", "Infusion stopped for good"))
    # Begun at 60 mL/h for 40 minutes, whatever it was diluted to: at half of that the rest takes twice as long.
    assert post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="30").status_code == 302  # type: ignore[attr-defined]
    side = nurse.get(at(ready)).context["side"]
    assert side.progress.words.startswith("Infusion, min 20 of 60, at 30 mL/h")
    assert "Rate changed to 30 mL/h" in nurse.get(at(ready)).content.decode()


def bagged(ready: Ready, ml: int = 100) -> None:
    """34 mg made up to so many millilitres, over 40 minutes."""
    with loading():
        ready.order.id, ready.order.bag_ml = new_id(), Decimal(ml)
        ready.order.recorded_at = timezone.now()
        ready.order.save(force_insert=True)


def test_the_pump_begins_at_the_rate_of_the_ordered_bag_or_somebody_says_why_not(
    ready: Ready, nurse: Client
) -> None:
    bagged(ready)
    arrive(ready)
    with door.opened(ready.cast.nurse.id):
        answer_all(ready)
    chart(ready, -0.1, systolic=124, diastolic=78, spo2=97)
    page = nurse.get(at(ready)).content.decode()
    minutes, dose = ready.order.minutes, ready.order.dose_mg.normalize()
    assert f"{dose:f} mg ÷ 100 mL" in page
    assert f'value="{Decimal(6000) / minutes:g}"' in page
    for told in ({}, {"rate_ml_per_h": "75"}):
        refused = post(nurse, at(ready, "start"), order=ready.order.id, **told)
        assert refused.status_code == 422  # type: ignore[attr-defined]
        assert "Set the pump, or say why it differs." in refused.content.decode()  # type: ignore[attr-defined]
    kept = post(
        nurse,
        at(ready, "start"),
        order=ready.order.id,
        rate_ml_per_h="75",
        rate_reason="Slower, as she asked",
    )
    assert kept.status_code == 302  # type: ignore[attr-defined]
    with loading():
        begun = Administration.objects.get(session=ready.session, event="start")
        assert (begun.rate_ml_per_h, begun.note) == (75, "Slower, as she asked")
    assert "at 75 mL/h (Slower, as she asked)" in nurse.get(at(ready)).content.decode()


def test_the_time_left_is_reckoned_by_the_ordered_bag_where_the_pump_began_at_its_rate(
    ready: Ready, nurse: Client
) -> None:
    bagged(ready)
    begin(ready, 20, rate_ml_per_h=Decimal(150))
    assert post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="75").status_code == 302  # type: ignore[attr-defined]
    side = nurse.get(at(ready)).context["side"]
    assert side.progress.words.startswith("Infusion, min 20 of 60, at 75 mL/h")
    assert "100 mL × 60 ÷ 40 min = 150 mL/h" in nurse.get(at(ready, "infusion")).content.decode()


def test_begun_at_another_rate_than_the_bag_comes_to_no_time_left_is_made_up(
    ready: Ready, nurse: Client
) -> None:
    bagged(ready)
    begin(ready, 20, rate_ml_per_h=Decimal(60))
    assert post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="30").status_code == 302  # type: ignore[attr-defined]
    assert not nurse.get(at(ready)).context["side"].infused.is_reckoned


def test_without_the_rate_at_the_start_no_time_left_is_made_up(ready: Ready, nurse: Client) -> None:
    begin(ready, 20)
    assert post(nurse, at(ready, "infusion"), event="rate", rate_ml_per_h="30").status_code == 302  # type: ignore[attr-defined]
    side = nurse.get(at(ready)).context["side"]
    assert not side.infused.is_reckoned
    assert "read it from the pump" in nurse.get(at(ready, "infusion")).content.decode()


def test_minutes_that_have_run_are_no_end(ready: Ready, nurse: Client) -> None:
    begin(ready, 130)
    page = nurse.get(at(ready))
    assert page.context["stage"] == "ending"
    assert "Chart the stop" in page.content.decode()
    shown = nurse.get(at(ready, "discharge")).content.decode()
    assert "A dose is still being given, or its end is not charted." in shown
    early = ready.clock(timezone.now() - timedelta(minutes=150))
    refused = post(nurse, at(ready, "infusion"), event="stop", at=early)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    then = ready.clock(timezone.now() - timedelta(minutes=89))
    assert post(nurse, at(ready, "infusion"), event="stop", at=then).status_code == 302  # type: ignore[attr-defined]
    assert nurse.get(at(ready)).context["stage"] == "recovery"
    assert "No dose is being given." in nurse.get(at(ready, "discharge")).content.decode()


def test_who_leaves_early_while_it_runs_is_sent_to_the_stop_first(ready: Ready, nurse: Client) -> None:
    begin(ready, 20)
    said = {"reason": "Pulled the line, went home with Ruth.", "signed_name": "Luis"}
    refused = post(nurse, at(ready, "leave-early"), **said)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    page = refused.content.decode()  # type: ignore[attr-defined]
    assert "Chart its end first, in the room" in page and said["reason"] in page
    assert at(ready, "infusion") in nurse.get(at(ready)).content.decode()
    assert post(nurse, at(ready, "infusion"), event="stop").status_code == 302  # type: ignore[attr-defined]
    assert post(nurse, at(ready, "leave-early"), **said).status_code == 302  # type: ignore[attr-defined]


def test_going_home_is_judged_by_what_was_seen_after_the_last_of_the_dose(
    ready: Ready, nurse: Client
) -> None:
    begin(ready, 130)
    chart(ready, -5, systolic=120, diastolic=76, spo2=98)
    chart(ready, 1, systolic=122, diastolic=78, spo2=98, sedation=5)
    then = ready.clock(timezone.now() - timedelta(minutes=89))
    post(nurse, at(ready, "infusion"), event="stop", at=then)
    page = nurse.get(at(ready, "discharge"))
    assert page.context["spo2"] is None
    assert "sedation" not in {one.name for one in page.context["charted"] if one.met}
    chart(ready, 100, systolic=122, diastolic=78, spo2=97, sedation=5)
    page = nurse.get(at(ready, "discharge"))
    assert page.context["spo2"] == 97
    assert "sedation" in {one.name for one in page.context["charted"] if one.met}


def test_a_medicine_is_told_whole_and_asks_what_it_did(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 30)
    now = timezone.now()
    given, told = (ready.clock(now - timedelta(minutes=each)) for each in (12, 11))
    post(
        nurse, at(ready, "medicine"), substance="Labetalol", dose_mg="10", route="iv", at=given,
        indication="Pressure 192/110", ordered_how="verbal", told_at=told, note="Second line in.",
    )  # fmt: skip
    page = nurse.get(at(ready)).content.decode()
    words = f"Labetalol 10 mg, into a vein, for Pressure 192/110, by word of mouth, prescriber told {told}, Second line in."
    assert words in page
    with loading():
        row = Administration.objects.get(substance="Labetalol")
    address = at(ready, f"effect/{row.id}")
    assert address in page
    before = ready.clock(now - timedelta(minutes=20))
    refused = post(nurse, address, note="Fell to 150/90.", at=before)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Fell to 150/90." in refused.content.decode()  # type: ignore[attr-defined]
    assert post(nurse, address, note="Fell to 150/90.").status_code == 302  # type: ignore[attr-defined]
    page = nurse.get(at(ready)).content.decode()
    assert "Labetalol did: Fell to 150/90." in page
    assert address not in page
    assert nurse.get(at(ready, f"effect/{uuid4()}")).status_code == 404


@pytest.mark.parametrize("left_out", ["dose_mg", "route", "indication", "ordered_how"])
def test_a_medicine_says_dose_route_purpose_and_order_or_that_it_is_not_known(
    ready: Ready, nurse: Client, left_out: str
) -> None:
    started_ago(ready, 30)
    said = {"substance": "Ondansetron", **MEDICINE} | {left_out: ""}
    refused = post(nurse, at(ready, "medicine"), **said)
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert list(refused.context["form"].errors) == [left_out]  # type: ignore[attr-defined]
    page = refused.content.decode()  # type: ignore[attr-defined]
    assert 'value="Ondansetron"' in page
    assert "known" in str(refused.context["form"].errors)  # type: ignore[attr-defined]
    unknown = {"dose_mg": {"has_no_dose": "on"}, "indication": {"indication": "not known"}}
    kept = post(nurse, at(ready, "medicine"), **said | unknown.get(left_out, {left_out: "unknown"}))
    assert kept.status_code == 302  # type: ignore[attr-defined]
    page = nurse.get(at(ready)).content.decode()
    words = {"dose_mg": "Ondansetron, dose not in mg or not known, into a vein", "route": "4 mg, how is not known, for",
             "indication": "for not known", "ordered_how": "on whose order is not known"}  # fmt: skip
    assert words[left_out] in page


def test_a_dose_and_that_there_is_none_are_not_both_taken(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 30)
    both = post(nurse, at(ready, "medicine"), substance="Ondansetron", has_no_dose="on", **MEDICINE)
    assert both.status_code == 422  # type: ignore[attr-defined]
    assert "Take it out, or the tick." in both.content.decode()  # type: ignore[attr-defined]


def test_a_change_of_medicines_waits_for_the_prescriber(ready: Ready, nurse: Client) -> None:
    arrive(ready)
    post(nurse, at(ready, "check/medications"), answer="yes", what="Sertraline stopped")
    page = nurse.get(at(ready))
    assert "medicines" in page.context["missing"]
    assert decision_of(nurse, ready, gates.Gate.MEDICATIONS_CHANGED) == ""
    assert post(nurse, at(ready, "check/medications_seen"), answer="on").status_code == 422  # type: ignore[attr-defined]
    prescriber = client_for(ready.cast.prescriber)
    assert decision_of(prescriber, ready, gates.Gate.MEDICATIONS_CHANGED) == "medications_seen"
    assert post(prescriber, at(ready, "check/medications_seen"), answer="on").status_code == 302  # type: ignore[attr-defined]
    page = nurse.get(at(ready))
    assert "medicines" not in page.context["missing"]
    assert "Sertraline stopped." in page.content.decode()


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
        entry_actions.enter(
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
    ticks = ("oriented", "steady_gait", "respiratory_depression_resolved",
             "escort_present", "instructions_given")  # fmt: skip
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
        binding_actions.bind_device(by=ready.cast.nurse, session=ready.session, device=ready.device)
    chart(ready, -5, systolic=124, diastolic=78, spo2=98)
    chart(ready, 125, systolic=160, diastolic=88, spo2=97, sedation=5, nausea=0, dissociation=1)
    page = nurse.get(at(ready, "discharge"))
    assert "Dissociation was charted as mild at" in page.content.decode()
    assert "is_dissociation_resolved" not in page.content.decode(), "what the chart answers is not ticked"
    form = page.context["form"]
    assert {item.name: item.value() for item in form.items} == {
        "vitals": 1, "nausea": 2, "gait": None, "pain": None, "bleeding": None,
    }, "only what the chart says is filled in"  # fmt: skip
    assert "Filled in from the chart: blood pressure 160/88 mmHg at" in form["vitals"].help_text
    assert "Filled in from the chart: nausea 0 of 10 at" in form["nausea"].help_text
    assert not form["bleeding"].help_text
    refused = post(nurse, at(ready, "discharge"), **going())
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "Blood pressure 160/88 mmHg" in refused.content.decode()  # type: ignore[attr-defined]
    assert "Dissociation was charted as mild at" in refused.content.decode()  # type: ignore[attr-defined]
    chart(ready, 128, systolic=126, diastolic=78)
    refused = post(nurse, at(ready, "discharge"), **going(is_dissociation_resolved="on"))
    assert "none is needed" in refused.content.decode()  # type: ignore[attr-defined]
    chart(ready, 128, dissociation=0)
    refused = post(nurse, at(ready, "discharge"), **going(is_suicide_rescreen_done="on"))
    assert "Suicide risk was not asked about again since the dose." in refused.content.decode()  # type: ignore[attr-defined]
    asked = post(nurse, at(ready, "check/suicide_rescreened"), answer="no")
    assert asked["Location"] == at(ready, "discharge")  # type: ignore[index]
    for _ in range(2):
        assert post(nurse, at(ready, "discharge"), **going()).status_code == 302  # type: ignore[attr-defined]
    with loading():
        assert Discharge.objects.get().outcome == "discharged"
        assert Binding.objects.get().until is not None
    assert nurse.get(at(ready)).context["stage"] == "over"
    assert post(nurse, at(ready, "summary"), text="A calm session, some tears.").status_code == 302  # type: ignore[attr-defined]
    assert "A calm session, some tears." in nurse.get(at(ready)).content.decode()


def test_nobody_goes_home_over_an_alarm_that_nobody_has_seen(ready: Ready, nurse: Client) -> None:
    started_ago(ready, 130)
    chart(ready, -5, systolic=124, diastolic=78, spo2=98)
    alarm = raise_alarm(ready)
    with loading():
        Sample.objects.filter(author__isnull=False).update(observed_at=timezone.now() - timedelta(minutes=4))
    chart(ready, 129, systolic=124, diastolic=78, spo2=97, sedation=5, nausea=0, dissociation=0)
    assert post(nurse, at(ready, "check/suicide_rescreened"), answer="no").status_code == 302  # type: ignore[attr-defined]
    assert f"Not acknowledged: {alarm.text}" in html.unescape(
        nurse.get(at(ready, "discharge")).content.decode()
    )
    refused = post(nurse, at(ready, "discharge"), **going())
    assert "Not acknowledged: " in refused.content.decode()  # type: ignore[attr-defined]
    assert nurse.post(at(ready, f"acknowledge/{alarm.id}")).status_code == 302
    assert post(nurse, at(ready, "discharge"), **going()).status_code == 302  # type: ignore[attr-defined]


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
        assert GateCheck.objects.filter(session=ready.session).count() == 9


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
        post(nurse, at(ready, "medicine"), substance="Ondansetron", **MEDICINE)
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


def test_the_only_nurse_is_not_offered_as_the_second_checker() -> None:
    def offered(*nurses: str) -> list[str]:
        form = Staffed(zone=ZoneInfo("UTC"))
        people = {name: Person(name_used=name) for name in ("Helen", *nurses)}
        form.fill({"Helen": people["Helen"]}, {name: people[name] for name in nurses})
        return [key for key, _ in form.fields["second"].choices if key]  # type: ignore[attr-defined]

    assert offered("Luis") == ["Helen"]
    assert offered("Luis", "Mia") == ["Luis", "Mia", "Helen"]
