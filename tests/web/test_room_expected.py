"""The expected course in the room: what is drawn, what is said beside it, and that no partner ever meets it."""

import importlib
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grimp
import pytest
from django.test import Client
from django.urls import reverse

from bothwell.models import Administration, Contact, DosingSession, GateCheck, Order
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, chart, make_ready, started_ago
from tests.web.matrix import PARTNERS, TABLE

ROOT = Path(__file__).parent.parent.parent
LABEL = "Population expectation, not this patient; not for dosing."


@pytest.fixture
def ready(db: None) -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def began(ready: Ready, minutes_ago: int = 20, **order: Any) -> DosingSession:
    """The dose was given so long ago, of an order changed like this, and it is charted."""
    with loading():
        Order.objects.filter(id=ready.order.id).update(**order)
        ready.order.refresh_from_db()
    session = started_ago(ready, minutes_ago)
    assert session.started_at
    event = "start" if ready.order.minutes else "given"
    row(ready, 0, event, ready.order.product, ready.order.dose_mg, ready.order.route)
    return session


def row(
    ready: Ready, minute: float, event: str, substance: str = "Ketamine", dose: Any = None, route: str = "iv"
) -> None:
    session = ready.session
    assert session.started_at
    with loading():
        Administration.objects.create(
            clinic=ready.cast.clinic, subject_id=session.subject_id, couple_id=session.couple_id,
            author=ready.cast.nurse, session=session, event=event, substance=substance, dose_mg=dose, route=route,
            at=session.started_at + timedelta(minutes=minute),
        )  # fmt: skip


def page(client: Client, ready: Ready, end: str = "") -> Any:
    found = client.get(f"/room/{ready.session.id}{end}")
    assert found.status_code == 200
    return found


def drawn(client: Client, ready: Ready) -> dict[str, Any]:
    found: dict[str, Any] = page(client, ready).context["chart"]["expected"]
    return found


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_dose_nothing_is_expected(ready: Ready, nurse: Client) -> None:
    found = page(nurse, ready)
    assert found.context["expected"] is None
    assert LABEL not in text(found)


def test_an_infusion_is_drawn_as_charted_with_its_label_and_inputs(ready: Ready, nurse: Client) -> None:
    session = began(ready)
    chart(ready, -5, systolic=124, diastolic=78)
    found = page(nurse, ready)
    points = found.context["chart"]["expected"]["level"]["points"]
    assert session.started_at
    start = session.started_at.timestamp()
    assert [start, 0.0, None, None] in points
    by_minute = {round((each[0] - start) / 60): each[1] for each in points}
    # 34 mg for 68 kg is the dose of the published vectors.
    assert (by_minute[20], by_minute[40], by_minute[60], by_minute[120]) == (209.6, 240.4, 55.1, 35.8)
    systolic, diastolic = found.context["chart"]["expected"]["pressure"]
    assert [each[1] for each in systolic] == [124.0, 140.0, 124.0]
    assert [each[1] for each in diastolic] == [78.0, 89.0, 78.0]
    for words in (LABEL, "34 mg from min 0 to 40; 68.0 kg", "Racemic ketamine, S and R together", "arterial"):
        assert words in text(found)
    assert text(found).count(LABEL) == 3, "in the chart, and over each list of sentences"


def test_todays_weight_counts_before_the_orders(ready: Ready, nurse: Client) -> None:
    began(ready)
    with loading():
        GateCheck.objects.create(
            clinic=ready.cast.clinic, subject_id=ready.session.subject_id, couple_id=ready.session.couple_id,
            author=ready.cast.nurse, session=ready.session, name="weight", value="71.5",
        )  # fmt: skip
    assert "34 mg from min 0 to 40; 71.5 kg" in text(page(nurse, ready))


def test_a_pause_on_the_chart_changes_the_course_at_the_next_refresh(ready: Ready, nurse: Client) -> None:
    began(ready, 30)
    chart(ready, -5, systolic=124, diastolic=78)
    before = drawn(nurse, ready)
    row(ready, 10, "pause")
    after = page(nurse, ready, "/live")
    assert "8.5 mg from min 0 to 10; 68.0 kg" in text(after)
    assert "It ends at min 10" in text(after)
    assert after.context["chart"]["expected"] != before
    assert 'data-part="expected"' in after.content.decode()


def test_the_spray_has_a_band_and_takes_the_age_on_file(ready: Ready, nurse: Client) -> None:
    with loading():
        Contact.objects.update_or_create(
            subject=ready.cast.a,
            defaults={
                "clinic": ready.cast.clinic,
                "born_on": date.today() - timedelta(days=int(71.5 * 365.25)),
            },
        )
    began(ready, route="in", product="Esketamine nasal spray", dose_mg=Decimal(56), minutes=None)
    found = page(nurse, ready)
    points = found.context["chart"]["expected"]["level"]["points"]
    assert all(low <= typical <= high for _, typical, low, high in points[4:])
    assert "pressure" not in found.context["chart"]["expected"]
    for words in (
        "56 mg at min 0; 71 years",
        "90 % of 500 adults drawn (seed 1984)",
        "none is drawn for this route",
    ):
        assert words in text(found)


