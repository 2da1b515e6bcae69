"""The three forms of a progress note: what each asks, what an answer must be, and what is kept of it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration import note_forms
from bothwell.integration.models import Modality
from bothwell.integration.note_forms import (
    Ask,
    FormsInvalid,
    checked,
    detail,
    form,
    forms,
    lines,
    place,
    read,
)

TODAY = date(2026, 11, 23)
NAMES = {"a": "Amara", "b": "Ben"}


def test_every_way_of_working_has_its_form_and_no_other_is_there() -> None:
    assert [one.code for one in forms()] == [mode.value for mode in Modality]
    assert form("something else").code == "other"


def test_every_form_asks_what_each_session_must_say() -> None:
    for one in forms():
        codes = {question.code for question in one.questions}
        assert {
            "mode",
            "attendance",
            "minutes",
            "escalation",
            "interventions",
            "homework",
            "next_focus",
        } <= codes


def test_no_form_asks_about_safety_and_none_has_a_name_of_somebody_elses() -> None:
    text = note_forms.SHIPPED.read_text(encoding="utf-8").lower()
    words = text.split("[[common]]", 1)[1]
    for never in (
        "violence",
        "coercion",
        "suicid",
        "weapon",
        "unsafe",
        "gottman method",
        "gottman-",
        "®",
        "™",
    ):
        assert never not in words


def test_the_stages_and_steps_are_those_of_the_therapy() -> None:
    eft = form("eft")
    stage, step = eft.question("stage"), eft.question("step")
    assert stage is not None
    assert step is not None
    assert [one.code for one in stage.options] == ["1", "2", "3"]
    assert [one.code for one in step.options] == [str(number) for number in range(1, 10)]
    assert step.each


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("escalation.a", "11", "from 0 to 10"),
        ("escalation.b", "-1", "from 0 to 10"),
        ("minutes", "an hour", "whole number"),
        ("step.a", "10", "of the list"),
        ("did", ["tracked", "hypnosis"], "from the list"),
        ("event_on", "yesterday", "Give a day"),
        ("event_on", "2026-11-24", "not come yet"),
        ("event_by", "c", "of the list"),
        ("next_focus", "x" * 201, "200"),
        ("episode", "x" * 20_001, "20,000"),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(key: str, value: Any, told: str) -> None:
    found = checked("eft", {key: value}, TODAY)
    assert told in found.faults[key]
    assert key not in found.kept


def test_what_is_empty_or_of_another_form_is_not_kept() -> None:
    given_ = {"minutes": " ", "did": [], "level": ["maps"], "unknown": "x", "mode": "room"}
    assert checked("eft", given_, TODAY).kept == {"mode": "room"}


def _answers(code: str) -> st.SearchStrategy[dict[str, Any]]:
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for question in form(code).questions:
        for key in question.keys:
            match question.ask:
                case Ask.ONE:
                    drawn[key] = st.sampled_from(question.codes)
                case Ask.SOME:
                    drawn[key] = st.lists(st.sampled_from(question.codes), min_size=1, unique=True)
                case Ask.NUMBER:
                    drawn[key] = st.integers(0, question.most)
                case Ask.DAY:
                    drawn[key] = st.dates(max_value=TODAY).map(date.isoformat)
                case Ask.LINE | Ask.TEXT:
                    drawn[key] = st.text(min_size=1, max_size=80).filter(lambda words: bool(words.strip()))
    return st.fixed_dictionaries({}, optional=drawn)


@given(
    st.sampled_from([one.code for one in forms()]).flatmap(
        lambda code: st.tuples(st.just(code), _answers(code))
    )
)
def test_every_right_answer_is_kept_and_read_back_the_same(drawn: tuple[str, dict[str, Any]]) -> None:
    code, given_ = drawn
    once = checked(code, given_, TODAY)
    assert once.faults == {}
    assert once.kept.keys() == given_.keys()
    assert checked(code, once.kept, TODAY) == once
    assert len(list(lines(detail(code, once.kept), NAMES))) == len(given_)


@given(
    st.dictionaries(st.text(max_size=12), st.text(max_size=12) | st.lists(st.text(max_size=4)) | st.none())
)
def test_nothing_sent_by_anybody_breaks_it(given_: dict[str, Any]) -> None:
    for one in forms():
        found = checked(one.code, given_, TODAY)
        assert not set(found.kept) & set(found.faults)


def test_where_the_therapy_stands_is_said_by_letters() -> None:
    assert place("eft", {"stage": "2", "step.a": "6", "step.b": "5"}) == "Stage 2. A step 6, B step 5"
    assert place("eft", {"step.b": "5"}) == "B step 5"
    assert place("eft", {}) == ""
    assert place("other", {"approach": "As we go"}) == "As we go"


def test_a_note_reads_in_words_with_whose_answer_it_was() -> None:
    kept = detail("eft", {"minutes": 75, "step.a": "6", "event_by": "b", "did": ["tracked", "reframed"]})
    told = [(line.label, line.words, line.side) for line in lines(kept, NAMES)]
    assert told == [
        ("It lasted", "75 min", ""),
        ("Step", "6. Accepting the other’s experience", "a"),
        ("Whose step it was", "Ben", ""),
        ("What you did", "tracked the cycle; reframed it as the cycle and needs", ""),
    ]
    assert list(lines({}, NAMES)) == []


def test_what_is_likely_to_hold_again_is_offered_again() -> None:
    kept = detail("eft", {"stage": "2", "step.a": "6", "homework": "Tea", "escalation.a": 4, "mode": "video"})
    assert note_forms.carried(kept) == {"stage": "2", "step.a": "6", "mode": "video"}
    assert note_forms.carried({}) == {}


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ({"mode": "one", "attendance.a": "whole", "attendance.b": "late"}, {"mode"}),
        ({"mode": "one"}, {"mode"}),
        ({"mode": "one", "attendance.b": "away"}, set()),
        ({"mode": "room", "attendance.b": "away"}, {"mode"}),
        ({"mode": "room", "attendance.a": "away", "attendance.b": "away"}, {"mode"}),
        ({"attendance.a": "away", "attendance.b": "away"}, {"mode"}),
        ({"mode": "room", "attendance.a": "whole", "attendance.b": "left"}, set()),
        ({"mode": "one", "attendance.b": "away", "position.b": "pursues", "step.b": "5"}, {"position.b"}),
        ({"mode": "one", "attendance.b": "away", "escalation.b": 0, "escalation.a": 2}, {"escalation.b"}),
        ({"mode": "none"}, set()),
        ({"mode": "none", "attendance.a": "away", "attendance.b": "away"}, set()),
        ({"mode": "none", "attendance.a": "whole", "minutes": 50, "alliance.b": "firm"},
         {"attendance.a", "minutes", "alliance.b"}),
    ],
)  # fmt: skip
def test_of_who_was_not_there_nothing_was_seen(answers: dict[str, Any], keys: set[str]) -> None:
    assert checked("eft", answers, TODAY).kept == answers
    assert note_forms.at_odds("eft", answers).keys() == keys


def test_what_was_seen_in_one_session_is_not_offered_as_seen_in_the_next() -> None:
    kept = detail("eft", {"position.a": "pursues", "step.a": "6", "mode": "one", "attendance.b": "away"})
    assert note_forms.carried(kept) == {"step.a": "6"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense [", "not TOML"),
        ("version = 1", "at least one"),
        ("[[form]]\ncode = 'x'\ntitle = 'X'\nmeans = 'x'", "version"),
        ("version = 1\n[[form]]\ncode = 'x'", "title is missing"),
        (
            "version = 1\n[[form]]\ncode='x'\ntitle='X'\nmeans='x'\n[[form.field]]\ncode='A'\nlabel='x'\nask='often'",
            "lower-case",
        ),
        (
            "version = 1\n[[form]]\ncode='x'\ntitle='X'\nmeans='x'\n[[form.field]]\ncode='a'\nlabel='x'\nask='one'",
            "options",
        ),
        (
            "version = 1\n[[form]]\ncode='x'\ntitle='X'\nmeans='x'\nstage='gone'",
            "names no question",
        ),
    ],
)
def test_a_file_with_a_fault_is_no_form_at_all(text: str, told: str) -> None:
    with pytest.raises(FormsInvalid, match=told):
        read(text, "a file")
