"""Adverse events as data and rules: what can be named and graded, what must be said, and what is due."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring import adverse
from bothwell.monitoring.adverse import Prescriber, Said, Serious, Status

NOW = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
ARRIVED = NOW - timedelta(hours=2)
TODAY = NOW.date()
NAUSEA = Said(code="nausea", grade=1, began_at=NOW - timedelta(hours=1), outcome="resolved", is_serious=False)
TERMS = adverse.shipped()


def wrong(said: Said, **more: object) -> set[str]:
    """The answers something is not right about."""
    given = {"arrived_at": ARRIVED, "now": NOW, "today": TODAY} | more
    return {fault.field for fault in adverse.faults(said, TERMS, **given)}  # type: ignore[arg-type]


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────

GRADES = {
    "hypertension": {1, 2, 3, 4, 5}, "nausea": {1, 2, 3}, "vomiting": {1, 2, 3, 4, 5},
    "hallucinations": {1, 2, 3, 4, 5}, "anxiety": {1, 2, 3, 4}, "agitation": {1, 2, 3, 4},
    "depressed-consciousness": {1, 2, 3, 4, 5}, "sinus-tachycardia": {1, 2, 3}, "hypoxia": {2, 3, 4, 5},
    "dizziness": {1, 2, 3}, "headache": {1, 2, 3}, "syncope": {3}, "dissociation": {1, 2, 3, 4, 5},
    "urinary-symptoms": {1, 2, 3, 4, 5}, "other": {1, 2, 3, 4, 5},
}  # fmt: skip


def test_every_term_has_the_grades_of_the_clinical_paper() -> None:
    assert {term.code: set(term.grades) for term in TERMS.all} == GRADES


def test_what_is_not_of_the_published_list_says_so() -> None:
    generic = {term.code for term in TERMS.all if term.grading == "generic"}
    assert generic == {"dissociation", "urinary-symptoms", "other"}
    sure = {term.code for term in TERMS.all if term.status is Status.PUBLISHED}
    assert sure == {"hypertension", "other"}


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ('code = "other"', 'code = "rest"'),
        ('code = "vomiting"', 'code = "nausea"'),
        ('status = "published"\nsource = "CTCAE v5.0"\n', 'status = "sure"\nsource = "CTCAE v5.0"\n'),
        ('grades.3 = "fainted; collapsed on standing up"', 'grades.6 = "gone"'),
        ('title = "Syncope"', 'title = ""'),
        ('grading = "generic"', 'grading = "own"'),
    ],
)
def test_a_list_that_is_not_whole_is_not_taken(was: str, is_now: str) -> None:
    text = adverse.SHIPPED.read_text("utf-8")
    assert was in text
    with pytest.raises(ValueError, match=r"."):
        adverse.read(text.replace(was, is_now, 1))


# ── what must be said ─────────────────────────────────────────────────────────────────────────────────────


def test_a_plain_event_can_be_kept() -> None:
    assert wrong(NAUSEA) == set()


@pytest.mark.parametrize(("term", "grade"), list(product(TERMS.all, range(7))))
def test_only_grades_that_exist_are_taken(term: adverse.Term, grade: int) -> None:
    said = replace(NAUSEA, code=term.code, grade=grade, name="x", note="x", wanted=True)
    assert ("grade" in wrong(said)) is (grade not in GRADES[term.code])


TOLD = {"prescriber": Prescriber.TOLD, "prescriber_told": "somebody", "prescriber_told_at": NOW}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"code": "tiredness"}, "code"),
        ({"grade": None}, "grade"),
        ({"code": "other"}, "name"),
        ({"code": "dissociation"}, "wanted"),
        ({"code": "urinary-symptoms"}, "note"),
        ({"began_at": None}, "began_at"),
        ({"began_at": NOW + timedelta(minutes=1)}, "began_at"),
        ({"began_at": ARRIVED - timedelta(minutes=1)}, "began_at"),
        ({"ended_at": NOW + timedelta(minutes=1)}, "ended_at"),
        ({"ended_at": NOW - timedelta(hours=1, minutes=1)}, "ended_at"),
        ({"ended_at": NOW, "outcome": "ongoing"}, "ended_at"),
        ({"outcome": ""}, "outcome"),
        ({"is_serious": None}, "is_serious"),
        ({"is_serious": True}, "serious_because"),
        ({"serious_because": ("disability",)}, "is_serious"),
        ({"is_serious": True, "serious_because": ("bad luck",)}, "serious_because"),
        ({"is_serious": True, "serious_because": ("other",)}, "note"),
        ({"grade": 3}, "prescriber"),
        ({"prescriber": "Perhaps."}, "prescriber"),
        ({"prescriber": Prescriber.TOLD, "prescriber_told_at": NOW}, "prescriber_told"),
        ({"prescriber": Prescriber.TOLD, "prescriber_told": "somebody"}, "prescriber_told_at"),
        ({"prescriber": Prescriber.SAW, "prescriber_told_at": NOW}, "prescriber"),
        (TOLD | {"prescriber_told_at": NOW + timedelta(minutes=1)}, "prescriber_told_at"),
        (TOLD | {"prescriber_told_at": NOW - timedelta(hours=1, minutes=1)}, "prescriber_told_at"),
        ({"follow_up": "Ring"}, "follow_up_on"),
        ({"follow_up_on": TODAY}, "follow_up"),
        ({"follow_up_on": TODAY - timedelta(days=1), "follow_up": "Ring"}, "follow_up_on"),
        ({"action_taken": "x" * 241}, "action_taken"),
        ({"outcome": "fatal"}, "serious_because"),
        ({"is_serious": True, "serious_because": ("death",)}, "outcome"),
    ],
)
def test_what_is_missing_is_asked_for_beside_its_answer(changed: dict[str, object], field: str) -> None:
    assert wrong(replace(NAUSEA, **changed)) == {field}  # type: ignore[arg-type]


DEATH = replace(
    NAUSEA, code="vomiting", grade=5, outcome="fatal", is_serious=True, serious_because=(Serious.DEATH,),
    prescriber=Prescriber.TOLD, prescriber_told="somebody", prescriber_told_at=NOW,
)  # fmt: skip


def test_grade_5_is_death_in_every_answer() -> None:
    assert wrong(DEATH) == set()
    assert wrong(replace(DEATH, outcome="resolved")) == {"outcome"}
    assert wrong(replace(DEATH, serious_because=(Serious.LIFE,))) == {"serious_because"}


@given(grade=st.sampled_from([1, 2, 3, 4, 5]), wanted=st.booleans())
def test_a_dissociation_takes_any_grade_wanted_or_not(grade: int, wanted: bool) -> None:
    said = replace(NAUSEA, code="dissociation", grade=grade, wanted=wanted, prescriber=Prescriber.SAW)
    assert wrong(said) == (set() if grade < 5 else {"outcome", "serious_because"})


def test_a_follow_up_day_that_passed_may_stay_in_a_revision() -> None:
    said = replace(NAUSEA, follow_up_on=TODAY - timedelta(days=2), follow_up="Ring")
    assert wrong(said, kept_on=TODAY - timedelta(days=2)) == set()
    assert wrong(said, kept_on=TODAY - timedelta(days=1)) == {"follow_up_on"}


@given(known=st.sampled_from(Prescriber), done=st.text(max_size=240).map(str.strip))
def test_what_older_events_keep_in_one_text_comes_apart(known: Prescriber, done: str) -> None:
    kept = f"{known} {done}".strip()
    assert adverse.done_apart(kept) == (known, done)
    assert adverse.knows("", kept) is known
    assert adverse.knows(known.name.lower(), done) is known


# ── what is due ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Event:
    follow_up_on: date | None = None
    follow_up: str = ""
    prescriber_knows: str = ""
    action_taken: str = ""
    grade: int = 1


def test_the_prescriber_comes_first_then_the_days_in_order() -> None:
    tomorrow, yesterday = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
    older = Event(action_taken="Prescriber not told yet. Oxygen.", grade=3)
    for untold in (older, Event(prescriber_knows="not_yet", action_taken="Oxygen.", grade=3)):
        events = [Event(tomorrow, "b"), Event(yesterday, "a"), untold, Event(TODAY, "c"), Event()]
        found = adverse.due(events, TODAY)
        assert [one.words for one in found] == ["Tell the prescriber", "a", "c", "b"]
        assert [one.is_due for one in found] == [True, True, True, False]
        assert [one.is_overdue for one in found] == [False, True, False, False]


@dataclass(frozen=True)
class Reading:
    code: str
    observed_at: datetime


def test_beside_an_event_stands_the_nearest_reading_of_each_quantity() -> None:
    readings = [
        Reading("spo2", NOW - timedelta(minutes=20)),
        Reading("spo2", NOW - timedelta(minutes=4)),
        Reading("spo2", NOW + timedelta(minutes=3)),
        Reading("systolic", NOW + timedelta(minutes=16)),
        Reading("heart_rate", NOW - timedelta(minutes=15)),
    ]
    assert adverse.around(readings, NOW) == [readings[4], readings[2]]
