"""Notes at the couples therapist's desk: three forms, nothing typed is lost, and process notes are never the record."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import override_settings

from bothwell.integration.session_actions import as_seen
from bothwell.models import CoupleAgreement, Grant, ProcessNote, ProgressNote
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import client_for
from tests.conftest import loading
from tests.web.desks import Desk, desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def plain() -> Desk:
    return desk()


def look(made: Desk, path: str) -> str:
    response = client_for(made.cast.couples_therapist).get(f"/couples/{made.cast.couple.id}{path}")
    assert response.status_code == 200
    return response.content.decode()


def post(made: Desk, path: str, **data: object) -> tuple[int, str]:
    response = client_for(made.cast.couples_therapist).post(f"/couples/{made.cast.couple.id}{path}", data)
    return response.status_code, response.content.decode()


NOTE = {"modality": "eft", "focus": "The chase", "text": "They saw it."}
EFT = {
    "common-mode": "room",
    "common-attendance-b": "late",
    "common-minutes": "75",
    "common-escalation-a": "4",
    "eft-stage": "2",
    "eft-step-a": "6",
    "eft-step-b": "5",
    "eft-did": ["tracked", "enacted"],
    "eft-event": "softening",
    "eft-event_by": "a",
    "common-homework": "One evening each.",
    "common-next_focus": "Asking softly",
}


def test_the_form_chosen_is_kept_with_its_answers_and_read_in_words(plain: Desk) -> None:
    session = plain.session(-0.01)
    path = f"/sessions/{session.id}"
    ignored = {"gottman-level": ["maps"], "other-approach": "Not this one"}
    assert post(plain, path, **NOTE, **EFT, **ignored)[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        note = ProgressNote.objects.get()
    assert note.detail["form"] == "eft"
    assert note.detail["answers"]["step.a"] == "6"
    assert note.detail["answers"]["minutes"] == 75
    assert "level" not in note.detail["answers"]
    assert note.stage == "Stage 2. A step 6, B step 5"
    text = look(plain, path)
    for words in (
        "Emotionally focused",
        "6. Accepting the other’s experience",
        "4 of 10",
        "softening of who pursued",
    ):
        assert words in text
    assert "Not this one" not in text


def test_every_form_stands_on_the_page_with_help_at_its_questions(plain: Desk) -> None:
    text = look(plain, f"/sessions/{plain.session(-0.01).id}")
    for name in (
        "eft-step-a",
        "eft-event_on",
        "gottman-level",
        "gottman-seen-b",
        "other-approach",
        "common-mode",
    ):
        assert f'name="{name}"' in text
    assert "The two need not be at the same step." in text
    assert "Gottman" not in text
    assert "data-draft-at" in text


def test_how_long_it_lasted_is_never_filled_in_from_the_plan(plain: Desk) -> None:
    post(plain, f"/sessions/{plain.session(-7).id}", **NOTE, **EFT)
    text = look(plain, f"/sessions/{plain.session(-0.002).id}")
    field = re.search(r'<input[^>]*name="common-minutes"[^>]*>', text)
    assert field and "value=" not in field[0]


def test_a_session_that_nobody_came_to_is_recorded_and_what_was_promised_stays(plain: Desk) -> None:
    post(plain, f"/sessions/{plain.session(-7).id}", **NOTE, **EFT)
    session = plain.session(-0.01)
    missed = {
        "modality": "eft",
        "focus": "Neither came",
        "text": "They rang too late.",
        "common-mode": "none",
    }
    path = f"/sessions/{session.id}"
    status, text = post(plain, path, **missed, summary="We missed you.")
    assert status == 422 and "nothing for both to read" in text and "They rang too late." in text
    for _ in range(2):  # pressed twice, kept once
        assert post(plain, path, **missed)[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        session.refresh_from_db()
        note = ProgressNote.objects.get(session=session)
    assert session.state == "cancelled"
    text = look(plain, path)
    for words in ("Not held.", "Nobody: it was not held", "They rang too late.", "Correct this note"):
        assert words in text
    assert "Add for both" not in text
    story = look(plain, "")
    assert "One evening each." in story and "Last focus: The chase" in story
    status, text = post(
        plain, f"/notes/{note.id}/correct", **missed | {"common-mode": "room"}, reason="Wrong"
    )
    assert status == 422 and "not changed by a correction" in text


def test_a_wrong_answer_is_said_at_its_place_and_every_word_stays(plain: Desk) -> None:
    path = f"/sessions/{plain.session(-0.01).id}"
    status, text = post(plain, path, **NOTE, **{**EFT, "common-escalation-a": "14"})
    assert status == 422
    assert "A whole number from 0 to 10 belongs here." in text
    assert "Nothing is recorded yet." in text and 'href="#id_common-escalation-a"' in text
    for kept in ('value="14"', "They saw it.", "One evening each.", "Asking softly"):
        assert kept in text
    assert re.search(r'<option value="6" selected>', text)
    with door.opened(plain.cast.couples_therapist.id):
        assert not ProgressNote.objects.exists()


def test_a_note_that_comes_second_is_shown_to_be_copied_and_the_same_one_counts_once(plain: Desk) -> None:
    path = f"/sessions/{plain.session(-0.01).id}"
    assert post(plain, path, **NOTE, **EFT)[0] == 302
    assert post(plain, path, **NOTE, **EFT)[0] == 302
    status, text = post(plain, path, **{**NOTE, "text": "Something else they said."}, **EFT)
    assert status == 422
    assert "recorded already" in text and "Something else they said." in text
    other = plain.session(0.01)
    assert post(plain, f"/sessions/{other.id}/cancel", was=as_seen(other))[0] == 302
    status, text = post(plain, f"/sessions/{other.id}", **{**NOTE, "text": "They came all the same."}, **EFT)
    assert status == 422 and "They came all the same." in text


def test_the_next_note_begins_where_the_last_one_stood(plain: Desk) -> None:
    post(plain, f"/sessions/{plain.session(-7).id}", **NOTE, **EFT)
    text = look(plain, f"/sessions/{plain.session(-0.01).id}")
    assert re.search(r'<option value="6" selected>', text)
    assert "They saw it." not in text
    assert 'name="common-escalation-a"' in text
    assert 'value="4"' not in text.split('name="common-escalation-a"')[1][:80]


def test_what_was_promised_is_ticked_off_and_comes_back_with_its_day(plain: Desk) -> None:
    first, second = plain.session(-7), plain.session(-0.01)
    given = plain.exercise("say_it_back", 20)
    post(plain, f"/sessions/{first.id}", **NOTE, **EFT)
    text = look(plain, f"/sessions/{second.id}")
    assert "One evening each." in text
    assert f'value="exercise:{given.id}"' in text
    assert post(plain, f"/sessions/{second.id}", **NOTE, spoken_of=[f"exercise:{given.id}"])[0] == 302
    assert "Say it back" in look(plain, f"/sessions/{second.id}")
    assert "spoken of on" in look(plain, "")
    assert "One evening each." not in look(plain, "")  # the last note sent nothing home


def test_a_point_that_is_not_on_the_agenda_is_not_kept(plain: Desk) -> None:
    status, text = post(
        plain, f"/sessions/{plain.session(-0.01).id}", **NOTE, spoken_of=["exercise:invented"]
    )
    assert status == 422
    assert "over meanwhile" in text


def test_what_was_given_for_the_session_stands_first(plain: Desk) -> None:
    session = plain.session(1)
    early = plain.share(plain.cast.a, "For this session.", Relation.COUPLES_THERAPIST, days_ago=9)
    plain.share(plain.cast.b, "Just so.", Relation.COUPLES_THERAPIST)
    with loading():
        Grant.objects.filter(item_id=early.id).update(for_session=session)
    text = look(plain, "")
    assert text.index("For this session.") < text.index("Just so.")
    assert f"Given for session {session.number}" in text


def test_an_agreement_stands_on_the_agenda_only_once_both_said_yes(plain: Desk) -> None:
    from bothwell.models import AgreementAnswer

    cast = plain.cast
    about = {"clinic": cast.clinic, "couple": cast.couple}
    with loading():
        made = CoupleAgreement.objects.create(**about, author=cast.a, kind="no_big_decisions", days=3)
        AgreementAnswer.objects.create(**about, author=cast.a, agreement=made, answer="yes")
    assert "No big decisions" not in look(plain, "")
    with loading():
        AgreementAnswer.objects.create(**about, author=cast.b, agreement=made, answer="yes")
    assert "No big decisions for 3 days after a session" in look(plain, "")
    with loading():
        AgreementAnswer.objects.create(**about, author=cast.b, agreement=made, answer="end")
    assert "No big decisions" not in look(plain, "")


def test_a_correction_begins_from_every_answer_and_keeps_what_was_taken_up(plain: Desk) -> None:
    session = plain.session(-0.01)
    given = plain.exercise("say_it_back", 20)
    post(plain, f"/sessions/{session.id}", **NOTE, **EFT, spoken_of=[f"exercise:{given.id}"])
    with door.opened(plain.cast.couples_therapist.id):
        wrong = ProgressNote.objects.get()
    text = look(plain, f"/notes/{wrong.id}/correct")
    assert "One evening each." in text
    status, text = post(plain, f"/notes/{wrong.id}/correct", **NOTE, **{**EFT, "eft-step-a": "7"}, reason="")
    assert status == 422
    assert "what was wrong with the earlier note" in text
    assert (
        post(
            plain,
            f"/notes/{wrong.id}/correct",
            **NOTE,
            **{**EFT, "eft-step-a": "7"},
            reason="A step further.",
        )[0]
        == 302
    )
    with door.opened(plain.cast.couples_therapist.id):
        note = ProgressNote.objects.get(corrects=wrong)
        assert note.detail["answers"]["step.a"] == "7"
        assert note.detail["taken_up"] == [f"exercise:{given.id}"]
        assert ProgressNote.objects.get(id=wrong.id).detail["answers"]["step.a"] == "6"


# ── process notes ──


def test_the_two_kinds_of_note_stand_in_different_places_and_say_who_reads_them(plain: Desk) -> None:
    session = plain.session(-0.01)
    plain.record(session)
    own = {"process-text": "My unease.", "process-request_id": str(uuid4())}
    assert post(plain, f"/sessions/{session.id}/process", **own)[0] == 302
    record, apart = look(plain, f"/sessions/{session.id}"), look(plain, f"/sessions/{session.id}/process")
    assert "Part of the record" in record
    assert "My unease." not in record
    assert "process-text" not in record
    assert "Not part of the record" in apart
    assert "Who can ever read this: you." in apart
    assert "My unease." in apart
    for of_the_record in ("The circle of chasing", "Saw it.", "Record the session", "card record"):
        assert of_the_record not in apart


def test_a_note_that_cannot_be_opened_says_so_and_one_that_cannot_be_sealed_is_kept_on_the_page(
    plain: Desk,
) -> None:
    session = plain.session(-0.01)
    path = f"/sessions/{session.id}/process"
    post(plain, path, **{"process-text": "My unease.", "process-request_id": str(uuid4())})
    with override_settings(PROCESS_NOTES_KEY=""):
        text = look(plain, path)
        assert "cannot be opened" in text
        assert "My unease." not in text
        status, text = post(
            plain, path, **{"process-text": "More of it.", "process-request_id": str(uuid4())}
        )
        assert status == 422
        assert "More of it." in text
        assert "process-notes.key" in text
    with door.opened(plain.cast.couples_therapist.id):
        assert ProcessNote.objects.count() == 1
