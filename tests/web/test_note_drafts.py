"""A progress note being written: kept as it is typed, for its author alone, and in no record until it is recorded."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.http import HttpResponse

from bothwell.models import AuditEntry, CoupleSession, NoteDraft, ProgressNote
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import client_for
from tests.web.desks import Desk, desk
from tests.web.test_couple_notes import EFT, NOTE, look

pytestmark = pytest.mark.django_db


@pytest.fixture
def plain() -> Desk:
    return desk()


def send(made: Desk, path: str, **data: object) -> HttpResponse:
    client = client_for(made.cast.couples_therapist)
    return client.post(f"/couples/{made.cast.couple.id}{path}", data)  # type: ignore[return-value]


def keep(
    made: Desk, session: CoupleSession, key: object, revision: int = 0, **fields: object
) -> HttpResponse:
    post = {"beside_id": uuid4(), **fields, "revision": revision}
    return send(made, f"/sessions/{session.id}/drafts/{key}/keep", **post)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def drafts(made: Desk) -> list[NoteDraft]:
    with door.opened(made.cast.couples_therapist.id):
        return list(NoteDraft.objects.filter(closed_at__isnull=True).order_by("saved_at"))


def test_what_is_typed_is_there_on_another_device_every_field_of_it(plain: Desk) -> None:
    session = plain.session(-0.01)
    path = f"/sessions/{session.id}"
    key = hidden(look(plain, path), "draft_id")
    said = keep(plain, session, key, **{**NOTE, **EFT, "text": "Half a note, then"})
    assert (said.status_code, said.json()["revision"]) == (200, 1)  # type: ignore[attr-defined]
    page = look(plain, path)
    assert "Your words are back" in page
    assert "Half a note, then</textarea>" in page
    assert "One evening each." in page
    assert re.search(r'<input type="checkbox" name="eft-did" value="tracked"[^>]* checked', page)
    assert (hidden(page, "draft_id"), hidden(page, "revision")) == (key, "1")


def test_a_draft_of_a_few_words_fits_an_agenda_with_much_on_it(plain: Desk) -> None:
    session = plain.session(-0.01)
    word = plain.share(plain.cast.a, "For today.", Relation.COUPLES_THERAPIST)
    path, ticked = f"/sessions/{session.id}", re.compile(rf'value="{word.id}"[^>]* checked')
    keep(plain, session, uuid4(), text="Half a note")
    assert not ticked.search(look(plain, path))
    draft = drafts(plain)[0]
    keep(plain, session, draft.id, 1, text="Half a note", discussed=[str(word.id)])
    assert ticked.search(look(plain, path))


def test_recording_empties_the_draft_it_came_from(plain: Desk) -> None:
    session = plain.session(-0.01)
    key = uuid4()
    keep(plain, session, key, **NOTE)
    carried = {"draft_id": key, "revision": 1, "beside_id": uuid4()}
    assert send(plain, f"/sessions/{session.id}", **NOTE, **carried).status_code == 302
    assert drafts(plain) == []
    with door.opened(plain.cast.couples_therapist.id):
        assert NoteDraft.objects.get().fields == {}
    late = keep(plain, session, key, 1, **NOTE)  # sent as the page went, heard after it was recorded
    assert (late.status_code, drafts(plain)) == (200, [])


def test_two_windows_keep_both_and_neither_is_written_over(plain: Desk) -> None:
    session = plain.session(-0.01)
    path, key, beside = f"/sessions/{session.id}", uuid4(), uuid4()
    keep(plain, session, key, focus="The chase", text="one")
    keep(plain, session, key, 1, focus="The chase", text="one, from the tablet")
    late = keep(plain, session, key, 1, focus="The chase", text="one, from the desk", beside_id=beside)
    assert late.status_code == 409
    other = late.json()["other"]  # type: ignore[attr-defined]
    assert other["fields"]["text"] == ["one, from the tablet"]
    assert "one, from the tablet" in other["shown"]
    page = look(plain, path)
    assert "one, from the tablet</textarea>" in page
    assert "one, from the desk" in page
    assert "one, from the desk</textarea>" in look(plain, f"{path}?draft={beside}")
    carried = {"draft_id": key, "revision": 2, "beside_id": uuid4()}
    post = {**NOTE, "text": "one, from the tablet", **carried}
    assert send(plain, path, **post).status_code == 302
    recorded = look(plain, path)
    assert "Begun and not recorded" in recorded
    assert "one, from the desk" in recorded
    assert send(plain, f"{path}/drafts/{beside}/drop", seen=1).status_code == 302
    assert "one, from the desk" not in look(plain, path)


def test_without_javascript_there_is_a_key_for_it(plain: Desk) -> None:
    session = plain.session(-0.01)
    path = f"/sessions/{session.id}"
    key = hidden(look(plain, path), "draft_id")
    post = {"text": "By hand", "draft_id": key, "revision": 0, "beside_id": uuid4(), "as_draft": "1"}
    assert send(plain, path, **post).status_code == 302
    page = look(plain, path)
    assert "By hand</textarea>" in page
    older = {**post, "text": "From an older window", "beside_id": uuid4()}
    assert send(plain, path, **older).status_code == 302
    page = look(plain, path)
    assert "By hand</textarea>" in page
    assert "From an older window" in page
    with door.opened(plain.cast.couples_therapist.id):
        assert not ProgressNote.objects.exists()


def test_a_correction_has_a_draft_of_its_own(plain: Desk) -> None:
    session = plain.session(-0.01)
    send(plain, f"/sessions/{session.id}", **NOTE)
    with door.opened(plain.cast.couples_therapist.id):
        wrong = ProgressNote.objects.get()
    path, key = f"/notes/{wrong.id}/correct", uuid4()
    keep(
        plain, session, key, **{**NOTE, "text": "They saw it late.", "reason": "Too early"}, corrects=wrong.id
    )
    page = look(plain, path)
    assert "They saw it late.</textarea>" in page
    assert hidden(page, "draft_id") == str(key)
    assert "They saw it late." not in look(plain, f"/sessions/{session.id}")
    post = {**NOTE, "text": "They saw it late.", "reason": "Too early", "draft_id": key, "revision": 1}
    assert send(plain, path, **post).status_code == 302
    assert drafts(plain) == []


def test_nobody_else_sees_a_draft_and_no_log_names_it(plain: Desk) -> None:
    session, cast = plain.session(-0.01), plain.cast
    with door.opened(cast.lead.id):
        before = AuditEntry.objects.count()
    keep(plain, session, uuid4(), text="the garden gate")
    for name, who in cast.everyone().items():
        with door.opened(who.id):
            assert NoteDraft.objects.exists() is (who == cast.couples_therapist), name
    with door.opened(cast.lead.id):
        assert AuditEntry.objects.count() == before
    for who in (cast.a, cast.b):
        assert "the garden gate" not in client_for(who).get("/us").content.decode()
    theirs = f"/couples/{cast.couple.id}/sessions/{session.id}/drafts/{uuid4()}/keep"
    for who in (cast.a, cast.prescriber, cast.lead):
        assert client_for(who).post(theirs, {"text": "x"}).status_code == 404


def test_a_draft_has_room_for_a_long_note_and_not_for_everything(plain: Desk) -> None:
    session = plain.session(-0.01)
    assert keep(plain, session, uuid4(), text="x" * 60_000).status_code == 200
    full = keep(plain, session, uuid4(), text="x" * 120_001)
    assert (full.status_code, "room for" in full.json()["reason"]) == (422, True)  # type: ignore[attr-defined]
    assert keep(plain, session, uuid4(), revision=-1, text="x").status_code == 422
    assert keep(plain, session, uuid4(), corrects=uuid4(), text="x").status_code == 404
