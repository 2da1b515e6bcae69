"""Taken back, words leave the open pages of whoever had read them within a second; nobody else hears of it."""

import http.client
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from bothwell.couples.models import Role
from bothwell.integration import actions
from bothwell.integration.insights import Words
from bothwell.models import (
    ConsentText,
    CoupleSession,
    Insight,
    InsightDiscussed,
    InsightVersion,
    Person,
)
from bothwell.privacy import door, shelter_actions
from bothwell.privacy.circles import Relation
from bothwell.privacy.signing_actions import sign_consent, withdraw_consent
from tests.conftest import loading
from tests.room import Bedside
from tests.web.test_live import Page, _database, _once, bedside, cookie_of, follow, port

__all__ = ["_database", "_once", "bedside", "port"]

ROLES = {
    "b": Relation.PARTNER,
    "therapist_a": Relation.INDIVIDUAL_THERAPIST,
    "couples_therapist": Relation.COUPLES_THERAPIST,
}


def given(bedside: Bedside, text: str, to: Relation, **more: object) -> Insight:
    who = bedside.cast.a
    with door.opened(who.id):
        insight = actions.write(by=who, words=Words(text), request_id=uuid4())
        version = actions.current_version(insight)
        actions.choose_audience(
            by=who,
            insight_id=insight.id,
            version_id=version.id,
            audiences={to},
            **more,  # type: ignore[arg-type]
        )
    return insight


def taken_back(bedside: Bedside, insight: Insight) -> float:
    begun = time.monotonic()
    with door.opened(bedside.cast.a.id):
        actions.take_back(by=bedside.cast.a, insight_id=insight.id)
    return begun


def look(
    port: int, who: Person, address: str, *, by_itself: bool = False
) -> tuple[str, http.client.HTTPMessage]:
    """A page as a browser gets it, with its headers; or its living part, as an open page asks for it by itself."""
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie_of(who)}"}
    call.request("GET", address, headers=headers | ({"HX-Request": "true"} if by_itself else {}))
    answer = call.getresponse()
    assert answer.status == 200
    return answer.read().decode(), answer.headers


def own_page(port: int, who: Person) -> Page:
    page = follow(port, who, "person", who.id).opened()
    assert page.is_silent(0.2)
    return page


def address_of(bedside: Bedside, name: str) -> str:
    return {
        "b": "/us",
        "therapist_a": f"/people/{bedside.cast.a.id}/words",
        "couples_therapist": f"/couples/{bedside.cast.couple.id}",
    }[name]


@pytest.mark.parametrize("name", list(ROLES))
def test_a_page_that_showed_the_words_hears_within_a_second_and_its_next_look_has_none(
    port: int, bedside: Bedside, name: str
) -> None:
    who, text = getattr(bedside.cast, name), f"the garden gate {uuid4().hex}"
    insight = given(bedside, text, ROLES[name])
    words, headers = look(port, who, address_of(bedside, name))
    assert text in words
    assert headers["Cache-Control"] == "no-store"
    page = own_page(port, who)
    begun = taken_back(bedside, insight)
    event = page.next(1)
    assert event is not None
    assert event.name == "changed"
    assert event.at - begun < 1
    assert text not in look(port, who, address_of(bedside, name))[0]
    page.close()


def test_who_never_opened_it_hears_nothing_at_all(port: int, bedside: Bedside) -> None:
    insight = given(bedside, "never opened", Relation.PARTNER, opens_at=timezone.now() + timedelta(days=1))
    page = own_page(port, bedside.cast.b)
    taken_back(bedside, insight)
    assert page.is_silent(1)
    assert "never opened" not in look(port, bedside.cast.b, "/us")[0]
    page.close()


def test_newer_words_wake_the_page_that_reads_them(port: int, bedside: Bedside) -> None:
    who, old, new = bedside.cast.b, f"old {uuid4().hex}", f"new {uuid4().hex}"
    insight = given(bedside, old, Relation.PARTNER)
    assert old in look(port, who, "/us")[0]
    page = own_page(port, who)
    with door.opened(bedside.cast.a.id):
        version = actions.rewrite(by=bedside.cast.a, insight_id=insight.id, words=Words(new), after=1)
    assert page.is_silent(0.5), "newer words are told to nobody before they are given"
    with door.opened(bedside.cast.a.id):
        actions.give_newer(
            by=bedside.cast.a, insight_id=insight.id, version_id=version.id, audience=Relation.PARTNER
        )
    assert page.next(1) is not None
    seen = look(port, who, "/us")[0]
    assert new in seen
    assert old not in seen
    page.close()


def test_newer_words_under_shelter_wake_nobody_and_taking_them_back_ends_those_that_stayed(
    port: int, bedside: Bedside
) -> None:
    cast, who, old = bedside.cast, bedside.cast.b, f"old {uuid4().hex}"
    insight = given(bedside, old, Relation.PARTNER)
    assert old in look(port, who, "/us")[0]
    with door.opened(cast.a.id):
        shelter_actions.keep_to_myself(by=cast.a)
    page = own_page(port, who)
    with door.opened(cast.a.id):
        version = actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("new"), after=1)
        actions.give_newer(by=cast.a, insight_id=insight.id, version_id=version.id, audience=Relation.PARTNER)
    assert page.is_silent(1)
    assert old in look(port, who, "/us")[0]
    taken_back(bedside, insight)
    assert page.next(1) is not None
    assert old not in look(port, who, "/us")[0]
    page.close()
    with door.opened(cast.safety.id):
        shelter_actions.end_shelter(by=cast.safety, subject=cast.a, why="the test is over")


