"""My insights: private by default, shared word for word as previewed, taken back at once."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.models import Grant, Insight, InsightVersion
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.web.partners import gave, session_of, wrote

pytestmark = pytest.mark.django_db
BOTH = ["partner", "couples_therapist"]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def current_id(cast: Cast, insight: Insight) -> str:
    page = client_for(cast.a).get(f"/insights/{insight.id}/share")
    return str(page.context["sheet"].current.id)


def test_what_is_written_is_its_authors_alone(cast: Cast) -> None:
    client = client_for(cast.a)
    request_id = re.search(r'name="request_id" value="([^"]+)"', client.get("/insights/new").content.decode())
    assert request_id
    post = {"text": "I keep a list.", "request_id": request_id[1], "kind": "insight"}
    first = client.post("/insights/new", post)
    assert client.post("/insights/new", post)["Location"] == first["Location"]
    page = client.get(first["Location"]).content.decode()
    assert "I keep a list." in page
    assert "Only you" in page
    assert client.get("/insights").content.decode().count("I keep a list.") == 1
    for other in (
        cast.b,
        cast.couples_therapist,
        cast.therapist_a,
        cast.prescriber,
        cast.lead,
        cast.stranger_a,
    ):
        with door.opened(other.id):
            assert not InsightVersion.objects.exists()
        missing = client_for(other).get(f"/insights/{uuid4()}")
        hidden = client_for(other).get(first["Location"])
        assert (hidden.status_code, len(hidden.content)) == (404, len(missing.content))


def test_an_empty_or_too_long_text_is_said_in_words_and_stays_in_the_form(cast: Cast) -> None:
    client = client_for(cast.a)
    empty = client.post("/insights/new", {"text": "  ", "to_say": "keep me", "request_id": str(uuid4())})
    assert empty.status_code == 422
    assert "keep me" in empty.content.decode()
    long = "ü" * (settings.LONGEST_TEXT + 1)
    refused = client.post("/insights/new", {"text": long, "request_id": str(uuid4())})
    assert refused.status_code == 422
    assert long in refused.content.decode()
    kept = client.post("/insights/new", {"text": long[1:], "request_id": str(uuid4())})
    assert kept.status_code == 302
    assert "maxlength" not in client.get("/insights/new").content.decode()


def test_markup_in_words_is_words(cast: Cast) -> None:
    insight = wrote(cast.a, "<script>alert(1)</script> & me")
    page = client_for(cast.a).get(f"/insights/{insight.id}").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; me" in page


def test_two_windows_do_not_overwrite_each_other(cast: Cast) -> None:
    insight, client = wrote(cast.a, "first"), client_for(cast.a)
    address = f"/insights/{insight.id}/edit"
    assert client.post(address, {"text": "second", "after": 1}).status_code == 302
    stale = client.post(address, {"text": "other window", "after": 1})
    assert stale.status_code == 409
    page = stale.content.decode()
    assert "other window" in page
    assert "second" in page
    assert client.post(address, {"text": "second", "after": 1}).status_code == 302
    with door.opened(cast.a.id):
        assert list(insight.versions.order_by("number").values_list("text", flat=True)) == ["first", "second"]


def test_the_sheet_offers_who_exists_by_name(cast: Cast) -> None:
    insight = wrote(cast.a, "words")
    page = client_for(cast.a).get(f"/insights/{insight.id}/share").content.decode()
    for words in (
        "<b>Ben</b>",
        "Your partner reads exactly the words below",
        "Dana, for our sessions",
        "You have not both signed yet how this is handled",
        "Priya, for my own sessions",
        "Ben and Dana will not know of it from us",
        "You can take it back at any time",
    ):
        assert words in page
    assert page.count('role="switch" name="to"') == 3
    assert "checked" not in page.split('class="audiences"')[1].split("</form>")[0]
    alone = wrote(cast.stranger_a, "words")
    page = client_for(cast.stranger_a).get(f"/insights/{alone.id}/share").content.decode()
    assert "for our sessions" not in page
    assert "for my own sessions" not in page
    assert "Dora" in page


def test_sharing_opens_these_words_only_and_taking_back_ends_it_with_the_next_request(cast: Cast) -> None:
    insight = wrote(cast.a, "I would like to ask for help.", feeling="tight chest", to_say="sorry")
    client, partner, dana = client_for(cast.a), client_for(cast.b), client_for(cast.couples_therapist)
    post = {"to": BOTH, "version": current_id(cast, insight), "parts": ["to_say"]}
    assert client.post(f"/insights/{insight.id}/share", post).status_code == 302
    seen = partner.get("/us").content.decode()
    assert "I would like to ask for help." in seen
    assert "sorry" in seen
    assert "tight chest" not in seen
    assert "Both of you</span>" in seen
    assert "Both of you + Dana (couples therapist)" in client.get("/us").content.decode()
    with door.opened(cast.b.id):
        version = InsightVersion.objects.get()
        assert (version.feeling, version.to_say) == ("", "sorry")
    with door.opened(cast.couples_therapist.id):
        assert InsightVersion.objects.count() == 1
    assert dana.get("/us").status_code == 404
    assert "Both of you + Dana" in client.get(f"/insights/{insight.id}").content.decode()

    client.post(f"/insights/{insight.id}/take-back")
    after = partner.get("/us").content.decode()
    assert "ask for help" not in after
    assert "has been taken back" in after
    with door.opened(cast.couples_therapist.id):
        assert not InsightVersion.objects.exists()
    page = client.get(f"/insights/{insight.id}").content.decode()
    assert "Only you" in page
    assert "Taken back from Ben and Dana" in page
    assert "Shared with Ben and Dana" in page


def test_a_share_never_opened_and_taken_back_looks_as_if_it_had_never_been(cast: Cast) -> None:
    partner = client_for(cast.b)
    before = partner.get("/us").content
    insight = wrote(cast.a, "words")
    gave(cast.a, insight)
    client_for(cast.a).post(f"/insights/{insight.id}/take-back")
    after = partner.get("/us").content
    token = re.compile(
        rb'(csrfmiddlewaretoken" value|X-CSRFToken": |data-leave-token=)[="\\ ]*[A-Za-z0-9]{64}'
    )
    assert token.sub(b"", before) == token.sub(b"", after)


def test_only_dana_is_not_ben_and_changing_the_choice_takes_the_rest_back(cast: Cast) -> None:
    insight, client = wrote(cast.a, "for the room"), client_for(cast.a)
    gave(cast.a, insight)
    post = {"to": ["couples_therapist"], "version": current_id(cast, insight)}
    client.post(f"/insights/{insight.id}/share", post)
    assert "for the room" not in client_for(cast.b).get("/us").content.decode()
    with door.opened(cast.couples_therapist.id):
        assert InsightVersion.objects.get().text == "for the room"
    client.post(f"/insights/{insight.id}/share", {**post, "to": []})
    with door.opened(cast.a.id):
        assert not Grant.objects.filter(revoked_at__isnull=True).exists()


def test_the_individual_therapist_as_well(cast: Cast) -> None:
    insight = wrote(cast.a, "for my own hour")
    post = {"to": ["individual_therapist"], "version": current_id(cast, insight)}
    client_for(cast.a).post(f"/insights/{insight.id}/share", post)
    with door.opened(cast.therapist_a.id):
        assert InsightVersion.objects.get().text == "for my own hour"
    for other in (cast.b, cast.couples_therapist, cast.therapist_b):
        with door.opened(other.id):
            assert not InsightVersion.objects.exists()


def test_new_words_after_sharing_stay_with_the_author(cast: Cast) -> None:
    insight, client = wrote(cast.a, "old words"), client_for(cast.a)
    gave(cast.a, insight)
    number = client.get(f"/insights/{insight.id}").context["sheet"].current.number
    client.post(f"/insights/{insight.id}/edit", {"text": "new words", "after": number})
    partner = client_for(cast.b).get("/us").content.decode()
    assert "old words" in partner
    assert "new words" not in partner
    page = client.get(f"/insights/{insight.id}").content.decode()
    assert "new words" in page
    assert "You changed these words since:</b> Ben still reads the earlier ones." in page
    assert "Update what Dana reads" in page


def test_a_choice_about_older_words_is_refused(cast: Cast) -> None:
    insight, client = wrote(cast.a, "old"), client_for(cast.a)
    looked_at = current_id(cast, insight)
    client.post(f"/insights/{insight.id}/edit", {"text": "new", "after": 1})
    stale = client.post(f"/insights/{insight.id}/share", {"to": BOTH, "version": looked_at})
    assert stale.status_code == 409
    with door.opened(cast.b.id):
        assert not InsightVersion.objects.exists()


def test_sleep_on_it_is_suggested_after_a_session_day_and_may_be_overridden(cast: Cast) -> None:
    insight, client = wrote(cast.a, "big words"), client_for(cast.a)
    address = f"/insights/{insight.id}/share"
    switch = re.compile(r'role="switch" name="sleep" value="1" checked')
    assert not switch.search(client.get(address).content.decode())
    now = timezone.now()
    session_of(
        cast,
        cast.a,
        now - timedelta(hours=6),
        arrived_at=now - timedelta(hours=6),
        started_at=now - timedelta(hours=5),
        ended_at=now - timedelta(hours=3),
    )
    page = client.get(address)
    assert switch.search(page.content.decode())
    post = {"to": BOTH, "version": current_id(cast, insight), "sleep": "1"}
    client.post(address, post)
    assert "big words" not in client_for(cast.b).get("/us").content.decode()
    with door.opened(cast.a.id):
        opens_at = {grant.audience: grant.opens_at for grant in Grant.objects.all()}
        assert timedelta(hours=24) <= opens_at["partner"] - now < timedelta(hours=24, minutes=16)
        assert opens_at["couples_therapist"] < now + timedelta(minutes=1)
    with door.opened(cast.couples_therapist.id):
        assert InsightVersion.objects.get().text == "big words"
    asleep = client.get(f"/insights/{insight.id}").content.decode()
    assert "unless you change your mind" in asleep
    assert "You + Dana" in asleep
    client.post(address, {"to": BOTH, "version": current_id(cast, insight)})
    assert "big words" in client_for(cast.b).get("/us").content.decode()


def test_set_aside_is_out_of_sight_and_comes_back(cast: Cast) -> None:
    insight, client = wrote(cast.a, "later perhaps"), client_for(cast.a)
    client.post(f"/insights/{insight.id}/aside", {"aside": "1"})
    assert "later perhaps" not in client.get("/insights").content.decode()
    assert "later perhaps" in client.get("/insights?aside=1").content.decode()
    client.post(f"/insights/{insight.id}/aside", {"aside": "0"})
    assert "later perhaps" in client.get("/insights").content.decode()


def test_the_list_takes_the_same_number_of_statements_for_one_and_for_many(cast: Cast) -> None:
    def statements() -> int:
        client = client_for(cast.a)
        client.get("/insights")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get("/insights").status_code == 200
        return len(seen)

    gave(cast.a, wrote(cast.a, "one"))
    few = statements()
    for number in range(6):
        gave(cast.a, wrote(cast.a, f"more {number}"))
    assert statements() == few


def test_nobody_else_may_post_to_an_insight(cast: Cast) -> None:
    insight = wrote(cast.a, "mine")
    gave(cast.a, insight)
    for other in (cast.b, cast.couples_therapist):
        for end in ("edit", "share", "take-back", "aside", "newer/partner"):
            assert client_for(other).post(f"/insights/{insight.id}/{end}", {"to": []}).status_code == 404
    with door.opened(cast.b.id):
        assert InsightVersion.objects.count() == 1
