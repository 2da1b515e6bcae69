"""A copy of one's own: no word of the other leaves in it, and nothing the other has or hides changes a byte of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from bothwell.models import (
    AgreementAnswer,
    AuditEntry,
    BreakGlass,
    CoupleAgreement,
    CoupleHold,
    Disclosure,
    ExerciseDone,
    ExerciseGiven,
    JointRequest,
    JointSignature,
    Person,
    ProgressNote,
    Shelter,
)
from bothwell.privacy import door
from bothwell.records import document, export_actions, request_actions
from bothwell.records.contents import Scope, Whose, parts
from bothwell.records.models import RecordRequest
from bothwell.records.rights import Kind
from bothwell.refusal import Refused
from bothwell.web import printed, record_shown
from tests.cast import Cast, make_cast
from tests.conftest import loading
from tests.records.planting import CANNOT, MARK, Planter, private_tables

OURS = frozenset(one.table for one in parts() if one.whose is not Whose.OWN)
ALONE = sorted(set(private_tables()) - CANNOT)
OF_BOTH = sorted(OURS)
SHOWN_TO_BOTH = frozenset(
    {
        "CycleMap",
        "CycleShown",
        "IndividualContact",
        "InsightDiscussed",
        "NoteDraft",
        "ProcessNote",
        "ProgressNote",
    }
)
"""Laid with a couples session, which both see."""


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def of_ben(cast: Cast, scope: Scope = Scope.COUPLE) -> document.Record:
    with door.opened(cast.b.id):
        return export_actions.copy_for(cast.b, scope)


def files(cast: Cast) -> tuple[bytes, str]:
    """The file for computers, and the page the PDF is printed from."""
    copy = of_ben(cast)
    return document.to_json(copy), record_shown.page(copy, cast.clinic)


def planter(cast: Cast, author: Any = None, mark: str = MARK) -> Planter:
    return Planter(cast, cast.a, author or cast.a, cast.couple, mark)


# ── what the other has alone ──────────────────────────────────────────────────────────────────────────────


def test_every_table_can_be_planted_so_that_nothing_is_tested_by_accident_only(cast: Cast) -> None:
    with loading():
        sown = planter(cast)
        for table in ALONE:
            sown.plant(table)
    assert sown.could_not == {}


@pytest.mark.parametrize("author", ["a", "prescriber", "couples_therapist"])
def test_all_that_the_other_has_alone_changes_no_byte(cast: Cast, author: str) -> None:
    before = files(cast)
    with loading():
        sown = planter(cast, cast.everyone()[author])
        for table in sorted(set(ALONE) - OURS - SHOWN_TO_BOTH):
            sown.plant(table)
    assert sown.could_not == {}
    assert files(cast) == before


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """A couple for drawn worlds; each world is undone after it was looked at."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            yield make_cast()
            transaction.set_rollback(True)
        connection.close()


