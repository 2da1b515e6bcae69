"""The same digits from chunks in processes. (From clinics: `test_clinics`.)"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes.chunks import fit_chunks
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import Paths, lagging, tidy
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import frames

REML = SimpleNamespace(method="reml")
NUMBERS = (
    "estimates", "covariance", "covariance_observed", "covariance_robust", "covariance_slopes", "spread", "residual",
    "theta", "theta_covariance", "log_likelihood", "aic", "bic", "n_couples", "n_occasions", "n_answers",
)  # fmt: skip


def assert_same(one: Fit, other: Fit) -> None:
    for name in NUMBERS:
        a, b = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert np.abs(a - b).max(initial=0.0) <= 1e-9 * max(1.0, np.abs(a).max(initial=0.0)), name


FRAMES = [
    frames.growth(90, 4, 0.2),
    frames.growth(90, 3),  # complete: told together in one place, apart in others
    frames.pairs(90, 0.2),
    frames.far(frames.growth(90, 4, 0.2), 2020.0),
    frames.far(frames.growth(90, 4, 0.2, exchangeable=True), 2020.0),
    replace(frames.growth(45, 4, 0.1, exchangeable=True), is_autoregressive=True),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_chunks_give_the_digits_of_one_frame(frame: Frame) -> None:
    assert_same(fit(REML, frame), fit_chunks(REML, chunks(frame, 20), 0))  # type: ignore[arg-type]


def test_chunks_in_processes_give_the_digits_of_one_frame() -> None:
    spec = Spec(Model.GROWTH, "y", wave="wave", method=Method.ML)
    assert_same(fit(spec, FRAMES[0]), fit_chunks(spec, iter(chunks(FRAMES[0], 20)), 2))


def test_what_goes_wrong_in_a_process_is_said_here() -> None:
    frame = frames.growth(30, 4)
    spec = Spec(Model.GROWTH, "y", wave="wave")
    with pytest.raises(Unfit, match="slope B"):
        fit_chunks(spec, chunks(replace(frame, z=frame.z * np.array([1.0, 1, 1, 0])), 15), 1)


def test_a_couple_in_two_chunks_is_named() -> None:
    parts = [replace(part, couples=tuple(map(str, range(30)))) for part in chunks(FRAMES[0], 30)[:2]]
    with pytest.raises(Unfit) as caught:
        fit_chunks(REML, parts, 0)  # type: ignore[arg-type]
    assert caught.value.couple == "0"


def test_chunks_of_different_questions_are_refused() -> None:
    with pytest.raises(Unfit, match="same effects"):
        fit_chunks(REML, [FRAMES[0], FRAMES[2]], 0)  # type: ignore[arg-type]
    with pytest.raises(Unfit, match="no couples"):
        fit_chunks(REML, [], 0)  # type: ignore[arg-type]


def study(couples: int = 60) -> dict[str, np.ndarray]:
    paths = Paths(actor=(0.5, 0.5)), Paths(partner=(0.3, 0.3))
    values = lagging(couples, np.random.default_rng(1), waves=4, stability=paths[0], influence=paths[1])
    return tidy(values, sides=("man", "woman"))


def parts(spec: Spec, table: dict[str, np.ndarray], *halves: dict[str, object]) -> list[Frame]:
    """Two halves of the couples, with columns of each half changed."""
    found = []
    for place, changed in enumerate(halves):
        mine = table["couple"] % 2 == place
        found.append(
            frame(spec, {name: column[mine] for name, column in table.items()} | changed, is_part=True)
        )
    return found


LAGGED = Spec(Model.CROSS_LAG, "y", ("x",), wave="wave", distinguished=False)
ROLES = Spec(Model.GROWTH, "y", wave="wave")


def test_chunks_of_a_lagged_model_give_the_digits_of_one_table() -> None:
    assert_same(fit(LAGGED, frame(LAGGED, study())), fit_chunks(LAGGED, parts(LAGGED, study(), {}, {}), 0))


def without_a_wave(table: dict[str, np.ndarray], half: int) -> list[Frame]:
    """Two halves, of which the first lost a wave."""
    kept = (table["couple"] % 2 != half) | (table["wave"] != 1)
    return parts(LAGGED, {name: column[kept] for name, column in table.items()}, {}, {})


def test_chunks_that_lack_a_wave_of_the_study_do_not_say_what_came_before() -> None:
    with pytest.raises(Unfit, match="the same waves"):
        fit_chunks(LAGGED, without_a_wave(study(), 0), 0)


def test_growth_needs_no_wave_in_all_chunks() -> None:
    table = study()
    kept = (table["couple"] % 2 == 0) | (table["wave"] != 1)
    table = {name: column[kept] for name, column in table.items()}
    assert_same(fit(ROLES, frame(ROLES, table)), fit_chunks(ROLES, parts(ROLES, table, {}, {}), 0))


def test_roles_of_other_names_are_not_taken_for_each_other() -> None:
    table = study()
    partner = table["partner"][table["couple"] % 2 == 1]
    named = {"partner": np.where(partner == "woman", "female", "male")}
    with pytest.raises(Unfit, match="roles by other names: man and woman, and female and male"):
        fit_chunks(ROLES, parts(ROLES, table, {}, named), 0)


def test_outcomes_and_models_are_not_pooled_with_others() -> None:
    table = study()
    one, other = Spec(Model.ICC, "y", wave="wave"), Spec(Model.ICC, "x", wave="wave")
    halves = [parts(spec, table, {}, {})[place] for place, spec in enumerate((one, other))]
    with pytest.raises(Unfit, match="different outcomes"):
        fit_chunks(one, halves, 0)
    with pytest.raises(Unfit, match="asked another question"):
        fit_chunks(one, parts(other, table, {}, {}), 0)
    growth = replace(ROLES, autoregressive=True)
    with pytest.raises(Unfit, match="same effects"):
        fit_chunks(growth, [parts(growth, table, {}, {})[0], parts(ROLES, table, {}, {})[1]], 0)


@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_fading_of_parts_is_told_in_the_step_of_all(unit: float) -> None:
    """The first half was asked every second wave only."""
    table = study()
    kept = (table["couple"] % 2 == 1) | (table["wave"] % 2 == 0)
    table = {name: column[kept] for name, column in table.items()}
    table["time"] = table["wave"] * unit
    spec = Spec(Model.DIARY, "y", wave="wave", time="time", autoregressive=True)
    pooled, apart = fit(spec, frame(spec, table)), fit_chunks(spec, parts(spec, table, {}, {}), 0)
    assert_same(pooled, apart)
    assert pooled.step == apart.step == unit
