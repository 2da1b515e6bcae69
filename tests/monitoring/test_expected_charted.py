"""What was charted becomes the course: pauses, stops and further doses as they were, the rest as ordered."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring.expected import Expectation, Given, NoModel, Regimen, expect
from bothwell.monitoring.expected_charted import charted
from bothwell.monitoring.expected_pressure import PressureCourse, expect_pressure
from bothwell.pathway.schema import Route

START = datetime(2026, 3, 5, 12, tzinfo=UTC)
KETAMINE = "Ketamine hydrochloride"


@dataclass(frozen=True)
class Row:
    event: str
    minute: float
    substance: str = KETAMINE
    dose_mg: Decimal | None = None
    route: str = "iv"
    rate_ml_per_h: Decimal | None = None

    @property
    def at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


BEGUN = Row("start", 0, dose_mg=Decimal(40))
ANTIEMETIC = Row("given", -10, "Ondansetron", Decimal(4), "po")


def given_by(
    *rows: Row, minutes: int | None = 40, route: Route = Route.IV, product: str = KETAMINE
) -> object:
    return charted(rows, route=route, product=product, started_at=START, ordered_minutes=minutes)


def test_an_infusion_that_runs_is_expected_to_run_as_ordered() -> None:
    assert given_by(ANTIEMETIC, BEGUN) == (Given(40, 0, 40),)


def test_a_pause_moves_the_rest_and_a_stop_ends_it() -> None:
    paused, resumed = Row("pause", 10), Row("resume", 25)
    assert given_by(BEGUN, paused) == (Given(10, 0, 10),)
    assert given_by(BEGUN, paused, resumed) == (Given(10, 0, 10), Given(30, 25, 55))
    assert given_by(BEGUN, paused, resumed, Row("stop", 35)) == (Given(10, 0, 10), Given(10, 25, 35))


def test_a_dose_at_once_and_one_more_later() -> None:
    dose, more = Row("given", 0, dose_mg=Decimal(30)), Row("given", 20, "Ketamine", Decimal("10.5"))
    assert given_by(dose, more, minutes=None) == (Given(30, 0, 0), Given(10.5, 20, 20))


def test_devices_of_a_nasal_spray_as_they_were_charted() -> None:
    spray = "Esketamine nasal spray"
    rows = [Row("given", at, spray, Decimal(28), "in") for at in (0, 5)]
    assert given_by(*rows, minutes=None, route=Route.IN, product=spray) == (Given(28, 0, 0), Given(28, 5, 5))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((replace(BEGUN, dose_mg=None),), "without its dose"),
        ((BEGUN, Row("given", 20)), "without its dose"),
        ((BEGUN, Row("given", 20, dose_mg=Decimal(30), route="im")), "more ways than one"),
        ((BEGUN, Row("given", 20, dose_mg=Decimal(30), route="")), "more ways than one"),
        ((BEGUN, Row("given", 20, "Esketamine", Decimal(30))), "more ways than one"),
    ],
)
def test_what_cannot_be_told_is_not_drawn(rows: tuple[Row, ...], words: str) -> None:
    found = given_by(*rows)
    assert isinstance(found, NoModel) and words in found.reason


@given(st.lists(st.tuples(st.floats(0.5, 30), st.sampled_from(["pause", "resume", "stop"])), max_size=6))
def test_never_more_than_was_ordered_and_stretches_never_overlap(steps: list[tuple[float, str]]) -> None:
    rows, minute = [BEGUN], 0.0
    for wait, event in steps:
        minute += wait
        rows.append(Row(event, minute))
    found = given_by(*rows)
    assert isinstance(found, tuple)
    assert sum(each.dose_mg for each in found) <= 40 + 0.5
    assert all(a.to_minute <= b.from_minute for a, b in pairwise(found))


def test_a_pause_lets_the_expected_level_fall() -> None:
    def level(*rows: Row) -> dict[float, float]:
        given_ = given_by(*rows)
        assert isinstance(given_, tuple)
        found = expect(Regimen(Route.IV, KETAMINE, given_, 80.0))
        assert isinstance(found, Expectation)
        return {point.minute: point.typical for point in found.points}

    straight, paused = level(BEGUN), level(BEGUN, Row("pause", 10), Row("resume", 25))
    assert straight[8] == paused[8]
    assert paused[24] < straight[24] / 2
    assert paused[56] > straight[56]


# ── blood pressure ────────────────────────────────────────────────────────────────────────────────────────

VEIN = Regimen(Route.IV, KETAMINE, (Given(40, 0, 40),), 80.0, 40.0, 40)


def course(regimen: Regimen = VEIN) -> PressureCourse:
    found = expect_pressure(regimen, 120, 73)
    assert isinstance(found, PressureCourse)
    return found


def test_the_published_rise_is_laid_upon_the_persons_own_baseline() -> None:
    found = course()
    start, peak, back = found.systolic
    assert (start.minute, start.typical_mmhg, start.low_mmhg, start.high_mmhg) == (0, 120, 120, 120)
    assert (peak.minute, peak.typical_mmhg) == (40, 136)
    assert peak.low_mmhg == pytest.approx(136 - 1.6449 * 11.2, abs=0.01)
    assert peak.high_mmhg == pytest.approx(136 + 1.6449 * 11.2, abs=0.01)
    assert (back.minute, back.typical_mmhg, back.low_mmhg) == (130, 120, None)
    assert [point.typical_mmhg for point in found.diastolic] == [73, 84, 73]
    assert found.sentences[0] == "Population expectation, not this patient; not for dosing."
    assert "2,342 infusions" in found.sentences[1] and "120/73" in found.sentences[1]


def test_it_ends_where_the_infusion_no_longer_ran_as_studied() -> None:
    paused = course(replace(VEIN, given=(Given(10, 0, 10), Given(30, 25, 55))))
    assert [point.minute for point in paused.systolic] == [0, 10]
    assert paused.systolic[-1].typical_mmhg == 124
    assert paused.sentences[-1].startswith("It ends at min 10")
    more = course(replace(VEIN, given=(Given(40, 0, 40), Given(20, 85, 85))))
    assert [point.minute for point in more.systolic] == [0, 40, 85]
    assert more.systolic[-1].typical_mmhg == 128


@pytest.mark.parametrize(
    ("regimen", "words"),
    [
        (replace(VEIN, route=Route.IM), "for this route"),
        (replace(VEIN, route=Route.IN, product="Spravato"), "for this route"),
        (replace(VEIN, product="Esketamine"), "for this route"),
        (replace(VEIN, ordered_minutes=60), "for this one"),
        (replace(VEIN, ordered_minutes=None, given=(Given(40),)), "for this one"),
        (replace(VEIN, given=(Given(20, 0, 40),)), "for this dose"),
        (replace(VEIN, given=(Given(60, 0, 40),)), "for this dose"),
        (replace(VEIN, given=()), "for this dose"),
        (replace(VEIN, weight_kg=None), "for this dose"),
    ],
)
def test_elsewhere_no_course_of_pressure_is_drawn(regimen: Regimen, words: str) -> None:
    found = expect_pressure(regimen, 120, 73)
    assert isinstance(found, NoModel) and words in found.reason


def test_without_a_baseline_there_is_no_course_of_pressure() -> None:
    found = expect_pressure(VEIN, None, None)
    assert isinstance(found, NoModel) and "before the dose" in found.reason
