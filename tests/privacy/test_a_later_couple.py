"""What belongs to one couple stays there: the therapist of a later one, a former partner, and the other of the two."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bothwell.models import (
    Consent,
    ConsentText,
    Couple,
    ExerciseGiven,
    LaidAside,
    Membership,
    Message,
    PartingAnswer,
    PartingRequest,
    Person,
    Receipt,
    Response,
    SharedSummary,
    WarningSign,
)
from bothwell.privacy import door
from tests.cast import Cast, assign, make_cast, pair, person
from tests.conftest import loading
from tests.privacy.looking import accepts, eyes_of
from tests.privacy.worlds import filled

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def ids(viewer: Person, model: Any) -> set[Any]:
    with door.opened(viewer.id):
        return set(model.objects.values_list("id", flat=True))


def part(cast: Cast) -> None:
    with loading():
        now = timezone.now() - DAY
        Couple.objects.filter(id=cast.couple.id).update(formed_at=now - 90 * DAY, parted_at=now)
        Membership.objects.filter(couple=cast.couple).update(until=now)


def later(cast: Cast, other: Person | None = None) -> tuple[Couple, Person]:
    """Amara is in a new couple, with a therapist of its own."""
    with loading():
        therapist = person(cast.clinic, "Thea", "staff", "couples_therapist")
        couple = pair(cast.clinic, cast.a, other or person(cast.clinic, "Gil"))
        assign(therapist, "couples_therapist", couple=couple)
    return couple, therapist


def test_the_therapist_of_a_later_couple_learns_nothing_of_the_parting_of_an_earlier_one(cast: Cast) -> None:
    with loading():
        asked = filled(
            PartingRequest, {}, clinic=cast.clinic, subject=cast.a, author=cast.a, couple=cast.couple
        )
        asked.save(force_insert=True)
    assert ids(cast.couples_therapist, PartingRequest) == {asked.id}
    part(cast)
    _, therapist = later(cast, cast.b)
    assert ids(therapist, PartingRequest) == set()
    for viewer in (cast.a, cast.lead, cast.coordinator):
        assert ids(viewer, PartingRequest) == {asked.id}
    answer = filled(
        PartingAnswer, {"PartingRequest": asked}, clinic=cast.clinic, subject=cast.a, author=therapist,
        couple=cast.couple, is_confirmed=False,
    )  # fmt: skip
    with eyes_of(therapist.id) as cursor:
        assert not accepts(cursor, answer)


def test_a_release_that_had_ended_before_they_came_together_is_not_theirs_to_see(cast: Cast) -> None:
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="release", code="relationship_scores", title="x", body="x", sha256="x"
        )
        signed = {
            "clinic": cast.clinic, "subject": cast.a, "author": cast.a, "text": text, "sha256": "x", "signed_name": "A",
            "release_class": "relationship_scores", "release_to": "couples_therapist",
        }  # fmt: skip
        old = Consent.objects.create(**signed, couple=cast.couple)
    assert ids(cast.couples_therapist, Consent) == {old.id}
    part(cast)
    with loading():
        Consent.objects.filter(id=old.id).update(withdrawn_at=timezone.now() - DAY)
    _, therapist = later(cast)
    with loading():
        new = Consent.objects.create(**signed)
    assert ids(therapist, Consent) == {new.id}
    with loading():
        Consent.objects.filter(id=new.id).update(withdrawn_at=timezone.now())
    assert ids(therapist, Consent) == {new.id}  # that it ended is theirs to know
    assert ids(cast.prescriber, Consent) == {old.id, new.id}


def test_answers_about_an_earlier_relationship_are_not_shown_to_the_later_couples_therapist(
    cast: Cast,
) -> None:
    def answered(days_ago: int, kind: str = "measure.relationship") -> Any:
        with loading():
            row = filled(
                Response, {}, clinic=cast.clinic, subject=cast.a, author=cast.a, kind=kind, status="sent",
                sent_at=timezone.now() - days_ago * DAY,
            )  # fmt: skip
            row.save(force_insert=True)
            return row.id

    old, mood = answered(30), answered(30, "measure.individual")
    part(cast)
    _, therapist = later(cast)
    new = answered(0)
    with loading():
        for data in ("relationship_scores", "individual_scores"):
            for role in ("couples_therapist", "individual_therapist"):
                text, _ = ConsentText.objects.get_or_create(
                    clinic=cast.clinic, kind="release", code=data, title="x", body="x", sha256="x"
                )
                Consent.objects.create(
                    clinic=cast.clinic, subject=cast.a, author=cast.a, text=text, sha256="x", signed_name="A",
                    release_class=data, release_to=role,
                )  # fmt: skip
    assert ids(therapist, Response) == {new, mood}
    assert ids(cast.therapist_a, Response) == {old, new, mood}  # who goes on with the same person


@pytest.mark.parametrize("the_other_read", [False, True])
def test_what_stays_after_a_parting_does_not_tell_what_the_other_had_read(
    cast: Cast, the_other_read: bool
) -> None:
    about = {"clinic": cast.clinic, "couple": cast.couple, "author": cast.couples_therapist}
    with loading():
        message = Message.objects.create(**about, kind="message.couple", text="x")
        session = filled(SharedSummary._meta.get_field("session").related_model, {}, **about)
        session.save(force_insert=True)
        summary = SharedSummary.objects.create(**about, session=session, text="x")
        unread = Message.objects.create(**about, kind="message.couple", text="x")
        for reader in (cast.a, *([cast.b] if the_other_read else [])):
            for item in (message, summary):
                Receipt.objects.create(clinic=cast.clinic, author=reader, item_kind="x", item_id=item.id)
        if the_other_read:
            Receipt.objects.create(clinic=cast.clinic, author=cast.b, item_kind="x", item_id=unread.id)
    part(cast)
    assert ids(cast.a, Message) == {message.id}
    assert ids(cast.a, SharedSummary) == {summary.id}


# ── what one lays aside ───────────────────────────────────────────────────────────────────────────────────


def test_a_sign_is_laid_aside_by_its_author_and_an_exercise_ended_by_the_therapist(cast: Cast) -> None:
    about = {"clinic": cast.clinic, "couple": cast.couple}
    with loading():
        sign = WarningSign.objects.create(**about, subject=cast.a, author=cast.a, words="x")
        chosen = ExerciseGiven.objects.create(**about, author=cast.a, exercise="say_it_back")
        given = ExerciseGiven.objects.create(**about, author=cast.couples_therapist, exercise="back_to_back")

    def may(viewer: Person, **what: Any) -> bool:
        with eyes_of(viewer.id) as cursor:
            return accepts(cursor, LaidAside(**about, author=viewer, subject=viewer, **what))

    assert may(cast.a, sign=sign)
    assert not may(cast.b, sign=sign)
    assert may(cast.a, given=chosen)
    assert may(cast.b, given=chosen)
    for viewer in (cast.a, cast.b):
        assert not may(viewer, given=given)
    assert not may(cast.couples_therapist, given=given)
    for viewer, count in ((cast.a, 0), (cast.b, 0), (cast.couples_therapist, 2)):
        with eyes_of(viewer.id) as cursor:
            cursor.execute("update bothwell_exercisegiven set until = now()")
            assert cursor.rowcount == count, viewer.name_used
    with eyes_of(cast.b.id) as cursor:
        cursor.execute("savepoint denied")
        with pytest.raises(Exception, match="permission denied"):
            cursor.execute("update bothwell_warningsign set until = now()")
        cursor.execute("rollback to savepoint denied")
