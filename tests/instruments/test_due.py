"""What waits for a person's answers, and what no longer does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.couples.models import Couple, Person
from bothwell.instruments.catalogue import load
from bothwell.instruments.due import due
from bothwell.models import CouplePause, Membership, Request, Response
from bothwell.privacy import door
from tests.cast import Cast, make_cast, pair
from tests.conftest import loading

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def ask(
    who: Person, instrument: str = "phq-9", wave: str = "w", due_at: datetime = NOW, **more: Any
) -> Request:
    with loading():
        return Request.objects.create(
            clinic_id=who.clinic_id, subject=who, instrument=instrument, kind=load(instrument).kind.value,
            wave=wave, due_at=due_at, **more,
        )  # fmt: skip


def answer(asked: Request, **more: Any) -> None:
    """Sent by themselves, unless `more` says otherwise."""
    given = {
        "request": asked, "status": "sent", "sent_at": NOW, "author_id": asked.subject_id, "wave": asked.wave,
    } | more  # fmt: skip
    with loading():
        Response.objects.create(
            clinic_id=asked.clinic_id, subject_id=asked.subject_id, instrument=asked.instrument,
            instrument_version="1", kind=asked.kind, **given,
        )  # fmt: skip


def waits(who: Person) -> list[str]:
    with door.opened(who.id):
        return [row.instrument for row in due(who)]


def test_asked_begun_and_in_the_order_of_their_days(cast: Cast) -> None:
    ask(cast.a, "gad-7", due_at=NOW + DAY)
    begun = ask(cast.a, "phq-9")
    answer(begun, status="draft", sent_at=None)
    assert waits(cast.a) == ["phq-9", "gad-7"]
    assert waits(cast.b) == []
    with door.opened(cast.a.id):
        assert due(cast.a)[0].response.status == "draft"


def test_not_what_is_sent_also_when_somebody_copied_it_from_paper(cast: Cast) -> None:
    answer(ask(cast.a, "phq-9"))
    answer(ask(cast.a, "gad-7"), request=None, entered_as="paper", author_id=cast.nurse.id)
    other_wave = ask(cast.a, "csi-4", wave="another")
    answer(other_wave, request=None, wave="w", entered_as="paper", author_id=cast.nurse.id)
    assert waits(cast.a) == ["csi-4"]


def test_not_what_ran_out_nor_what_is_far_ahead(cast: Cast) -> None:
    ask(cast.a, "phq-9", due_at=NOW - DAY, lapses_at=NOW - timedelta(minutes=1))
    ask(cast.a, "gad-7", due_at=NOW + timedelta(days=8))
    ask(cast.a, "csi-4", due_at=NOW - DAY, lapses_at=NOW + DAY)
    assert waits(cast.a) == ["csi-4"]


def test_not_what_was_asked_again_since(cast: Cast) -> None:
    for wave, days in (("1", 14), ("2", 7), ("3", -3)):
        ask(cast.a, wave=wave, due_at=NOW - days * DAY)
    with door.opened(cast.a.id):
        assert [row.wave for row in due(cast.a)] == ["2", "3"]


def test_never_the_screen_about_violence(cast: Cast) -> None:
    ask(cast.a, "hark")
    assert waits(cast.a) == []


def paused(couple: Couple, cast: Cast, **more: Any) -> CouplePause:
    with loading():
        return CouplePause.objects.create(
            clinic=cast.clinic, couple=couple, author=cast.couples_therapist, **more
        )


@pytest.mark.parametrize("names_the_couple", [True, False])
def test_while_the_couple_rests_nothing_about_the_two_and_all_about_oneself(
    cast: Cast, names_the_couple: bool
) -> None:
    more = {"couple": cast.couple} if names_the_couple else {}
    for who in (cast.a, cast.b):
        ask(who, "csi-4", **more)
        ask(who, "phq-9")
    assert waits(cast.a) == waits(cast.b) == ["csi-4", "phq-9"]
    pause = paused(cast.couple, cast)
    assert waits(cast.a) == waits(cast.b) == ["phq-9"]
    with loading():
        CouplePause.objects.filter(id=pause.id).update(until=timezone.now())
    assert waits(cast.a) == waits(cast.b) == ["csi-4", "phq-9"]


@pytest.mark.parametrize("names_the_couple", [True, False])
def test_what_was_asked_of_a_couple_ends_with_it_and_a_new_one_is_asked_anew(
    cast: Cast, names_the_couple: bool
) -> None:
    more = {"couple": cast.couple} if names_the_couple else {}
    ask(cast.a, "csi-4", recorded_at=NOW - DAY, **more)
    ask(cast.a, "phq-9", recorded_at=NOW - DAY)
    paused(cast.couple, cast)
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=NOW - timedelta(hours=1))
        Membership.objects.filter(couple=cast.couple).update(until=NOW - timedelta(hours=1))
    assert waits(cast.a) == ["phq-9"]
    with loading():
        again = pair(cast.clinic, cast.a, cast.b)
    ask(cast.a, "csi-16", recorded_at=NOW, **({"couple": again} if names_the_couple else {}))
    assert waits(cast.a) == ["csi-16", "phq-9"]


def test_one_statement_however_much_was_asked_over_the_years(cast: Cast) -> None:
    def statements() -> int:
        with door.opened(cast.a.id), CaptureQueriesContext(connection) as seen:
            list(due(cast.a))
        return len(seen)

    ask(cast.a, "csi-4", wave="0")
    few = statements()
    for week in range(40):
        ask(cast.a, "csi-4", wave=f"{week + 1}", due_at=NOW - week * 7 * DAY, lapses_at=NOW + DAY)
    assert statements() == few == 1
