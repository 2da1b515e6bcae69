"""The share sheet's rules: who can be chosen, when to sleep on it, and what the sentences promise."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration.insights import (
    WHO,
    Around,
    Opened,
    Part,
    Version,
    Words,
    audiences_of,
    badge,
    called,
    circle_of,
    history,
    latest_own,
    listed,
    offers,
    seen_by,
    suggest_sleep,
    wakes_at,
)
from bothwell.privacy.circles import READS, Relation

NOW = datetime(2026, 11, 19, 20, 0, tzinfo=UTC)
BEN_AND_DANA = Around("Ben", ("Dana",), ("Priya",))
AUDIENCES = (Relation.PARTNER, Relation.COUPLES_THERAPIST, Relation.INDIVIDUAL_THERAPIST)

arounds = st.builds(
    Around,
    st.sampled_from(["", "Ben"]),
    st.sampled_from([(), ("Dana",), ("Dana", "Sam")]),
    st.sampled_from([(), ("Priya",)]),
)


# --------------------------------------------------------------------------------------------- choices


def test_a_switch_for_each_person_who_is_there() -> None:
    assert [each.title for each in offers(BEN_AND_DANA)] == [
        "Ben",
        "Dana, for our sessions",
        "Priya, for my own sessions",
    ]
    assert all(each.note.endswith(".") for each in offers(BEN_AND_DANA))


def test_nobody_who_is_not_there_is_offered() -> None:
    assert offers(Around()) == ()
    assert [each.title for each in offers(Around("Ben"))] == ["Ben"]
    assert audiences_of(["partner"], Around()) is None
    assert audiences_of(["individual_therapist"], Around("Ben")) is None
    assert audiences_of(["prescriber"], BEN_AND_DANA) is None


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("no_secrets", "may come up with both of you"),
        ("confidential", "stays so"),
        ("", "not both signed yet"),
    ],
)
def test_what_the_agreement_makes_of_words_for_the_therapist_alone_is_said_before(
    mode: str, words: str
) -> None:
    notes = {each.audience: each.note for each in offers(BEN_AND_DANA, mode)}
    assert words in notes[Relation.COUPLES_THERAPIST]
    assert words not in notes[Relation.PARTNER] + notes[Relation.INDIVIDUAL_THERAPIST]


@given(arounds, st.sets(st.sampled_from([each.value for each in AUDIENCES])))
def test_switches_open_to_exactly_those_they_name(around: Around, on: set[str]) -> None:
    offered = {each.audience.value for each in offers(around)}
    opened = audiences_of(on, around)
    assert (opened is None) == (not on <= offered)
    assert opened is None or {each.value for each in opened} == on


@given(arounds)
def test_every_switch_names_its_person_and_opens_to_nobody_else(around: Around) -> None:
    for each in offers(around):
        assert each.name in each.title
        assert called({each.audience}, around) == each.name


# ------------------------------------------------------------------------------------- words on badges


@pytest.mark.parametrize(
    ("audiences", "circle", "label"),
    [
        ((), "mine", "Only you"),
        (AUDIENCES[1:2], "care", "You + Dana (couples therapist)"),
        (AUDIENCES[:2], "ours", "Both of you + Dana (couples therapist)"),
        (AUDIENCES[2:], "care", "You + Priya (your therapist)"),
        (AUDIENCES, "ours", "Both of you + Dana (couples therapist) + Priya (your therapist)"),
    ],
)
def test_badges(audiences: tuple[Relation, ...], circle: str, label: str) -> None:
    assert circle_of(audiences) == circle
    assert badge(audiences, BEN_AND_DANA) == label


@given(arounds, st.sets(st.sampled_from(AUDIENCES)))
def test_a_badge_never_says_only_you_when_somebody_sees_it(around: Around, audiences: set[Relation]) -> None:
    assert (badge(audiences, around) == "Only you") == (not audiences)
    assert (circle_of(audiences) == "mine") == (not audiences)
    assert bool(called(audiences, around)) == bool(audiences)


def test_names_are_listed_as_people_say_them() -> None:
    assert [listed(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]


# ------------------------------------------------------------------------------------- versions, words


@given(st.lists(st.integers(0, 9), unique=True, min_size=1), st.data())
def test_the_authors_own_newest_words_are_never_those_made_to_be_given(
    numbers: list[int], data: st.DataObject
) -> None:
    versions = [Version(UUID(int=number), number) for number in numbers]
    granted = data.draw(st.sets(st.sampled_from([version.id for version in versions])))
    found = latest_own(versions, granted)
    assert found is not None
    own = [version for version in versions if version.id not in granted]
    assert found.number == max(version.number for version in own or versions)


def test_without_versions_there_are_no_words() -> None:
    assert latest_own([], []) is None


@given(st.sets(st.sampled_from(list(Part))))
def test_only_the_chosen_notes_go_with_the_words(parts: set[Part]) -> None:
    words = Words("text", "felt", "say", "ask").only(parts)
    assert words.text == "text"
    assert {part for part in Part if getattr(words, part.value)} == parts


# ----------------------------------------------------------------------------------------- sleep on it


@given(st.timedeltas(timedelta(days=-3), timedelta(days=3)))
def test_sleep_is_suggested_for_a_day_after_a_session_and_not_before_it(ago: timedelta) -> None:
    assert suggest_sleep(NOW - ago, NOW).allowed == (timedelta(0) <= ago < timedelta(hours=24))


def test_without_a_session_sleep_is_not_suggested_but_may_be_chosen() -> None:
    decided = suggest_sleep(None, NOW)
    assert not decided
    assert decided.reason


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_it_wakes_a_day_later_on_a_quarter_of_an_hour(now: datetime) -> None:
    wakes = wakes_at(now)
    assert timedelta(hours=24) <= wakes - now < timedelta(hours=24, minutes=15)
    assert (wakes.minute % 15, wakes.second, wakes.microsecond) == (0, 0, 0)


# --------------------------------------------------------------------------------------------- history


def test_the_history_tells_shares_and_take_backs_together_newest_first() -> None:
    shared, back = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    told = history([Opened(each, shared, shared, back) for each in AUDIENCES[:2]], BEN_AND_DANA, NOW)
    assert [event.words for event in told] == ["Taken back from Ben and Dana", "Shared with Ben and Dana"]


def test_a_share_slept_on_and_kept_back_was_never_shared() -> None:
    tomorrow = NOW + timedelta(hours=13)
    waiting = history([Opened(Relation.PARTNER, NOW, tomorrow)], BEN_AND_DANA, NOW)
    assert [event.words for event in waiting] == ["Will open to Ben, unless you change your mind"]
    kept_back = history([Opened(Relation.PARTNER, NOW, tomorrow, NOW)], BEN_AND_DANA, NOW + timedelta(days=2))
    assert [event.words for event in kept_back] == ["Kept back from Ben before it opened"]


OLD, NEW = UUID(int=1), UUID(int=2)


def test_newer_words_given_are_told_as_one_act() -> None:
    first, second = NOW - timedelta(days=2), NOW - timedelta(days=1)
    opened = [
        Opened(Relation.PARTNER, first, first, second, OLD),
        Opened(Relation.PARTNER, second, second, None, NEW),
    ]
    told = history(opened, BEN_AND_DANA, NOW)
    assert [event.words for event in told] == ["Gave Ben your newer words", "Shared with Ben"]


def test_newer_words_for_a_share_still_asleep_leave_one_line() -> None:
    tomorrow = NOW + timedelta(hours=20)
    opened = [
        Opened(Relation.PARTNER, NOW - timedelta(hours=4), tomorrow, NOW, OLD),
        Opened(Relation.PARTNER, NOW, tomorrow, None, NEW),
    ]
    told = history(opened, BEN_AND_DANA, NOW + timedelta(seconds=5))
    assert [event.words for event in told] == ["Will open to Ben, unless you change your mind"]


def test_taken_back_and_given_again_another_day_are_two_acts() -> None:
    first, back, again = (NOW - timedelta(days=each) for each in (3, 2, 1))
    opened = [
        Opened(Relation.PARTNER, first, first, back, OLD),
        Opened(Relation.PARTNER, again, again, None, NEW),
    ]
    told = history(opened, BEN_AND_DANA, NOW)
    assert [event.words for event in told] == ["Shared with Ben", "Taken back from Ben", "Shared with Ben"]


def test_what_a_parting_closed_names_neither_who_is_around_now_nor_a_take_back() -> None:
    given, parted, anew = (NOW - timedelta(days=each) for each in (30, 20, 1))
    opened = [
        *(Opened(each, given, given, parted, OLD, parted_at=parted) for each in AUDIENCES[:2]),
        Opened(Relation.PARTNER, anew, anew, None, OLD),
    ]
    told = history(opened, BEN_AND_DANA, NOW)
    then = "your former partner and your couples therapist of then"
    assert [event.words for event in told] == [
        "Shared with Ben",
        f"Closed to {then} when you parted",
        f"Shared with {then}",
    ]


def test_the_session_something_was_given_for_is_named() -> None:
    given_for = Opened(Relation.COUPLES_THERAPIST, NOW, NOW, None, OLD, date(2026, 11, 20))
    told = history([given_for], BEN_AND_DANA, NOW)
    assert [event.words for event in told] == ["Shared with Dana for your session on Friday 20 November"]


# -------------------------------------------------------------------------------- who sees the answers

TEAM = {
    Relation.PRESCRIBER: ("Helen",),
    Relation.NURSE: ("Luis",),
    Relation.INDIVIDUAL_THERAPIST: ("Priya",),
    Relation.COUPLES_THERAPIST: ("Dana",),
}
KINDS = ("measure.individual", "measure.predose", "measure.relationship", "screen.suicide")
CLASSES = ("individual_scores", "relationship_scores", "suicide_reason")


def test_who_sees_answers_about_oneself() -> None:
    seen = seen_by("measure.individual", TEAM, ())
    assert (seen.circle, seen.label) == ("care", "Your care team")
    assert seen.sentence == (
        "You and Helen (prescriber) and Priya (individual therapist) can see these answers. Nobody else."
    )


def test_before_a_care_team_is_named_the_label_says_that_it_will_see_them() -> None:
    assert seen_by("measure.individual", {}, ()).label == "Only you, until your care team is named"


def test_answers_about_the_relationship_are_ones_own_until_released() -> None:
    assert seen_by("measure.relationship", TEAM, ()).label == "Only you"
    released = seen_by("measure.relationship", TEAM, [("relationship_scores", Relation.COUPLES_THERAPIST)])
    assert released.sentence == "You and Dana (couples therapist) can see these answers. Nobody else."
    assert released.label == "You + those you released it to"


@given(
    st.sampled_from(KINDS),
    st.sets(st.sampled_from(list(TEAM))),
    st.sets(st.tuples(st.sampled_from(CLASSES), st.sampled_from(list(WHO)))),
)
def test_the_sentence_names_exactly_whom_the_table_lets_in(
    kind: str, present: set[Relation], released: set[tuple[str, Relation]]
) -> None:
    seen = seen_by(kind, {role: names for role, names in TEAM.items() if role in present}, released)
    for role, names in TEAM.items():
        ways = READS[kind][role]
        let_in = role in present and (
            "Y" in ways
            or "D" in ways
            or any((way[2:], role) in released for way in ways if way.startswith("R:"))
        )
        assert (names[0] in seen.sentence) == let_in
