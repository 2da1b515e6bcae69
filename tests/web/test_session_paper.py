"""A session on one page: whatever was charted, it stays one page, and what it leaves out it counts."""

import io
import os
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from bothwell.dosing import flowsheet
from bothwell.models import (
    Administration,
    AdverseEvent,
    Alarm,
    AlarmEvent,
    AuditEntry,
    Clinic,
    Course,
    Discharge,
    DosingSession,
    GateCheck,
    Note,
    Sample,
    SessionSummary,
)
from bothwell.privacy import door
from bothwell.web import session_paper
from bothwell.web.session_paper import Rung, cut, summed, thinned
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, chart, make_ready, started_ago

START = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.get_fixed_timezone(0))
LONG = "Wanderlust, tears, then calm; the hand was held and let go. "


# ── without a database ────────────────────────────────────────────────────────────────────────────────────


def line(minute: int, systolic: int) -> flowsheet.Line:
    return flowsheet.Line(START + timedelta(minutes=minute), minute, {"systolic": Decimal(systolic)})


@given(st.lists(st.integers(60, 240), max_size=80), st.integers(4, 20))
def test_a_thinned_table_keeps_the_first_the_last_and_the_highest(systolics: list[int], most: int) -> None:
    lines = [line(minute, value) for minute, value in enumerate(systolics)]
    kept = thinned(lines, most)
    assert len(kept) <= most
    assert len(kept) == len(lines) or len(kept) >= most - 3
    assert all(one.at < two.at for one, two in pairwise(kept))
    if lines:
        assert kept[0] == lines[0] and kept[-1] == lines[-1]
        assert max(x.values["systolic"] for x in kept) == max(systolics)


