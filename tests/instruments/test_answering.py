"""Answers from several devices, in any order, any of them twice: nothing is lost, nothing is overwritten unseen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.answering import (
    Event,
    Given,
    Outcome,
    Standing,
    completed,
    follow,
    is_taken,
    outcome,
    stand,
    still_open,
)
from bothwell.instruments.catalogue import load

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = UUID(int=7)
ITEMS, ANSWERS = ("i1", "i2"), ("0", "1", "2", None)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Event]]:
    """What two devices make, each knowing only its own answers."""
    made = []
    for device in range(2):
        last: dict[str, UUID] = {}
        stream = []
        for number in range(draw(st.integers(0, 5))):
            item, answer = draw(st.sampled_from(ITEMS)), draw(st.sampled_from(ANSWERS))
            key = uuid5(ROOT, f"{device}.{number}")
            stream.append(Event(key, item, answer, UUID(int=device), last.get(item), NOW))
            last[item] = key
        made.append(stream)
    return made


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[list[Event]], list[Event]]:
    """The streams, and the order in which their events come in: each device's in turn, any of them again later."""
    made = draw(streams())
    at, came = [0, 0], []
    while any(at[device] < len(made[device]) for device in range(2)):
        device = draw(st.sampled_from([d for d in range(2) if at[d] < len(made[d])]))
        if at[device] and draw(st.booleans()):
            came += made[device][draw(st.integers(0, at[device] - 1)) : at[device]]
        came.append(made[device][at[device]])
        at[device] += 1
    return made, came


def take_in(came: Sequence[Event]) -> list[Given]:
    """What is stored of them, by the rule alone."""
    stored: list[Given] = []
    for event in came:
        if event.event not in {each.event for each in stored}:
            standing = stand(stored).get(event.link_id, Standing())
            stored.append(Given(event.event, event.link_id, event.answer, outcome(standing, event)))
    return stored


@given(arrivals())
def test_every_answer_is_stored_once_and_what_counts_was_kept(
    made: tuple[list[list[Event]], list[Event]],
) -> None:
    sent, came = made
    stored = take_in(came)
    assert sorted(each.event for each in stored) == sorted(event.event for one in sent for event in one)
    for link_id, standing in stand(stored).items():
        kept = [each for each in stored if each.link_id == link_id and each.outcome is Outcome.KEPT]
        assert standing.kept == kept[-1]


@given(arrivals())
def test_a_different_answer_of_another_device_is_never_overwritten_unseen(
    made: tuple[list[list[Event]], list[Event]],
) -> None:
    _, came = made
    by_event = {event.event: event for event in came}
    items: dict[str, Standing] = {}
    for each in take_in(came):
        before = items.get(each.link_id, Standing()).kept
        if before and each.outcome is Outcome.KEPT and before.answer != each.answer:
            assert by_event[each.event].after == before.event
        items[each.link_id] = follow(items.get(each.link_id, Standing()), each)


@given(arrivals())
def test_choosing_settles_it_whatever_is_chosen(made: tuple[list[list[Event]], list[Event]]) -> None:
    stored = take_in(made[1])
    for link_id, standing in stand(stored).items():
        for answer in (standing.kept and standing.kept.answer, standing.rival and standing.rival.answer):
            after = standing.kept.event if standing.kept else None
            choice = Event(uuid5(ROOT, "choice"), link_id, answer, ROOT, after, NOW)
            assert outcome(standing, choice) is Outcome.KEPT
            settled = follow(standing, Given(choice.event, link_id, answer, Outcome.KEPT))
            assert (settled.kept and settled.kept.answer, settled.rival) == (answer, None)


def test_one_device_alone_never_meets_a_conflict() -> None:
    first = Event(UUID(int=1), "i1", "0", ROOT, None, NOW)
    then = Event(UUID(int=2), "i1", "1", ROOT, first.event, NOW)
    assert [each.outcome for each in take_in([first, then])] == [Outcome.KEPT, Outcome.KEPT]


@pytest.mark.parametrize(
    ("instrument", "link_id", "answer", "is_one"),
    [
        ("phq-9", "phq9-1", "LA6568-5", True),
        ("phq-9", "phq9-1", "none", False),
        ("phq-9", "none", None, False),
        ("phq-9", "phq9-1", None, True),
        ("asq", "asq-1", "true", True),
        ("asq", "asq-1", "yes", False),
        ("ebi", "ebi-1", "100", True),
        ("ebi", "ebi-1", "101", False),
        ("ebi", "ebi-1", "1.5", False),
        ("before-dose", "beforedose-1", "7.5", True),
        ("before-dose", "beforedose-1", "NaN", False),
        ("before-dose", "beforedose-4", "x" * 20, True),
        ("before-dose", "beforedose-4", "x" * 21, False),
        ("before-dose", "beforedose-4", "a\0b", False),
    ],
)
def test_an_item_takes_its_own_answers_and_no_others(
    instrument: str, link_id: str, answer: str | None, is_one: bool
) -> None:
    assert is_taken(load(instrument).item(link_id), answer, longest_text=20) is is_one


def test_what_is_not_asked_and_what_may_be_left_empty_holds_nothing_up() -> None:
    form = load("before-dose")
    answers: dict[str, str | None] = {"beforedose-1": "7", "beforedose-2": "false", "beforedose-3": "true"}
    assert [item.link_id for item in still_open(form, answers)] == ["beforedose-5"]
    answers |= {"beforedose-5": "false", "beforedose-6": "said before it was not asked"}
    assert still_open(form, answers) == ()
    assert completed(form, answers) == {
        "beforedose-1": "7", "beforedose-2": "false", "beforedose-3": "true", "beforedose-4": None, "beforedose-5": "false",
    }  # fmt: skip
