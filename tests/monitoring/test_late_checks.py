"""A check nobody made while an infusion runs on: the feed calls it at the pace of the infusion, until the stop is charted."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from bothwell.models import Administration, DosingSession, Order, Sample
from tests.conftest import loading
from tests.monitoring.test_quiet_actions import CHECKED, alarms, tick
from tests.room import Bedside, open_bedside


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


def seen_at(bedside: Bedside, seen: int, now: int) -> None:
    """An infusion of 40 min, begun `now` minutes ago; all was looked at in minute `seen`."""
    session, begun = bedside.session, timezone.now() - timedelta(minutes=now)
    about = {"clinic_id": session.clinic_id, "subject_id": session.subject_id, "couple_id": session.couple_id}
    with loading():
        order = Order.objects.create(
            **about, author=bedside.cast.prescriber, course_id=session.course_id, route="iv", dose_mg=Decimal(34),
            weight_kg=Decimal(68), minutes=40, product="Ketamine",
        )  # fmt: skip
        DosingSession.objects.filter(id=session.id).update(
            order=order, arrived_at=begun - timedelta(minutes=30), started_at=begun
        )
        Sample.objects.bulk_create(
            Sample(
                **about, session=session, author=bedside.cast.nurse, code=code, value=Decimal(value), unit="",
                observed_at=begun + timedelta(minutes=seen),
            )
            for code, value in CHECKED.items()
        )  # fmt: skip


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_infusions_check_is_called_at_its_pace_until_the_stop_is_charted(is_stopped: bool) -> None:
    bedside = open_bedside(is_bound=False)
    seen_at(bedside, 50, 66)
    if is_stopped:
        with loading():
            Administration.objects.create(
                clinic=bedside.session.clinic, subject=bedside.session.subject, couple=bedside.session.couple,
                author=bedside.cast.nurse, session=bedside.session, event="stop", substance="Ketamine", route="iv",
                at=timezone.now() - timedelta(minutes=26),
            )  # fmt: skip
    with loading():
        # Of what is due at the same pace before and after, all was seen later.
        Sample.objects.filter(session=bedside.session).exclude(
            code__in=["systolic", "diastolic", "sedation"]
        ).update(observed_at=timezone.now())
    tick(timezone.now())
    assert alarms(bedside, "checks") == ([] if is_stopped else [("low", [])])
