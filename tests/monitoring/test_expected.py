"""The expected course obeys the laws of its models, and where there is no model it says why and draws nothing."""

from dataclasses import replace
from math import log
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bothwell.monitoring import expected
from bothwell.monitoring.expected import (
    Expectation,
    Given,
    NoModel,
    Regimen,
    concentration,
    expect,
    in_doses,
    is_ketamine,
    model_for,
)
from bothwell.monitoring.expected_models import DOMINO, OTTO, PEREZ_RUIXO, SIMONS, Model, drawn
from bothwell.monitoring.exponentials import Body, Curve, Side, depot, quantile
from bothwell.pathway.schema import Route

MODELS = (DOMINO, OTTO, SIMONS, PEREZ_RUIXO)
models = st.sampled_from(MODELS)
minutes = st.floats(0, 240)
weights = st.floats(40, 160)
ages = st.floats(18, 95)


@st.composite
def doses(draw: st.DrawFn, model: Model) -> tuple[Given, ...]:
    """One to four doses as this model takes them."""
    begins = draw(st.lists(st.floats(0, 120), min_size=1, max_size=4))
    if model is PEREZ_RUIXO:
        return tuple(Given(28.0, at, at) for at in sorted(begins))
    lasting = st.just(0.0) if model is SIMONS else st.floats(0, 60)
    return tuple(Given(draw(st.floats(1, 100)), at, at + draw(lasting)) for at in sorted(begins))


def level(
    model: Model, given_: tuple[Given, ...], minute: float, weight: float = 70, age: float = 40
) -> float:
    return concentration(model.ways(model.parameters, weight, age), given_, minute)


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.data(), models, minutes, weights, ages)
def test_twice_the_dose_is_twice_the_level_and_never_below_nought(
    data: st.DataObject, model: Model, minute: float, weight: float, age: float
) -> None:
    these = data.draw(doses(model))
    once = level(model, these, minute, weight, age)
    twice = level(
        model, tuple(replace(each, dose_mg=2 * each.dose_mg) for each in these), minute, weight, age
    )
    assert once >= 0
    assert twice == pytest.approx(2 * once, rel=1e-9, abs=1e-9)


@given(st.data(), models, minutes)
def test_doses_add_up(data: st.DataObject, model: Model, minute: float) -> None:
    """Of the nasal spray every later device keeps its own, smaller way: it is added up device by device."""
    these = data.draw(doses(model))
    ways = model.ways(model.parameters, 70, 40)
    alone = sum(
        concentration(lambda _, number=number: ways(number), [each], minute)
        for number, each in enumerate(these)
    )
    assert concentration(ways, these, minute) == pytest.approx(alone, rel=1e-9, abs=1e-9)


@given(st.floats(1, 100), st.floats(1, 60), st.floats(0.05, 0.95), minutes)
def test_an_infusion_in_two_parts_at_one_pace_is_one_infusion(
    dose: float, lasted: float, part: float, minute: float
) -> None:
    whole = (Given(dose, 0, lasted),)
    parts = (Given(dose * part, 0, lasted * part), Given(dose * (1 - part), lasted * part, lasted))
    for model in (DOMINO, OTTO):
        assert level(model, parts, minute) == pytest.approx(level(model, whole, minute), rel=1e-7, abs=1e-9)


@given(st.floats(0.1, 2), weights, weights, minutes)
def test_the_same_dose_a_kilogram_is_the_same_curve_where_everything_scales_with_weight(
    mg_per_kg: float, weight: float, other: float, minute: float
) -> None:
    one, two = (level(DOMINO, (Given(mg_per_kg * kg, 0, 40),), minute, kg) for kg in (weight, other))
    assert one == pytest.approx(two, rel=1e-9)


@given(models, weights, st.floats(18, 60), minutes)
def test_nothing_is_there_before_the_dose_and_a_later_dose_is_the_same_course_later(
    model: Model, weight: float, later: float, minute: float
) -> None:
    first, second = (Given(28.0, at, at) for at in (0.0, later))
    assert level(model, (second,), later * 0.99, weight) == 0
    assert level(model, (second,), minute + later, weight) == pytest.approx(
        level(model, (first,), minute, weight), rel=1e-6, abs=1e-9
    )


