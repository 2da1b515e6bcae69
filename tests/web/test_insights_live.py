"""Taken back, words leave the open pages of whoever had read them within a second; nobody else hears of it."""

import http.client
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from bothwell.integration import actions
from bothwell.integration.insights import Words
from bothwell.models import Insight, Person
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
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


def look(port: int, who: Person, address: str) -> tuple[str, http.client.HTTPMessage]:
    """A page as a browser gets it, with its headers."""
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    call.request("GET", address, headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie_of(who)}"})
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
