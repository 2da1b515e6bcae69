"""The pages of one's rights over a record: asking, answering, fetching, signing for both, and parting."""

import json
import re
from uuid import uuid4

import pytest

from bothwell.models import Disclosure, JointSignature, LegalHold, PartingRequest, RecordRequest, Shelter
from bothwell.privacy import door
from bothwell.records import request_actions
from bothwell.records.rights import Kind
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


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


def test_who_asked_is_not_told_that_the_other_said_no(cast: Cast) -> None:
    where = signed_first(cast)
    client = client_for(cast.a)
    before = client.get("/access/copy").context["joint"][0]
    assert client_for(cast.b).post(where, {"answer": "no", "signed_name": "Ben"}).status_code == 302
    after = client.get("/access/copy").context["joint"][0]
    assert (before["both"], before["mine"].id) == (after["both"], after["mine"].id)
    assert "said no" not in text(client.get("/access/copy"))


def test_behind_a_shelter_nothing_of_such_a_request_shows(cast: Cast) -> None:
    before = len(client_for(cast.b).get("/access/copy").context["joint"])
    where = signed_first(cast)
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    client = client_for(cast.b)
    assert len(client.get("/access/copy").context["joint"]) == before
    assert client.get(where).status_code == 404
    assert client.post(where, {"answer": "yes", "signed_name": "Ben"}).status_code == 404
    with loading():
        assert JointSignature.objects.count() == 1


# ── parting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_one_asks_quietly_and_the_clinic_records_it(cast: Cast) -> None:
    client = client_for(cast.a)
    assert "/access/parting" in text(client.get("/access"))
    client.post("/access/parting", {"words": "I moved out", "request_id": str(uuid4())})
    assert "Nothing has changed yet" in text(client.get("/access/parting"))
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
    assert lead.post(page, {**sent, "recipient": ""}).status_code == 422
    assert lead.post(page, sent).status_code == 302
    assert "County court" in text(lead.get(page))
    assert "County court" in text(client_for(cast.a).get("/access/copy"))
    assert "County court" not in text(client_for(cast.coordinator).get(page))