@given(ages)
def test_age_counts_only_above_sixty_and_only_for_the_spray(age: float) -> None:
    dose = (Given(28.0),)
    assert level(DOMINO, dose, 40, age=age) == level(DOMINO, dose, 40, age=18)
    old, young = (level(PEREZ_RUIXO, dose, 240, age=years) for years in (age, 40))
    assert old > young if age > 60 else old == young


# ── the closed form against small steps ───────────────────────────────────────────────────────────────────

rates = st.floats(0.005, 1.0)
bodies = st.builds(
    Body,
    st.floats(0.01, 1.0),
    st.lists(st.builds(Side, rates, rates, st.sampled_from([0.0, 0.02, 0.3])), min_size=1, max_size=3).map(
        tuple
    ),
)


def in_small_steps(body: Body, into: int, ka: float, until: float) -> tuple[list[float], float]:
    """Amounts (depot, blood, sides) and what has left, by Runge and Kutta; one unit in the depot at minute 0.

    The depot empties into the blood, or into side `into - 1`.
    """

    def slope(held: list[float]) -> list[float]:
        stored, blood, sides = held[0], held[1], held[2:-1]
        changes = [-ka * stored, -body.lost * blood]
        gone = body.lost * blood
        for side, amount in zip(body.sides, sides, strict=True):
            flow = side.into * blood - side.back * amount
            changes[1] -= flow
            changes.append(flow - side.lost * amount)
            gone += side.lost * amount
        changes[1 + into] += ka * stored
        return [*changes, gone]

    held = [1.0, *([0.0] * (len(body.sides) + 2))]
    steps = 400
    step = until / steps
    for _ in range(steps):
        a = slope(held)
        b = slope([x + step / 2 * d for x, d in zip(held, a, strict=True)])
        c = slope([x + step / 2 * d for x, d in zip(held, b, strict=True)])
        e = slope([x + step * d for x, d in zip(held, c, strict=True)])
        held = [
            x + step / 6 * (p + 2 * q + 2 * r + s) for x, p, q, r, s in zip(held, a, b, c, e, strict=True)
        ]
    return held[:-1], held[-1]


@settings(max_examples=40)
@given(bodies, st.integers(0, 3), st.floats(0.01, 0.5), st.floats(1, 30))
def test_every_amount_is_that_of_small_steps_and_nothing_is_made_or_lost(
    body: Body, into: int, ka: float, until: float
) -> None:
    empties = [side.back + side.lost for side in body.sides]
    assume(into <= len(body.sides))
    assume(all(abs(a - b) > 0.01 * a for i, a in enumerate(empties) for b in empties[i + 1 :]))
    assume(all(abs(rate - ka) > 1e-3 * ka for rate in (*body.rates, *empties)))
    stored, blood, *sides = in_small_steps(body, into, ka, until)[0]
    found = body.in_blood() if into == 0 else body.in_blood_from(into - 1)
    assert depot(ka).at(until) / ka == pytest.approx(stored, rel=1e-5)
    assert depot(ka).through(found).at(until) == pytest.approx(blood, rel=1e-5, abs=1e-9)
    left = body.lost * depot(ka).through(found).before(until)
    for number, (side, amount) in enumerate(zip(body.sides, sides, strict=True)):
        if into == 0:
            held = depot(ka).through(body.in_side(number))
        elif into - 1 == number:
            held = depot(ka).through(body.in_side_from(number))
        else:
            continue
        assert held.at(until) == pytest.approx(amount, rel=1e-5, abs=1e-9)
        left += side.lost * held.before(until)
    if into == 0:
        whole = depot(ka).at(until) / ka + depot(ka).through(found).at(until) + left
        whole += sum(depot(ka).through(body.in_side(number)).at(until) for number in range(len(body.sides)))
        assert whole == pytest.approx(1.0, rel=1e-7)


def test_a_cause_of_the_very_same_rate_is_told_apart() -> None:
    """Of two equal depots in a row the exact curve is rate² × minutes × exp(-rate × minutes)."""
    twice = depot(0.1).through(depot(0.1))
    assert twice.at(10) == pytest.approx(0.1**2 * 10 * 2.718281828459045**-1, rel=1e-5)


