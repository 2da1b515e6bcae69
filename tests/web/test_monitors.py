"""A monitor whose clock is wrong is told to whoever stands at the bed and whoever sets monitors up."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bothwell.dosing import visit_actions
from bothwell.monitoring import binding_actions, clocks
from bothwell.monitoring.models import Device
from bothwell.privacy import door
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
