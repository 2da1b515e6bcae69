"""Parting: asked for in quiet, confirmed by the clinic, and then everything between the two closes at once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.models import (
    AuditEntry,
    Consent,
    ConsentText,
    Couple,
    CoupleSession,
    LegalHold,
    PartingAnswer,
    PartingRequest,
    RecordRequest,
)
from bothwell.privacy import door
from bothwell.records import parting_actions, request_actions
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import gave, wrote
from tests.web.test_violence_leaves_no_trace import without_chance


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def asks(cast: Cast, words: str = "I am moving out in May") -> PartingRequest:
    with door.opened(cast.a.id):
        return parting_actions.ask_to_part(by=cast.a, words=words, request_id=uuid4())


def test_asking_changes_nothing_and_only_the_clinic_knows(cast: Cast) -> None:
    asked = asks(cast)
    assert asks(cast) == asked
    assert asks(cast, "") == asked
    knows = set()
    for name, who in cast.everyone().items():
        with door.opened(who.id):
            if PartingRequest.objects.exists():
                knows.add(name)
    assert knows == {"a", "couples_therapist", "lead", "coordinator"}
    with loading():
        assert Couple.objects.get(id=cast.couple.id).is_together


def test_no_page_of_the_other_changes_by_a_byte(cast: Cast) -> None:
    pages = ("/today", "/us", "/insights", "/access", "/access/parting", "/access/copy", "/consents")
    client = client_for(cast.b)
    [client.get(page) for page in pages]
    before = [without_chance(client.get(page).content) for page in pages]
    asks(cast)
    with door.opened(cast.lead.id):
        parting_actions.leave_it(by=cast.lead, asked_id=PartingRequest.objects.get().id, words="We spoke.")
    after = [without_chance(client.get(page).content) for page in pages]
    assert [_without_tokens(one) for one in after] == [_without_tokens(one) for one in before]


def _without_tokens(page: bytes) -> bytes:
    import re

    page = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", page)
    page = re.sub(rb'"X-CSRFToken": "[^"]*"|data-leave-token="[^"]*"', b"", page)
    return re.sub(rb'<time datetime="[^"]*">[^<]*</time>', b"", page)


@pytest.mark.parametrize("who", ["couples_therapist", "lead", "coordinator"])
def test_whoever_confirms_all_requests_are_answered_and_the_chart_is_closed(cast: Cast, who: str) -> None:
    asked = asks(cast)
    by = cast.everyone()[who]
    with door.opened(by.id):
        done = parting_actions.part(by=by, couple_id=cast.couple.id, reason="They said so.")
    assert done.answered == 1
    with loading():
        assert PartingAnswer.objects.get(request=asked).is_confirmed
        assert not Couple.objects.get(id=cast.couple.id).is_together
    with door.opened(by.id), pytest.raises(Refused):
        parting_actions.part(by=by, couple_id=cast.couple.id, reason="Twice.")


@pytest.mark.parametrize("who", ["couples_therapist", "lead", "coordinator"])
def test_what_was_planned_for_both_is_cancelled_whoever_confirms(cast: Cast, who: str) -> None:
    with loading():
        for number, days in ((1, -7), (2, 7)):
            CoupleSession.objects.create(
                clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, number=number,
                at=timezone.now() + timedelta(days=days), state="held" if days < 0 else "planned",
            )  # fmt: skip
    by = cast.everyone()[who]
    with door.opened(by.id):
        parting_actions.part(by=by, couple_id=cast.couple.id, reason="They said so.")
    with loading():
        assert list(CoupleSession.objects.order_by("number").values_list("state", flat=True)) == [
            "held",
            "cancelled",
        ]


def test_what_was_released_to_their_therapist_ends_with_the_couple(cast: Cast) -> None:
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="individual_scores", title="x", body="x", sha256="x"
        )
        for to in ("couples_therapist", "individual_therapist"):
            Consent.objects.create(
                clinic=cast.clinic, subject=cast.a, author=cast.a, text=text, sha256="x", signed_name="A",
                release_class="individual_scores", release_to=to,
            )  # fmt: skip
    with door.opened(cast.lead.id):
        parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="They said so.")
    with loading():
        still = Consent.objects.filter(subject=cast.a, text=text, withdrawn_at__isnull=True)
        assert [one.release_to for one in still] == ["individual_therapist"]


def test_what_each_gave_the_other_closes_and_what_waits_to_open_never_does(cast: Cast) -> None:
    gave(cast.a, wrote(cast.a, "I was less afraid."))
    gave(cast.a, wrote(cast.a, "For later."), opens_at=timezone.now() + timedelta(hours=20))
    assert "I was less afraid." in client_for(cast.b).get("/us").content.decode()
    with door.opened(cast.lead.id):
        parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="They said so.")
    assert "I was less afraid." not in client_for(cast.b).get("/us").content.decode()
    opened = client_for(cast.a).get("/access").context["opened"]
    assert [one.to for one in opened] == []


def test_the_lead_keeps_the_record_for_a_court_in_the_same_act(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        done = parting_actions.part(
            by=cast.lead, couple_id=cast.couple.id, reason="They said so.", hold=[cast.a.id],
            why_hold="County court, 12/26",
        )  # fmt: skip
    assert done.held == 1
    with loading():
        assert LegalHold.objects.get().subject == cast.a


def test_a_coordinator_lays_no_hold_and_then_nothing_is_done(cast: Cast) -> None:
    with door.opened(cast.coordinator.id), pytest.raises(Refused):
        parting_actions.part(
            by=cast.coordinator, couple_id=cast.couple.id, reason="They said so.", hold=[cast.a.id],
            why_hold="County court",
        )  # fmt: skip
    with loading():
        assert Couple.objects.get(id=cast.couple.id).is_together


def test_left_as_it_is_the_reason_is_the_clinics_and_one_may_ask_again(cast: Cast) -> None:
    asked = asks(cast)
    with door.opened(cast.couples_therapist.id):
        with pytest.raises(Refused):
            parting_actions.leave_it(by=cast.couples_therapist, asked_id=asked.id, words="")
        parting_actions.leave_it(by=cast.couples_therapist, asked_id=asked.id, words="We spoke on Monday.")
        with pytest.raises(Stale):
            parting_actions.leave_it(by=cast.couples_therapist, asked_id=asked.id, words="Again.")
    assert asks(cast, "Now it is so") != asked


def test_further_words_stand_beside_the_first_and_are_answered_with_them(cast: Cast) -> None:
    asks(cast)
    asks(cast, "Please ring me at work")
    with door.opened(cast.lead.id):
        assert [one.words for one in parting_actions.waiting()] == [
            "I am moving out in May",
            "Please ring me at work",
        ]
        assert (
            parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="They said so.").answered == 2
        )


def test_what_nobody_answered_yet_is_taken_back_and_then_parts_nobody(cast: Cast) -> None:
    asked = asks(cast)
    for who in (cast.b, cast.stranger_a):
        with door.opened(who.id):
            parting_actions.take_back(by=who)
            assert not PartingRequest.objects.filter(id=asked.id).update(withdrawn_at=timezone.now())
    with door.opened(cast.a.id):
        parting_actions.take_back(by=cast.a)
        parting_actions.take_back(by=cast.a)
    with door.opened(cast.lead.id):
        assert not parting_actions.waiting().exists()
        with pytest.raises(Stale, match="taken back"):
            parting_actions.leave_it(by=cast.lead, asked_id=asked.id, words="We spoke.")
        with pytest.raises(Stale, match="taken back"):
            parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="x", asked_id=asked.id)
        assert AuditEntry.objects.filter(action="took back what was asked about parting").count() == 1
    assert asks(cast, "Now it is so") != asked


def test_what_the_clinic_has_recorded_is_not_taken_back(cast: Cast) -> None:
    asked = asks(cast)
    with door.opened(cast.lead.id):
        parting_actions.leave_it(by=cast.lead, asked_id=asked.id, words="We spoke.")
    with door.opened(cast.a.id):
        parting_actions.take_back(by=cast.a)
    with loading():
        assert PartingRequest.objects.get(id=asked.id).withdrawn_at is None


def test_on_ones_own_telephone_nothing_says_that_it_was_asked(cast: Cast) -> None:
    """Whoever holds it finds the page as it always is, and in the log no line for which no copy was asked."""
    client = client_for(cast.a)
    page = "/access/parting"
    client.get(page)
    before = without_chance(client.get(page).content)
    client.post(page, {"words": "zq I am moving out", "request_id": str(uuid4())})
    assert "speaks with you alone" in client.get(page).content.decode()  # once, to whoever sent it
    assert _without_tokens(without_chance(client.get(page).content)) == _without_tokens(before)
    with door.opened(cast.couples_therapist.id):
        asked = PartingRequest.objects.get()
        parting_actions.leave_it(by=cast.couples_therapist, asked_id=asked.id, words="zq We spoke on Monday.")
    assert _without_tokens(without_chance(client.get(page).content)) == _without_tokens(before)
    client.post(page, {"do": "take_back"})
    client.get(page)
    assert _without_tokens(without_chance(client.get(page).content)) == _without_tokens(before)
    log = client.get("/access")
    assert "zq" not in log.content.decode()
    lines = [(line.did, line.what) for line in log.context["lines"]]
    assert not any("asked" in did or "took back" in did or "asked" in what for did, what in lines)
    assert not any("part" in did or "part" in what for did, what in lines)
    with door.opened(cast.a.id):
        request_actions.ask_for_copy(by=cast.a, scope=RecordRequest.Scope.OWN, words="", request_id=uuid4())
    first = client.get("/access").context["lines"][0]
    assert (first.did, first.what) == ("asked", "something asked of the clinic")


def test_nobody_else_confirms_or_leaves_it(cast: Cast) -> None:
    asked = asks(cast)
    for who in (cast.a, cast.b, cast.prescriber, cast.therapist_a, cast.safety, cast.other_lead):
        with door.opened(who.id), pytest.raises(Refused):
            parting_actions.part(by=who, couple_id=cast.couple.id, reason="They said so.")
        with door.opened(who.id), pytest.raises(Refused):
            parting_actions.leave_it(by=who, asked_id=asked.id, words="We spoke.")


def test_the_partners_logs_say_no_reason(cast: Cast) -> None:
    with door.opened(cast.lead.id):
        parting_actions.part(by=cast.lead, couple_id=cast.couple.id, reason="zq reason")
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert not AuditEntry.objects.filter(subject=who, why__contains="zq").exists()
