"""Writing, giving and taking back, as the database keeps it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.integration import actions
from bothwell.integration.doing_actions import do_exercise
from bothwell.integration.insights import Part, Words
from bothwell.models import (
    AuditEntry,
    Couple,
    CoupleSession,
    ExerciseGiven,
    Grant,
    Insight,
    InsightVersion,
    Membership,
    Person,
)
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast, pair, person
from tests.conftest import loading

pytestmark = pytest.mark.django_db
DANA = frozenset({Relation.COUPLES_THERAPIST})
BOTH = DANA | {Relation.PARTNER}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def write(cast: Cast, words: Words = Words("words", "felt", "say", "ask")) -> Insight:
    return actions.write(by=cast.a, words=words, request_id=uuid4())


def give(
    cast: Cast, insight: Insight, audiences: frozenset[Relation] = BOTH, **more: object
) -> InsightVersion | None:
    current = actions.current_version(insight)
    return actions.choose_audience(
        by=cast.a, insight_id=insight.id, version_id=current.id, audiences=audiences, **more
    )


def test_a_form_posted_twice_is_kept_once_and_a_used_one_of_others_is_refused(cast: Cast) -> None:
    request_id = uuid4()
    with door.opened(cast.a.id):
        first = actions.write(by=cast.a, words=Words("one"), request_id=request_id)
        again = actions.write(by=cast.a, words=Words("one"), request_id=request_id)
        assert first == again
        assert InsightVersion.objects.count() == 1
    with door.opened(cast.b.id), pytest.raises(Refused):
        actions.write(by=cast.b, words=Words("two"), request_id=request_id)


def test_what_is_given_is_a_version_of_its_own_with_the_chosen_notes_only(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        given = give(cast, insight, parts=[Part.TO_ASK])
        assert given is not None
        assert (given.number, given.text, given.feeling, given.to_say, given.to_ask) == (
            2,
            "words",
            "",
            "",
            "ask",
        )
        assert actions.current_version(insight).number == 1
        grants = set(Grant.objects.values_list("item_id", "audience"))
    assert grants == {(given.id, "partner"), (given.id, "couples_therapist")}


def test_choosing_the_same_again_changes_nothing(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        first = give(cast, insight)
        assert give(cast, insight) == first
        assert Grant.objects.count() == 2
        assert InsightVersion.objects.count() == 2


def newer(cast: Cast, insight: Insight, audience: Relation, **more: object) -> InsightVersion:
    current = actions.current_version(insight)
    return actions.give_newer(
        by=cast.a, insight_id=insight.id, version_id=current.id, audience=audience, **more
    )


def read_by(who: Person) -> list[str]:
    with door.opened(who.id):
        return [f"{row.text}/{row.feeling}" for row in InsightVersion.objects.order_by("number")]


def test_choosing_somebody_more_changes_nothing_for_who_reads_already(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, frozenset({Relation.PARTNER}))
        actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("newer"), after=1)
        give(cast, insight, BOTH)
        assert actions.current_version(insight).text == "newer"
        versions = InsightVersion.objects.count()
        give(cast, insight, BOTH)
        assert InsightVersion.objects.count() == versions
    assert (read_by(cast.b), read_by(cast.couples_therapist)) == (["words/"], ["newer/"])


def test_newer_words_are_given_to_one_audience_by_an_act_of_its_own(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight)
        actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("newer", "lighter"), after=1)
    assert read_by(cast.b) == ["words/"]
    with door.opened(cast.a.id):
        newer(cast, insight, Relation.PARTNER, parts=[Part.FEELING])
        newer(cast, insight, Relation.PARTNER, parts=[Part.FEELING])
        assert Grant.objects.filter(audience="partner").count() == 2
    assert (read_by(cast.b), read_by(cast.couples_therapist)) == (["newer/lighter"], ["words/"])
    with door.opened(cast.a.id), pytest.raises(Refused):
        newer(cast, insight, Relation.INDIVIDUAL_THERAPIST)


def test_newer_words_for_a_share_slept_on_go_on_sleeping(cast: Cast) -> None:
    tomorrow = timezone.now() + timedelta(hours=24)
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, frozenset({Relation.PARTNER}), opens_at=tomorrow)
        actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("newer"), after=1)
        newer(cast, insight, Relation.PARTNER)
        grant = Grant.objects.get(revoked_at__isnull=True)
        assert grant.opens_at == tomorrow
        give(cast, insight, frozenset({Relation.PARTNER}))
    assert read_by(cast.b) == ["newer/"]


def test_a_share_slept_on_never_wakes_with_words_the_author_did_not_look_at(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, frozenset({Relation.PARTNER}), opens_at=timezone.now() + timedelta(hours=24))
        actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("newer"), after=1)
        give(cast, insight, frozenset({Relation.PARTNER}))
    assert read_by(cast.b) == ["newer/"]


def test_sleeping_is_for_the_partner_alone(cast: Cast) -> None:
    with door.opened(cast.a.id):
        give(cast, write(cast), opens_at=timezone.now() + timedelta(hours=24))
    assert (read_by(cast.b), read_by(cast.couples_therapist)) == ([], ["words/"])


def test_one_audience_is_taken_back_alone(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, BOTH | {Relation.INDIVIDUAL_THERAPIST})
        actions.take_back(by=cast.a, insight_id=insight.id, audience=Relation.PARTNER)
    assert [read_by(who) for who in (cast.b, cast.couples_therapist, cast.therapist_a)] == [
        [],
        ["words/"],
        ["words/"],
    ]


def planned(cast: Cast, couple: Couple, number: int = 1, state: str = "planned") -> CoupleSession:
    with loading():
        at = timezone.now() + timedelta(days=3)
        return CoupleSession.objects.create(
            clinic=cast.clinic,
            couple=couple,
            author=cast.couples_therapist,
            at=at,
            number=number,
            state=state,
        )


def test_what_is_given_for_a_session_says_so_to_the_therapist(cast: Cast) -> None:
    session, held = planned(cast, cast.couple), planned(cast, cast.couple, 2, "held")
    strangers = planned(cast, cast.strangers)
    with door.opened(cast.a.id):
        insight = write(cast)
        for asked, noted in ((session, session.id), (strangers, None), (held, None), (session, session.id)):
            give(cast, insight, session_id=asked.id)
            grants = dict(Grant.objects.values_list("audience", "for_session_id"))
            assert grants == {"partner": None, "couples_therapist": noted}
    with door.opened(cast.couples_therapist.id):
        assert Grant.objects.get(audience="couples_therapist").for_session_id == session.id


def test_tags_stay_with_the_author(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = actions.write(by=cast.a, words=Words("words"), request_id=uuid4(), tags=("mother", "sleep"))
        given = give(cast, insight)
        assert given is not None
        assert given.tags == []
        assert actions.current_version(insight).tags == ["mother", "sleep"]
        same = actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("words"), after=1)
        assert (same.number, same.tags) == (1, ["mother", "sleep"])
        retagged = actions.rewrite(
            by=cast.a, insight_id=insight.id, words=Words("words"), after=1, tags=("sleep",)
        )
        assert (retagged.tags, retagged.number) == (["sleep"], 3)
        with pytest.raises(Refused):
            actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("w"), after=3, tags=("x" * 41,))


def test_a_share_slept_on_opens_to_nobody_yet_and_may_be_kept_back(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, opens_at=timezone.now() + timedelta(hours=9))
    with door.opened(cast.b.id):
        assert not InsightVersion.objects.exists()
        assert not Grant.objects.exists()
    with door.opened(cast.a.id):
        actions.take_back(by=cast.a, insight_id=insight.id)
        actions.take_back(by=cast.a, insight_id=insight.id)
        assert not Grant.objects.filter(revoked_at__isnull=True).exists()
        assert AuditEntry.objects.filter(action="took back").count() == 2


def test_nobody_gives_or_rewrites_what_is_not_theirs(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight)
    for other in (cast.b, cast.couples_therapist):
        with door.opened(other.id):
            for attempt in (
                lambda by=other: actions.rewrite(by=by, insight_id=insight.id, words=Words("x"), after=1),
                lambda by=other: actions.take_back(by=by, insight_id=insight.id),
                lambda by=other: actions.set_aside(by=by, insight_id=insight.id, aside=True),
            ):
                with pytest.raises(Refused):
                    attempt()


def test_rewriting_from_an_older_version_is_stale(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("second"), after=1)
        with pytest.raises(Stale):
            actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("third"), after=1)
        assert actions.current_version(insight).text == "second"


@pytest.mark.parametrize(
    "words", [Words(" "), Words("x" * 20_001), Words("x", to_say="x" * 20_001), Words("x", "f" * 301)]
)
def test_empty_and_too_long_words_are_refused_in_a_sentence_without_them(cast: Cast, words: Words) -> None:
    with door.opened(cast.a.id):
        with pytest.raises(Refused) as refused:
            write(cast, words)
        assert refused.value.reason.endswith(".")
        assert "xxx" not in refused.value.reason
        assert not Insight.objects.exists()


def test_what_was_written_and_shared_stands_in_ones_own_log_without_a_word_of_it(cast: Cast) -> None:
    with door.opened(cast.a.id):
        give(cast, write(cast, Words("very private")))
        entries = list(AuditEntry.objects.filter(subject=cast.a).values_list("action", "why"))
    assert {action for action, _ in entries} == {"wrote", "shared"}
    assert "private" not in str(entries)


def test_an_exercise_of_a_parted_couple_takes_no_new_word(cast: Cast) -> None:
    with loading():
        given = ExerciseGiven.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, exercise="own", words="w"
        )
        cast.couple.parted_at = timezone.now()
        cast.couple.save(update_fields=["parted_at"])
    with door.opened(cast.a.id), pytest.raises(Refused):
        do_exercise(by=cast.a, given_id=given.id, words="", on_day=timezone.localdate())


def test_what_was_given_closes_with_a_parting_and_can_be_given_to_who_comes_later(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        give(cast, insight, BOTH | {Relation.INDIVIDUAL_THERAPIST})
    parted_at = timezone.now()
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=parted_at)
        Membership.objects.filter(couple=cast.couple).update(until=parted_at)
    with loading():
        gil = person(cast.clinic, "Gil")
        pair(cast.clinic, cast.a, gil)
    with door.opened(cast.a.id):
        ended = dict(Grant.objects.values_list("audience", "revoked_at"))
        assert ended == {"partner": parted_at, "couples_therapist": parted_at, "individual_therapist": None}
        give(cast, insight, frozenset({Relation.PARTNER, Relation.INDIVIDUAL_THERAPIST}))
    for reader, seen in ((gil, 1), (cast.b, 0), (cast.couples_therapist, 0)):
        with door.opened(reader.id):
            assert InsightVersion.objects.filter(insight=insight).count() == seen, reader.name_used


def test_newer_words_reach_ones_own_therapist_after_a_parting_too(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast, Words("first"))
        give(cast, insight, frozenset({Relation.INDIVIDUAL_THERAPIST}))
    with loading():
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
    with door.opened(cast.a.id):
        newer = actions.rewrite(by=cast.a, insight_id=insight.id, words=Words("second"), after=1)
        actions.give_newer(
            by=cast.a, insight_id=insight.id, version_id=newer.id, audience=Relation.INDIVIDUAL_THERAPIST
        )
    with door.opened(cast.therapist_a.id):
        assert list(InsightVersion.objects.values_list("text", flat=True)) == ["second"]
