"""Drafts: none is lost, two windows never write over each other, and nobody else learns of one."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import connection

from bothwell.integration import actions, draft_actions
from bothwell.integration.draft_actions import Kept, Typed
from bothwell.integration.insights import Words
from bothwell.models import AuditEntry, Insight, InsightDraft
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def writing(cast: Cast) -> Iterator[Cast]:
    with door.opened(cast.a.id):
        yield cast


def typed(text: str, draft_id: UUID, revision: int = 0, beside: UUID | None = None, **more: object) -> Typed:
    return Typed(draft_id, beside or uuid4(), Words(text), revision=revision, **more)  # type: ignore[arg-type]


def keep(cast: Cast, text: str, draft_id: UUID, revision: int = 0, **more: object) -> Kept:
    return draft_actions.keep(by=cast.a, typed=typed(text, draft_id, revision, **more))  # type: ignore[arg-type]


def texts(cast: Cast) -> set[str]:
    return {draft.text for draft in draft_actions.open_drafts(cast.a)}


def test_words_are_kept_as_they_grow_and_a_lost_answer_changes_nothing(writing: Cast) -> None:
    key = uuid4()
    first = keep(writing, "I", key)
    assert first.draft is not None
    assert (first.draft.id, first.draft.revision, first.other) == (key, 1, None)
    again = keep(writing, "I", key)
    assert again.draft is not None
    assert again.draft.revision == 1
    second = keep(writing, "I see", key, 1)
    assert second.draft is not None
    assert (second.draft.revision, texts(writing)) == (2, {"I see"})


def test_nothing_typed_makes_no_draft(writing: Cast) -> None:
    assert keep(writing, "", uuid4()) == Kept(None)
    assert not InsightDraft.objects.exists()


def test_two_windows_keep_both_and_the_person_chooses(writing: Cast) -> None:
    key, beside = uuid4(), uuid4()
    keep(writing, "one", key)
    keep(writing, "one, from the telephone", key, 1)
    late = keep(writing, "one, from the laptop", key, 1, beside=beside)
    assert late.other is not None
    assert late.draft is not None
    assert (late.other.text, late.other.revision, late.draft.id) == ("one, from the telephone", 2, beside)
    keep(writing, "one, from the laptop, longer", key, 1, beside=beside)
    assert texts(writing) == {"one, from the telephone", "one, from the laptop, longer"}
    chosen = keep(writing, "one, from the laptop, longest", beside, 2)
    assert (chosen.other, chosen.draft and chosen.draft.id) == (None, beside)
    assert texts(writing) == {"one, from the telephone", "one, from the laptop, longest"}


def test_words_beside_are_kept_although_they_were_put_away_in_a_third_window(writing: Cast) -> None:
    key, beside = uuid4(), uuid4()
    keep(writing, "one", key)
    keep(writing, "one, from the telephone", key, 1)
    keep(writing, "one, from the laptop", key, 1, beside=beside)
    draft_actions.drop(by=writing.a, draft_id=beside)
    again = keep(writing, "one, from the laptop, and on", key, 1, beside=beside)
    assert again.draft is not None
    assert texts(writing) == {"one, from the telephone", "one, from the laptop, and on"}
    draft_actions.drop(by=writing.a, draft_id=key)
    closed = keep(writing, "and on", key, 1, beside=beside)
    assert closed.draft is not None
    assert "and on" in texts(writing)


def test_what_was_added_elsewhere_is_not_put_away_unread(writing: Cast) -> None:
    key = uuid4()
    keep(writing, "looked at", key)
    keep(writing, "looked at, and more", key, 1)
    with pytest.raises(Stale):
        draft_actions.drop(by=writing.a, draft_id=key, revision=1)
    assert texts(writing) == {"looked at, and more"}
    draft_actions.drop(by=writing.a, draft_id=key, revision=2)
    assert texts(writing) == set()


def test_the_second_device_does_not_lose_its_words_when_both_keep_one_draft(writing: Cast) -> None:
    key = uuid4()
    kept = actions.write(by=writing.a, words=Words("from the telephone"), request_id=key)
    assert actions.write(by=writing.a, words=Words(" from the telephone "), request_id=key) == kept
    with pytest.raises(Stale):
        actions.write(by=writing.a, words=Words("from the laptop"), request_id=key)
    actions.rewrite(by=writing.a, insight_id=key, words=Words("newer"), after=1)
    assert actions.write(by=writing.a, words=Words("from the telephone"), request_id=key) == kept


def test_a_draft_remembers_the_version_it_began_from(writing: Cast) -> None:
    insight = actions.write(by=writing.a, words=Words("first"), request_id=uuid4())
    kept = keep(writing, "first, and on", uuid4(), insight_id=insight.id, after=1)
    actions.rewrite(by=writing.a, insight_id=insight.id, words=Words("second"), after=1)
    assert kept.draft is not None
    draft = draft_actions.open_draft(writing.a, kept.draft.id)
    assert draft is not None
    assert draft.after == 1
    with pytest.raises(Stale):
        actions.rewrite(by=writing.a, insight_id=insight.id, words=Words(draft.text), after=draft.after)


def test_newer_words_begun_on_two_devices_lie_beside_each_other(writing: Cast) -> None:
    insight = actions.write(by=writing.a, words=Words("kept"), request_id=uuid4())
    first = keep(writing, "kept, on the telephone", uuid4(), insight_id=insight.id)
    second = keep(writing, "kept, on the laptop", uuid4(), insight_id=insight.id)
    assert second.other == first.draft
    assert texts(writing) == {"kept, on the telephone", "kept, on the laptop"}
    assert draft_actions.draft_of(writing.a, insight) == first.draft
    assert second.draft is not None
    assert second.draft.insight == insight


def test_saving_empties_the_draft_it_came_from(writing: Cast) -> None:
    key = uuid4()
    keep(writing, "soon", key)
    actions.write(by=writing.a, words=Words("soon done"), request_id=key)
    draft_actions.finish(by=writing.a, draft_id=key, words=Words("soon done"), revision=1)
    row = InsightDraft.objects.get()
    assert (row.text, row.tags, row.closed_at is None) == ("", [], False)
    assert keep(writing, "soon done", key, 1) == Kept(None)
    assert texts(writing) == set()


def test_saving_leaves_what_another_window_wrote_meanwhile(writing: Cast) -> None:
    key = uuid4()
    keep(writing, "mine", key)
    keep(writing, "mine, and more elsewhere", key, 1)
    draft_actions.finish(by=writing.a, draft_id=key, words=Words("mine"), revision=1)
    assert texts(writing) == {"mine, and more elsewhere"}


def test_words_typed_after_another_window_saved_go_on_by_themselves(writing: Cast) -> None:
    key, beside = uuid4(), uuid4()
    keep(writing, "a", key)
    actions.write(by=writing.a, words=Words("a"), request_id=key)
    draft_actions.finish(by=writing.a, draft_id=key, words=Words("a"), revision=1)
    kept = keep(writing, "a, and a thought too late", key, 1, beside=beside)
    assert kept.draft is not None
    assert (kept.draft.id, kept.other) == (beside, None)


def test_put_away_is_gone_and_twice_changes_nothing(writing: Cast) -> None:
    key = uuid4()
    keep(writing, "not this", key, tags=("x",))
    draft_actions.drop(by=writing.a, draft_id=key)
    draft_actions.drop(by=writing.a, draft_id=key)
    row = InsightDraft.objects.get()
    assert (row.text, row.tags) == ("", [])
    assert draft_actions.open_draft(writing.a, key) is None


def test_a_draft_may_be_too_long_to_save_but_not_without_end(writing: Cast, settings: object) -> None:
    kept = keep(writing, "x" * 30_000, uuid4())
    assert kept.draft is not None
    with pytest.raises(Refused) as refused:
        keep(writing, "x" * 60_001, uuid4())
    assert "xx" not in refused.value.reason
    with pytest.raises(Refused):
        draft_actions.keep(by=writing.a, typed=Typed(uuid4(), uuid4(), Words("x", "f" * 301)))


def test_nobody_else_sees_a_draft_and_no_log_names_it(cast: Cast) -> None:
    key = uuid4()
    with door.opened(cast.a.id):
        before = AuditEntry.objects.count()
        keep(cast, "the garden gate", key)
        assert AuditEntry.objects.count() == before
    for name, who in cast.everyone().items():
        if who != cast.a:
            with door.opened(who.id):
                assert not InsightDraft.objects.exists(), name


def test_an_id_that_somebody_else_uses_is_no_way_in(cast: Cast) -> None:
    key = uuid4()
    with door.opened(cast.a.id):
        keep(cast, "mine", key)
        about = actions.write(by=cast.a, words=Words("own"), request_id=uuid4())
    with door.opened(cast.b.id):
        kept = draft_actions.keep(by=cast.b, typed=typed("his", key, 1))
        assert kept.draft is not None
        assert kept.draft.id != key
        draft_actions.drop(by=cast.b, draft_id=key)
        draft_actions.finish(by=cast.b, draft_id=key, words=Words("mine"), revision=1)
        with pytest.raises(Refused):
            draft_actions.keep(by=cast.b, typed=typed("his", uuid4(), insight_id=about.id))
    with door.opened(cast.a.id):
        assert texts(cast) == {"mine"}


def test_a_draft_cannot_be_shared(writing: Cast) -> None:
    key = uuid4()
    keep(writing, "not yet", key)
    assert not Insight.objects.filter(id=key).exists()
    with pytest.raises(Refused):
        actions.choose_audience(by=writing.a, insight_id=key, version_id=key, audiences=())
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from bothwell_grant")
        assert cursor.fetchone()[0] == 0
