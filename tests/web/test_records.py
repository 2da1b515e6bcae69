"""The pages of one's rights over a record: asking, answering, fetching, signing for both, and parting."""

import json
import re
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.models import (
    Disclosure,
    JointRequest,
    JointSignature,
    LegalHold,
    PartingRequest,
    RecordRequest,
    Shelter,
)
from bothwell.privacy import door
from bothwell.records import request_actions
from bothwell.records.rights import Kind
from bothwell.web import press
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
TOKEN = re.compile(rb"[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def bare(answer: object) -> bytes:
    """A page without what changes each time."""
    return TOKEN.sub(b"", answer.content)  # type: ignore[attr-defined]


def asked_for(cast: Cast, scope: str = "couple") -> RecordRequest:
    client = client_for(cast.a)
    answer = client.post(
        "/access/copy", {"scope": scope, "words": "For my doctor", "request_id": str(uuid4())}
    )
    assert answer.status_code == 302
    with door.opened(cast.a.id):
        return RecordRequest.objects.get(subject=cast.a)


def given(cast: Cast) -> RecordRequest:
    asked = asked_for(cast)
    with door.opened(cast.lead.id):
        request_actions.answer(by=cast.lead, asked_id=asked.id, kind=Kind.GIVEN)
    return asked


# ── a copy ────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_asks_under_access_and_reads_by_when(cast: Cast) -> None:
    assert "/access/copy" in text(client_for(cast.a).get("/access"))
    asked_for(cast)
    page = text(client_for(cast.a).get("/access/copy"))
    assert "You get an answer by" in page
    assert "Ask for it" not in page


def test_what_was_typed_is_kept_where_something_is_missing(cast: Cast) -> None:
    answer = client_for(cast.a).post("/access/copy", {"words": "For my doctor", "request_id": str(uuid4())})
    assert answer.status_code == 422
    assert "For my doctor" in text(answer)


def test_the_office_finds_it_on_its_list_and_answers(cast: Cast) -> None:
    asked = asked_for(cast)
    for who in (cast.coordinator, cast.lead):
        assert f"/requests/copy/{asked.id}" in text(client_for(who).get("/requests"))
        assert "/requests" in text(client_for(who).get("/today"))
    assert "/requests/copy" not in text(client_for(cast.couples_therapist).get("/requests"))
    client = client_for(cast.coordinator)
    page = f"/requests/copy/{asked.id}"
    assert client.post(page, {"kind": "refused", "words": "No"}).status_code == 422
    refused = {"kind": "refused", "ground": "danger", "words": "Speak with Dr Sato first."}
    assert client.post(page, refused).status_code == 302
    mine = text(client_for(cast.a).get("/access/copy"))
    assert "Refused." in mine
    assert "Speak with Dr Sato first." in mine
    assert "another clinician" in mine


def test_it_is_fetched_under_a_name_that_says_nothing_and_each_time_is_written_down(cast: Cast) -> None:
    asked = given(cast)
    client = client_for(cast.a)
    fetched = client.post(f"/access/copy/{asked.id}/file", {"form": "json"})
    assert fetched["Content-Disposition"] == 'attachment; filename="notes.json"'
    assert json.loads(fetched.content)["about"]["name"] == "Amara"
    paper = client.post(f"/access/copy/{asked.id}/file", {"form": "pdf"})
    assert paper["Content-Disposition"] == 'attachment; filename="notes.pdf"'
    assert paper.content.startswith(b"%PDF")
    page = text(client.get("/access/copy"))
    assert page.count("Fingerprint of the file") == 2
    with loading():
        assert Disclosure.objects.filter(subject=cast.a).count() == 2


def test_long_paper_is_printed_beside_the_pages_and_given_and_written_down_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "SHORT", 100)
    asked, client = given(cast), client_for(cast.a)
    page = f"/access/copy/{asked.id}/file"
    first = client.post(page, {"form": "pdf"})
    assert first.status_code == 202
    assert "is being printed" in text(first)
    for _ in range(240):
        made = client.post(page, {"form": "pdf"})
        if made.status_code == 200:
            break
        assert made.status_code == 202
    assert made.content.startswith(b"%PDF")
    with loading():
        assert Disclosure.objects.filter(subject=cast.a).count() == 1