@given(
    st.sets(st.sampled_from(ALONE), max_size=8),
    st.sets(st.sampled_from(OF_BOTH), max_size=6),
    st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_drawn_worlds_no_word_of_the_other_leaves(
    world: Cast, alone: set[str], of_both: set[str], has_shelter: bool
) -> None:
    with transaction.atomic():
        before = of_ben(world)
        with loading():
            if has_shelter:
                Shelter.objects.create(
                    clinic=world.clinic, subject=world.a, author=world.a,
                    recorded_at=timezone.now() - timedelta(days=1),
                )  # fmt: skip
            sown = planter(world)
            for table in sorted(alone):
                sown.plant(table)
            for table in sorted(of_both):
                sown.plant(table, is_of_both=True)
        after = of_ben(world)
        assert MARK.encode() not in document.to_json(after)
        assert MARK not in record_shown.page(after, world.clinic)
        if has_shelter:
            assert _without_agreement(after) == _without_agreement(before)
        transaction.set_rollback(True)


def _without_agreement(copy: document.Record) -> bytes:
    """The disclosure agreement is shown by both or not at all: a shelter does not reach it."""
    shown = json.loads(document.to_json(copy))
    shown["parts"] = [one for one in shown["parts"] if not one["code"].startswith("agreements")]
    return json.dumps(shown).encode()


# ── what is one's own ──────────────────────────────────────────────────────────────────────────────────────


def test_all_that_is_ones_own_comes_out_part_by_part_and_on_paper(cast: Cast) -> None:
    with loading():
        sown = planter(cast, cast.a, "mine")
        for table in ALONE:
            sown.plant(table)
    with door.opened(cast.a.id):
        copy = export_actions.copy_for(cast.a, Scope.OWN)
        page = record_shown.page(copy, cast.clinic)
    empty = {one.part.table for one in copy.chapters if not one.entries}
    assert empty == {"Sample"}  # a monitor's
    for one in copy.chapters:
        assert one.part.title.replace("'", "&#x27;") in page
    assert page.count(", by you.") == sum(len(one.entries) for one in copy.chapters if one.part.is_on_paper)


# ── what is both's ────────────────────────────────────────────────────────────────────────────────────────


def said_by_both(cast: Cast) -> None:
    with loading():
        sown = planter(cast, cast.couples_therapist, "clinic's")
        given_ = sown.plant("ExerciseGiven", is_of_both=True)
        for who, words in ((cast.a, MARK), (cast.b, "It did us good, Amara")):
            ExerciseDone.objects.create(
                clinic=cast.clinic, couple=cast.couple, subject=who, author=who, given=given_, words=words
            )
        summary = sown.plant("SharedSummary", is_of_both=True)
        type(summary).objects.filter(id=summary.id).update(text="Amara told of the week, and Ben of his.")


def test_the_others_words_are_counted_and_ones_own_stand(cast: Cast) -> None:
    said_by_both(cast)
    copy = of_ben(cast)
    done = next(one for one in copy.chapters if one.part.code == "exercises_done")
    assert [one.values["words"] for one in done.entries] == ["It did us good, Amara"]
    assert done.placeholder == "[1 passage by somebody else left out]"
    assert copy.left_out == {"exercises_done": 1}
    summary = next(one for one in copy.chapters if one.part.code == "summaries")
    assert summary.entries[0].values["text"] == "[the other] told of the week, and Ben of his."
    assert summary.entries[0].by == "Dana"


def test_ones_own_record_alone_holds_nothing_of_both(cast: Cast) -> None:
    said_by_both(cast)
    copy = of_ben(cast, Scope.OWN)
    assert all(one.part.whose is Whose.OWN for one in copy.chapters)
    assert copy.left_out == {}


def says_done(cast: Cast, who: Person, on: date) -> None:
    ExerciseDone.objects.create(
        clinic=cast.clinic, couple=cast.couple, subject=who, author=who, given=ExerciseGiven.objects.get(),
        on_day=on, words=MARK,
    )  # fmt: skip


def test_two_copies_are_the_same_whether_or_not_a_shelter_stands_between_them(cast: Cast) -> None:
    """What the other had said before goes on being counted; what they say under shelter never is, not even afterwards."""
    with loading():
        planter(cast, cast.couples_therapist).plant("ExerciseGiven", is_of_both=True)
        says_done(cast, cast.a, date(2026, 1, 1))
    before = files(cast)
    assert "[1 passage by somebody else left out]" in before[1]
    with loading():
        shelter = Shelter.objects.create(clinic=cast.clinic, subject=cast.a, author=cast.a)
    assert files(cast) == before
    with loading():
        says_done(cast, cast.a, date(2026, 1, 2))
    assert files(cast) == before
    with loading():
        Shelter.objects.filter(id=shelter.id).update(until=timezone.now())
    assert files(cast) == before
    with loading():
        says_done(cast, cast.a, date(2026, 1, 3))
    assert "[2 passages by somebody else left out]" in files(cast)[1]


def test_no_key_names_what_is_not_in_the_copy(cast: Cast) -> None:
    """One's own answer to what the other proposed does not tell that, and what, they proposed."""
    with loading():
        proposed = CoupleAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.a, kind="other", words=MARK
        )
        mine = CoupleAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.b, kind="other", words="Mine"
        )
        for one in (proposed, mine):
            AgreementAnswer.objects.create(
                clinic=cast.clinic,
                couple=cast.couple,
                subject=cast.b,
                author=cast.b,
                agreement=one,
                answer="yes",
            )
    copy = of_ben(cast)
    answers = next(one for one in copy.chapters if one.part.code == "agreed_answers").entries
    assert sorted(one.values.get("agreement_id", "") for one in answers) == ["", str(mine.id)]
    assert str(proposed.id).encode() not in document.to_json(copy)
    assert str(proposed.id)[-6:] not in record_shown.page(copy, cast.clinic)


