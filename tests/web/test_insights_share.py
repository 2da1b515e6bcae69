"""The share sheet: one switch a person, the words as they will be seen, newer words by an act of their own."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.integration import actions
from bothwell.models import CoupleSession, Grant, Insight, InsightVersion
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import gave, session_of, wrote

pytestmark = pytest.mark.django_db
BOTH = ["partner", "couples_therapist"]
ALL = [*BOTH, "individual_therapist"]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def share(client: Client, insight: Insight, to: list[str], **more: object) -> int:
    version = client.get(f"/insights/{insight.id}/share").context["sheet"].current.id
    post = {"to": to, "version": str(version), **more}
    return client.post(f"/insights/{insight.id}/share", post).status_code


def article(page: str, words: str) -> str:
    """The card that holds these words, without the tokens of its forms."""
    cards = re.findall(r'<article class="card pad insight">.*?</article>', page, re.S)
    (card,) = [each for each in cards if words in each]
    return card


def test_the_preview_is_the_very_card_the_partner_will_see(cast: Cast) -> None:
    insight = wrote(
        cast.a, "I would like to ask for help.", feeling="tight chest", to_say="sorry", to_ask="when?"
    )
    client = client_for(cast.a)
    version = client.get(f"/insights/{insight.id}/share").context["sheet"].current.id
    post = {"to": BOTH, "version": str(version), "parts": ["to_say"], "look": "1"}
    looked = client.post(f"/insights/{insight.id}/share", post)
    assert looked.status_code == 200
    preview = article(looked.content.decode(), "ask for help")
    assert "As Ben will see it" in looked.content.decode()
    with door.opened(cast.b.id):
        assert not InsightVersion.objects.exists()
    del post["look"]
    client.post(f"/insights/{insight.id}/share", post)
    assert article(client_for(cast.b).get("/us").content.decode(), "ask for help") == preview
    assert "tight chest" not in preview
    assert "sorry" in preview


def test_only_the_therapists_on_is_previewed_for_them(cast: Cast) -> None:
    client, insight = client_for(cast.a), wrote(cast.a, "for the room")
    version = client.get(f"/insights/{insight.id}/share").context["sheet"].current.id
    post = {"to": ["couples_therapist"], "version": str(version), "look": "1"}
    page = client.post(f"/insights/{insight.id}/share", post).content.decode()
    assert "What Dana will read" in page
    assert "As Ben" not in page


def test_each_is_taken_back_singly_and_all_at_once(cast: Cast) -> None:
    insight, client = wrote(cast.a, "for three"), client_for(cast.a)
    assert share(client, insight, ALL) == 302
    readers = (cast.b, cast.couples_therapist, cast.therapist_a)

    def who_reads() -> list[bool]:
        found = []
        for who in readers:
            with door.opened(who.id):
                found.append(InsightVersion.objects.exists())
        return found

    assert who_reads() == [True, True, True]
    client.post(f"/insights/{insight.id}/take-back", {"from": "partner"})
    assert who_reads() == [False, True, True]
    assert "Taken back from Ben<" in client.get(f"/insights/{insight.id}").content.decode()
    assert client.post(f"/insights/{insight.id}/take-back", {"from": "prescriber"}).status_code == 404
    client.post(f"/insights/{insight.id}/take-back")
    assert who_reads() == [False, False, False]


def test_newer_words_reach_nobody_by_saving_the_sheet_and_one_by_the_key(cast: Cast) -> None:
    insight, client = wrote(cast.a, "old words", to_say="sorry"), client_for(cast.a)
    share(client, insight, BOTH, parts=["to_say"])
    client.post(f"/insights/{insight.id}/edit", {"text": "new words", "to_say": "sorry", "after": 1})
    assert share(client, insight, ALL) == 302
    assert "old words" in client_for(cast.b).get("/us").content.decode()
    assert "new words" in client_for(cast.therapist_a).get(f"/people/{cast.a.id}/words").content.decode()
    page = client.get(f"/insights/{insight.id}/newer/partner")
    told = page.content.decode()
    assert "What Ben reads now" in told
    assert article(told, "old words") != article(told, "new words")
    version = str(page.context["sheet"].current.id)
    post = {"version": version, "parts": ["to_say"]}
    assert client.post(f"/insights/{insight.id}/newer/partner", post).status_code == 302
    seen = client_for(cast.b).get("/us").content.decode()
    assert "new words" in seen
    assert "old words" not in seen
    with door.opened(cast.couples_therapist.id):
        assert InsightVersion.objects.get().text == "old words"
    mine = client.get(f"/insights/{insight.id}").content.decode()
    assert "Gave Ben your newer words" in mine
    assert "Update what Dana reads" in mine
    assert "Update what Ben reads" not in mine


def test_an_update_looked_at_before_newer_words_is_refused(cast: Cast) -> None:
    insight, client = wrote(cast.a, "one"), client_for(cast.a)
    share(client, insight, BOTH)
    client.post(f"/insights/{insight.id}/edit", {"text": "two", "after": 1})
    version = str(client.get(f"/insights/{insight.id}/newer/partner").context["sheet"].current.id)
    number = client.get(f"/insights/{insight.id}").context["sheet"].current.number
    client.post(f"/insights/{insight.id}/edit", {"text": "three", "after": number})
    stale = client.post(f"/insights/{insight.id}/newer/partner", {"version": version})
    assert stale.status_code == 409
    assert "one" in client_for(cast.b).get("/us").content.decode()
    assert client.get(f"/insights/{insight.id}/newer/individual_therapist").status_code == 404
    assert client.get(f"/insights/{insight.id}/newer/king").status_code == 404


def test_after_a_session_day_the_update_suggests_to_wait(cast: Cast) -> None:
    insight, client, now = wrote(cast.a, "one"), client_for(cast.a), timezone.now()
    share(client, insight, BOTH)
    at = now - timedelta(hours=6)
    session_of(cast, cast.a, at, arrived_at=at, started_at=at, ended_at=at + timedelta(hours=2))
    assert "Not today" in client.get(f"/insights/{insight.id}/newer/partner").content.decode()
    assert "Not today" not in client.get(f"/insights/{insight.id}/newer/couples_therapist").content.decode()


def planned(cast: Cast, days: int = 3) -> CoupleSession:
    with loading():
        at = timezone.now() + timedelta(days=days)
        return CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, at=at, number=days
        )


def test_a_session_within_two_weeks_is_offered_as_the_occasion(cast: Cast) -> None:
    insight, client = wrote(cast.a, "for Friday"), client_for(cast.a)
    planned(cast, 15)
    assert "For our session" not in client.get(f"/insights/{insight.id}/share").content.decode()
    session = planned(cast, 3)
    day = timezone.localtime(session.at).strftime("%A")
    assert f"for our session on {day}" in client.get(f"/insights/{insight.id}").content.decode()
    card = client.get("/today").content.decode()
    assert f'href="/insights?session={session.id}"' in card
    chosen = client.get(f"/insights?session={session.id}").content.decode()
    assert f"/insights/{insight.id}/share?session={session.id}" in chosen
    page = client.get(f"/insights/{insight.id}/share?session={session.id}").content.decode()
    assert re.search(r'value="couples_therapist"[^>]* checked', page)
    assert not re.search(r'value="partner"[^>]* checked', page)
    assert share(client, insight, ["couples_therapist"], for_session=str(session.id)) == 302
    with door.opened(cast.couples_therapist.id):
        assert Grant.objects.get().for_session_id == session.id
    mine = client.get(f"/insights/{insight.id}").content.decode()
    assert f"Shared with Dana for your session on {day}" in mine
    assert share(client, insight, ["couples_therapist"], for_session=str(uuid4())) == 302
    with door.opened(cast.couples_therapist.id):
        assert Grant.objects.get().for_session_id is None


def test_only_the_individual_therapist_reads_what_was_given_to_them(cast: Cast) -> None:
    address = f"/people/{cast.a.id}/words"
    therapist = client_for(cast.therapist_a)
    empty = therapist.get(address).content.decode()
    insight, client = wrote(cast.a, "for my own hour"), client_for(cast.a)
    share(client, insight, ["individual_therapist"])
    assert "for my own hour" in therapist.get(address).content.decode()
    fragment = therapist.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "for my own hour" in fragment
    assert "<html" not in fragment
    for other in (cast.therapist_b, cast.prescriber, cast.couples_therapist, cast.lead, cast.safety, cast.b):
        assert client_for(other).get(address).status_code == 404
    client.post(f"/insights/{insight.id}/take-back")
    after = therapist.get(address).content.decode()
    assert "for my own hour" not in after
    assert "has been taken back" in after
    assert "has been taken back" not in empty


# ------------------------------------------------------------------------------------------ finding again


def find(who: Client, **asked: str) -> str:
    answer = who.post("/insights/find", asked)
    assert answer.status_code == 200
    return answer.content.decode()


def test_own_words_and_tags_are_found_and_nobody_elses(cast: Cast) -> None:
    with door.opened(cast.a.id):
        for text, tags in (("The garden gate", ("Mère",)), ("Bread", ("kitchen", "garden"))):
            actions.write(by=cast.a, words=actions.Words(text), request_id=uuid4(), tags=tags)
    wrote(cast.b, "Ben alone in the garden")
    client = client_for(cast.a)
    page = find(client, asked="GARDEN")
    assert "The garden gate" in page
    assert "Bread" in page
    assert "Ben alone" not in page
    tagged = find(client, tag="mere")
    assert "The garden gate" in tagged
    assert "Bread" not in tagged
    assert "Nothing was found" in find(client, asked="nowhere")
    assert client.post("/insights/find", {"asked": ""})["Location"] == "/insights"
    assert client.get("/insights/find")["Location"] == "/insights"
    assert client.post("/insights/find", {"asked": "x" * 201}).status_code == 422


def test_words_received_are_found_until_they_are_taken_back(cast: Cast) -> None:
    insight = wrote(cast.a, "I was afraid of the sea", to_say="not given: the sea again")
    partner = client_for(cast.b)
    nothing = find(partner, asked="sea")
    gave(cast.a, insight)
    page = find(partner, asked="sea")
    assert "I was afraid of the sea" in page
    assert "not given" not in page
    assert article(page, "afraid") == article(partner.get("/us").content.decode(), "afraid")
    with door.opened(cast.a.id):
        actions.take_back(by=cast.a, insight_id=insight.id)
    token = re.compile(r'[A-Za-z0-9]{64}|data-leave-token="[^"]*"')
    assert token.sub("", find(partner, asked="sea")) == token.sub("", nothing)


def test_tags_are_never_with_the_words_given(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = actions.write(
            by=cast.a, words=actions.Words("words"), request_id=uuid4(), tags=("secret tag",)
        )
    share(client_for(cast.a), insight, ALL)
    for who, address in (
        (cast.b, "/us"),
        (cast.therapist_a, f"/people/{cast.a.id}/words"),
        (cast.couples_therapist, f"/couples/{cast.couple.id}"),
    ):
        page = client_for(who).get(address).content.decode()
        assert "words" in page
        assert "secret tag" not in page
    assert "secret tag" not in find(client_for(cast.b), asked="words")


def test_a_long_list_goes_on_with_older_ones(cast: Cast) -> None:
    for number in range(42):
        wrote(cast.a, f"number {number:02}")
    client = client_for(cast.a)
    first, second = (client.get(f"/insights?page={n}").content.decode() for n in (1, 2))
    assert "number 41" in first
    assert "number 01" not in first
    assert "number 01" in second
    assert client.get("/insights?page=x").status_code == 200
    assert client.get("/insights?page=99999").status_code == 200
