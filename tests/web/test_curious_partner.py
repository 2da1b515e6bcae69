"""The curious and the controlling: what a page, a log, a picture or a moment must not tell, nor keep to itself."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bothwell.integration import actions
from bothwell.models import AuditEntry, Consent, ConsentText, Person, Receipt, Response
from bothwell.privacy import audit, door
from bothwell.privacy.circles import Relation
from bothwell.web import live
from bothwell.web.ear import Ear
from bothwell.web.room_news import id_at
from bothwell.web.stream import News, Stream, event
from tests.cast import Cast, client_for, make_cast, person
from tests.conftest import loading
from tests.room import open_bedside
from tests.web.partners import answered, asked, gave, session_of, wrote

TOKEN = re.compile(rb"[A-Za-z0-9]{64}")


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A stream looks with a connection of its own: what it is to see is committed."""
    with django_db_blocker.unblock():
        yield
        connection.close()


def page(who: Person, path: str) -> str:
    return client_for(who).get(path).content.decode()


# ── reading is seen by who is read ──


def test_words_read_on_the_first_page_were_opened(cast: Cast) -> None:
    insight = wrote(cast.a, "the garden gate")
    gave(cast.a, insight, {Relation.PARTNER})
    assert "opened · an insight" not in page(cast.a, "/access")
    for _ in range(2):
        assert "the garden gate" in page(cast.b, "/today")
    with door.opened(cast.b.id):
        assert Receipt.objects.filter(author=cast.b, subject=cast.a, item_kind="insight").count() == 1
    assert page(cast.a, "/access").count("opened · an insight") == 1
    with door.opened(cast.a.id):
        actions.take_back(by=cast.a, insight_id=insight.id)
    assert "the garden gate" not in page(cast.b, "/today")
    assert "has been taken back" in page(cast.b, "/us")


def test_a_first_page_with_nothing_given_notes_nothing(cast: Cast) -> None:
    wrote(cast.a, "hers alone")
    gave(cast.a, wrote(cast.a, "asleep"), {Relation.PARTNER}, timezone.now() + timedelta(hours=9))
    assert "asleep" not in page(cast.b, "/today")
    with door.opened(cast.b.id):
        assert not Receipt.objects.exists()


# ── the badge tells the truth ──


def test_the_first_page_names_those_a_release_lets_in(cast: Cast) -> None:
    answered(asked(cast, cast.a), cast.a)
    name = f"{cast.couples_therapist.name_used} (couples therapist)"
    assert name not in page(cast.a, "/today")
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="individual_scores", version=1, title="t", body="b"
        )
        signed = Consent.objects.create(
            clinic=cast.clinic,
            subject=cast.a,
            author=cast.a,
            text=text,
            sha256="0" * 64,
            release_class="individual_scores",
            release_to="couples_therapist",
            signed_name="A",
        )
    assert name in page(cast.a, "/today")
    with loading():
        Consent.objects.filter(id=signed.id).update(withdrawn_at=timezone.now())
    assert name not in page(cast.a, "/today")


# ── a hidden line is no line ──


def test_the_picture_for_looking_together_depends_on_nothing_of_ones_own(cast: Cast) -> None:
    client = client_for(cast.a)

    def seen() -> bytes:
        return TOKEN.sub(b"", client.get("/us?hide=1").content)

    before, open_before = seen(), client.get("/us").content
    long_ago = timezone.now() - timedelta(days=80)
    sent = answered(asked(cast, cast.a), cast.a)
    with loading():
        Response.objects.filter(id=sent.id).update(sent_at=long_ago)
    session_of(cast, cast.a, long_ago - timedelta(days=10), started_at=long_ago - timedelta(days=10))
    assert len(client.get("/us").content) > len(open_before)
    assert seen() == before


# ── the logs ──


def test_what_one_writes_and_gives_is_not_in_the_leads_log(cast: Cast) -> None:
    insight = wrote(cast.a, "mine")
    gave(cast.a, insight)
    page(cast.b, "/us")
    with door.opened(cast.a.id):
        actions.take_back(by=cast.a, insight_id=insight.id)
        own = set(AuditEntry.objects.filter(item_id__isnull=False).values_list("action", flat=True))
    assert {"wrote", "shared", "opened", "took back"} <= own
    with door.opened(cast.lead.id):
        assert not AuditEntry.objects.filter(item_kind__in=["insight", "intention"]).exists()
    log = page(cast.lead, "/clinic/log")
    assert "an insight" not in log
    assert "took back" not in log


def test_a_process_note_is_in_its_authors_log_alone(cast: Cast) -> None:
    author = cast.couples_therapist
    with door.opened(author.id):
        audit.log("wrote a process note", by=author, couple=cast.couple, item_kind="process_note")
        audit.log("wrote a shared summary", by=author, couple=cast.couple, item_kind="couple.shared")
    for who in (cast.a, cast.b, cast.lead):
        with door.opened(who.id):
            assert [each.item_kind for each in AuditEntry.objects.filter(couple=cast.couple)] == [
                "couple.shared"
            ]


# ── the moment of a change ──


def test_a_board_stays_silent_over_sessions_that_are_not_on_it(committed: None) -> None:
    bedside = open_bedside()
    cast = bedside.cast
    with transaction.atomic(), loading():
        other = person(cast.clinic, "Tess", "staff", "nurse")
    clinic, session = cast.clinic.id, bedside.session.id

    def said(who: Person, changed: set[UUID | None]) -> list[bytes] | None:
        stream = Stream("board", clinic, who.id, "")
        return stream.look({News.CHANGED}, changed)

    assert said(cast.nurse, {session}) == [event("changed")]
    assert said(other, {session}) == []
    assert said(other, {session, None}) == [event("changed")]


def test_what_changed_reaches_the_stream_with_its_session() -> None:
    ear, clinic, session = Ear(), id_at(1), id_at(2)
    stream = Stream("board", clinic, id_at(3), "")
    ear.add(stream)
    ear.hear(f"board:{clinic}:{session}")
    assert (stream.waiting, stream.changed) == ({News.CHANGED}, {session})
    ear.hear(f"board:{clinic}")
    assert stream.changed == {session, None}
    ear.hear(f"board:{clinic}:nonsense")
    assert stream.changed == {session, None}


def test_news_that_says_nothing_is_not_even_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_S", 0.3)
    monkeypatch.setattr(Stream, "look", lambda self, news, changed: [])
    sent: list[bytes] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message["body"])  # type: ignore[arg-type]

    async def talk() -> tuple[int, int]:
        stream = Stream("person", id_at(1), id_at(1), "")
        talking = asyncio.ensure_future(live.Application()._talk(stream, send))
        await asyncio.sleep(0.1)
        stream.tell(News.ACCESS)
        await asyncio.sleep(0.1)
        at_once = len(sent)
        await asyncio.sleep(0.5)
        talking.cancel()
        return at_once, len(sent)

    at_once, later = asyncio.run(talk())
    assert at_once == 0
    assert later >= 1
    assert set(sent) == {b": ping\n\n"}
