"""The published models give the figures they were checked to give, to the digits given."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bothwell.monitoring.expected import Expectation, Given, Regimen, concentration, expect, in_doses
from bothwell.monitoring.expected_models import (
    DOMINO,
    NG_PER_ML,
    OTTO,
    PEREZ_RUIXO,
    SIMONS,
    Model,
    Way,
    simons_body,
)
from bothwell.monitoring.exponentials import Body, Side
from bothwell.pathway.schema import Route
from tests.monitoring import metabolites

MISSING = "the folder of reference data is not named in BOTHWELL_REFERENCE_DATA"
DAY = 24 * 60


def at(model: Model, *given: Given, weight_kg: float = 70.0, age: float = 40.0) -> Callable[[float], float]:
    """The typical adult's concentration by minute."""
    ways = model.ways(model.parameters, weight_kg, age)
    doses = in_doses(model, given)
    return lambda minute: concentration(ways, doses, minute)


def of_ways(ways: tuple[Way, ...], given: Given) -> Callable[[float], float]:
    return lambda minute: concentration(lambda number: ways, [given], minute)


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    folder = os.environ.get("BOTHWELL_REFERENCE_DATA")
    if not folder:
        pytest.skip(MISSING)
    found: dict[str, Any] = json.loads((Path(folder) / "pk_test_vectors.json").read_text("utf-8"))
    return found


def close(found: float, wanted: float, digits: float = 1e-8) -> bool:
    return found == pytest.approx(wanted, rel=digits, abs=1e-9)


# ── figures that stand here ───────────────────────────────────────────────────────────────────────────────

INFUSION = {
    5: 155.354, 10: 181.829, 20: 209.607, 30: 226.496, 40: 240.360, 45: 91.426, 60: 55.120, 80: 45.820,
    100: 40.455, 120: 35.839, 180: 24.934, 240: 17.347,
}  # fmt: skip
BOLUS = {0: 2267.57, 1: 507.92, 2: 181.60, 5: 79.28, 10: 46.08, 20: 22.83, 60: 13.02}


@pytest.mark.parametrize("weight_kg", [50.0, 70.0, 112.5])
def test_half_a_milligram_a_kilogram_over_forty_minutes_is_one_curve_at_any_weight(weight_kg: float) -> None:
    level = at(DOMINO, Given(weight_kg / 2, 0, 40), weight_kg=weight_kg)
    assert {minute: round(level(minute), 3) for minute in INFUSION} == INFUSION


def test_ten_milligrams_at_once() -> None:
    level = at(DOMINO, Given(10))
    assert {minute: round(level(minute), 2) for minute in BOLUS} == BOLUS


def test_the_body_of_domino_is_the_published_one() -> None:
    of = DOMINO.parameters
    v1 = of["v1_l_per_kg"] * 70
    sides = (Side(of["k12_per_min"], of["k21_per_min"]), Side(of["k13_per_min"], of["k31_per_min"]))
    half_lives = [0.6931471805599453 / rate for rate in Body(of["k10_per_min"], sides).rates]
    assert [round(each, 3) for each in half_lives] == [114.632, 4.575, 0.402]
    volumes = [v1, *(v1 * side.into / side.back for side in sides)]
    assert [round(each, 2) for each in volumes] == [4.41, 10.57, 178.21]
    assert round(v1 * of["k10_per_min"] * 60, 1) == 115.9
    assert round(sum(volumes), 1) == 193.2


def test_a_film_of_fifty_milligrams() -> None:
    level = at(SIMONS, Given(50))
    assert [round(level(20), 2), round(level(60), 2)] == [84.72, 45.28]


PUBLISHED = {  # dose mg, age -> peak ng/mL and area to 24 h in ng·h/mL, published; simulated
    (28, 40): ((43.8, 147.3), (43.93, 146.9)),
    (56, 40): ((72.5, 254.7), (73.03, 253.8)),
    (84, 40): ((101.0, 362.2), (102.24, 360.8)),
    (84, 70): ((102.7, 391.2), (103.87, 389.9)),
}


@pytest.mark.parametrize(("dose_mg", "age"), PUBLISHED)
def test_the_nasal_spray_gives_back_the_papers_own_table(dose_mg: int, age: int) -> None:
    published, simulated = PUBLISHED[dose_mg, age]
    level = at(PEREZ_RUIXO, Given(dose_mg), age=age)
    peak = max(level(minute / 10) for minute in range(250, 600))
    area = sum(level(minute / 2) + level((minute + 1) / 2) for minute in range(DAY * 2)) / 4 / 60
    assert round(peak, 2) == simulated[0]
    assert round(area, 1) == simulated[1]
    assert [peak, area] == pytest.approx(published, rel=0.013)


