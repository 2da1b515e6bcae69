"""Letting a couple's work rest: by their own therapist, for both, and nothing of it about either alone."""

import pytest
from django.utils import timezone

from bothwell.integration.pause_actions import pause_couple, pause_of, resume_couple
from bothwell.models import AuditEntry, Couple, CouplePause
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_paused_once_taken_up_once_and_both_can_read_it(cast: Cast) -> None:
    with door.opened(cast.couples_therapist.id):
        first = pause_couple(by=cast.couples_therapist, couple=cast.couple)
        assert pause_couple(by=cast.couples_therapist, couple=cast.couple) == first
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert pause_of(cast.couple) == first
    with door.opened(cast.stranger_a.id):
        assert pause_of(cast.couple) is None
    with door.opened(cast.couples_therapist.id):
        resume_couple(by=cast.couples_therapist, couple=cast.couple)
        resume_couple(by=cast.couples_therapist, couple=cast.couple)
        assert pause_of(cast.couple) is None
        again = pause_couple(by=cast.couples_therapist, couple=cast.couple)
    assert again != first
    with loading():
        did = AuditEntry.objects.filter(couple=cast.couple).order_by("at").values_list("action", "subject")
        paused, resumed = "paused the couple's work", "took up the couple's work"
        assert list(did) == [(paused, None), (resumed, None), (paused, None)]


def test_only_their_own_couples_therapist_and_only_while_they_are_together(cast: Cast) -> None:
    for who in (cast.a, cast.prescriber, cast.lead, cast.stranger_prescriber):
        with door.opened(who.id), pytest.raises(Refused):
            pause_couple(by=who, couple=cast.couple)
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
    cast.couple.parted_at = timezone.now()
    with door.opened(cast.couples_therapist.id), pytest.raises(Refused):
        pause_couple(by=cast.couples_therapist, couple=cast.couple)


def test_the_control_is_on_the_couples_page_and_the_line_on_each_partners(cast: Cast) -> None:
    client, address = client_for(cast.couples_therapist), f"/couples/{cast.couple.id}"
    assert "Pause couple work" in client.get(address).content.decode()
    assert client.post(f"{address}/pause", {"do": "pause"}).status_code == 302
    assert "Take it up again" in client.get(address).content.decode()
    theirs = [client_for(who).get("/us").content.decode() for who in (cast.a, cast.b)]
    assert all("Couple work is paused since" in page for page in theirs)
    assert "paused" not in client_for(cast.stranger_a).get("/us").content.decode()
    client.post(f"{address}/pause", {"do": "resume"})
    assert "paused since" not in client_for(cast.a).get("/us").content.decode()
    with loading():
        assert CouplePause.objects.filter(couple=cast.couple, until__isnull=False).count() == 1
