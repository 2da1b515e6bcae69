"""What the two do at home: exercises done and chosen, lines of a week, agreements; each kept once, by who may."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.integration import agreement_actions, doing_actions
from bothwell.integration.agreements import Answer, Kind, Standing, quiet_days, standing
from bothwell.integration.checkins import Lines
from bothwell.integration.warmth import monday_of
from bothwell.models import (
    AgreementAnswer,
    AuditEntry,
    CoupleAgreement,
    CoupleCheckin,
    ExerciseDone,
    ExerciseGiven,
    Person,
    Shelter,
)
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 4)
WEEK = monday_of(TODAY)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def part(cast: Cast) -> None:
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save()
        cast.couple.memberships.update(until=timezone.now())


def shelter(cast: Cast, who: Person) -> None:
    with loading():
        Shelter.objects.create(clinic=cast.clinic, subject=who, author=who)


def given(cast: Cast) -> ExerciseGiven:
    with loading():
        return ExerciseGiven.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, exercise="name_the_weather"
        )


def do(who: Person, row: ExerciseGiven, **said: object) -> ExerciseDone:
    with door.opened(who.id):
        asked = {"words": "", "on_day": TODAY, **said}
        return doing_actions.do_exercise(by=who, given_id=row.id, **asked)  # type: ignore[arg-type]


def write(who: Person, *lines: str, week: date = WEEK) -> CoupleCheckin:
    with door.opened(who.id):
        return doing_actions.send_checkin(by=who, week=week, today=TODAY, lines=Lines(*lines))


# --------------------------------------------------------------------------------------------------- exercises


def test_an_exercise_is_done_once_a_day_by_each_and_both_read_who_did_it(cast: Cast) -> None:
    row = given(cast)
    first = do(cast.a, row, words=" Short. ", together=True, how="good")
    assert do(cast.a, row, words="Short.", together=True, how="good").id == first.id
    with pytest.raises(Stale, match="Keep these words"):
        do(cast.a, row, words="Said again.", how="hard")
    do(cast.b, row, how="hard")
    do(cast.a, row, on_day=TODAY + timedelta(days=1))
    for who in (cast.a, cast.b, cast.couples_therapist):
        with door.opened(who.id):
            assert ExerciseDone.objects.count() == 3
            kept = ExerciseDone.objects.get(id=first.id)
            assert (kept.author_id, kept.words, kept.together, kept.how) == (
                cast.a.id,
                "Short.",
                True,
                "good",
            )
    for other in (cast.stranger_a, cast.therapist_a, cast.other_partner):
        with door.opened(other.id):
            assert not ExerciseDone.objects.exists()


def test_what_cannot_be_kept_is_refused_with_a_sentence(cast: Cast) -> None:
    row = given(cast)
    for said in ({"words": "x" * 301}, {"how": "brilliant"}):
        with pytest.raises(Refused):
            do(cast.a, row, **said)
    for stranger in (cast.stranger_a, cast.other_partner):
        with pytest.raises(Refused, match="no longer there"):
            do(stranger, row)
    part(cast)
    with pytest.raises(Refused):
        do(cast.a, row)


def test_only_what_is_in_the_library_and_a_way_of_ours_can_be_chosen(cast: Cast) -> None:
    with door.opened(cast.a.id):
        with pytest.raises(Refused, match="library"):
            doing_actions.choose_exercise(
                by=cast.a, code="climb_a_mountain", way="either", request_id=uuid4()
            )
        with pytest.raises(Refused, match="together"):
            doing_actions.choose_exercise(by=cast.a, code="say_it_back", way="shouting", request_id=uuid4())
    with door.opened(cast.couples_therapist.id), pytest.raises(Refused, match="not in a couple"):
        doing_actions.choose_exercise(
            by=cast.couples_therapist, code="say_it_back", way="either", request_id=uuid4()
        )


def test_what_the_therapist_gave_is_theirs_to_end(cast: Cast) -> None:
    row = given(cast)
    with door.opened(cast.a.id), pytest.raises(Refused, match="couples therapist"):
        doing_actions.lay_aside(by=cast.a, given_id=row.id)
    with door.opened(cast.stranger_a.id), pytest.raises(Refused, match="no longer there"):
        doing_actions.lay_aside(by=cast.stranger_a, given_id=row.id)


# ------------------------------------------------------------------------------------------------------ weeks


def test_each_writes_about_a_week_once_and_both_read_both(cast: Cast) -> None:
    mine = write(cast.a, "The soup.", "", "A walk.")
    assert write(cast.a, " The soup. ", "", "A walk.").id == mine.id
    with pytest.raises(Stale, match="before"):
        write(cast.a, "Something else.")
    write(cast.b, "", "Money again.")
    write(cast.a, "Earlier.", week=WEEK - timedelta(weeks=1))
    for who in (cast.a, cast.b, cast.couples_therapist):
        with door.opened(who.id):
            assert CoupleCheckin.objects.count() == 3
    with door.opened(cast.stranger_a.id):
        assert not CoupleCheckin.objects.exists()
    with loading():
        assert AuditEntry.objects.filter(action="wrote about the week").count() == 3
        assert not AuditEntry.objects.filter(why__contains="soup").exists()


def test_an_empty_week_and_one_long_over_are_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="one line"):
        write(cast.a, " ")
    with pytest.raises(Refused, match="over"):
        write(cast.a, "x", week=WEEK - timedelta(weeks=2))
    with pytest.raises(Refused, match="not in a couple"):
        write(cast.couples_therapist, "x")
    part(cast)
    with pytest.raises(Refused, match="not in a couple"):
        write(cast.a, "x")


# ------------------------------------------------------------------------------------------------- agreements


def propose(who: Person, days: int | None = 2, words: str = "") -> CoupleAgreement:
    kind = Kind.NO_BIG_DECISIONS if days else Kind.OTHER
    with door.opened(who.id):
        return agreement_actions.propose(by=who, kind=kind, days=days, words=words, request_id=uuid4())


def say(who: Person, row: CoupleAgreement, said: Answer = Answer.YES) -> None:
    with door.opened(who.id):
        agreement_actions.answer(by=who, agreement_id=row.id, said=said)


def stands(cast: Cast, who: Person) -> list[Standing]:
    with door.opened(who.id):
        return [
            standing(each, {cast.a.id, cast.b.id}) for each in agreement_actions.agreements_of(cast.couple)
        ]


def test_it_holds_once_both_said_yes_and_either_ends_it(cast: Cast) -> None:
    row = propose(cast.a)
    assert stands(cast, cast.b) == [Standing.PROPOSED]
    for _ in range(2):
        say(cast.b, row)
    assert stands(cast, cast.a) == stands(cast, cast.b) == [Standing.HOLDS]
    with door.opened(cast.a.id):
        assert quiet_days(agreement_actions.agreements_of(cast.couple), {cast.a.id, cast.b.id}) == 2
        assert AgreementAnswer.objects.count() == 2
    say(cast.b, row, Answer.END)
    assert stands(cast, cast.a) == [Standing.ENDED]
    with pytest.raises(Refused, match="ended"):
        say(cast.a, row)


def test_a_form_posted_twice_proposes_once(cast: Cast) -> None:
    post = uuid4()
    with door.opened(cast.a.id):
        for _ in range(2):
            agreement_actions.propose(
                by=cast.a, kind=Kind.OTHER, days=None, words="No telephones at table.", request_id=post
            )
        assert CoupleAgreement.objects.count() == 1
        assert AgreementAnswer.objects.count() == 1


def test_only_the_two_propose_and_answer(cast: Cast) -> None:
    row = propose(cast.a)
    for other in (cast.stranger_a, cast.couples_therapist, cast.other_partner):
        with pytest.raises(Refused):
            say(other, row)
    with pytest.raises(Refused, match="not in a couple"):
        propose(cast.couples_therapist)
    with pytest.raises(Refused, match="days"):
        propose(cast.a, days=400)
    part(cast)
    with pytest.raises(Refused):
        say(cast.b, row)


def test_what_a_sheltered_person_did_is_not_there_for_their_partner(cast: Cast) -> None:
    row, mine = given(cast), propose(cast.b, days=None, words="From Ben.")
    shelter(cast, cast.a)
    say(cast.a, mine)
    propose(cast.a)
    do(cast.a, row, words="From Amara.")
    write(cast.a, "From Amara.")
    with door.opened(cast.b.id):
        assert not ExerciseDone.objects.exists()
        assert not CoupleCheckin.objects.exists()
    assert stands(cast, cast.b) == [Standing.PROPOSED]
    assert stands(cast, cast.a) == [Standing.PROPOSED, Standing.HOLDS]