@pytest.mark.parametrize("kind", ["planned", "begun", "held", "score", "both"])
def test_every_page_of_the_couples_therapist_that_showed_the_words_loses_them(
    port: int, bedside: Bedside, kind: str
) -> None:
    cast, who = bedside.cast, bedside.cast.couples_therapist
    text = f"the garden gate {uuid4().hex}"
    insight = given(bedside, text, Relation.COUPLES_THERAPIST)
    if kind == "both":  # the sheet holds what the other reads too
        with door.opened(cast.a.id):
            actions.choose_audience(
                by=cast.a,
                insight_id=insight.id,
                version_id=actions.current_version(insight).id,
                audiences={Relation.COUPLES_THERAPIST, Relation.PARTNER},
            )
    page_of, fragment = _pages(bedside, kind, insight)
    assert text in look(port, who, page_of)[0]
    page = own_page(port, who)
    taken_back(bedside, insight)
    event = page.next(1)
    assert event is not None
    assert event.name == "changed"
    assert text not in look(port, who, fragment, by_itself=True)[0]
    page.close()


def _pages(bedside: Bedside, kind: str, insight: Insight) -> tuple[str, str]:
    """A page and the address of its living part."""
    root = f"/couples/{bedside.cast.couple.id}"
    if kind in ("score", "both"):
        return (f"{root}/score", f"{root}/score?living=1") if kind == "score" else (f"{root}/for-both",) * 2
    ahead = timedelta(days=1) if kind == "planned" else timedelta(hours=-1)
    with loading():
        session = CoupleSession.objects.create(
            clinic_id=bedside.clinic_id, couple=bedside.cast.couple, author=bedside.cast.couples_therapist,
            number=40 + len(kind), at=timezone.now() + ahead, state="held" if kind == "held" else "planned",
        )  # fmt: skip
        if kind == "held":
            version = InsightVersion.objects.filter(insight=insight).latest("number")
            InsightDiscussed.objects.create(
                clinic_id=bedside.clinic_id, couple=bedside.cast.couple, author=bedside.cast.couples_therapist,
                session=session, version=version,
            )  # fmt: skip
    part = {"planned": "waiting", "begun": "ticks", "held": "taken"}[kind]
    return f"{root}/sessions/{session.id}", f"{root}/sessions/{session.id}?words={part}"


def test_words_that_came_to_an_open_today_by_themselves_leave_it_when_taken_back(
    port: int, bedside: Bedside
) -> None:
    who, text = bedside.cast.b, f"the garden gate {uuid4().hex}"
    page = own_page(port, who)
    insight = given(bedside, text, Relation.PARTNER)
    assert page.next(1) is not None
    assert text in look(port, who, "/today", by_itself=True)[0]
    assert page.is_silent(0.5), "to look is no news"
    taken_back(bedside, insight)
    assert page.next(1) is not None
    assert text not in look(port, who, "/today", by_itself=True)[0]
    page.close()


@pytest.mark.parametrize("was_read", [True, False])
def test_under_shelter_a_take_back_leaves_the_page_that_showed_it_and_tells_nothing_else(
    port: int, bedside: Bedside, was_read: bool
) -> None:
    who, text = bedside.cast.b, f"the garden gate {uuid4().hex}"
    if was_read:
        insight = given(bedside, text, Relation.PARTNER)
        assert text in look(port, who, "/us")[0]
    with door.opened(bedside.cast.a.id):
        shelter_actions.keep_to_myself(by=bedside.cast.a)
    page = own_page(port, who)
    if not was_read:
        insight = given(bedside, text, Relation.PARTNER)
    taken_back(bedside, insight)
    if was_read:
        assert page.next(1) is not None
    else:
        assert page.is_silent(1)
    assert text not in look(port, who, "/us")[0]
    page.close()
    with door.opened(bedside.cast.safety.id):
        shelter_actions.end_shelter(by=bedside.cast.safety, subject=bedside.cast.a, why="the test is over")


def test_an_open_page_looks_again_when_what_its_viewer_may_see_changes(port: int, bedside: Bedside) -> None:
    who, cast = bedside.cast.couples_therapist, bedside.cast
    page = own_page(port, who)
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic,
            kind="release",
            code="relationship_scores",
            version=90,
            title="x",
            body="x",
            sha256="x",
        )
    with door.opened(cast.a.id):
        signed = sign_consent(
            by=cast.a, text_id=text.id, signed_name="Amara", release_to=Role.COUPLES_THERAPIST
        )
        withdraw_consent(by=cast.a, consent_id=signed.id)
    event = page.next(1)
    assert event is not None
    assert event.name == "changed"
    assert page.is_silent(0.5)
    page.close()
