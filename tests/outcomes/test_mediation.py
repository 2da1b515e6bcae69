"""The eight indirect paths: published digits, both kinds of intervals, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from bothwell.outcomes import report
from bothwell.outcomes.caution import FEW
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.indirect import SIMPLE, Way
from bothwell.outcomes.invented import Paths, following, mediated, tidy
from bothwell.outcomes.mediation import Intervals, Mediation, mediate, steps
from bothwell.outcomes.report import of_mediation
from bothwell.outcomes.side_by_side import side_by_side
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.summary import summary
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import acitelli

ASKED = Spec(Model.MEDIATION, "y", ("x",), mediator="m")
EVEN = Spec(Model.MEDIATION, "y", ("x",), mediator="m", distinguished=False)


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def table(couples: int = 150) -> dict[str, np.ndarray]:
    values = mediated(
        couples,
        random(2),
        first=Paths((0.5, 0.4), (0.2, 0.3)),
        second=Paths((0.4, 0.3), (0.2, 0.2)),
        direct=Paths((0.1, 0.1)),
    )
    return tidy(values, sides=("Ada", "Ben"))


@pytest.fixture(scope="module")
def published() -> Mediation:
    spec = acitelli.asked(Model.MEDIATION, "OtherPos_A", mediator="Tension_A")
    return mediate(spec, acitelli.table(), random(), draws=200_000)


@pytest.mark.parametrize(
    ("name", "side", "estimate", "error"),
    [
        ("actor OtherPos_A", "Husband", -0.39740, 0.10767),
        ("actor OtherPos_A", "Wife", -0.46941, 0.10490),
        ("partner OtherPos_A", "Husband", -0.28956, 0.09763),
        ("partner OtherPos_A", "Wife", -0.26765, 0.11569),
    ],
)
def test_paths_to_tension(published: Mediation, name: str, side: str, estimate: float, error: float) -> None:
    place = published.first.names.index(f"{side}: {name}")
    assert published.first.estimates[place] == pytest.approx(estimate, abs=5.1e-6)
    assert np.sqrt(published.first.covariance[place, place]) == pytest.approx(error, abs=5.1e-6)


@pytest.mark.parametrize(
    ("name", "side", "estimate", "error"),
    [
        ("actor Tension_A", "Husband", -0.25024, 0.04681),
        ("actor Tension_A", "Wife", -0.35124, 0.05080),
        ("partner Tension_A", "Husband", -0.12854, 0.04357),
        ("partner Tension_A", "Wife", -0.09442, 0.05459),
        ("actor OtherPos_A", "Husband", 0.29054, None),
        ("actor OtherPos_A", "Wife", 0.18548, None),
        ("partner OtherPos_A", "Husband", 0.12885, None),
        ("partner OtherPos_A", "Wife", 0.18994, None),
    ],
)
def test_paths_to_satisfaction(
    published: Mediation, name: str, side: str, estimate: float, error: float | None
) -> None:
    place = published.second.names.index(f"{side}: {name}")
    assert published.second.estimates[place] == pytest.approx(estimate, abs=5.1e-6)
    if error:
        assert np.sqrt(published.second.covariance[place, place]) == pytest.approx(error, abs=5.1e-6)


@pytest.mark.parametrize(
    ("way", "side", "estimate", "low", "high"),
    [
        (Way.AA, "Wife", 0.165, 0.086, 0.257),
        (Way.AA, "Husband", 0.099, 0.042, 0.172),
        (Way.PP, "Wife", 0.027, -0.003, 0.070),
        (Way.PP, "Husband", 0.034, 0.003, 0.079),
        (Way.AP, "Wife", 0.038, -0.005, 0.092),
        (Way.AP, "Husband", 0.060, 0.017, 0.115),
        (Way.PA, "Wife", 0.094, 0.013, 0.186),
        (Way.PA, "Husband", 0.072, 0.023, 0.134),
    ],
)
def test_indirect_effects_of_acitellis_couples(
    published: Mediation, way: Way, side: str, estimate: float, low: float, high: float
) -> None:
    found = published.effect(way, side)
    assert found.estimate == pytest.approx(estimate, abs=5.1e-4)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2.5e-3)  # theirs are drawn too


def test_sobels_test_of_the_husbands_own_path(published: Mediation) -> None:
    found = published.effect(Way.AA, "Husband")
    assert (found.estimate, found.z, found.p) == (
        pytest.approx(0.09944, abs=5.1e-6),
        pytest.approx(3.037, abs=5.1e-4),
        pytest.approx(0.0024, abs=5.1e-5),
    )


@pytest.mark.parametrize(
    ("way", "side", "share"),
    [
        (Way.OWN_SHARE, "Wife", 50.9),
        (Way.OWN_SHARE, "Husband", 31.5),
        (Way.PARTNER_SHARE, "Wife", 40.9),
        (Way.PARTNER_SHARE, "Husband", 50.8),
    ],
)
def test_the_share_that_is_indirect(published: Mediation, way: Way, side: str, share: float) -> None:
    found = published.effect(way, side)
    assert 100 * found.estimate == pytest.approx(share, abs=0.051)
    assert np.isnan(found.p)


def test_no_share_is_told_of_a_total_that_may_be_nothing() -> None:
    """It would read 9.67 (−20.6, 23.4) where the totals are near 0."""
    none = Paths((0.0, 0.0), (0.0, 0.0))
    full = tidy(mediated(60, random(4), first=Paths((0.3, 0.3)), second=Paths((0.2, 0.2)), direct=none))
    found = mediate(EVEN, full, random(), draws=500)
    for share, total in ((Way.OWN_SHARE, Way.OWN_TOTAL), (Way.PARTNER_SHARE, Way.PARTNER_TOTAL)):
        whole, part = found.effect(total), found.effect(share)
        assert whole.low <= 0 <= whole.high
        assert np.isnan([part.estimate, part.standard_error, part.low, part.high]).all()
    assert any("both, own x, total; both, partner's x, total" in note for note in found.notes)
    text = report.text(of_mediation(found))
    assert [line.split()[-6:] for line in text.splitlines() if "share that" in line] == [["–"] * 6] * 2
    certain = mediate(EVEN, table(), random(), draws=500)
    assert np.isfinite(certain.effect(Way.OWN_SHARE).low) and not any(
        "share" in note for note in certain.notes
    )


def test_total_is_what_the_outcome_says_without_the_mediator() -> None:
    """With the same rows and least squares for each role the total effect is that of the model without m."""
    found = mediate(ASKED, table(), random(), draws=100)
    spec = replace(ASKED, model=Model.TWO_INTERCEPT, mediator="")
    alone = fit(spec, frame(spec, table()))
    for side in ("Ada", "Ben"):
        for way, effect in ((Way.OWN_TOTAL, "actor x"), (Way.PARTNER_TOTAL, "partner x")):
            direct = alone.estimates[alone.names.index(f"{side}: {effect}")]
            assert found.effect(way, side).estimate == pytest.approx(direct, rel=1e-6, abs=1e-8)


def test_partners_that_nothing_tells_apart_have_four_indirect_effects() -> None:
    found = mediate(EVEN, table(), random(), draws=500)
    simple = [each for each in found.effects if each.way in SIMPLE]
    assert [each.side for each in simple] == [""] * 4
    assert found.effect(Way.AA).low < found.effect(Way.AA).estimate < found.effect(Way.AA).high


def test_which_partner_comes_first_in_the_table_changes_nothing_where_nothing_tells_them_apart() -> None:
    full = table(40)
    other = full | {"partner": np.where(full["partner"] == "Ada", "z", "a")}
    one, two = (mediate(EVEN, each, random(), draws=500) for each in (full, other))
    for a, b in zip(one.effects, two.effects, strict=True):
        assert (a.way, a.estimate, a.low) == (b.way, pytest.approx(b.estimate), pytest.approx(b.low))


def test_drawing_couples_anew_gives_nearly_the_intervals_of_chance() -> None:
    chance = mediate(ASKED, table(), random(), draws=20_000)
    couples = mediate(ASKED, table(), random(), intervals=Intervals.BOOTSTRAP, draws=200)
    assert couples.draws == 200
    for a, b in zip(chance.effects, couples.effects, strict=True):
        assert np.array_equal(a.estimate, b.estimate, equal_nan=True)
        assert np.array_equal(a.standard_error, b.standard_error, equal_nan=True)
        if a.way in SIMPLE:
            width = a.high - a.low
            assert abs(a.low - b.low) < 0.35 * width and abs(a.high - b.high) < 0.35 * width


@pytest.mark.parametrize("intervals", list(Intervals))
def test_the_same_seed_gives_the_same_interval(intervals: Intervals) -> None:
    one, again, other = (
        mediate(ASKED, table(30), random(seed), intervals=intervals, draws=15).effects for seed in (3, 3, 4)
    )
    assert [e.low for e in one] == [e.low for e in again]
    assert [e.low for e in one] != [e.low for e in other]


def test_several_predictors_each_have_their_paths() -> None:
    full = table()
    more = full | {"w": random(5).standard_normal(len(full["x"]))}
    found = mediate(replace(ASKED, predictors=("x", "w")), more, random(), draws=500)
    assert len(found.effects) == 2 * 2 * len(Way)
    assert found.effect(Way.AA, "Ada", "w").predictor == "w"
    with pytest.raises(LookupError):
        found.effect(Way.AA, "Cleo")


def test_a_missing_mediator_leaves_the_outcome_out_and_says_so() -> None:
    full = table(30)
    full["m"][0] = np.nan
    found = mediate(ASKED, full, random(), draws=100)
    assert any("a predictor is missing" in note for note in found.notes)
    assert found.first.n_couples == 30 and found.second.n_couples == 29


@pytest.mark.parametrize("wrong", [{"model": Model.APIM}, {"moderators": ("w",)}, {"product": True}])
def test_what_has_no_one_indirect_effect_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Unfit):
        steps(replace(ASKED, **wrong))  # type: ignore[arg-type]


def over_waves(couples: int = 200) -> dict[str, np.ndarray]:
    moving, ahead = Paths((0.5, 0.5), (0.2, 0.2)), Paths((0.4, 0.4), (0.3, 0.3))
    return tidy(following(couples, random(3), waves=5, moving=moving, ahead=ahead))


LATER = Spec(Model.LAGGED_MEDIATION, "y", ("x",), mediator="m", wave="wave", distinguished=False)


def test_over_waves_the_mediator_comes_after_the_predictor_and_before_the_outcome() -> None:
    found = mediate(LATER, over_waves(), random())
    truth = {Way.AA: 0.2, Way.PP: 0.06, Way.AP: 0.15, Way.PA: 0.08}
    for way, value in truth.items():
        effect = found.effect(way)
        assert effect.low < value < effect.high and effect.high - effect.low < 0.1
    assert abs(found.effect(Way.OWN_DIRECT).z) < 3.5


def test_over_waves_a_path_has_the_same_error_as_in_both_directions_side_by_side() -> None:
    full = over_waves(40)
    found, both = mediate(LATER, full, random(), draws=50), side_by_side(LATER, full)
    error = both.row("m", "own").standard_error
    n, place = 40, found.second.names.index("actor change in m")
    cr0 = found.second.covariance_robust[place, place]
    assert error == pytest.approx(np.sqrt(cr0 * n / (n - len(found.second.names))))
    a, b = found.first, found.second
    first = a.names.index("actor x before")
    own = a.covariance_robust[first, first] * n / (n - len(a.names)) * b.estimates[place] ** 2
    other = error**2 * a.estimates[first] ** 2
    assert found.effect(Way.AA).standard_error == pytest.approx(np.sqrt(own + other))


def test_the_notes_of_both_fits_are_kept() -> None:
    found = mediate(ASKED, table(20), random(), draws=50)
    assert FEW in found.notes
    assert {*found.first.notes, *found.second.notes} <= {*found.notes} and len(set(found.notes)) == len(
        found.notes
    )


def test_the_models_it_is_made_of_are_told_with_its_own_level() -> None:
    found = mediate(ASKED, table(40), random(), draws=50, level=0.8)
    row = of_mediation(found).tables[1]
    low, high = (row.rows[1][row.header.index(end)] for end in ("low", "high"))
    wanted = summary(found.first, level=0.8).effects[1]
    assert (low, high) == (wanted.low, wanted.high)


def test_over_waves_a_predictor_is_needed_and_must_not_be_the_couples() -> None:
    with pytest.raises(Unfit, match="no predictor was named"):
        mediate(replace(LATER, predictors=()), over_waves(20), random())
    full = over_waves(20)
    shared = np.repeat(full["x"].reshape(-1, 2)[:, 0], 2)
    with pytest.raises(Unfit, match="no path is the partner's own"):
        mediate(LATER, full | {"x": shared}, random())
