"""A call to a browser that is shut: empty, to its maker's own service only, and ended when nobody is there."""

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as current
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from bothwell.jobs import push
from bothwell.models import Alarm, AlarmEvent, Person, PushAddress
from bothwell.monitoring import push_actions, push_key
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.cast import client_for
from tests.conftest import LOGINS, loading
from tests.monitoring.test_actions import heard
from tests.room import Bedside, as_login, open_bedside, said

pytest.importorskip("pywebpush")
GOOGLE = "https://fcm.googleapis.com/fcm/send/"


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock(), override_settings(PUSH=True):  # type: ignore[attr-defined]
        yield
        connection.close()


def asked(person: Person, endpoint: str = "") -> PushAddress:
    with door.opened(person.id):
        return push_actions.subscribe(
            by=person, endpoint=endpoint or f"{GOOGLE}{person.id}", public_key="p", secret="s"
        )


def sending(address: PushAddress, status: int) -> mock.Mock:
    """Send as the worker would; the service answers with this status. What the service was sent."""
    answer = mock.Mock(status_code=status, text="", headers={}, reason="")
    with mock.patch("requests.Session.post", return_value=answer) as post, as_login(LOGINS.work):
        push.send(address=str(address.id))
    return post


def waiting_jobs(task: str) -> list[dict[str, Any]]:
    with as_login(LOGINS.work), connection.cursor() as cursor:
        cursor.execute("select args from procrastinate_jobs where task_name = %s", [task])
        return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor.fetchall()]


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside()


@pytest.mark.parametrize(
    ("endpoint", "is_known"),
    [
        (f"{GOOGLE}x", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", True),
        ("https://web.push.apple.com/x", True),
        ("https://wns2-par02p.notify.windows.com/w/?token=x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com.evil.example/x", False),
        ("https://evilpush.apple.com/x", False),
        ("https://fcm.googleapis.com@127.0.0.1/x", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://127.0.0.1/x", False),
        ("https://[::1/x", False),
        ("", False),
    ],
)
def test_only_a_browser_makers_own_service_is_ever_called(endpoint: str, is_known: bool) -> None:
    assert push_actions.is_known_service(endpoint) is is_known


def test_a_call_is_empty_and_signed_by_the_clinic(bedside: Bedside) -> None:
    address = asked(bedside.cast.nurse)
    post = sending(address, 201)
    (endpoint,), given = post.call_args
    assert endpoint == address.endpoint
    assert not given["data"]
    assert given["timeout"] == push.PATIENCE_SECONDS
    headers = {name.lower(): value for name, value in given["headers"].items()}
    assert headers["ttl"] == str(push.LIVES_SECONDS)
    assert f"k={push_key.public_key(current.SECRET_KEY)}" in headers["authorization"].replace('"', "")


@pytest.mark.parametrize("status", [404, 410])
def test_an_address_that_is_gone_is_ended_and_called_no_more(bedside: Bedside, status: int) -> None:
    address = asked(bedside.cast.nurse)
    sending(address, status)
    with loading():
        assert PushAddress.objects.get(id=address.id).ended_at is not None
    assert not sending(address, 201).called


def test_a_service_that_fails_is_tried_again_and_its_words_are_not_repeated(bedside: Bedside) -> None:
    address = asked(bedside.cast.nurse)
    with pytest.raises(push.NotTaken) as told:
        sending(address, 500)
    assert str(told.value) == "answered 500"
    with loading():
        assert PushAddress.objects.get(id=address.id).ended_at is None


def test_a_high_alarm_calls_this_persons_nurse_and_prescriber_and_nobody_else(bedside: Bedside) -> None:
    cast = bedside.cast
    wanted = {str(asked(who).id) for who in (cast.nurse, cast.prescriber)}
    others = {str(asked(who).id) for who in (cast.lead, cast.therapist_a, cast.stranger_prescriber)}
    heard(said(bedside.device.identifier, timezone.now(), spo2=85))
    with loading():
        alarm = Alarm.objects.get(session=bedside.session, code="spo2")
    calls = [each for each in waiting_jobs("push.call") if each["alarm"] == str(alarm.id)]
    assert calls == [{"alarm": str(alarm.id), "level": "0"}]
    with as_login(LOGINS.work):
        push.call(**calls[0])
    sent = {each["address"] for each in waiting_jobs("push.send")}
    assert wanted <= sent
    assert not others & sent


def test_an_alarm_somebody_has_seen_calls_nobody(bedside: Bedside) -> None:
    address = asked(bedside.cast.nurse)
    heard(said(bedside.device.identifier, timezone.now(), spo2=85))
    with loading():
        alarm = Alarm.objects.get(session=bedside.session, code="spo2")
        AlarmEvent.objects.create(
            clinic=bedside.cast.clinic, subject=bedside.cast.a, author=bedside.cast.nurse, alarm=alarm,
            kind="acknowledged", at=timezone.now(),
        )  # fmt: skip
    with as_login(LOGINS.work):
        push.call(alarm=str(alarm.id), level="0")
    assert str(address.id) not in {each["address"] for each in waiting_jobs("push.send")}


def test_a_partner_is_never_called_and_a_browser_calls_one_person(bedside: Bedside) -> None:
    with pytest.raises(Refused, match="Only staff"):
        asked(bedside.cast.a)
    first = asked(bedside.cast.nurse, f"{GOOGLE}shared-{bedside.cast.nurse.id}")
    assert asked(bedside.cast.nurse, first.endpoint).id == first.id
    with pytest.raises(Refused, match="somebody else"):
        asked(bedside.cast.prescriber, first.endpoint)
    with door.opened(bedside.cast.prescriber.id):
        assert not push_actions.unsubscribe(by=bedside.cast.prescriber, endpoint=first.endpoint)
    with door.opened(bedside.cast.nurse.id):
        assert push_actions.unsubscribe(by=bedside.cast.nurse, endpoint=first.endpoint)


def test_the_page_offers_a_key_keeps_an_address_and_refuses_others_in_words(bedside: Bedside) -> None:
    nurse = client_for(bedside.cast.nurse)
    assert nurse.get("/push").json()["key"] == push_key.public_key(current.SECRET_KEY)
    given = {"endpoint": f"{GOOGLE}web-{bedside.cast.nurse.id}", "public_key": "p", "secret": "s"}
    assert nurse.post("/push/on", given).json() == {"is_called": True}
    refused = nurse.post("/push/on", given | {"endpoint": "https://127.0.0.1/x"})
    assert (refused.status_code, refused.json()["reason"]) == (422, push_actions.NOT_A_SERVICE)
    assert nurse.post("/push/off", given).json() == {"is_called": False}
    with override_settings(PUSH=False):
        assert nurse.get("/push").status_code == 404