@given(st.text(max_size=300), st.integers(2, 100))
def test_a_cut_text_fits_and_says_that_it_was_cut(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(short) <= most
    assert short == " ".join(text.split()) or short.endswith("…")


def test_alarms_are_summed_by_priority_with_the_longest_wait() -> None:
    seconds = lambda n: START + timedelta(seconds=n)  # noqa: E731
    alarms = [
        Rung("high", "SpO₂ 84 %", seconds(0), acknowledged_at=seconds(30)),
        Rung("medium", "Systolic 172 mmHg", seconds(0), over_at=seconds(200)),
        Rung("high", "Breaths 6 a minute", seconds(100)),
    ]
    found = summed(alarms, seconds(1000))
    assert found.counts == (("high", 2), ("medium", 1)) and found.total == 3
    assert found.unacknowledged == 2
    assert (found.longest, found.longest_text, found.words) == (
        timedelta(seconds=900),
        "Breaths 6 a minute",
        "15 min",
    )
    assert summed([], START).longest is None


# ── with one ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ready() -> Ready:
    return make_ready(make_cast())


def of(ready: Ready) -> dict[str, object]:
    return {"clinic": ready.cast.clinic, "subject": ready.cast.a, "couple": ready.cast.couple,
            "author": ready.cast.nurse, "session": ready.session}  # fmt: skip


def three_hours(ready: Ready, events: int = 60) -> None:
    """Three hours of a monitor, sixty events with all the words they hold, and a signed end."""
    session = started_ago(ready, 180)
    about, begun = of(ready), session.started_at
    assert begun is not None
    for minute in range(-12, 180, 5):
        chart(ready, minute, systolic=128 + minute % 40, diastolic=80 + minute % 9)
    device = {**about, "author": None, "device": ready.device, "unit": ""}
    with loading():
        Sample.objects.bulk_create(
            Sample(**device, code=code, value=Decimal(base + (step * 7) % span), observed_at=at, recorded_at=at)
            for step in range(-60, 720)
            for at in [begun + timedelta(seconds=15 * step)]
            for code, base, span in (("heart_rate", 66, 30), ("spo2", 93, 6), ("respiratory_rate", 11, 8),
                                     ("etco2", 34, 9))
        )  # fmt: skip
        Sample.objects.bulk_create(
            Sample(
                **about,
                unit="",
                code=code,
                value=Decimal(value),
                observed_at=begun + timedelta(minutes=minute),
            )
            for minute in range(0, 180, 15)
            for code, value in (("sedation", 4), ("dissociation", 3), ("nausea", 10))
        )
        Administration.objects.create(
            **about, event="start", substance="Ketamine", dose_mg=34, at=begun, route="iv"
        )
        Administration.objects.create(
            **about, event="stop", substance="Ketamine", at=begun + timedelta(minutes=16), route="iv"
        )
        for number in range(events):
            at = begun + timedelta(minutes=3 * number)
            kind = number % 4
            if kind == 0:
                Administration.objects.create(
                    **about, event="given", substance=(LONG * 3)[:120], dose_mg=Decimal("1234.25"), at=at,
                    indication=(LONG * 3)[:120], note=(LONG * 6)[:300])  # fmt: skip
            elif kind == 1:
                AdverseEvent.objects.create(
                    **about, term=(LONG * 3)[:80], grade=3, wanted=False, began_at=at, ended_at=at, is_serious=True,
                    serious_because=(LONG * 3)[:120], action_taken=(LONG * 6)[:300], outcome="sequelae")  # fmt: skip
            elif kind == 2:
                alarm = Alarm.objects.create(
                    **about, code="spo2", number=number, priority="high", text=(LONG * 4)[:200], raised_at=at)  # fmt: skip
                AlarmEvent.objects.create(
                    **{k: v for k, v in about.items() if k != "session"}, alarm=alarm, kind="acknowledged",
                    at=at + timedelta(seconds=40))  # fmt: skip
            else:
                Note.objects.create(**about, at=at, text=LONG * 60)
        GateCheck.objects.create(**about, name="escort", value=(LONG * 3)[:120])
        SessionSummary.objects.create(**about, text=LONG * 60)
        criteria = [{"name": f"c{n}", "met": n != 3, "reason": (LONG * 2)[:110]} for n in range(16)]
        Discharge.objects.create(**about, outcome="left_early", criteria=criteria, reason=LONG * 40,
                                 signed_name=(LONG * 3)[:120])  # fmt: skip
        DosingSession.objects.filter(id=session.id).update(ended_at=timezone.now(), outcome="left_early")
        Course.objects.filter(id=session.course_id).update(sessions_planned=8)


def paper_of(ready: Ready, who: str = "nurse") -> PdfReader:
    answer = client_for(getattr(ready.cast, who)).get(f"/room/{ready.session.id}/paper")
    assert answer.status_code == 200
    if folder := os.environ.get("BOTHWELL_LOOK"):
        (Path(folder) / f"paper-{len(answer.content)}.pdf").write_bytes(answer.content)
    return PdfReader(io.BytesIO(answer.content))


@pytest.mark.django_db
@pytest.mark.parametrize(("country", "tall"), [("US", 792), ("GB", 842)])
def test_the_fullest_session_stays_one_page(ready: Ready, country: str, tall: int) -> None:
    with loading():
        Clinic.objects.filter(id=ready.cast.clinic.id).update(country=country)
    three_hours(ready)
    made = paper_of(ready)
    assert len(made.pages) == 1
    assert round(float(made.pages[0].mediabox.height)) == tall
    text = " ".join(made.pages[0].extract_text().split())
    assert "Amara" in text and "(A)" in text and "session 1 of 8" in text
    assert "34 mg over 40 min" in text and "0.68" in text
    assert "Left early, against advice" in text and "15 of 16 criteria met" in text
    assert "… and 9 more in the record" in text and "… and 11 more in the record" in text
    assert "bedside monitor is primary" in text and "Page made" in text
    assert "(14 of" in text
    assert "Ben" not in text


@pytest.mark.django_db
def test_it_is_tagged_and_its_title_says_nothing(ready: Ready) -> None:
    three_hours(ready, events=8)
    made = paper_of(ready)
    assert made.metadata is not None and made.metadata.title == "Session"
    assert made.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert made.trailer["/Root"]["/Lang"] == "en"


@pytest.mark.django_db
def test_an_open_session_says_so(ready: Ready) -> None:
    started_ago(ready, 20)
    chart(ready, 5, systolic=131, diastolic=82, spo2=97)
    made = paper_of(ready)
    text = " ".join(made.pages[0].extract_text().split())
    assert len(made.pages) == 1
    assert "Draft: the session is open" in text and "Not signed off yet" in text and "131/82" in text


@pytest.mark.django_db
def test_an_infusion_stopped_early_says_on_paper_and_in_the_room_what_ran_in(ready: Ready) -> None:
    session = started_ago(ready, 60)
    assert session.started_at is not None
    with loading():
        for event, dose, after in (("start", 34, 0), ("stop", None, 16)):
            at = session.started_at + timedelta(minutes=after)
            Administration.objects.create(
                **of(ready), event=event, substance="Ketamine", dose_mg=dose, at=at, route="iv"
            )
    told = "About 14 mg of 34 mg given, by the rates charted."
    made = paper_of(ready)
    assert told in " ".join(made.pages[0].extract_text().split())
    room = client_for(ready.cast.nurse).get(f"/room/{ready.session.id}")
    assert f"Infusion stopped. {told}" in [entry.words for entry in room.context["entries"]]
    assert any(f"Infusion stopped. {told}" in line.words for line in room.context["lines"])


def test_an_alarm_of_ordinary_length_is_not_cut() -> None:
    text = "Blood pressure 188/104 mmHg, more than 20 % over baseline, since 14:05"
    assert summed([Rung("high", text, START)], START + timedelta(seconds=9)).longest_text == text


@pytest.mark.django_db
def test_a_session_in_which_nothing_was_charted_has_a_page_too(ready: Ready) -> None:
    with loading():
        DosingSession.objects.filter(id=ready.session.id).update(
            arrived_at=timezone.now() - timedelta(minutes=2)
        )
    text = " ".join(paper_of(ready).pages[0].extract_text().split())
    assert "no dose" in text and "Nothing was charted." in text


@pytest.mark.django_db
def test_only_this_persons_nurse_and_prescriber_find_it(ready: Ready) -> None:
    started_ago(ready, 20)
    for name, who in ready.cast.everyone().items():
        expected = 200 if name in ("nurse", "prescriber") else 404
        assert client_for(who).get(f"/room/{ready.session.id}/paper").status_code == expected, name
    assert Client().get(f"/room/{ready.session.id}/paper").status_code in (302, 404)
    assert client_for(ready.cast.nurse).get(f"/room/{uuid4()}/paper").status_code == 404


@pytest.mark.django_db
def test_before_the_person_is_here_there_is_nothing_to_print(ready: Ready) -> None:
    assert client_for(ready.cast.nurse).get(f"/room/{ready.session.id}/paper").status_code == 404


@pytest.mark.django_db
def test_printing_is_logged_as_seen_and_as_printed(ready: Ready) -> None:
    started_ago(ready, 20)
    paper_of(ready, "prescriber")
    with door.opened(ready.cast.a.id):
        rows = AuditEntry.objects.filter(actor_id=ready.cast.prescriber.id, subject_id=ready.cast.a.id)
        assert sorted(rows.values_list("action", flat=True)) == ["printed", "viewed"]


@pytest.mark.django_db
def test_it_asks_equally_often_however_much_was_charted(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_paper, "paper", lambda *_, **__: session_paper.HttpResponse("x"))
    session, client, counts = started_ago(ready, 60), client_for(ready.cast.nurse), []
    for minutes in (range(1, 3), range(3, 40)):
        for minute in minutes:
            chart(ready, minute, systolic=120 + minute, diastolic=70, spo2=97)
        with loading():
            Note.objects.create(**of(ready), at=session.started_at, text="Calm")
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/room/{ready.session.id}/paper")
        counts.append(len(asked))
    assert counts[0] == counts[1]
