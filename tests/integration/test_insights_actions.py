"""Writing, giving and taking back, as the database keeps it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bothwell.integration import actions
from bothwell.integration.insights import Part, Words
from bothwell.models import AuditEntry, ExerciseGiven, Grant, Insight, InsightVersion
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast
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


def test_other_notes_are_another_version_and_the_earlier_one_ends(cast: Cast) -> None:
    with door.opened(cast.a.id):
        insight = write(cast)
        first = give(cast, insight)
        second = give(cast, insight, parts=[Part.FEELING])
        assert first is not None
        assert second is not None
        assert not Grant.objects.filter(item_id=first.id, revoked_at__isnull=True).exists()
        assert Grant.objects.filter(item_id=second.id, revoked_at__isnull=True).count() == 2
    with door.opened(cast.b.id):
        assert [version.id for version in InsightVersion.objects.all()] == [second.id]


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
        actions.do_exercise(by=cast.a, given_id=given.id, words="", on_day=timezone.localdate())
