"""The cycle: versions that are never changed, each their own side first, then both; and what the picture says."""

from dataclasses import fields, replace
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration import cycle_actions as actions
from bothwell.integration.cycle import (
    LONGEST_PART,
    PARTS,
    Cycle,
    CycleType,
    Node,
    changes,
    faults,
    read,
    written,
)
from bothwell.models import AuditEntry, CycleMap, CycleNode, CycleShown, Person
from bothwell.privacy import door
from bothwell.refusal import Refused, Stale
from tests.cast import Cast, make_cast
from tests.conftest import loading

words = st.text(max_size=30).map(str.strip)
nodes = st.builds(Node, **{field.name: words for field in fields(Node)})
cycles = st.builds(Cycle, kind=st.none() | st.sampled_from(CycleType), title=words, a=nodes, b=nodes)

CHASE = Cycle(
    CycleType.PURSUE_WITHDRAW,
    "the chase",
    Node(trigger="He goes quiet", behaviour="I ask louder", need="To be answered"),
    Node(trigger="Her voice gets sharp", behaviour="I go quiet", primary="Afraid"),
)


# ── the picture ──


@given(cycles)
def test_what_is_written_is_read_the_same(cycle: Cycle) -> None:
    assert read(written(cycle)) == cycle


@given(
    st.dictionaries(
        st.text(max_size=6), st.text(max_size=6) | st.integers() | st.none() | st.lists(st.text())
    )
)
def test_nothing_in_a_record_breaks_it(kept: dict[str, object]) -> None:
    assert read(kept) == read(written(read(kept)))


@given(cycles, cycles)
def test_the_changes_are_all_that_differs(before: Cycle, after: Cycle) -> None:
    found = changes(before, after)
    assert (not found) == (before == after)
    assert all(change.before != change.after for change in found)
    assert [(one.side, one.label, one.after, one.before) for one in found] == [
        (one.side, one.label, one.before, one.after) for one in changes(after, before)
    ]


def test_both_sides_are_asked_alike_and_half_of_it_lies_underneath() -> None:
    assert {part.code for part in PARTS} == {field.name for field in fields(Node)}
    assert [part.under for part in PARTS] == [False] * 3 + [True] * 3


def test_a_place_has_room_for_a_line_or_two() -> None:
    long = replace(CHASE, a=replace(CHASE.a, need="x" * (LONGEST_PART + 1)), title="y" * 81)
    assert set(faults(long)) == {"a.need", "title"}
    assert faults(CHASE) == {}


# ── drawing ──


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def draw(
    cast: Cast, cycle: Cycle = CHASE, after: int = 0, by: Person | None = None, **more: object
) -> CycleMap:
    by = by or cast.couples_therapist
    with door.opened(by.id):
        return actions.draw_cycle(
            by=by,
            couple=cast.couple,
            cycle=cycle,
            after=after,
            **{"request_id": uuid4(), **more},  # type: ignore[arg-type]
        )


def test_each_drawing_is_a_version_and_the_same_again_is_none(cast: Cast) -> None:
    post = uuid4()
    first = draw(cast, request_id=post)
    assert draw(cast, request_id=post).id == first.id
    assert draw(cast, after=1).id == first.id
    second = draw(cast, replace(CHASE, title="the storm"), after=1)
    assert (first.number, second.number) == (1, 2)
    with door.opened(cast.couples_therapist.id):
        assert read(CycleMap.objects.get(number=1).map) == CHASE


def test_two_who_draw_at_once_do_not_write_over_each_other(cast: Cast) -> None:
    draw(cast)
    with pytest.raises(Stale, match="meanwhile"):
        draw(cast, replace(CHASE, title="the storm"), after=0)


@pytest.mark.parametrize(
    ("cycle", "told"),
    [(Cycle(), "at least one word"), (replace(CHASE, a=Node(need="x" * 201)), "room for 200")],
)
def test_what_is_empty_or_too_full_is_not_kept(cast: Cast, cycle: Cycle, told: str) -> None:
    with pytest.raises(Refused, match=told):
        draw(cast, cycle)


@pytest.mark.parametrize("who", ["a", "prescriber", "therapist_a", "lead"])
def test_nobody_else_draws_or_shows(cast: Cast, who: str) -> None:
    drawn, by = draw(cast), getattr(cast, who)
    with pytest.raises(Refused, match="own couples therapist"):
        draw(cast, after=1, by=by)
    with door.opened(by.id), pytest.raises(Refused, match="own couples therapist"):
        actions.show_side(by=by, couple=cast.couple, map_id=drawn.id, side="a")


# ── showing ──


def show(cast: Cast, drawn: CycleMap, *sides: str) -> None:
    dana = cast.couples_therapist
    with door.opened(dana.id):
        for side in sides:
            actions.show_side(by=dana, couple=cast.couple, map_id=drawn.id, side=side)


def test_neither_partner_finds_a_drawing_that_was_not_shown(cast: Cast) -> None:
    draw(cast)
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert not CycleMap.objects.exists()
            assert not CycleNode.objects.exists()


def test_a_side_is_shown_to_its_own_partner_and_the_other_learns_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(actions, "tell", lambda topic, about, **_: woken.append(about))
    monkeypatch.setattr(actions, "tell_couple", lambda couple: woken.append("both"))
    drawn = draw(cast)
    show(cast, drawn, "a", "a")
    assert woken == [cast.a.id]
    with door.opened(cast.a.id):
        node = CycleNode.objects.get().node
        assert node["need"] == "To be answered"
        assert "Afraid" not in str(node)
    with door.opened(cast.b.id):
        assert not CycleNode.objects.exists()
        assert not AuditEntry.objects.filter(item_kind="cycle.node").exists()


def test_the_whole_is_shown_when_each_has_seen_their_own_side_in_these_words(cast: Cast) -> None:
    dana, drawn = cast.couples_therapist, draw(cast)
    show(cast, drawn, "a")
    with door.opened(dana.id), pytest.raises(Refused, match="own side first"):
        actions.show_both(by=dana, couple=cast.couple, map_id=drawn.id)
    show(cast, drawn, "b")
    changed = draw(cast, replace(CHASE, b=replace(CHASE.b, need="Time")), after=1)
    with door.opened(dana.id):
        with pytest.raises(Refused, match="own side first"):
            actions.show_both(by=dana, couple=cast.couple, map_id=changed.id)
        for _ in range(2):
            actions.show_both(by=dana, couple=cast.couple, map_id=drawn.id)
        assert CycleShown.objects.count() == 1
    for who in (cast.a, cast.b):
        with door.opened(who.id):
            assert read(CycleShown.objects.get().shown) == CHASE
            assert not CycleMap.objects.exists()


def test_an_empty_side_is_not_shown(cast: Cast) -> None:
    dana, drawn = cast.couples_therapist, draw(cast, Cycle(a=CHASE.a))
    with door.opened(dana.id):
        with pytest.raises(Refused, match="nothing on this side"):
            actions.show_side(by=dana, couple=cast.couple, map_id=drawn.id, side="b")
        with pytest.raises(Refused, match="still empty"):
            actions.show_both(by=dana, couple=cast.couple, map_id=drawn.id)
        with pytest.raises(Refused, match="no such side"):
            actions.show_side(by=dana, couple=cast.couple, map_id=drawn.id, side="c")


def test_after_parting_nothing_is_drawn_or_shown(cast: Cast) -> None:
    drawn = draw(cast)
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save()
    with pytest.raises(Refused, match="parted"):
        draw(cast, after=1)
    with pytest.raises(Refused, match="parted"):
        show(cast, drawn, "a")
