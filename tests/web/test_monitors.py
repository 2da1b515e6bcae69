"""A monitor whose clock is wrong is told to whoever stands at the bed and whoever sets monitors up."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from bothwell.dosing import visit_actions
from bothwell.dosing.models import DosingSession
from bothwell.monitoring import binding_actions, clocks, silence
from bothwell.monitoring.channel import ChannelState
from bothwell.monitoring.limits import Priority
from bothwell.monitoring.models import Binding, Device
from bothwell.monitoring.silence import Missing
from bothwell.pathway.models import Course
from bothwell.privacy import door
from bothwell.web.bedside_alarms import Standing
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.dosing.ready import Ready, make_ready

pytestmark = pytest.mark.django_db

WORDS = "Its clock is 10 minutes behind ours."


def with_a_clock(behind: timedelta) -> Ready:
    """A monitor on a person, spoken to for a minute."""
    ready, clock, now = make_ready(make_cast()), clocks.Clock(), timezone.now()
    for second in range(0, 60, 10):
        at = now - timedelta(seconds=60 - second)
        clock = clocks.look(clock, at - behind, at)
    nurse = ready.cast.nurse
    with door.opened(nurse.id):
        visit_actions.arrive(by=nurse, session_id=ready.session.id, room=ready.room)
        ready.session.refresh_from_db()
        binding_actions.bind_device(by=nurse, session=ready.session, device=ready.device)
    with loading():
        Device.objects.filter(id=ready.device.id).update(clock=clocks.to_json(clock))
    return ready


@pytest.mark.parametrize("behind_minutes", [0, 10])
def test_the_room_the_choice_of_monitor_and_the_lead_see_it_only_when_it_is_wrong(
    behind_minutes: int,
) -> None:
    ready = with_a_clock(timedelta(minutes=behind_minutes))
    room = f"/room/{ready.session.id}"
    nurse, lead = client_for(ready.cast.nurse), client_for(ready.cast.lead)
    for client, address in (
        (nurse, room),
        (nurse, f"{room}/live"),
        (nurse, f"{room}/device"),
        (nurse, f"{room}/device?device={ready.device.id}"),
        (lead, "/clinic/rooms"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert (WORDS in answer.content.decode()) == bool(behind_minutes), address


def test_a_monitor_that_is_on_nobody_troubles_no_room() -> None:
    ready = with_a_clock(timedelta(minutes=10))
    with door.opened(ready.cast.nurse.id):
        assert binding_actions.unbind(by=ready.cast.nurse, session=ready.session)
    shown = client_for(ready.cast.nurse).get(f"/room/{ready.session.id}").content.decode()
    assert WORDS not in shown


def test_the_choice_says_which_monitor_is_on_somebody_now_and_not_on_whom() -> None:
    ready = with_a_clock(timedelta())
    nurse, cast = ready.cast.nurse, ready.cast
    with loading():
        known = DosingSession.objects.select_related("course").get(id=ready.session.id).course
        course = Course.objects.create(
            clinic=cast.clinic, subject=cast.stranger_a, couple=cast.strangers, author=cast.stranger_prescriber,
            protocol_id=known.protocol_id, route="iv", phase="dosing_series", state="active",
        )  # fmt: skip
        other = DosingSession.objects.create(
            clinic=cast.clinic, subject=cast.stranger_a, couple=cast.strangers, author=nurse, course=course,
            number=9, scheduled_at=timezone.now(), arrived_at=timezone.now(),
        )  # fmt: skip
        away = Device.objects.create(clinic=cast.clinic, identifier="MON-AWAY", name="Monitor 9")
        free = Device.objects.create(clinic=cast.clinic, identifier="MON-FREE", name="Monitor 7")
        Binding.objects.create(
            clinic=cast.clinic,
            subject=cast.stranger_a,
            couple=cast.strangers,
            author=nurse,
            session=other,
            device=away,
        )
        stranger = cast.stranger_a.name_used
    client, address = client_for(nurse), f"/room/{ready.session.id}/device"
    page = client.get(address).content.decode()
    assert page.count("on somebody else now") == 1
    assert (
        page.index("MON-AWAY")
        < page.index("on somebody else now")
        < page.index("</label>", page.index("MON-AWAY"))
    )
    assert stranger not in page
    assert f"on {cast.a.name_used} now" in page
    assert "on somebody else now" in client.get(f"{address}?device={away.id}").content.decode()
    assert "on somebody else now" not in client.get(f"{address}?device={free.id}").content.decode()
    with loading():
        DosingSession.objects.filter(id=other.id).update(ended_at=timezone.now() + timedelta(seconds=1))
    assert "on somebody else now" not in client.get(address).content.decode()


def test_whoever_puts_no_monitor_on_anybody_is_told_of_none() -> None:
    ready = with_a_clock(timedelta())
    for who, count in ((ready.cast.nurse, 1), (ready.cast.a, 0), (ready.cast.couples_therapist, 0)):
        with door.opened(who.id):
            assert len(binding_actions.in_use()) == count, who


def test_how_long_a_signal_is_gone_counts_on() -> None:
    """The alarm says after how many seconds it was raised; the page, how long it has been by now."""
    raised_at = timezone.now() - timedelta(seconds=52)
    text = "SpO₂: no reading for 8 seconds. Watch the monitor itself"
    gone = Standing(
        uuid4(),
        silence.MONITOR,
        1,
        Priority.TECHNICAL,
        text,
        raised_at,
        False,
        None,
        None,
        "",
        is_signal=True,
    )
    assert gone.silence is not None
    assert gone.silence.before == "SpO₂: no reading for "
    assert gone.silence.after == ". Watch the monitor itself"
    assert gone.silence.lasted in ("60 seconds", "61 seconds")
    shown = render_to_string("room/_alarms.html", {"alarms": [gone]})
    assert f'data-silent-since="{raised_at - timedelta(seconds=8):%Y-%m-%dT%H:%M:%S}' in shown
    assert re.search(r'aria-live="off"[^>]*>6[01] seconds</span>', shown)
    assert replace(gone, raised_at=raised_at - timedelta(minutes=5)).silence.lasted == "6 minutes"  # type: ignore[union-attr]
    assert replace(gone, is_over=True).silence is None, "what is over counts no more"
    assert silence.step(ChannelState(), Missing({"spo2": 8}, {}), raised_at)[0].signal.text == text  # type: ignore[union-attr]
