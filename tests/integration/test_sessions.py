"""Couples sessions: recorded once, by their own therapist, from what is open now; notes kept apart; nothing
after parting.
"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.integration import session_actions as actions
from bothwell.integration.actions import choose_audience, current_version, take_back, write
from bothwell.integration.insights import Words
from bothwell.integration.models import Modality
from bothwell.integration.process_note_actions import write_process_note
from bothwell.models import (
    AuditEntry,
    CoupleHold,
    CoupleSession,
    ExerciseGiven,
    Insight,
    InsightDiscussed,
    InsightVersion,
    Person,
    ProcessNote,
    ProgressNote,
    Receipt,
    SharedSummary,
)
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from bothwell.refusal import Refused, SentBefore, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def part(cast: Cast) -> None:
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save()


def plan(cast: Cast, hours: float = -1, **changed: object) -> CoupleSession:
    dana = cast.couples_therapist
    asked = {
        "at": timezone.now() + timedelta(hours=hours),
        "minutes": 60,
        "place": "Room 2",
        "request_id": uuid4(),
    }
    with door.opened(dana.id):
        return actions.plan_session(by=dana, couple=cast.couple, **{**asked, **changed})  # type: ignore[arg-type]


def record(cast: Cast, session: CoupleSession, by: Person | None = None, **changed: object) -> CoupleSession:
    by = by or cast.couples_therapist
    asked = {
        "modality": Modality.EFT,
        "stage": "Stage 1",
        "focus": "The cycle",
        "text": "They saw it.",
        **changed,
    }
    with door.opened(by.id):
        return actions.record_session(by=by, session_id=session.id, **asked)  # type: ignore[arg-type]


def share(author: Person, words: str, *audiences: Relation) -> InsightVersion:
    with door.opened(author.id):
        insight = write(by=author, words=Words(words), request_id=uuid4())
        given = choose_audience(
            by=author, insight_id=insight.id, version_id=current_version(insight).id, audiences=audiences
        )
        assert given is not None
        return given


# ------------------------------------------------------------------------------------------------------- hold


def test_a_hold_rests_what_is_to_come_and_keeps_nothing_that_was_out_of_the_record(cast: Cast) -> None:
    held = plan(cast, -1)
    today = timezone.localtime(held.at).date()
    with loading():
        hold = CoupleHold.objects.create(clinic=cast.clinic, couple=cast.couple, placed_on=today)
    assert record(cast, held).state == CoupleSession.State.HELD
    with pytest.raises(Refused, match="on hold"):
        plan(cast, 48)
    with loading():
        later = CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, at=held.at, number=9
        )
        CoupleHold.objects.filter(id=hold.id).update(placed_on=today - timedelta(days=1))
    with pytest.raises(Refused, match="on hold"):
        record(cast, later)


# ------------------------------------------------------------------------------------------------------- plan


def test_a_plan_posted_twice_stands_once_and_numbers_go_on(cast: Cast) -> None:
    post = uuid4()
    said = {"request_id": post, "at": timezone.now() + timedelta(days=2)}
    first, again, second = plan(cast, **said), plan(cast, **said), plan(cast)
    with pytest.raises(SentBefore):
        plan(cast, **{**said, "minutes": 90})
    assert first.id == again.id == post
    assert (first.number, second.number) == (1, 2)
    with door.opened(cast.a.id):
        assert CoupleSession.objects.count() == 2


@pytest.mark.parametrize("who", ["prescriber", "therapist_a", "a", "lead"])
def test_nobody_else_plans(cast: Cast, who: str) -> None:
    by = getattr(cast, who)
    with door.opened(by.id), pytest.raises(Refused, match="own couples therapist"):
        actions.plan_session(
            by=by, couple=cast.couple, at=timezone.now(), minutes=60, place="", request_id=uuid4()
        )


def test_a_year_that_was_mistyped_is_asked_about(cast: Cast) -> None:
    with pytest.raises(Refused, match="Look at the year again"):
        plan(cast, 24 * 800)
    session, dana = plan(cast, 24 * 700), cast.couples_therapist
    with door.opened(dana.id), pytest.raises(Refused, match="Look at the year again"):
        actions.move_session(
            by=dana,
            session_id=session.id,
            at=timezone.now() + timedelta(days=800),
            minutes=60,
            place="Room 2",
        )


def test_a_session_lasts_a_sensible_time(cast: Cast) -> None:
    with pytest.raises(Refused, match="between 10 and 300"):
        plan(cast, minutes=5)


def test_nothing_is_planned_in_the_past_and_what_was_held_then_is_moved_there(cast: Cast) -> None:
    with pytest.raises(Refused, match=r"lies in the past.*move it to the time it was held"):
        plan(cast, -72)
    assert plan(cast, -11).state == CoupleSession.State.PLANNED, "held earlier today"
    session, dana = plan(cast, 1), cast.couples_therapist
    held_at = timezone.now() - timedelta(days=3)
    with door.opened(dana.id):
        actions.move_session(by=dana, session_id=session.id, at=held_at, minutes=60, place="Room 2")
    assert record(cast, session).at == held_at


def test_a_planned_session_moves_or_is_cancelled_and_a_held_one_does_not(cast: Cast) -> None:
    dana = cast.couples_therapist
    session, other = plan(cast, 48), plan(cast)
    later = timezone.now() + timedelta(days=3)
    with door.opened(dana.id):
        moved = actions.move_session(by=dana, session_id=session.id, at=later, minutes=90, place="Room 1")
        assert (moved.at, moved.minutes, moved.place) == (later, 90, "Room 1")
        for _ in range(2):
            actions.cancel_session(by=dana, session_id=session.id)
        assert AuditEntry.objects.count() == 0  # the log is not the therapist's to read
    record(cast, other)
    with door.opened(dana.id):
        with pytest.raises(Stale):
            actions.cancel_session(by=dana, session_id=other.id)
        with pytest.raises(Stale):
            actions.move_session(by=dana, session_id=other.id, at=later, minutes=90, place="")
    with loading():
        assert AuditEntry.objects.filter(action="cancelled a couples session").count() == 1


# ----------------------------------------------------------------------------------------------------- record


def test_a_session_is_recorded_with_what_was_taken_up_and_what_stays_with_both(cast: Cast) -> None:
    words = share(cast.b, "I go quiet.", Relation.COUPLES_THERAPIST)
    session = record(cast, plan(cast), discussed=[words.id], summary="You both saw the circle.")
    assert session.state == CoupleSession.State.HELD
    with door.opened(cast.couples_therapist.id):
        assert ProgressNote.objects.get().focus == "The cycle"
        assert InsightDiscussed.objects.get().version_id == words.id
    for partner in (cast.a, cast.b):
        with door.opened(partner.id):
            assert SharedSummary.objects.get().text == "You both saw the circle."
            assert not ProgressNote.objects.exists()
            assert not InsightDiscussed.objects.exists()


def test_recording_twice_keeps_one_note(cast: Cast) -> None:
    session = plan(cast)
    record(cast, session, summary="Once.")
    record(cast, session, text="A second press of the button.", summary="Twice.")
    with door.opened(cast.couples_therapist.id):
        assert ProgressNote.objects.get().text == "They saw it."
        assert SharedSummary.objects.count() == 1


def test_what_was_cancelled_is_not_recorded(cast: Cast) -> None:
    session = plan(cast)
    with door.opened(cast.couples_therapist.id):
        actions.cancel_session(by=cast.couples_therapist, session_id=session.id)
    with pytest.raises(Stale):
        record(cast, session)


def test_what_lies_ahead_is_not_recorded(cast: Cast) -> None:
    with pytest.raises(Refused, match="not begun"):
        record(cast, plan(cast, 2))
    soon = plan(cast, 0.05)
    with pytest.raises(Refused, match="move it to that time first"):
        record(cast, soon)
    with door.opened(cast.couples_therapist.id):
        CoupleSession.objects.get(id=soon.id)  # still planned, and nothing was lost
        actions.move_session(
            by=cast.couples_therapist, session_id=soon.id, at=timezone.now(), minutes=60, place="Room 2"
        )
    assert record(cast, soon).state == CoupleSession.State.HELD


def test_only_insights_open_now_can_be_taken_up(cast: Cast) -> None:
    session = plan(cast)
    words = share(cast.b, "I go quiet.", Relation.COUPLES_THERAPIST)
    only_partner = share(cast.a, "For Ben alone.", Relation.PARTNER)
    with door.opened(cast.b.id):
        take_back(by=cast.b, insight_id=Insight.objects.get().id)
    for version in (words, only_partner):
        with pytest.raises(Refused, match="no longer open to you"):
            record(cast, session, discussed=[version.id])
    with door.opened(cast.couples_therapist.id):
        assert CoupleSession.objects.get().state == CoupleSession.State.PLANNED


def test_another_couples_insight_cannot_be_taken_up(cast: Cast) -> None:
    dana = cast.couples_therapist
    from tests.cast import assign

    with loading():
        assign(dana, "couples_therapist", couple=cast.strangers)
    words = share(cast.stranger_a, "Not yours.", Relation.COUPLES_THERAPIST)
    with pytest.raises(Refused, match="no longer open to you"):
        record(cast, plan(cast), discussed=[words.id])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"focus": "  "}, "what the session was about"),
        ({"focus": "x" * 201}, "room for 80"),
        ({"stage": "x" * 81}, "room for 80"),
        ({"text": "x" * 30_000}, "longer than"),
        ({"summary": "x" * 30_000}, "longer than"),
    ],
)
def test_a_note_needs_a_focus_and_has_an_end(cast: Cast, changed: dict[str, str], told: str) -> None:
    session = plan(cast)
    with pytest.raises(Refused, match=told):
        record(cast, session, **changed)


def test_a_correction_is_a_new_note_with_a_reason(cast: Cast) -> None:
    dana = cast.couples_therapist
    record(cast, plan(cast))
    given = {"modality": Modality.OTHER, "stage": "", "focus": "The circle", "text": "Better."}
    with door.opened(dana.id):
        wrong = ProgressNote.objects.get()
        with pytest.raises(Refused, match="why"):
            actions.correct_note(by=dana, note_id=wrong.id, reason=" ", **given)
        note = actions.correct_note(by=dana, note_id=wrong.id, reason="A wrong word.", **given)
        assert (note.corrects_id, ProgressNote.objects.count()) == (wrong.id, 2)
        with pytest.raises(Stale):
            actions.correct_note(by=dana, note_id=wrong.id, reason="Once more.", **given)
    with door.opened(cast.a.id), pytest.raises(Refused, match="no such note"):
        actions.correct_note(by=cast.a, note_id=wrong.id, reason="I disagree.", **given)


def test_a_note_is_corrected_by_who_wrote_it(cast: Cast) -> None:
    from tests.cast import assign, person

    record(cast, plan(cast))
    with loading():
        second = person(cast.clinic, "Remy", "staff", "couples_therapist")
        assign(second, "couples_therapist", couple=cast.couple)
    with door.opened(second.id), pytest.raises(Refused, match="who wrote it"):
        actions.correct_note(
            by=second,
            note_id=ProgressNote.objects.get().id,
            modality=Modality.EFT,
            stage="",
            focus="x",
            text="",
            reason="Mine is better.",
        )


def test_a_process_note_is_its_authors_alone_and_the_log_says_nothing_of_it(cast: Cast) -> None:
    dana, post = cast.couples_therapist, uuid4()
    session = plan(cast)
    with door.opened(dana.id):
        for _ in range(2):
            write_process_note(
                by=dana, couple=cast.couple, session_id=session.id, text="My unease with A.", request_id=post
            )
        assert ProcessNote.objects.count() == 1
    for who in (cast.lead, cast.a, cast.b, cast.prescriber, cast.therapist_a, cast.safety):
        with door.opened(who.id):
            assert not ProcessNote.objects.exists()
    with loading():
        entry = AuditEntry.objects.get(action="wrote a process note")
        assert "unease" not in entry.why


def test_a_summary_follows_a_held_session_and_posts_once(cast: Cast) -> None:
    dana, session, post = cast.couples_therapist, plan(cast), uuid4()
    with door.opened(dana.id), pytest.raises(Refused, match="held"):
        actions.write_summary(by=dana, session_id=session.id, text="Words.", request_id=post)
    record(cast, session)
    with door.opened(dana.id):
        with pytest.raises(Refused, match="few words"):
            actions.write_summary(by=dana, session_id=session.id, text=" ", request_id=post)
        for _ in range(2):
            actions.write_summary(by=dana, session_id=session.id, text="Words.", request_id=post)
        assert SharedSummary.objects.count() == 1


# -------------------------------------------------------------------------------------------------- exercises


def give(cast: Cast, by: Person | None = None, **changed: object) -> ExerciseGiven:
    by = by or cast.couples_therapist
    asked = {
        "code": "one_thank_you_a_day",
        "words": "Small ones count.",
        "until": None,
        "request_id": uuid4(),
    }
    with door.opened(by.id):
        return actions.give_exercise(by=by, couple=cast.couple, **{**asked, **changed})  # type: ignore[arg-type]


def test_an_exercise_is_given_once_to_both_and_ended(cast: Cast) -> None:
    dana, post = cast.couples_therapist, uuid4()
    first = give(cast, request_id=post)
    assert give(cast, request_id=post).id == first.id
    with door.opened(cast.a.id):
        assert ExerciseGiven.objects.get().words == "Small ones count."
    with door.opened(dana.id):
        for _ in range(2):
            actions.end_exercise(by=dana, given_id=first.id)
        until = ExerciseGiven.objects.get().until
        assert until is not None
        assert until <= timezone.now()
    with loading():
        assert AuditEntry.objects.filter(action="ended an exercise").count() == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"code": "run_a_marathon"}, "no such exercise"),
        ({"words": "x" * 301}, "300"),
        ({"until": timezone.now() - timedelta(days=1)}, "past"),
    ],
)
def test_what_is_not_in_the_library_or_over_already_is_not_given(
    cast: Cast, changed: dict[str, object], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        give(cast, **changed)


def test_the_prescriber_gives_no_exercise(cast: Cast) -> None:
    with pytest.raises(Refused, match="own couples therapist"):
        give(cast, cast.prescriber)


# ---------------------------------------------------------------------------------------------- after parting


def test_after_parting_the_chart_takes_nothing_and_the_therapists_own_note_still_does(cast: Cast) -> None:
    dana = cast.couples_therapist
    session, given = plan(cast), give(cast)
    part(cast)
    asked = [
        lambda: plan(cast),
        lambda: record(cast, session),
        lambda: give(cast),
    ]
    for ask in asked:
        with pytest.raises(Refused, match="parted"):
            ask()
    with door.opened(dana.id):
        with pytest.raises(Refused, match="parted"):
            actions.end_exercise(by=dana, given_id=given.id)
        with pytest.raises(Refused, match="parted"):
            actions.cancel_session(by=dana, session_id=session.id)
        write_process_note(by=dana, couple=cast.couple, session_id=None, text="Mine.", request_id=uuid4())
        assert ProcessNote.objects.count() == 1


def test_opening_is_noted_once_and_then_costs_one_query(
    cast: Cast, django_assert_num_queries: object
) -> None:
    dana = cast.couples_therapist
    versions = [share(cast.b, f"Words {n}", Relation.COUPLES_THERAPIST) for n in range(3)]
    with door.opened(dana.id):
        actions.receive_all(by=dana, versions=versions)
        assert Receipt.objects.filter(author=dana).count() == 3
        with django_assert_num_queries(1):  # type: ignore[operator]
            actions.receive_all(by=dana, versions=versions)


def test_both_partners_pages_are_woken_by_what_is_common(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[object] = []
    monkeypatch.setattr(
        "bothwell.privacy.together_actions.tell", lambda topic, about, **of: woken.append((topic, about))
    )
    plan(cast)
    assert {("person", cast.a.id), ("person", cast.b.id), ("person", cast.couples_therapist.id)} == set(woken)