def test_the_pdf_is_the_same_bytes_and_holds_no_word_of_the_other(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    said_by_both(cast)
    with loading():
        sown = planter(cast)
        for table in ("InsightVersion", "MedicalFact", "Response"):
            sown.plant(table)
    # What is left of the clock in a PDF is the second in which its letters were cut.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    copy = of_ben(cast)
    made = printed.pdf(record_shown.page(copy, cast.clinic))
    assert made == printed.pdf(record_shown.page(of_ben(cast), cast.clinic))
    read = PdfReader(io.BytesIO(made))
    words = "".join(page.extract_text() for page in read.pages)
    assert MARK not in words
    assert "It did us good" in words
    assert "left out" in words
    assert read.metadata is not None
    assert read.metadata.title == "Notes"


# ── giving ────────────────────────────────────────────────────────────────────────────────────────────────


def granted(cast: Cast) -> RecordRequest:
    with door.opened(cast.b.id):
        asked = request_actions.ask_for_copy(
            by=cast.b, scope=RecordRequest.Scope.COUPLE, words="", request_id=uuid4()
        )
    with door.opened(cast.coordinator.id):
        request_actions.answer(by=cast.coordinator, asked_id=asked.id, kind=Kind.GIVEN)
    return asked


def test_each_fetching_is_written_down_with_the_files_hash(cast: Cast) -> None:
    asked = granted(cast)
    with door.opened(cast.b.id):
        export_actions.give_own(by=cast.b, asked_id=asked.id, file=b"x", form="JSON", left_out={"signs": 2})
    for viewer in (cast.b, cast.lead, cast.prescriber):
        with door.opened(viewer.id):
            (row,) = Disclosure.objects.filter(subject=cast.b)
            assert (row.ground, row.left_out) == ("own_request", {"signs": 2})
            assert len(row.sha256) == 64
    for viewer in (cast.a, cast.nurse, cast.couples_therapist, cast.stranger_a):
        with door.opened(viewer.id):
            assert not Disclosure.objects.exists()


def test_nothing_is_fetched_before_it_is_given_or_by_another_or_too_late(cast: Cast) -> None:
    with door.opened(cast.b.id):
        asked = request_actions.ask_for_copy(
            by=cast.b, scope=RecordRequest.Scope.OWN, words="", request_id=uuid4()
        )
        with pytest.raises(Refused):
            export_actions.fetchable(cast.b, asked.id)
    asked = RecordRequest(id=asked.id)
    with door.opened(cast.lead.id):
        request_actions.answer(by=cast.lead, asked_id=asked.id, kind=Kind.GIVEN)
    with door.opened(cast.a.id), pytest.raises(Refused):
        export_actions.fetchable(cast.a, asked.id)
    late = mock.patch.object(export_actions, "local_day", return_value=date(2999, 1, 1))
    with door.opened(cast.b.id), late, pytest.raises(Refused):
        export_actions.fetchable(cast.b, asked.id)


# ── the couple's whole record ─────────────────────────────────────────────────────────────────────────────


def joint(cast: Cast) -> JointRequest:
    with door.opened(cast.a.id):
        return request_actions.ask_for_both(
            by=cast.a, couple=cast.couple, recipient="Dr Hale", purpose="A second opinion", signed_name="Amara",
            request_id=uuid4(),
        )  # fmt: skip


def noted(cast: Cast) -> None:
    with loading():
        note = planter(cast, cast.couples_therapist).plant("ProgressNote", is_of_both=True)
        ProgressNote.objects.filter(id=note.id).update(text="They saw the circle.")
        sown = planter(cast)
        for table in ("InsightVersion", "MedicalFact", "IndividualContact", "ProcessNote"):
            sown.plant(table)


def test_one_signature_opens_nothing_and_a_no_neither(cast: Cast) -> None:
    asked = joint(cast)
    with door.opened(cast.lead.id), pytest.raises(Refused, match="Both"):
        export_actions.open_both(by=cast.lead, joint_id=asked.id)
    with door.opened(cast.b.id):
        request_actions.sign_for_both(by=cast.b, joint_id=asked.id, is_yes=False, signed_name="Ben")
        with pytest.raises(Refused, match="already"):
            request_actions.sign_for_both(by=cast.b, joint_id=asked.id, is_yes=True, signed_name="Ben")
    with door.opened(cast.lead.id), pytest.raises(Refused, match="Both"):
        export_actions.open_both(by=cast.lead, joint_id=asked.id)
    with loading():
        assert not BreakGlass.objects.exists()


def signs(cast: Cast, asked: JointRequest) -> None:
    with door.opened(cast.b.id):
        request_actions.sign_for_both(by=cast.b, joint_id=asked.id, is_yes=True, signed_name="Ben")


def cannot_be_given(cast: Cast, asked: JointRequest, why: str) -> None:
    with door.opened(cast.lead.id), pytest.raises(Refused, match=why):
        export_actions.open_both(by=cast.lead, joint_id=asked.id)
    with loading():
        assert not BreakGlass.objects.exists()


@pytest.mark.parametrize("who", ["a", "b"])
def test_a_yes_is_taken_back_and_then_nothing_is_given(cast: Cast, who: str) -> None:
    asked, by = joint(cast), cast.everyone()[who]
    signs(cast, asked)
    with door.opened(by.id):
        request_actions.take_back_yes(by=by, joint_id=asked.id)
        request_actions.take_back_yes(by=by, joint_id=asked.id)
        assert AuditEntry.objects.filter(subject=by, action="took back").count() == 1
    cannot_be_given(cast, asked, "taken it back")
    with loading():
        assert JointSignature.objects.filter(withdrawn_at__isnull=False).count() == 1


def test_nobody_takes_back_the_yes_of_another(cast: Cast) -> None:
    asked = joint(cast)
    for who in (cast.b, cast.stranger_a, cast.lead):
        with door.opened(who.id):
            with pytest.raises(Refused):
                request_actions.take_back_yes(by=who, joint_id=asked.id)
            assert not JointSignature.objects.filter(author=cast.a).update(withdrawn_at=timezone.now())


def test_a_request_and_every_yes_to_it_run_out(cast: Cast) -> None:
    asked = joint(cast)
    with loading():
        JointRequest.objects.filter(id=asked.id).update(recorded_at=timezone.now() - timedelta(days=32))
    with pytest.raises(Refused, match="run out"):
        signs(cast, asked)
    with loading():
        JointRequest.objects.filter(id=asked.id).update(recorded_at=timezone.now() - timedelta(days=29))
    signs(cast, asked)
    with loading():
        JointRequest.objects.filter(id=asked.id).update(recorded_at=timezone.now() - timedelta(days=32))
    cannot_be_given(cast, asked, "Both must have signed")


@pytest.mark.parametrize("why", ["shelter of a", "shelter of b", "shelter that ended since", "hold"])
def test_where_somebodys_safety_stands_against_it_the_lead_hears_not_now_and_no_more(
    cast: Cast, why: str
) -> None:
    asked = joint(cast)
    signs(cast, asked)
    with loading():
        if why == "hold":
            CoupleHold.objects.create(clinic=cast.clinic, couple=cast.couple, placed_on=timezone.now().date())
        else:
            of = cast.b if why.endswith("b") else cast.a
            until = timezone.now() if why.endswith("since") else None
            Shelter.objects.create(clinic=cast.clinic, subject=of, author=of, until=until)
    with door.opened(cast.lead.id):
        with pytest.raises(Refused) as told:
            export_actions.open_both(by=cast.lead, joint_id=asked.id)
        assert told.value.reason == export_actions.NOT_NOW
        assert not Shelter.objects.exists()
        assert not CoupleHold.objects.exists()
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert not AuditEntry.objects.filter(action="broke the glass").exists()


def test_nobody_but_a_lead_who_is_not_near_learns_even_that(cast: Cast) -> None:
    for who in (cast.a, cast.couples_therapist, cast.coordinator, cast.other_lead, cast.lead):
        with door.opened(who.id), connection.cursor() as cursor:
            cursor.execute("select door.not_now(%s, %s)", [cast.couple.id, timezone.now()])
            assert cursor.fetchone() == (who != cast.lead,)


def test_what_was_done_under_shelter_stands_in_no_copy_for_both(cast: Cast) -> None:
    start, end = (timezone.now() - timedelta(days=days) for days in (9, 2))
    with loading():
        planter(cast, cast.couples_therapist).plant("ExerciseGiven", is_of_both=True)
        Shelter.objects.create(
            clinic=cast.clinic, subject=cast.a, author=cast.a, recorded_at=start, until=end
        )
        says_done(cast, cast.a, date(2026, 1, 1))
        ExerciseDone.objects.update(recorded_at=start + timedelta(days=1))
        says_done(cast, cast.b, date(2026, 1, 1))
    asked = joint(cast)
    signs(cast, asked)
    with door.opened(cast.lead.id):
        export_actions.open_both(by=cast.lead, joint_id=asked.id)
        copy = export_actions.copy_of_both(cast.lead, cast.couple)
    done = next(one for one in copy.chapters if one.part.code == "exercises_done")
    assert [one.by for one in done.entries] == ["Ben"]


def test_with_both_signatures_the_lead_gives_what_is_both_s_and_nothing_of_one_alone(cast: Cast) -> None:
    noted(cast)
    asked = joint(cast)
    with door.opened(cast.b.id):
        request_actions.sign_for_both(by=cast.b, joint_id=asked.id, is_yes=True, signed_name="Ben")
    for other in (cast.coordinator, cast.couples_therapist, cast.a):
        with door.opened(other.id), pytest.raises(Refused):
            export_actions.open_both(by=other, joint_id=asked.id)
    with door.opened(cast.lead.id):
        row = export_actions.open_both(by=cast.lead, joint_id=asked.id)
        copy = export_actions.copy_of_both(cast.lead, cast.couple)
        export_actions.give_both(by=cast.lead, asked=row, file=document.to_json(copy), form="JSON")
    progress = next(one for one in copy.chapters if one.part.code == "progress")
    assert progress.entries[0].values["text"] == "They saw the circle."
    held = {one.part.table for one in copy.chapters}
    assert held & {"InsightVersion", "MedicalFact", "IndividualContact", "ProcessNote", "Message"} == set()
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            (line,) = Disclosure.objects.filter(subject=who)
            assert (line.recipient, line.ground) == ("Dr Hale", "both_signed")
            assert AuditEntry.objects.filter(subject=who, action="broke the glass").exists()


def test_a_stranger_signs_nothing_and_sees_nothing(cast: Cast) -> None:
    asked = joint(cast)
    with door.opened(cast.stranger_a.id):
        assert not JointRequest.objects.exists()
        with pytest.raises(Refused):
            request_actions.sign_for_both(by=cast.stranger_a, joint_id=asked.id, is_yes=True, signed_name="X")