def test_a_body_two_sides_of_which_empty_alike_is_refused() -> None:
    with pytest.raises(ValueError, match="very same rate"):
        Body(0.1, (Side(0.1, 0.2), Side(0.3, 0.2))).in_blood()


def test_a_curve_is_nothing_before_it_begins() -> None:
    curve = Curve(((1.0, 0.1),))
    assert (curve.at(-1), curve.before(-1), curve.over(5, 10, 4)) == (0.0, 0.0, 0.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_lies_among_the_values_and_grows_with_its_share(values: list[float], share: float) -> None:
    ordered = sorted(values)
    assert ordered[0] <= quantile(ordered, share) <= ordered[-1]
    assert quantile(ordered, 0) == ordered[0] and quantile(ordered, 1) == ordered[-1]


# ── the band ──────────────────────────────────────────────────────────────────────────────────────────────

SPRAY = Regimen(Route.IN, "Esketamine nasal spray", (Given(56),), None, 45.0)
FILM = Regimen(Route.SL, "S-ketamine film", (Given(50),), 70.0, 30.0)
S_VEIN = Regimen(Route.IV, "Esketamine", (Given(17.5, 0, 40),), 70.0, 30.0)
VEIN = Regimen(Route.IV, "Ketamine hydrochloride", (Given(35, 0, 40),), 70.0, 30.0, 40)


def shown(regimen: Regimen) -> Expectation:
    found = expect(regimen)
    assert isinstance(found, Expectation), found
    return found


@pytest.mark.parametrize("regimen", [SPRAY, FILM, S_VEIN])
def test_the_band_lies_about_the_typical_and_is_the_same_every_time(regimen: Regimen) -> None:
    first = shown(regimen)
    assert all(
        point.low is not None and point.high is not None and point.low <= point.typical <= point.high
        for point in first.points
        if point.minute >= 4
    )
    expected._course.cache_clear()
    assert shown(regimen) == first
    assert any("90 % of 500 adults drawn (seed 1984)" in each for each in first.sentences)


def test_racemic_ketamine_into_a_vein_has_a_line_and_no_band_and_says_so() -> None:
    found = shown(VEIN)
    assert {(point.low, point.high) for point in found.points} == {(None, None)}
    assert any(each.startswith("How far people differ was not published") for each in found.sentences)


def test_drawn_adults_differ_as_the_paper_says() -> None:
    """Two thousand of them: the spread of V1 on the logarithmic scale, and its tie to CL."""
    by = Random(7)
    pairs = [
        (log(each["v1_l"] / 133), log(each["cl_l_per_h"] / 95.2))
        for each in (drawn(OTTO, by) for _ in range(4000))
    ]
    size = len(pairs)
    assert sum(v * v for v, _ in pairs) / size == pytest.approx(0.084177, rel=0.08)
    assert sum(c * c for _, c in pairs) / size == pytest.approx(0.026048, rel=0.08)
    assert sum(v * c for v, c in pairs) / size == pytest.approx(0.02261, rel=0.1)
    assert {each["q1_l_per_h"] for each in (drawn(OTTO, by) for _ in range(5))} == {23.2}


def test_a_share_stays_a_share() -> None:
    by = Random(7)
    shares = [drawn(PEREZ_RUIXO, by)["frn"] for _ in range(500)]
    assert 0 < min(shares) < 0.3 and 0.75 < max(shares) < 1


# ── which model, and why none ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("route", "product", "model"),
    [
        (Route.IV, "Ketamine", DOMINO),
        (Route.IV, "Ketamine hydrochloride 50 mg/mL", DOMINO),
        (Route.IV, "Racemic ketamine", DOMINO),
        (Route.IV, "Pharmacy's ketamine", DOMINO),
        (Route.IV, "Ketalar", DOMINO),
        (Route.IV, "Esketamine", OTTO),
        (Route.IV, "S-Ketamin 5 mg/ml", OTTO),
        (Route.IV, "(S)-ketamine", OTTO),
        (Route.IV, "S(+)-ketamine", OTTO),
        (Route.IN, "Esketamine nasal spray", PEREZ_RUIXO),
        (Route.IN, "SPRAVATO", PEREZ_RUIXO),
        (Route.SL, "S-ketamine oral thin film", SIMONS),
    ],
)
def test_the_model_of_a_product_by_a_route(route: Route, product: str, model: Model) -> None:
    assert model_for(route, product) is model


