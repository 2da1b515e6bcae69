"""What is read of a session for its chart: all that stands of what people saw, and a dot at a time of what monitors say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID, uuid4

import pytest
from django.db import connection

from bothwell.dosing.flowsheet import CONTINUOUS
from bothwell.models import Sample
from bothwell.monitoring.months import Within
from bothwell.privacy import door
from bothwell.web import bedside_values
from tests.conftest import loading
from tests.room import Bedside, open_bedside


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


CODES = ("heart_rate", "spo2", "systolic", "nausea")


def reading(bedside: Bedside, code: str, at: datetime, value: int, **more: object) -> Sample:
    session = bedside.session
    said = {"device": bedside.device, "author": None, "source": f"{uuid4().hex[:6]}@1"} | more
    return Sample(
        clinic_id=session.clinic_id, subject_id=session.subject_id, couple_id=session.couple_id, session=session,
        code=code, value=Decimal(value), unit="", observed_at=at, **said,
    )  # fmt: skip


def laid_out(bedside: Bedside, begin: datetime, hours: int, seed: int) -> list[Sample]:
    """Readings at odd times; some corrected by a person, some told to be artefacts."""
    draw, rows, corrections = Random(seed), [], []
    for number in range(600):
        at = begin + timedelta(milliseconds=draw.randrange(hours * 3_600_000))
        row = reading(bedside, draw.choice(CODES), at, 50 + number % 40)
        rows.append(row)
        if draw.random() < 0.1:
            by = {"device": None, "author": bedside.cast.nurse, "source": "", "reason": "Slip"}
            corrections.append(
                reading(bedside, row.code, at, 45, corrects=row, is_artefact=draw.random() < 0.5, **by)
            )
    with loading():
        Sample.objects.bulk_create(rows)
        Sample.objects.bulk_create(corrections)
    return rows + corrections


def standing(rows: list[Sample], dot_seconds: int) -> list[UUID]:
    """The rule in plain words: neither artefact nor corrected; of a monitor's codes the last of every dot."""
    corrected = {row.corrects_id for row in rows}
    kept: dict[object, Sample] = {}
    for row in sorted(rows, key=lambda one: one.observed_at):
        if row.is_artefact or row.id in corrected:
            continue
        dot = int(row.observed_at.timestamp() // dot_seconds) if row.code in CONTINUOUS else row.id
        kept[row.code, dot] = row
    return [row.id for row in sorted(kept.values(), key=lambda one: (one.observed_at, one.id))]


@pytest.mark.parametrize(("hours", "dot_seconds"), [(1, 15), (3, 30)])
@pytest.mark.parametrize("is_bounded", [True, False])
def test_of_what_a_monitor_says_one_value_a_dot_is_read_and_of_all_else_everything(
    hours: int, dot_seconds: int, is_bounded: bool
) -> None:
    bedside = open_bedside()
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
    rows = laid_out(bedside, begin, hours, seed=hours)
    within = Within(begin - timedelta(days=1), begin + timedelta(days=1)) if is_bounded else None
    with door.opened(bedside.cast.nurse.id):
        read = bedside_values.charted(bedside.session.id, within)
    assert [one.id for one in read] == standing(rows, dot_seconds)


def test_a_clock_that_began_anew_hides_nothing_and_takes_no_longer() -> None:
    bedside = open_bedside()
    now = datetime.now(UTC)
    rows = [reading(bedside, "spo2", at, 97) for at in (datetime(1970, 1, 1, tzinfo=UTC), now)]
    with loading():
        Sample.objects.bulk_create(rows)
    with door.opened(bedside.cast.nurse.id):
        assert [one.id for one in bedside_values.charted(bedside.session.id)] == [row.id for row in rows]


def test_a_session_without_readings_reads_as_none() -> None:
    bedside = open_bedside()
    with door.opened(bedside.cast.nurse.id):
        assert bedside_values.charted(bedside.session.id) == []
