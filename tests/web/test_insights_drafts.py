"""Drafts as pages keep them: on any device, across a lock, in two windows, and for nobody else."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.models import Insight, InsightDraft
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.web.partners import gave, session_of, wrote

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def keep(cast: Cast, draft_id: object, text: str, revision: int = 0, **more: object) -> dict[str, object]:
    post = {"text": text, "revision": revision, "beside_id": str(uuid4()), **more}
    return client_for(cast.a).post(f"/insights/drafts/{draft_id}/keep", post).json()


def test_what_is_typed_is_there_on_another_device(cast: Cast) -> None:
    page = client_for(cast.a).get("/insights/new").content.decode()
    key = hidden(page, "request_id")
    said = keep(cast, key, "Half a sentence, then", feeling="warm hands", tags="mother, Sleep")
    assert (said["revision"], said["address"]) == (1, f"/insights/drafts/{key}")
    elsewhere = client_for(cast.a)
    for address in ("/insights", "/insights/new", "/today"):
        assert f"/insights/drafts/{key}" in elsewhere.get(address).content.decode(), address
    resumed = elsewhere.get(f"/insights/drafts/{key}").content.decode()
    assert "Half a sentence, then" in resumed
    assert "warm hands" in resumed
    assert "mother, Sleep" in resumed
    assert (hidden(resumed, "request_id"), hidden(resumed, "revision")) == (key, "1")
    assert "sessionStorage" not in resumed


def test_saving_it_closes_the_draft_and_its_address_leads_to_what_was_kept(cast: Cast) -> None:
    client, key = client_for(cast.a), str(uuid4())
    keep(cast, key, "Begun")
    post = {"text": "Begun and done", "request_id": key, "revision": "1", "tags": "#done"}
    saved = client.post("/insights/new", post)
    assert saved["Location"] == f"/insights/{key}"
    assert client.get(f"/insights/drafts/{key}")["Location"] == f"/insights/{key}"
    assert "not finished" not in client.get("/insights").content.decode()
    with door.opened(cast.a.id):
        assert InsightDraft.objects.get().text == ""
        assert Insight.objects.get().versions.get().tags == ["done"]


def test_without_javascript_there_is_a_key_for_it(cast: Cast) -> None:
    client, key = client_for(cast.a), str(uuid4())
    post = {"text": "By hand", "request_id": key, "as_draft": "1", "kind": "intention"}
    assert client.post("/insights/new", post)["Location"] == "/insights"
    page = client.get("/insights").content.decode()
    assert "Kept as a draft. Only you see it." in page
    assert "By hand" in page
    assert "An intention, begun" in page
    assert not _insights(cast)
    second = client.post("/insights/new", {**post, "text": "From an older window", "revision": "0"})
    assert second.status_code == 409
    told = second.content.decode()
    assert "By hand" in told
    assert "From an older window" in told
    mine = hidden(told, "request_id")
    assert mine != key
    assert f"/insights/drafts/{key}" in told  # the other's, to be gone on with
    again = {"text": "From an older window, and on", "request_id": mine, "revision": hidden(told, "revision")}
    assert client.post("/insights/new", {**post, **again})["Location"] == "/insights"
    page = client.get("/insights").content.decode()
    assert "By hand" in page
    assert "From an older window, and on" in page


def test_kept_on_two_devices_with_other_words_both_stay(cast: Cast) -> None:
    client, key = client_for(cast.a), str(uuid4())
    keep(cast, key, "Begun")
    post = {"request_id": key, "revision": "1"}
    assert client.post("/insights/new", {**post, "text": "From the telephone"}).status_code == 302
    late = client.post("/insights/new", {**post, "text": "From the laptop"})
    assert late.status_code == 409
    page = late.content.decode()
    assert "kept this in another window" in page
    assert "From the laptop" in page
    again = {"text": "From the laptop", "request_id": hidden(page, "request_id"), "revision": "0"}
    assert client.post("/insights/new", again).status_code == 302
    listed = client.get("/insights").content.decode()
    assert "From the telephone" in listed
    assert "From the laptop" in listed


def test_words_begun_before_newer_ones_were_kept_ask_which_shall_stand(cast: Cast) -> None:
    insight, client = wrote(cast.a, "first"), client_for(cast.a)
    address = f"/insights/{insight.id}/edit"
    key = hidden(client.get(address).content.decode(), "draft_id")
    keep(cast, key, "first, begun on the laptop", insight_id=str(insight.id), after="1")
    newer = {"text": "second, from the telephone", "after": "1", "draft_id": str(uuid4()), "tags": ""}
    assert client.post(address, newer).status_code == 302
    page = client.get(address).content.decode()
    assert "second, from the telephone" in page
    assert hidden(page, "after") == "1"
    post = {"text": "first, begun on the laptop", "after": "1", "draft_id": key, "revision": "1", "tags": ""}
    asked = client.post(address, post)
    assert asked.status_code == 409
    assert "Keep mine instead" in asked.content.decode()
    assert client.post(address, post | {"after": "2"}).status_code == 302


def test_words_of_another_window_for_the_same_insight_are_within_reach(cast: Cast) -> None:
    insight, client = wrote(cast.a, "first"), client_for(cast.a)
    for text in ("on the telephone", "on the laptop"):
        keep(cast, uuid4(), text, insight_id=str(insight.id), after="1")
    page = client.get(f"/insights/{insight.id}/edit").content.decode()
    assert "on the telephone" in page
    assert "on the laptop" in page
    other = re.search(r'href="(/insights/drafts/[^"]+)">Go on with those', page)
    assert other
    there = client.get(client.get(other[1])["Location"]).content.decode()
    assert "on the laptop</textarea>" in there


def test_a_page_that_is_behind_puts_nothing_away_unread(cast: Cast) -> None:
    client, key = client_for(cast.a), uuid4()
    keep(cast, key, "not this")
    keep(cast, key, "not this, but this", 1)
    assert client.post(f"/insights/drafts/{key}/drop", {"seen": "1"})["Location"] == f"/insights/drafts/{key}"
    assert "not this, but this" in client.get("/insights").content.decode()


def _insights(cast: Cast) -> int:
    with door.opened(cast.a.id):
        return Insight.objects.count()


def test_two_windows_are_told_of_each_other_and_both_are_kept(cast: Cast) -> None:
    key, beside = str(uuid4()), str(uuid4())
    keep(cast, key, "one")
    keep(cast, key, "one on the telephone", 1)
    post = {"text": "one on the laptop", "revision": 1, "beside_id": beside}
    late = client_for(cast.a).post(f"/insights/drafts/{key}/keep", post)
    assert late.status_code == 409
    assert late.json()["other"]["fields"]["text"] == ["one on the telephone"]
    assert late.json()["other"]["shown"] == "one on the telephone"
    page = client_for(cast.a).get("/insights").content.decode()
    assert "one on the telephone" in page
    assert "one on the laptop" in page


def test_newer_words_for_an_insight_are_a_draft_of_it(cast: Cast) -> None:
    insight, client = wrote(cast.a, "first"), client_for(cast.a)
    address = f"/insights/{insight.id}/edit"
    page = client.get(address).content.decode()
    key = hidden(page, "draft_id")
    keep(cast, key, "first, and more", insight_id=str(insight.id))
    assert client.get(f"/insights/drafts/{key}")["Location"] == address
    again = client.get(address).content.decode()
    assert "first, and more" in again
    assert "Your words are back" in again
    assert "You began to change these words" in client.get(f"/insights/{insight.id}").content.decode()
    post = {"text": "first, and more", "after": "1", "draft_id": key, "revision": "1", "tags": ""}
    assert client.post(address, post).status_code == 302
    assert "You began" not in client.get(f"/insights/{insight.id}").content.decode()
    assert "Earlier words" in client.get(f"/insights/{insight.id}").content.decode()


def test_a_draft_is_in_nobody_elses_view_and_changes_nothing_there(cast: Cast) -> None:
    gave(cast.a, wrote(cast.a, "given"))
    token = re.compile(rb'[A-Za-z0-9]{64}|data-leave-token="[^"]*"')
    pages = {
        cast.b: ("/us", "/today", "/insights", "/access"),
        cast.couples_therapist: (f"/couples/{cast.couple.id}",),
        cast.therapist_a: (f"/people/{cast.a.id}/words",),
        cast.lead: ("/access",),
    }

    def seen() -> list[bytes]:
        return [
            token.sub(b"", client_for(who).get(address).content)
            for who, addresses in pages.items()
            for address in addresses
        ]

    seen()  # the first look leaves receipts
    before = seen()
    keep(cast, uuid4(), "the garden gate")
    assert all(b"the garden gate" not in page for page in seen())
    partner_before, partner_after = before[:3], seen()[:3]
    assert partner_before == partner_after
    assert "garden" not in client_for(cast.a).get("/access").content.decode()


def test_what_cannot_be_kept_is_said_in_a_sentence(cast: Cast) -> None:
    client, key = client_for(cast.a), uuid4()
    long = client.post(f"/insights/drafts/{key}/keep", {"text": "x", "feeling": "f" * 301})
    assert (long.status_code, "300 characters" in long.json()["reason"]) == (422, True)
    broken = client.post(f"/insights/drafts/{key}/keep", {"text": "a\0b", "revision": "0"})
    assert broken.status_code == 200
    wrong = client.post(f"/insights/drafts/{key}/keep", {"text": "x", "revision": "many"})
    assert wrong.status_code == 422
    assert client_for(cast.couples_therapist).post(f"/insights/drafts/{key}/keep").status_code == 404


def test_put_away_for_good(cast: Cast) -> None:
    client, key = client_for(cast.a), uuid4()
    keep(cast, key, "not this")
    assert client.post(f"/insights/drafts/{key}/drop")["Location"] == "/insights"
    assert "not this" not in client.get("/insights").content.decode()
    assert client.get(f"/insights/drafts/{key}").status_code == 404


# --------------------------------------------------------------------------------------------- questions


def test_a_question_to_begin_with_another_and_none_keep_what_was_typed(cast: Cast) -> None:
    client = client_for(cast.a)
    page = client.get("/insights/new")
    first, after = page.context["prompt"], page.context["next_prompt"]
    assert first.words in page.content.decode()
    post = {"text": "I had begun", "request_id": str(uuid4())}
    other = client.post("/insights/new", {**post, "another": after.code})
    assert other.context["prompt"] == after
    assert "I had begun" in other.content.decode()
    none = client.post("/insights/new", {**post, "another": "none"})
    assert none.context["prompt"] is None
    assert "I had begun" in none.content.decode()
    assert not _insights(cast)


def test_the_day_after_a_session_today_invites_and_says_nothing_once_something_was_written(
    cast: Cast,
) -> None:
    client, now = client_for(cast.a), timezone.now()
    assert client.get("/today").context["invitation"] is None
    at = now - timedelta(hours=20)
    session_of(cast, cast.a, at, arrived_at=at, started_at=at, ended_at=at + timedelta(hours=2))
    page = client.get("/today")
    question = page.context["invitation"]
    assert question.words in page.content.decode()
    assert "Only if you like" in page.content.decode()
    asked = client.get(f"/insights/new?prompt={question.code}")
    assert asked.context["prompt"] == question
    assert client.get("/insights/new?kind=intention").context["prompt"].when == "before"
    assert client_for(cast.b).get("/today").context["invitation"] is None
    wrote(cast.a, "It was quiet.")
    assert client.get("/today").context["invitation"] is None
