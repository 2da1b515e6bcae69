"""A clock time typed at the bed: between the arrival and now, on the day it was, and else refused in words that help."""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bothwell.models import DosingSession, Note, Sample
from bothwell.web import bedside_forms, entry_forms
from bothwell.web.bedside_forms import Bedside
from bothwell.web.templatetags.words import on_day_of
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import make_ready, started_ago

ZONE = ZoneInfo("Europe/London")


def at(day: int, hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=ZONE)


def asked(
    kind: type[Bedside], typed: str, *, now: datetime, since: datetime | None, name: str = "at"
) -> Bedside:
    """A form as it was posted at `now`, by somebody whose session began at `since`."""
    said = {"request_id": str(uuid4()), name: typed, "substance": "Labetalol", "note": "Calmer."}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bedside_forms.timezone, "now", lambda: now)
        form = kind(said, zone=ZONE, since=since)
        form.is_valid()
        form.taken = form.when(name)  # type: ignore[attr-defined]
    return form


FORMS = [entry_forms.Medicine, entry_forms.Effect, entry_forms.Infused, entry_forms.Began]


@pytest.mark.parametrize("kind", FORMS)
def test_a_time_that_has_not_come_is_refused_and_moved_to_no_other_day(kind: type[Bedside]) -> None:
    form = asked(kind, "23:59", now=at(23, 20, 32), since=at(23, 19, 40))
    assert form.errors["at"] == [
        "23:59 is later than now (20:32). Type the time at which it was, or leave it empty for now."
    ]


@pytest.mark.parametrize("kind", FORMS)
def test_a_time_before_the_arrival_is_refused(kind: type[Bedside]) -> None:
    form = asked(kind, "19:39", now=at(23, 20, 32), since=at(23, 19, 40, 20))
    assert form.errors["at"] == [
        "19:39 is before the arrival (19:40). Type the time at which it was, or leave it empty for now."
    ]


@pytest.mark.parametrize(
    ("typed", "now", "since", "taken"),
    [
        ("23:50", at(24, 0, 10), at(23, 22, 0), at(23, 23, 50)),  # past midnight: of the evening before
        ("22:00", at(24, 0, 10), at(23, 22, 0, 40), at(23, 22, 0)),  # in the minute of the arrival
        ("00:05", at(24, 0, 10), at(23, 22, 0), at(24, 0, 5)),
        ("20:33", at(23, 20, 32), at(23, 19, 40), at(23, 20, 33)),  # the clock on the wall is a minute ahead
        ("20:00", at(23, 20, 32), at(23, 19, 40), at(23, 20, 0)),
    ],
)
def test_a_time_is_taken_on_the_day_it_was(
    typed: str, now: datetime, since: datetime, taken: datetime
) -> None:
    form = asked(entry_forms.Effect, typed, now=now, since=since)
    assert not form.errors
    assert form.taken == taken  # type: ignore[attr-defined]


def test_past_midnight_too_a_time_before_the_arrival_is_refused() -> None:
    form = asked(entry_forms.Effect, "21:30", now=at(24, 0, 10), since=at(23, 22, 0))
    assert form.errors["at"][0].startswith("21:30 is later than now (00:10).")


def test_when_the_prescriber_was_told_keeps_the_same_rule() -> None:
    form = asked(entry_forms.Medicine, "23:59", now=at(23, 20, 32), since=at(23, 19, 40), name="told_at")
    assert form.errors["told_at"] == [
        "23:59 is later than now (20:32). Type the time at which the prescriber was told, or leave it empty."
    ]


def test_a_time_of_another_day_is_shown_with_its_date() -> None:
    with timezone.override(ZONE):
        assert on_day_of(at(23, 23, 50), at(23, 22, 0)) == "23:50"
        assert on_day_of(at(24, 0, 10), at(23, 22, 0)) == "24 Nov, 00:10"
        assert on_day_of(at(23, 23, 50), None) == "23:50"
        assert on_day_of(None, at(23, 22, 0)) == ""


ENDS = {
    "enter/pressure": {"systolic": "124", "diastolic": "78"},
    "enter/check": {"systolic": "124", "diastolic": "78", "sedation": "5"},
    "enter/note": {"note": "At ease."},
    "medicine": {
        "substance": "Ondansetron",
        "dose_mg": "4",
        "route": "iv",
        "indication": "Nausea",
        "ordered_how": "standing",
    },
    "infusion": {"event": "pause"},
}


@pytest.mark.django_db
@pytest.mark.parametrize(("end", "said"), ENDS.items())
def test_no_form_of_the_room_stores_a_time_before_the_arrival(end: str, said: dict[str, str]) -> None:
    ready = make_ready(make_cast())
    session = started_ago(ready, 20)
    zone = ZoneInfo(ready.cast.clinic.timezone)
    with loading():
        arrived = DosingSession.objects.values_list("arrived_at", flat=True).get(id=session.id)
        before = Sample.objects.count()
    early = (arrived - timedelta(minutes=30)).astimezone(zone)
    answer = client_for(ready.cast.nurse).post(
        f"/room/{session.id}/{end}", {"request_id": str(uuid4()), "at": f"{early:%H:%M}", **said}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is before the arrival (" in page or "is later than now (" in page, "midnight may lie between"
    with loading():
        assert (Sample.objects.count(), Note.objects.count()) == (before, 0)
