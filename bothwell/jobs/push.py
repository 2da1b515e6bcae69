"""Calls the browsers of those who asked for it when an alarm waits: an empty call that names nothing.

It reads no value and no text of an alarm, and sends nothing but to a browser maker's own service. The service may
be slow or gone: the bedside monitor, the room and the board do not wait for it.
"""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from bothwell.later import later_all
from bothwell.monitoring import passing_actions, push_key
from bothwell.monitoring.calling import Level
from bothwell.monitoring.models import Alarm, AlarmEvent, PushAddress
from bothwell.monitoring.push_actions import is_known_service

# A call that comes later than this is no use to anybody.
LIVES_SECONDS: Final = 120
PATIENCE_SECONDS: Final = 10
GONE: Final = frozenset({404, 410})


@app.task(name="push.call")
def call(*, alarm: str, level: str) -> None:
    """Call everybody this alarm concerns at this level, unless somebody has acknowledged it meanwhile."""
    row = Alarm.objects.filter(id=alarm).only("id", "subject_id", "clinic_id").first()
    is_seen = AlarmEvent.objects.filter(alarm_id=alarm, kind=AlarmEvent.Kind.ACKNOWLEDGED).exists()
    if row is None or row.subject_id is None or is_seen or not settings.PUSH:
        return
    people = passing_actions.called(int(level) or Level.TEAM, row.subject_id, row.clinic_id)
    found = PushAddress.objects.filter(person_id__in=people, clinic_id=row.clinic_id, ended_at__isnull=True)
    later_all("push.send", [{"address": each} for each in found.values_list("id", flat=True)])


@app.task(name="push.send", retry=RetryStrategy(max_attempts=3, wait=5))
def send(*, address: str) -> None:
    """One empty call to one browser; an address that is gone is ended."""
    row = PushAddress.objects.filter(id=UUID(address), ended_at__isnull=True).first()
    if row is None or not is_known_service(row.endpoint):
        return
    if _sent(row) in GONE:
        PushAddress.objects.filter(id=row.id, ended_at__isnull=True).update(ended_at=timezone.now())


class NotTaken(Exception):
    """The service did not take the call; it is tried again. Says only the status."""


def _sent(row: PushAddress) -> int:
    """The status the service answered with. Raises NotTaken if another attempt may help."""
    from pywebpush import WebPushException, webpush  # type: ignore[import-untyped] # the extra `push`
    from requests import RequestException, Session  # comes with the extra `push`

    straight = Session()
    straight.max_redirects = 0  # a service that leads elsewhere is not followed
    try:
        answer = webpush(
            {"endpoint": row.endpoint},
            data=None,
            vapid_private_key=_signer(),
            vapid_claims={"sub": f"mailto:{settings.DEFAULT_FROM_EMAIL}"},
            ttl=LIVES_SECONDS,
            timeout=PATIENCE_SECONDS,
            headers={"Urgency": "high"},
            requests_session=straight,
        )
    except RequestException:
        # Its own words quote the address.
        raise NotTaken("no answer") from None
    except WebPushException as refused:
        status = refused.response.status_code if refused.response is not None else 0
        if status in GONE:
            return int(status)
        # Not the service's own words: they may quote the address.
        raise NotTaken(f"answered {status}") from None
    return int(answer.status_code)


def _signer() -> Any:
    from py_vapid import Vapid02  # type: ignore[import-untyped] # comes with the extra `push`

    return Vapid02(push_key.private_key(settings.SECRET_KEY))
