"""Check-in on a phone: resumable, saved as it is answered, sent once, and nobody else's to open."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.instruments.catalogue import load
from bothwell.models import AuditEntry, Consent, ConsentText, Request, Response, SafetyFlag
from bothwell.privacy import door
from bothwell.web.checkin import due
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import answered, asked

pytestmark = pytest.mark.django_db
PHQ = load("phq-9")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def code(number: int, option: int) -> str:
    return PHQ.items[number - 1].options[option].code


def answer_all(client: Client, address: str, option: int = 0, last: int = 0) -> None:
    for number in range(1, len(PHQ.items) + 1):
        picked = last if number == 9 else option
        revision = client.get(f"{address}/{number}").context["check_in"].response.revision
        answered_one = client.post(
            f"{address}/{number}", {"answer": code(number, picked), "revision": revision, "step": "next"}
        )
        assert answered_one.status_code == 302


def test_it_begins_at_the_first_open_question_and_goes_on_where_it_was_left(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    assert client.get(address)["Location"] == f"{address}/1"
    client.post(f"{address}/1", {"answer": code(1, 2), "revision": 0, "step": "next"})
    assert client.get(address)["Location"] == f"{address}/2"
    again = client.get(f"{address}/1").content.decode()
    assert f'value="{code(1, 2)}" checked' in again


def test_one_question_a_view_with_its_own_words_and_who_sees_it(cast: Cast) -> None:
    page = client_for(cast.a).get(f"/checkin/{asked(cast, cast.a).id}/3").content.decode()
    assert PHQ.items[2].text in page
    assert PHQ.items[3].text not in page
    assert "Question 3 of 10" in page
    assert "Helen (prescriber) and Priya (individual therapist)" in page
    assert "<title>Today</title>" in page


def test_answers_about_the_relationship_are_ones_own_until_a_release_is_signed(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a, 'csi-16').id}/1", client_for(cast.a)
    assert "Only you can see these answers" in client.get(address).content.decode()
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="relationship_scores", title="T", body="B", sha256="x"
        )
        Consent.objects.create(
            clinic=cast.clinic,
            subject=cast.a,
            author=cast.a,
            text=text,
            sha256="x",
            release_class="relationship_scores",
            release_to="couples_therapist",
            signed_name="Amara",
        )
    assert "Dana (couples therapist)" in client.get(address).content.decode()


def test_nothing_chosen_is_said_in_words_and_rather_not_is_an_answer(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    refused = client.post(f"{address}/1", {"revision": 0, "step": "next"})
    assert refused.status_code == 422
    assert "say you would rather not" in refused.content.decode()
    skipped = client.post(f"{address}/1", {"revision": 0, "step": "skip"})
    assert skipped["Location"] == f"{address}/2"
    assert "Left open, as you wished" in client.get(f"{address}/1").content.decode()


def test_a_script_saves_in_place_and_the_same_answer_twice_changes_nothing(cast: Cast) -> None:
    request, client = asked(cast, cast.a), client_for(cast.a)
    address = f"/checkin/{request.id}/1"
    post = {"answer": code(1, 1), "revision": 0}  # a script names no button
    first = client.post(address, post, headers={"hx-request": "true"})
    assert first.status_code == 200
    assert 'value="1"' in first.content.decode()
    assert "<html" not in first.content.decode()
    again = client.post(address, post, headers={"hx-request": "true"})
    assert again.status_code == 200
    with door.opened(cast.a.id):
        assert Response.objects.get(request=request).revision == 1


def test_a_stale_window_changes_nothing_and_shows_how_it_stands(cast: Cast) -> None:
    request, client = asked(cast, cast.a), client_for(cast.a)
    address = f"/checkin/{request.id}/1"
    client.post(address, {"answer": code(1, 1), "revision": 0, "step": "next"})
    stale = client.post(address, {"answer": code(1, 3), "revision": 0, "step": "next"})
    assert stale.status_code == 409
    assert f'value="{code(1, 1)}" checked' in stale.content.decode()
    with door.opened(cast.a.id):
        assert Response.objects.get(request=request).answers == {"phq9-1": code(1, 1)}


def test_a_foreign_answer_is_refused(cast: Cast) -> None:
    address = f"/checkin/{asked(cast, cast.a).id}/1"
    assert client_for(cast.a).post(address, {"answer": "zzz", "revision": 0}).status_code == 422
    assert client_for(cast.a).get(address.replace("/1", "/99")).status_code == 404


def test_sent_once_seen_by_and_never_changed(cast: Cast) -> None:
    request, client = asked(cast, cast.a), client_for(cast.a)
    address = f"/checkin/{request.id}"
    early = client.post(f"{address}/review")
    assert early.status_code == 422
    answer_all(client, address, option=1)
    assert client.post(f"{address}/review")["Location"] == f"{address}/sent"
    assert client.post(f"{address}/review")["Location"] == f"{address}/sent"
    with door.opened(cast.a.id):
        sent = Response.objects.get(request=request)
        assert (sent.status, sent.total, sent.band) == ("sent", 8, "mild")
        assert AuditEntry.objects.filter(action="sent answers").count() == 1
    page = client.get(f"{address}/sent").content.decode()
    assert "You and Helen (prescriber) and Priya (individual therapist) can see" in page
    changed = client.post(f"{address}/1", {"answer": code(1, 0), "revision": sent.revision, "step": "next"})
    assert changed["Location"] == f"{address}/sent"


def test_a_heavy_answer_opens_a_flag_and_a_page_with_someone_to_call(cast: Cast) -> None:
    with loading():
        cast.clinic.crisis_lines = [{"label": "Lifeline", "number": "988", "href": "tel:988"}]
        cast.clinic.save(update_fields=["crisis_lines"])
    request, client = asked(cast, cast.a), client_for(cast.a)
    address = f"/checkin/{request.id}"
    answer_all(client, address, last=1)
    client.post(f"{address}/review")
    client.post(f"{address}/review")
    page = client.get(f"{address}/sent").content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    assert "Lifeline: 988" in main
    with door.opened(cast.prescriber.id):
        assert SafetyFlag.objects.filter(subject=cast.a).count() == 1
    for unaware in (cast.a, cast.b, cast.couples_therapist, cast.coordinator):
        with door.opened(unaware.id):
            assert not SafetyFlag.objects.exists()


def test_without_a_heavy_answer_there_is_neither_flag_nor_call(cast: Cast) -> None:
    request = asked(cast, cast.a)
    answered(request, cast.a, choice=2)
    page = client_for(cast.a).get(f"/checkin/{request.id}/sent").content.decode()
    assert "Thank you for saying how it is" not in page
    with door.opened(cast.prescriber.id):
        assert not SafetyFlag.objects.exists()


def test_the_partner_finds_the_same_nothing_as_anyone(cast: Cast) -> None:
    request = asked(cast, cast.a)
    answered(request, cast.a)
    partner = client_for(cast.b)
    missing = partner.get("/checkin/00000000-0000-7000-8000-000000000000/1")
    for end in ("", "/1", "/review", "/sent"):
        hidden = partner.get(f"/checkin/{request.id}{end}")
        assert hidden.status_code == missing.status_code == 404
        assert len(hidden.content) == len(missing.content)
    assert client_for(cast.prescriber).get(f"/checkin/{request.id}/1").status_code == 404


@pytest.mark.django_db
def test_what_was_asked_again_since_has_lapsed() -> None:
    cast = make_cast()
    with loading():
        for wave, days in (("week 1", 14), ("week 2", 7), ("week 4", -7)):
            Request.objects.create(
                clinic=cast.clinic,
                subject=cast.a,
                author=cast.prescriber,
                instrument="phq-9",
                kind="measure.individual",
                wave=wave,
                due_at=timezone.now() - timedelta(days=days),
            )
    with door.opened(cast.a.id):
        assert [row.wave for row in due(cast.a)] == ["week 2", "week 4"]