@pytest.mark.parametrize(
    ("route", "product", "words"),
    [
        (Route.IM, "Ketamine", "injection into a muscle"),
        (Route.IM, "Esketamine", "injection into a muscle"),
        (Route.SL, "Ketamine lozenge", "Of a lozenge"),
        (Route.SL, "Esketamine drops", "Of a lozenge"),
        (Route.IN, "Ketamine in saline", "Of racemic ketamine in the nose"),
        (Route.IV, "Arketamine", "the product's name does not say"),
        (Route.IV, "R-ketamine", "the product's name does not say"),
        (Route.IV, "Study drug 7", "the product's name does not say"),
    ],
)
def test_without_a_model_there_is_a_reason_and_no_curve(route: Route, product: str, words: str) -> None:
    found = expect(Regimen(route, product, (Given(50),), 70.0, 40.0))
    assert isinstance(found, NoModel)
    assert words in found.reason


@pytest.mark.parametrize(
    ("regimen", "words"),
    [
        (replace(VEIN, weight_kg=None), "weight is not on file"),
        (replace(VEIN, weight_kg=0.0), "weight is not on file"),
        (replace(VEIN, age_years=17.0), "of adults"),
        (replace(VEIN, given=()), "without its dose"),
        (replace(VEIN, given=(Given(0, 0, 40),)), "without its dose"),
        (replace(SPRAY, given=(Given(50),)), "28 mg devices"),
        (replace(SPRAY, given=(Given(56, 0, 40),)), "more ways than one"),
        (replace(FILM, given=(Given(50, 0, 40),)), "more ways than one"),
    ],
)
def test_a_regimen_no_model_answers_for_is_refused_in_a_sentence(regimen: Regimen, words: str) -> None:
    found = expect(regimen)
    assert isinstance(found, NoModel) and words in found.reason


def test_the_spray_needs_no_weight_and_says_that_the_age_is_not_known() -> None:
    found = shown(replace(SPRAY, age_years=None))
    assert "age not on file, taken as 60 or younger" in found.inputs
    assert found.points == shown(SPRAY).points


def test_later_devices_count_less() -> None:
    one, two = (
        max(point.typical for point in shown(replace(SPRAY, given=(Given(dose),))).points)
        for dose in (28, 56)
    )
    assert one < two < 2 * one
    assert in_doses(PEREZ_RUIXO, [Given(28, 5, 5), Given(28, 0, 0)])[0].from_minute == 0


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("regimen", [VEIN, S_VEIN, FILM, SPRAY])
def test_the_label_comes_first_with_source_inputs_blood_and_what_is_left_out(regimen: Regimen) -> None:
    found = shown(regimen)
    assert found.label == found.sentences[0] == "Population expectation, not this patient; not for dosing."
    assert found.unit == "ng/mL"
    told = " ".join(found.sentences)
    assert found.title in told and found.inputs in told
    assert "arterial" in told.lower() or "venous" in told.lower()
    assert "Taken into account" in told
    assert ("S and R together" in told) == (regimen is VEIN)


def test_weight_and_dose_are_echoed_as_they_were_taken() -> None:
    assert shown(VEIN).inputs == "35 mg from min 0 to 40; 70.0 kg"
    assert shown(SPRAY).inputs == "56 mg at min 0; 45 years"


def test_every_number_of_a_model_is_positive_and_every_spread_has_its_number() -> None:
    for model in MODELS:
        told = model.told
        spread = {*told.get("variance", {}), *told.get("cv_percent", {}), *told.get("logit_sd_percent", {})}
        assert all(value > 0 for value in model.parameters.values()), model.key
        assert spread <= set(model.parameters), model.key
        assert bool(spread) == told["has_spread"], model.key


def test_what_is_ketamine_by_name() -> None:
    assert [is_ketamine(each) for each in ("Ketamine", "Spravato", "Ondansetron", "")] == [
        True,
        True,
        False,
        False,
    ]
