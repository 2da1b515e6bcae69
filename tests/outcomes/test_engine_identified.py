"""What the answers cannot tell is refused, never guessed: too few waves, and partners whose answers are one answer."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes import fit as fitting
from bothwell.outcomes.chunks import fit_chunks
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import Paths, actor_partner, growing, tidy
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import frames

REML = SimpleNamespace(method="reml")
SPREAD = np.diag([9.0, 0.8, 7.0, 0.6])


def grown(waves: int, couples: int = 80) -> dict:
    values = growing(
        couples, np.random.default_rng(1), times=np.arange(float(waves)), start=Paths(intercept=(18, 14)),
        change=Paths(intercept=(-1.2, -0.4)), spread=SPREAD,
    )  # fmt: skip
    return tidy(values)


def fitted(spec: Spec, table: dict) -> Fit:
    return fit(spec, frame(spec, table))


UNTOLD = {
    "growth with two waves": (Spec(Model.GROWTH, "y", wave="wave"), 2),
    "growth with two waves, no roles": (Spec(Model.GROWTH, "y", wave="wave", distinguished=False), 2),
    "a diary of one day": (Spec(Model.DIARY, "y", wave="wave"), 1),
    "a diary of one day, no roles": (Spec(Model.DIARY, "y", wave="wave", distinguished=False), 1),
    "cross-lag with a random intercept and two waves": (
        Spec(Model.CROSS_LAG, "y", wave="wave", random_intercepts=True), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(UNTOLD))
def test_random_effects_need_waves_to_be_told_from_residuals(name: str) -> None:
    spec, waves = UNTOLD[name]
    with pytest.raises(Unfit, match="more waves of a couple are needed"):
        fitted(spec, grown(waves))


@pytest.mark.parametrize("name", sorted(UNTOLD))
def test_one_wave_more_is_enough(name: str) -> None:
    spec, waves = UNTOLD[name]
    assert fitted(spec, grown(waves + 1)).converged


def test_a_few_couples_with_a_third_wave_are_enough() -> None:
    table = grown(3)
    kept = (table["wave"] < 2) | (table["couple"] < 20)
    found = fitted(
        Spec(Model.GROWTH, "y", wave="wave"), {name: values[kept] for name, values in table.items()}
    )
    assert found.converged and np.isfinite(found.spread_errors).all()


def test_chunks_say_the_same_of_waves_too_few() -> None:
    with pytest.raises(Unfit, match="more waves"):
        fit_chunks(REML, chunks(frames.growth(60, 2), 20), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("distinguished", [True, False])
@pytest.mark.parametrize("method", Method)
def test_variances_that_only_fading_makes_untold_are_refused_at_the_top(
    distinguished: bool, method: Method
) -> None:
    spec = Spec(
        Model.CROSS_LAG, "y", wave="wave", random_intercepts=True, autoregressive=True,
        distinguished=distinguished, method=method,
    )  # fmt: skip
    with pytest.raises(Unfit, match="cannot tell which are right"):
        fitted(spec, grown(3))
    fitted(spec, grown(5))


# ── one answer told twice ─────────────────────────────────────────────────────────────────────────────────


def one_answer(sign: float = 1.0, shift: float = 0.0) -> dict:
    values = actor_partner(60, np.random.default_rng(1), paths=Paths(actor=(0.5, 0.5)))
    values["y"] = values["y"][:, :, :1] * np.array([1.0, sign]) + np.array([0.0, shift])
    return tidy(values)


@pytest.mark.parametrize(
    ("sign", "shift", "distinguished"),
    [(1.0, 0.0, True), (1.0, 0.0, False), (-1.0, 0.0, True), (-1.0, 0.0, False), (1.0, 2.0, True)],
)
@pytest.mark.parametrize("model", [Model.ICC, Model.APIM])
def test_partners_whose_answers_are_one_answer_are_refused(
    model: Model, sign: float, shift: float, distinguished: bool
) -> None:
    spec = Spec(model, "y", ("x",) if model is Model.APIM else (), distinguished=distinguished)
    with pytest.raises(Unfit, match="not two answers"):
        fitted(spec, one_answer(sign, shift))


@pytest.mark.parametrize("distinguished", [True, False])
def test_so_they_are_where_a_partner_is_missing(distinguished: bool) -> None:
    table = one_answer()
    table["y"][7] = np.nan
    with pytest.raises(Unfit, match="not two answers"):
        fitted(Spec(Model.ICC, "y", distinguished=distinguished), table)


@pytest.mark.parametrize("fading", [False, True])
def test_so_they_are_over_waves(fading: bool) -> None:
    made = frames.growth(40, 4)
    with pytest.raises(Unfit, match="not two answers"):
        fit(REML, replace(made, y=made.y[:, [0, 0]], is_autoregressive=fading))  # type: ignore[arg-type]


def test_partners_who_are_only_much_alike_are_fitted_and_it_is_said() -> None:
    made = frames.pairs(60)
    y = made.y[:, [0, 0]] + 2e-3 * made.y
    found = fit(REML, replace(made, y=y))  # type: ignore[arg-type]
    assert "The correlation of the partners' residuals is estimated as +1." in found.notes
    assert not fit(REML, made).notes  # type: ignore[arg-type]


# ── very many couples ─────────────────────────────────────────────────────────────────────────────────────


def test_a_column_that_few_of_many_couples_fill_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_rare(frames.growth(400, 3, 0.2, exchangeable=True))
    plain = fit(REML, made)  # type: ignore[arg-type]
    monkeypatch.setattr(fitting, "SAMPLE", 100)
    monkeypatch.setattr(fitting, "MANY", 300)
    found = fit(REML, made)  # type: ignore[arg-type]
    assert found.converged and found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)
    assert found.estimates == pytest.approx(plain.estimates, abs=1e-7)


def with_rare(made: Frame) -> Frame:
    rare = np.isin(made.couple, [1, 2, 3, 6, 7, 9, 11])[:, None] & ~np.isnan(made.y)
    return replace(
        made, x=np.concatenate([made.x, rare[:, :, None] * 1.0], axis=2), fixed=(*made.fixed, "rare")
    )


def test_numbers_that_cannot_be_computed_with_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(fitting.boundary, "climb", broken)
    with pytest.raises(Unfit, match="cannot be computed with"):
        fit(REML, frames.pairs(40))  # type: ignore[arg-type]