def test_paper_that_could_not_be_printed_is_said_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "SHORT", 99)
    monkeypatch.setattr(press.sys, "executable", "/nowhere/python")
    asked, client = given(cast), client_for(cast.a)
    assert client.post(f"/access/copy/{asked.id}/file", {"form": "pdf"})["Location"] == "/access/copy"
    assert "No PDF can be made" in text(client.get("/access/copy"))
    with loading():
        assert not Disclosure.objects.exists()


def test_nobody_else_fetches_it(cast: Cast) -> None:
    asked = given(cast)
    for who in (cast.b, cast.lead, cast.stranger_a):
        answer = client_for(who).post(f"/access/copy/{asked.id}/file", {"form": "json"})
        assert answer.status_code == 404


def test_pages_of_partners_have_neutral_titles(cast: Cast) -> None:
    client = client_for(cast.a)
    for page in ("/access/copy", "/access/copy/both", "/access/parting"):
        title = re.search(r"<title>(.*?)</title>", text(client.get(page)))
        assert title is not None
        assert title[1] == "Access"


# ── for both ──────────────────────────────────────────────────────────────────────────────────────────────


def signed_first(cast: Cast) -> str:
    form = {"recipient": "Dr Hale", "purpose": "We move", "signed_name": "Amara", "request_id": str(uuid4())}
    assert client_for(cast.a).post("/access/copy/both", form).status_code == 302
    page = text(client_for(cast.b).get("/access/copy"))
    found = re.search(r"/access/copy/both/[0-9a-f-]{36}", page)
    assert found is not None
    return found[0]


def test_the_other_reads_what_is_asked_and_signs_and_the_lead_gives_it(cast: Cast) -> None:
    where = signed_first(cast)
    client = client_for(cast.b)
    assert "We move" in text(client.get(where))
    lead = client_for(cast.lead)
    give = where.replace("/access/copy/both", "/requests/both")
    assert "Make the PDF" not in text(lead.get(give))
    assert client.post(where, {"answer": "yes", "signed_name": "Ben"}).status_code == 302
    made = lead.post(give, {"form": "json"})
    assert json.loads(made.content)["scope"] == "joint"
    for who in (cast.a, cast.b):
        assert "Dr Hale" in text(client_for(who).get("/access/copy"))


@pytest.mark.parametrize("does", ["yes", "no", "yes and takes it back"])
def test_who_asked_is_not_told_what_the_other_answered(cast: Cast, does: str) -> None:
    where = signed_first(cast)
    client, other = client_for(cast.a), client_for(cast.b)
    before = bare(client.get("/access/copy")), bare(client.get(where))
    answer = does.partition(" ")[0]
    assert other.post(where, {"answer": answer, "signed_name": "Ben"}).status_code == 302
    if "back" in does:
        assert other.post(where, {"do": "take_back"}).status_code == 302
        assert "You took your yes back" in text(other.get(where))
    assert (bare(client.get("/access/copy")), bare(client.get(where))) == before


def test_a_yes_says_until_when_it_stands_and_is_taken_back_on_its_page(cast: Cast) -> None:
    where, client = signed_first(cast), client_for(cast.a)
    assert "Your yes stands until" in text(client.get(where))
    assert client.post(where, {"do": "take_back"}).status_code == 302
    assert "It is not given on this request" in text(client.get(where))
    assert client_for(cast.b).post(where, {"answer": "yes", "signed_name": "Ben"}).status_code == 302
    give = where.replace("/access/copy/both", "/requests/both")
    assert "taken back" in text(client_for(cast.lead).get(give))
    assert "Make the PDF" not in text(client_for(cast.lead).get(give))


def test_behind_a_shelter_the_lead_is_told_not_now_and_a_partner_nothing(cast: Cast) -> None:
    where = signed_first(cast)
    client_for(cast.b).post(where, {"answer": "yes", "signed_name": "Ben"})
    client = client_for(cast.b)
    before = bare(client.get("/access/copy")), bare(client.get("/access"))
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    lead, give = client_for(cast.lead), where.replace("/access/copy/both", "/requests/both")
    assert lead.post(give, {"form": "json"})["Location"] == give
    assert "This cannot be given now" in text(lead.get(give))
    assert (bare(client.get("/access/copy")), bare(client.get("/access"))) == before


def test_asked_for_under_shelter_the_other_never_finds_it(cast: Cast) -> None:
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    client = client_for(cast.b)
    before = bare(client.get("/access/copy"))
    form = {"recipient": "Dr Hale", "purpose": "We move", "signed_name": "Amara", "request_id": str(uuid4())}
    assert client_for(cast.a).post("/access/copy/both", form).status_code == 302
    with loading():
        where = f"/access/copy/both/{JointRequest.objects.get().id}"
        Shelter.objects.update(until=timezone.now())
    assert bare(client.get("/access/copy")) == before
    assert client.get(where).status_code == 404
    assert client.post(where, {"answer": "yes", "signed_name": "Ben"}).status_code == 404
    with loading():
        assert JointSignature.objects.count() == 1