def test_without_a_model_the_reason_stands_there_and_there_is_no_curve(ready: Ready, nurse: Client) -> None:
    began(ready, route="im", dose_mg=Decimal(80), minutes=None)
    found = page(nurse, ready)
    assert found.context["chart"]["expected"] == {}
    assert "No expected course. No published population model of an injection into a muscle" in text(found)
    assert LABEL not in text(found)


def test_ketamine_charted_without_its_dose_takes_the_course_away(ready: Ready, nurse: Client) -> None:
    began(ready)
    assert drawn(nurse, ready)
    row(ready, 15, "given", "Ketamine")
    assert drawn(nurse, ready) == {}
    assert "Ketamine was charted without its dose" in text(page(nurse, ready))


def test_other_medicines_change_nothing(ready: Ready, nurse: Client) -> None:
    began(ready)
    before = drawn(nurse, ready)
    row(ready, 15, "given", "Ondansetron", Decimal(4), "po")
    assert drawn(nurse, ready) == before


def test_what_was_expected_stays_readable_after_the_session(ready: Ready, nurse: Client) -> None:
    began(ready, 200)
    with loading():
        ready.session.refresh_from_db()
        assert ready.session.started_at
        DosingSession.objects.filter(id=ready.session.id).update(
            ended_at=ready.session.started_at + timedelta(minutes=150), outcome="discharged"
        )
    assert drawn(nurse, ready)


# ── never on a screen of a partner ────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("bothwell")


def test_only_the_room_asks_for_the_expected_course(graph: grimp.ImportGraph) -> None:
    models = {each for each in graph.modules if each.startswith("bothwell.monitoring.expected")}
    assert len(models) == 4
    asking = set().union(*(graph.find_modules_that_directly_import(each) for each in models)) - models
    assert asking == {"bothwell.web.room_expected"}
    assert graph.find_modules_that_directly_import("bothwell.web.room_expected") == {
        "bothwell.web.room_shown"
    }


def test_no_address_of_a_partner_leads_through_a_module_that_could_show_it(graph: grimp.ImportGraph) -> None:
    """Whatever imports it, however far off, answers to addresses that no partner can open."""
    reach = graph.find_downstream_modules("bothwell.web.room_expected")
    screens = {each for each in reach if each.startswith("bothwell.web.")}
    names = {
        pattern.name
        for screen in screens
        for pattern in getattr(importlib.import_module(screen), "urlpatterns", ())
    }
    assert "room" in names and "room-live" in names
    opened = {row.name: row.opens.union(*row.others.values()) for row in TABLE}
    assert {name for name in names if opened.get(name, frozenset()) & PARTNERS} == set()


def test_only_the_rooms_templates_and_scripts_know_it() -> None:
    web = ROOT / "bothwell" / "web"
    know = {
        path.relative_to(web).as_posix()
        for pattern in ("templates/**/*.html", "static/bothwell/**/*.js")
        for path in web.glob(pattern)
        if re.search(
            r"expected-course|data-expected|room/_expected|data\.expected|expected\.level",
            path.read_text("utf-8"),
        )
    }
    assert know == {
        "templates/room/page.html", "templates/room/_expected.html", "static/bothwell/js/room.js",
        "static/bothwell/js/chart.js",
    }  # fmt: skip
    asking = {
        path.relative_to(web).as_posix()
        for path in web.glob("templates/**/*.html")
        if re.search(r"js/(room|chart)\.js", path.read_text("utf-8"))
    }
    # The second is the room's own page of adverse events, staff's too: it keeps entries while the server is away.
    assert asking == {"templates/room/_frame.html", "templates/after/events.html"}


def test_neither_partner_finds_it_on_any_of_their_pages(ready: Ready) -> None:
    began(ready)
    chart(ready, -5, systolic=124, diastolic=78)
    assert LABEL in text(page(client_for(ready.cast.nurse), ready))
    theirs = [
        reverse(row.name) + row.query
        for row in TABLE
        if row.opens & PARTNERS and not row.ids and not row.more
    ]
    assert {"/today", "/us", "/insights"} <= set(theirs)
    for who in (ready.cast.a, ready.cast.b):
        client = client_for(who)
        for path in theirs:
            found = client.get(path, follow=True)
            assert b"xpectation" not in found.content and b"ng/mL" not in found.content, path
        assert client.get(f"/room/{ready.session.id}").status_code == 404
        assert client.get(f"/room/{ready.session.id}/live").status_code == 404
