"""Check-in on a phone: resumable, saved as it is answered, sent once, and nobody else's to open."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.instruments.catalogue import load
from bothwell.instruments.due import due
from bothwell.models import AuditEntry, Consent, ConsentText, Request, Response, SafetyFlag
from bothwell.privacy import door
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


def by_hand(client: Client, address: str) -> str:
    """Where a browser without scripts is led to."""
    found = re.search(
        r'<noscript><meta http-equiv="refresh" content="0; url=([^"]+)">',
        client.get(address).content.decode(),
    )
    assert found
    return found[1]


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
    assert by_hand(client, address) == f"{address}/1"
    client.post(f"{address}/1", {"answer": code(1, 2), "revision": 0, "step": "next"})
    assert by_hand(client, address) == f"{address}/2"
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


# ── the whole questionnaire in one document, and batches of answers ───────────────────────────────────────


def event(item: str, answer: str | None, after: str | None = None) -> dict[str, Any]:
    return {
        "event": str(uuid4()), "item": item, "answer": answer, "after": after, "device": str(uuid4()),
        "madeAt": timezone.now().isoformat(),
    }  # fmt: skip


def hand_in(client: Client, address: str, *events: dict[str, Any], revision: int = 0) -> Any:
    body = {"events": events, "revision": revision}
    return client.post(f"{address}/answers", json.dumps(body), content_type="application/json")


def state_of(client: Client, address: str) -> dict[str, Any]:
    state: dict[str, Any] = client.get(address).context["state"]
    return state


@pytest.mark.parametrize(("copy", "may_be_kept"), [("", None), ("?copy", "1200")])
def test_the_document_holds_every_question_once(cast: Cast, copy: str, may_be_kept: str | None) -> None:
    answer = client_for(cast.a).get(f"/checkin/{asked(cast, cast.a).id}{copy}")
    page = answer.content.decode()
    assert [page.count(f'<template id="q-{number}">') for number in range(1, 12)] == [1] * 10 + [0]
    assert answer.get("X-Keep-Seconds") == may_be_kept
    assert answer["Cache-Control"] == "no-store"
    assert "<title>Today</title>" in page


def test_what_a_device_may_keep_is_the_same_whatever_was_answered_and_names_nobody(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    before = client.get(f"{address}?copy").content
    hand_in(client, address, event("phq9-1", code(1, 1)), event("phq9-9", code(9, 2)))
    after = client.get(f"{address}?copy").content
    assert after == before
    assert cast.a.name_used.encode() not in after
    for word in (b'"key"', b'"token"', b'"answers"', b"csrf"):
        assert word not in after


def test_the_key_of_what_waits_on_a_phone_is_the_responses_own_and_its_persons_alone(cast: Cast) -> None:
    one, two = (f"/checkin/{asked(cast, cast.a, name).id}" for name in ("phq-9", "gad-7"))
    client = client_for(cast.a)
    keys = [state_of(client, address)["key"] for address in (one, two)]
    assert len(set(keys)) == 2
    assert client.get(f"{one}/key").json()["key"] == keys[0]
    assert client_for(cast.b).get(f"{one}/key").status_code == 404


def test_a_batch_is_kept_and_a_repeat_says_the_same(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    sent = [event("phq9-1", code(1, 1)), event("phq9-2", None)]
    first, again = (hand_in(client, address, *sent).json() for _ in range(2))
    assert set(first["outcomes"].values()) == {"kept"}
    assert again["outcomes"] == first["outcomes"]
    assert first["revision"] == again["revision"] == 1
    assert state_of(client, address)["answers"] == {"phq9-1": code(1, 1), "phq9-2": None}


def test_what_another_device_wrote_comes_back_with_the_next_batch(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    mine, theirs = event("phq9-1", code(1, 1)), event("phq9-1", code(1, 3))
    hand_in(client, address, mine)
    said = hand_in(client, address, theirs).json()
    assert said["outcomes"] == {theirs["event"]: "conflict"}
    assert said["standing"]["answers"] == {"phq9-1": code(1, 1)}
    assert said["standing"]["seen"] == {"phq9-1": mine["event"]}
    assert said["standing"]["conflicts"] == {"phq9-1": {"mine": code(1, 3)}}
    assert state_of(client, address)["conflicts"] == {"phq9-1": {"mine": code(1, 3)}}


def test_sending_from_a_script_scores_once_and_goes_straight_on(cast: Cast) -> None:
    request, following = asked(cast, cast.a), asked(cast, cast.a, "gad-7")
    address, client = f"/checkin/{request.id}", client_for(cast.a)

    def send(revision: int) -> Any:
        return client.post(
            f"{address}/send", json.dumps({"revision": revision}), content_type="application/json"
        )

    assert send(0).status_code == 422
    hand_in(client, address, *(event(item.link_id, item.options[0].code) for item in PHQ.items))
    assert send(0).status_code == 409
    assert send(1).json() == {"next": f"/checkin/{following.id}"}
    assert send(1).json() == {"next": f"/checkin/{following.id}"}
    late = hand_in(client, address, event("phq9-1", code(1, 2)), revision=1).json()
    assert "sent already" in next(iter(late["reasons"].values()))


def test_a_heavy_answer_is_met_before_it_is_sent(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    assert hand_in(client, address, event("phq9-9", code(9, 0))).json()["needsSomeone"] is False
    assert "Someone to talk to now" not in client.get(f"{address}/9").content.decode()
    assert hand_in(client, address, event("phq9-9", code(9, 1)), revision=1).json()["needsSomeone"] is False
    after = state_of(client, address)["seen"]["phq9-9"]
    assert (
        hand_in(client, address, event("phq9-9", code(9, 1), after), revision=2).json()["needsSomeone"]
        is True
    )
    assert "Someone to talk to now" in client.get(f"{address}/1").content.decode()


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "{}", "null", '{"events": [{}], "revision": 0}', '{"events": [], "revision": "x"}',
        '{"events": [{"event": "x", "item": "i", "answer": null, "after": null, "device": "d", "madeAt": "t"}], "revision": 0}',
    ],
)  # fmt: skip
def test_what_no_page_sends_is_no_batch(cast: Cast, body: str) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    for end in ("answers", "send"):
        answer = client.post(f"{address}/{end}", body, content_type="application/json")
        assert answer.status_code in (400, 422, 409), (end, body)


@pytest.mark.parametrize("answer", ["a\0b", "\ud800"])
def test_characters_nobody_can_keep_are_no_batch(cast: Cast, answer: str) -> None:
    address, client = f"/checkin/{asked(cast, cast.a).id}", client_for(cast.a)
    assert hand_in(client, address, event("phq9-1", answer)).status_code == 400


def test_a_question_that_is_not_asked_is_passed_over_and_a_text_may_stay_empty(cast: Cast) -> None:
    address, client = f"/checkin/{asked(cast, cast.a, 'before-dose').id}", client_for(cast.a)
    for number, answer in ((1, "7.5"), (2, "false")):
        revision = state_of(client, address)["revision"]
        client.post(f"{address}/{number}", {"answer": answer, "revision": revision, "step": "next"})
    on = client.post(f"{address}/3", {"answer": "false", "revision": 2, "step": "next"})
    assert on["Location"] == f"{address}/5"
    assert client.get(f"{address}/4")["Location"] == f"{address}/5"
    on = client.post(f"{address}/5", {"answer": "true", "revision": 3, "step": "next"})
    assert on["Location"] == f"{address}/6"
    assert client.post(f"{address}/6", {"revision": 4, "step": "next"})["Location"] == f"{address}/review"
    assert client.post(f"{address}/review").status_code == 302


def test_the_keeper_is_one_for_all_and_names_nobody(cast: Cast) -> None:
    answer = Client().get("/sw.js")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    assert "worker-src 'self'" in answer["Content-Security-Policy"]
    assert answer.content == client_for(cast.a).get("/sw.js").content
    assert not re.search(
        r"bothwell|ketamine|couple|therap|dose|clinic", answer.content.decode(), re.IGNORECASE
    )


def test_signing_out_tells_the_browser_to_forget_and_keeps_what_waits(cast: Cast) -> None:
    client = client_for(cast.a)
    assert "Clear-Site-Data" not in client.get("/today")
    assert client.post("/account/logout/")["Clear-Site-Data"] == '"cache"'


def test_statements_do_not_grow_with_the_questions(cast: Cast) -> None:
    client, counts = client_for(cast.a), []
    for name in ("csi-4", "csi-32"):
        address = f"/checkin/{asked(cast, cast.a, name).id}"
        client.get(address)
        items = load(name).items
        with CaptureQueriesContext(connection) as seen:
            client.get(address)
            hand_in(client, address, *(event(item.link_id, item.options[0].code) for item in items))
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("end", ["", "?copy", "/1"])
def test_what_the_form_prints_below_its_questions_is_seen_by_whoever_answers(cast: Cast, end: str) -> None:
    page = client_for(cast.a).get(f"/checkin/{asked(cast, cast.a, 'core-10').id}{end}").content.decode()
    assert page.count("© CORE System Trust") == 1