# ── parting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_one_asks_quietly_and_the_clinic_records_it(cast: Cast) -> None:
    client = client_for(cast.a)
    assert "/access/parting" in text(client.get("/access"))
    client.post("/access/parting", {"words": "I moved out", "request_id": str(uuid4())})
    assert "speaks with you alone" in text(client.get("/access/parting"))
    assert "I moved out" not in text(client.get("/access/parting"))
    with loading():
        asked = PartingRequest.objects.get()
    therapist = client_for(cast.couples_therapist)
    assert f"/requests/parting/{asked.id}" in text(therapist.get("/requests"))
    assert f"/requests/parting/{asked.id}" in text(
        client_for(cast.lead).get(f"/people/couples/{cast.couple.id}")
    )
    page = f"/requests/parting/{asked.id}"
    assert "I moved out" in text(therapist.get(page))
    assert therapist.post(page, {"words": "They said so"}).status_code == 422
    assert therapist.post(page, {"do": "part", "words": "They said so"}).status_code == 302
    assert "You are not in a couple" in text(client.get("/access/parting"))
    assert "You are not in a couple" in text(client_for(cast.b).get("/access/parting"))


def test_the_lead_keeps_the_record_for_a_court_in_the_same_act_and_says_for_which(cast: Cast) -> None:
    client_for(cast.a).post("/access/parting", {"words": "", "request_id": str(uuid4())})
    with loading():
        asked = PartingRequest.objects.get()
    page, lead = f"/requests/parting/{asked.id}", client_for(cast.lead)
    form = {"do": "part", "words": "They said so", "hold": [str(cast.a.id)]}
    assert lead.post(page, form).status_code == 422
    assert lead.post(page, {**form, "why_hold": "County court, 12/26"}).status_code == 302
    with loading():
        assert LegalHold.objects.get().subject_id == cast.a.id
    assert "Legal hold" in text(lead.get(f"/people/{cast.a.id}"))
    assert "Legal hold" not in text(client_for(cast.prescriber).get(f"/people/{cast.a.id}"))


def test_what_left_by_another_way_is_written_down_on_the_persons_page(cast: Cast) -> None:
    page = f"/people/{cast.a.id}/given"
    lead = client_for(cast.lead)
    sent = {"do": "given", "recipient": "County court", "what": "Dates", "ground": "court_order"}
    sent["request_id"] = str(uuid4())
    assert lead.post(page, {**sent, "recipient": ""}).status_code == 422
    for _ in range(2):  # pressed twice
        assert lead.post(page, sent).status_code == 302
    assert text(lead.get(page)).count("County court") == 1
    otherwise = lead.post(page, {**sent, "what": "Dates and places"})
    assert otherwise.status_code == 422
    assert "Dates and places" in text(otherwise)
    again = re.findall(r'name="request_id" value="([^"]+)"', text(otherwise))
    assert sent["request_id"] not in again
    assert lead.post(page, {**sent, "what": "Dates and places", "request_id": again[-1]}).status_code == 302
    assert "County court" in text(client_for(cast.a).get("/access/copy"))
    assert "County court" not in text(client_for(cast.coordinator).get(page))


def test_the_hold_that_is_ended_is_the_one_that_was_looked_at(cast: Cast) -> None:
    page, lead = f"/people/{cast.a.id}/given", client_for(cast.lead)
    for court in ("First court", "Second court"):
        assert lead.post(page, {"do": "hold", "reason": court}).status_code == 302
        with loading():
            hold = LegalHold.objects.get(until__isnull=True)
        if court == "First court":
            seen = hold
            end = {"do": "end", "reason": "Closed", "hold_id": str(seen.id)}
            assert f'value="{seen.id}"' in text(lead.get(page))
            for _ in range(2):  # pressed twice
                assert lead.post(page, end).status_code == 302
    late = lead.post(page, end)
    assert late.status_code == 422
    assert "another laid since" in text(late)
    assert lead.post(page, {"do": "end", "reason": "Closed"}).status_code == 422
    with loading():
        assert LegalHold.objects.get(until__isnull=True).reason == "Second court"