# ── figures of the reference folder ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("domino_35mg_40min_70kg_ng_per_mL", at(DOMINO, Given(35, 0, 40))),
        ("domino_0.5mgkg_40min_50kg", at(DOMINO, Given(25, 0, 40), weight_kg=50)),
        ("domino_bolus_10mg_70kg", at(DOMINO, Given(10))),
    ],
)
def test_racemic_ketamine_as_in_the_reference(
    vectors: dict[str, Any], name: str, level: Callable[[float], float]
) -> None:
    for minute, wanted in vectors[name].items():
        assert close(level(float(minute)), wanted), minute


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("otto2021_Sket_10mg_30min_70kg_(Sket,Snorket)_ng_mL", Given(10, 0, 30)),
        ("otto2021_Sket_17.5mg_40min_70kg", Given(17.5, 0, 40)),
    ],
)
def test_s_ketamine_into_a_vein_as_in_the_reference(vectors: dict[str, Any], name: str, given: Given) -> None:
    level, nor = at(OTTO, given), of_ways((metabolites.otto(),), given)
    for hour, wanted in vectors[name].items():
        minute = float(hour) * 60
        assert close(level(minute), wanted[0], 1e-6) and close(nor(minute), wanted[1], 1e-6), hour


@pytest.mark.parametrize(
    ("name", "dose_mg"),
    [("simons2022_OTF50mg_70kg_(Sket,Snk,Shnk)_ng_mL_Sket_equiv", 50), ("simons2022_OTF100mg_70kg", 100)],
)
def test_the_film_as_in_the_reference(vectors: dict[str, Any], name: str, dose_mg: float) -> None:
    level = at(SIMONS, Given(dose_mg))
    nor, hydroxy = (of_ways(ways, Given(dose_mg)) for ways in metabolites.simons(from_film=True))
    for minute, wanted in vectors[name].items():
        found = [each(float(minute)) for each in (level, nor, hydroxy)]
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6), minute


def test_the_body_of_simons_into_a_vein_as_in_the_reference(vectors: dict[str, Any]) -> None:
    given = Given(20, 0, 20)
    body, volume = simons_body(SIMONS.parameters, 70.0)
    level = of_ways((Way(body.in_blood().times(NG_PER_ML / volume)),), given)
    nor, hydroxy = (of_ways(ways, given) for ways in metabolites.simons(from_film=False))
    for minute, wanted in vectors["simons2022_IV20mg_20min_70kg"].items():
        found = [each(float(minute)) for each in (level, nor, hydroxy)]
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6), minute


@pytest.mark.parametrize(
    ("name", "dose_mg", "age", "japanese"),
    [
        (("perezruixo_<60_Caucasian", "28"), 28, 40, False),
        (("perezruixo_<60_Caucasian", "56"), 56, 40, False),
        (("perezruixo_<60_Caucasian", "84"), 84, 40, False),
        (("perezruixo_>60(70y)_Caucasian_84",), 84, 70, False),
        (("perezruixo_<60_Japanese_84",), 84, 40, True),
    ],
)
def test_the_nasal_spray_as_in_the_reference(
    vectors: dict[str, Any], name: tuple[str, ...], dose_mg: float, age: float, japanese: bool
) -> None:
    """Its own descent factors, which the drawing never uses, included. Peaks to the step they were looked for at."""
    found: Any = vectors
    for key in name:
        found = found[key]
    wanted = found["sim"]
    of, descent = dict(PEREZ_RUIXO.parameters), PEREZ_RUIXO.told["descent"]
    if japanese:
        of["frn"] *= descent["japanese_on_frn"]
        of["kel_per_h"] *= descent["asian_on_kel"]
    ways, doses = PEREZ_RUIXO.ways(of, 70.0, age), in_doses(PEREZ_RUIXO, [Given(dose_mg)])
    assert sum(each.dose_mg for each in doses) == dose_mg
    share = sum(each.dose_mg * ways(number)[0].share for number, each in enumerate(doses)) / dose_mg
    assert share == pytest.approx(wanted["FRn"])
    assert concentration(ways, doses, 40) == pytest.approx(wanted["C40min"], rel=1e-5)
    assert concentration(ways, doses, 120) == pytest.approx(wanted["C2h"], rel=1e-5)
    assert concentration(ways, doses, wanted["Tmax_h"] * 60) == pytest.approx(wanted["Cmax"], rel=1e-5)
    area = sum(
        each.dose_mg * way.share * area_of(way) for number, each in enumerate(doses) for way in ways(number)
    )
    assert area / 60 == pytest.approx(wanted["AUC24"], rel=1e-4)
    nor = metabolites.perez_ruixo(
        age, share, kel=descent["asian_on_kel"] if japanese else 1.0, cln=0.81 if japanese else 1.0
    )
    assert dose_mg * sum(way.share * area_of(way) for way in nor) / 60 == pytest.approx(
        wanted["nAUC24"], rel=1e-4
    )
    peak = max(concentration(lambda _: nor, [Given(dose_mg)], minute) for minute in range(60, 240))
    assert peak == pytest.approx(wanted["nCmax"], rel=1e-4)


def area_of(way: Way) -> float:
    """The area (ng·min/mL) to 24 h of one mg that goes this way, by Simpson's rule."""
    steps = 4 * DAY
    width = DAY / steps
    values = [way.curve.over(0, way.over_minutes, number * width) for number in range(steps + 1)]
    return width / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))


def test_what_is_shown_is_what_was_checked() -> None:
    """The points of the drawing are the curve of the test vectors."""
    shown = expect(Regimen(Route.IV, "Ketamine hydrochloride", (Given(35, 0, 40),), 70.0))
    assert isinstance(shown, Expectation)
    level = {point.minute: round(point.typical, 3) for point in shown.points}
    assert {minute: level[minute] for minute in INFUSION if minute in level and minute % 4 == 0} == {
        minute: value for minute, value in INFUSION.items() if minute % 4 == 0
    }
