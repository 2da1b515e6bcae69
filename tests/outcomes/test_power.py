"""Power by invented studies: it must be able to be too high and too low, so both bounds are asserted."""

import numpy as np
import pytest
from scipy.stats import norm

from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import EQUAL, Paths, icc, tidy
from bothwell.outcomes.power import Power, apim_power, growth_power, power
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

TIMES = np.array([0.0, 1.0, 2.0])


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def named(rows: tuple[Power, ...]) -> dict[str, Power]:
    return {row.effect: row for row in rows}


def test_nothing_is_seen_as_often_as_was_allowed() -> None:
    found = apim_power(30, Paths(), random())
    assert [row.size for row in found] == [0.0] * 4
    for row in found:
        assert 0.026 < row.power < 0.074  # .05 ± 3.5 Monte-Carlo errors of 1,000
        assert row.monte_carlo_error == pytest.approx(np.sqrt(row.power * (1 - row.power) / 1000))


def test_the_power_of_an_actors_effect_is_what_the_formula_says() -> None:
    """Each role regresses on both x (correlated .3), residual variance 1: Var(b) = 1 / (n (1 − .09)), nearly."""
    couples, size = 60, 0.4
    found = named(apim_power(couples, Paths(actor=(size, size)), random(2), replicates=400))
    z = size * np.sqrt((couples - 4) * (1 - 0.09))
    expected = norm.cdf(z - 1.96)
    for side in (1, 2):
        assert found[f"{side}: actor x"].power == pytest.approx(expected, abs=0.07)
    assert 0.5 < expected < 0.95  # where power can be missed on both sides


def test_more_couples_and_larger_effects_are_seen_more_often() -> None:
    def seen(couples: int, size: float) -> float:
        paths = Paths(actor=(size, size), partner=(0.0, 0.0))
        rows = apim_power(couples, paths, random(3), distinguished=False, replicates=200)
        return named(rows)["actor x"].power

    small, more, larger = seen(20, 0.2), seen(60, 0.2), seen(60, 0.4)
    assert small + 0.1 < more < larger - 0.1


def test_where_nothing_tells_partners_apart_there_is_one_row_an_effect() -> None:
    found = apim_power(20, Paths((0.3, 9.0), (0.1, 9.0)), random(), distinguished=False, replicates=50)
    assert [(row.effect, row.size) for row in found] == [("actor x", 0.3), ("partner x", 0.1)]


def test_the_power_for_change_is_what_the_formula_says() -> None:
    """Complete data: a partner's mean slope has variance (G_slope + R / Σ(t − t̄)²) / n."""
    couples, size = 40, 0.35
    spread = np.diag([1.0, 0.5, 1.0, 0.5])
    change = Paths(intercept=(size, 0.0))
    rows = growth_power(couples, TIMES, random(4), change=change, spread=spread, replicates=250)
    found, expected = named(rows), norm.cdf(size / np.sqrt((0.5 + 1 / 2) / couples) - 1.96)
    assert 0.5 < expected < 0.75
    assert found["1: time"].power == pytest.approx(expected, abs=0.11)  # 3.5 Monte-Carlo errors of 250
    assert 0.0 < found["2: time"].power < 0.11
    assert 0.0 < found["1: actor x × time"].power < 0.11


def test_missing_waves_cost_power() -> None:
    def seen(missing: float) -> float:
        rows = growth_power(
            30,
            TIMES,
            random(5),
            change=Paths(intercept=(0.35, 0.35)),
            spread=0.02 * np.eye(4),
            residual=2 * EQUAL,
            missing=missing,
            distinguished=False,
            replicates=150,
        )
        # Many end on the boundary and are fitted; with so many gaps a few do not come to an end.
        assert rows[0].lost <= 30 * missing
        return named(rows)["time"].power

    assert seen(0.7) + 0.15 < seen(0.0)


def test_the_same_seed_gives_the_same_power() -> None:
    one, again = (apim_power(20, Paths((0.3, 0.3)), random(6), replicates=40) for _ in range(2))
    assert one == again


def study(random: np.random.Generator) -> Frame:
    return frame(Spec(Model.ICC, "y", distinguished=False), tidy(icc(20, random)))


def test_an_effect_that_the_model_has_not_is_named() -> None:
    spec = Spec(Model.ICC, "y", distinguished=False)
    with pytest.raises(KeyError, match="no such effect: actor x; there are intercept"):
        power(spec, study, {"actor x": 0.1}, random(), couples=20, replicates=3)


def test_studies_that_cannot_be_fitted_are_said() -> None:
    spec = Spec(Model.ICC, "y", distinguished=False)

    def unfit(random: np.random.Generator) -> Frame:
        if random.random() < 0.5:
            raise Unfit("no couples")
        return study(random)

    (row,) = power(spec, unfit, {"intercept": 0.0}, random(7), couples=20, replicates=60)
    assert row.lost + row.replicates == 60 and 15 < row.lost < 45
    with pytest.raises(Unfit):
        power(spec, lambda _: (_ for _ in ()).throw(Unfit("never")), {}, random(), couples=20, replicates=3)


def test_why_no_study_could_be_fitted_is_said() -> None:
    with pytest.raises(Unfit, match="could be fitted: 4 occasions with 8 answers"):
        apim_power(4, Paths(actor=(0.3, 0.3)), random(), replicates=5)
    with pytest.raises(Unfit, match="actor is two numbers"):
        apim_power(40, Paths(actor=0.3), random())  # type: ignore[arg-type]
