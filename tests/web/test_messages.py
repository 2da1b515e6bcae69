"""Messages on the screen: each reader's own threads, marks of one's own, words kept on a mistake, and no lamp for others."""

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client

from bothwell.models import Clinic, Couple, Message, Receipt
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.messaging.test_messages import agreed, alone, care, ours, wrote

pytestmark = pytest.mark.django_db
NUMBER = re.compile(rb"[A-Za-z0-9]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def page(client: Client, address: str = "/messages") -> str:
    return client.get(address).content.decode()


def care_of(cast: Cast) -> str:
    return f"/messages/care/{cast.a.id}"


def send(client: Client, address: str, text: str, **more: object) -> int:
    return client.post(address, {"text": text, "request_id": uuid4(), **more}).status_code


def test_a_partner_finds_a_thread_for_each_circle(cast: Cast) -> None:
    said = page(client_for(cast.a))
    for words in (
        "Your care team",
        "Your individual therapist",
        "Your couples therapist alone",
        "Both of you",
    ):
        assert words in said
    assert "<title>Messages</title>" in said
    assert "no emergency line" in said


def test_a_message_is_sent_and_answered(cast: Cast) -> None:
    assert send(client_for(cast.a), care_of(cast), "May I eat before?\r\nOr after?") == 302
    nurse = client_for(cast.nurse)
    assert "New" in page(nurse)
    assert "May I eat" not in page(nurse)
    assert "May I eat before?\nOr after?" in page(nurse, care_of(cast))
    assert "new-mark" not in page(nurse)
    assert send(nurse, care_of(cast), "Two hours before.") == 302
    own = client_for(cast.a)
    assert "Something you have not read yet" in page(own, "/today")
    assert "Something you have not read yet" in page(own, "/us")
    assert "Two hours before." in page(own, care_of(cast))
    assert "Something you have not read yet" not in page(own, "/today")


def test_a_page_that_renews_itself_marks_nothing_as_read(cast: Cast) -> None:
    wrote(cast.nurse, care(cast), "new words")
    own = client_for(cast.a)
    part = own.get(care_of(cast), headers={"HX-Request": "true"}).content.decode()
    assert "new words" in part
    assert "<html" not in part
    with door.opened(cast.a.id):
        assert not Receipt.objects.filter(author=cast.a).exists()


def test_too_long_keeps_what_was_typed(cast: Cast) -> None:
    answer = client_for(cast.a).post(care_of(cast), {"text": "zq" * 3000, "request_id": uuid4()})
    assert answer.status_code == 422
    assert "zq" * 3000 in answer.content.decode()
    assert client_for(cast.a).post(care_of(cast), {"text": " ", "request_id": uuid4()}).status_code == 422


def test_words_for_a_thread_that_has_closed_are_shown_to_be_copied(cast: Cast) -> None:
    address = f"/messages/couple/{cast.couple.id}"
    wrote(cast.a, ours(cast), "Before.")
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=datetime.now(UTC))
    late = client_for(cast.a).post(address, {"text": "One more\nthing.", "request_id": uuid4()})
    assert late.status_code == 422
    assert "Your message was not sent." in late.content.decode()
    assert "One more\nthing." in late.content.decode()
    assert "<textarea" not in late.content.decode()


def test_alone_the_agreement_stands_before_the_words_and_goes_with_them(cast: Cast) -> None:
    first, own = agreed(cast), client_for(cast.a)
    address = f"/messages/alone/{cast.couple.id}/{cast.a.id}"
    said = page(own, address)
    assert said.index("may be brought into the room with both of you") < said.index("<textarea")
    second = agreed(cast, "confidential", 2)
    late = own.post(address, {"text": "kept words", "request_id": uuid4(), "read_under": first.id})
    assert late.status_code == 422
    assert "kept words" in late.content.decode()
    assert "may not be brought into the room" in late.content.decode()
    assert f'value="{second.id}"' in late.content.decode()
    assert send(own, address, "kept words", read_under=second.id) == 302
    with door.opened(cast.a.id):
        assert Message.objects.get().agreement_id == second.id


def test_what_one_says_alone_changes_nothing_on_the_others_pages(cast: Cast) -> None:
    agreement, other = agreed(cast), client_for(cast.b)
    addresses = (
        "/messages",
        "/today",
        "/us",
        f"/messages/couple/{cast.couple.id}",
        f"/messages/alone/{cast.couple.id}/{cast.a.id}",
    )
    before = [NUMBER.sub(b"", other.get(each).content) for each in addresses]
    wrote(cast.a, alone(cast), "zqalone", read_under=agreement.id)
    wrote(cast.couples_therapist, alone(cast), "zqalone", read_under=agreement.id)
    wrote(cast.a, care(cast), "zqcare")
    assert [NUMBER.sub(b"", other.get(each).content) for each in addresses] == before


def test_a_thread_of_somebody_else_is_a_page_that_never_was(cast: Cast) -> None:
    wrote(cast.a, care(cast))
    other = client_for(cast.b)
    never = other.get(f"/messages/care/{uuid4()}")
    theirs = other.get(care_of(cast))
    assert never.status_code == theirs.status_code == 404
    assert NUMBER.sub(b"", never.content) == NUMBER.sub(b"", theirs.content)
    for who in (cast.lead, cast.coordinator, cast.couples_therapist, cast.therapist_b, cast.safety):
        assert client_for(who).get(care_of(cast)).status_code == 404
        assert send(client_for(who), care_of(cast), "x") == 404


def test_nobody_is_told_that_a_message_was_read(cast: Cast) -> None:
    wrote(cast.a, ours(cast), "words")
    own = client_for(cast.a)
    address = f"/messages/couple/{cast.couple.id}"
    before = NUMBER.sub(b"", own.get(address).content)
    for who in (cast.b, cast.couples_therapist):
        client_for(who).get(address)
    assert NUMBER.sub(b"", own.get(address).content) == before


def test_crisis_lines_stand_beside(cast: Cast) -> None:
    with loading():
        Clinic.objects.filter(id=cast.clinic.id).update(
            crisis_lines=[{"label": "Lifeline", "number": "988", "href": "tel:988"}]
        )
    for address in ("/messages", care_of(cast)):
        said = page(client_for(cast.a), address)
        assert 'href="tel:988"' in said[said.index("no emergency line") :][:900]


def test_older_messages_are_a_page_away(cast: Cast) -> None:
    with loading():
        Message.objects.bulk_create(
            Message(
                clinic=cast.clinic,
                kind="message.care",
                subject=cast.a,
                author=cast.nurse,
                text=f"number {number:02}.",
                recorded_at=datetime(2026, 1, 1, 8, number % 60, tzinfo=UTC),
            )
            for number in range(45)
        )
    own = client_for(cast.a)
    said = page(own, care_of(cast))
    assert ("number 44." in said, "number 05." in said, "number 04." in said) == (True, True, False)
    older = re.search(r"\?before=[0-9a-f-]{36}", said)
    assert older
    said = page(own, care_of(cast) + older.group())
    assert ("number 04." in said, "number 05." in said, "<textarea" in said) == (True, False, False)
    assert own.get(care_of(cast) + "?before=nonsense").status_code == 200
