"""Figures show what was fitted, are the same twice, and leave nothing behind."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bothwell.outcomes.contrasts import contrast
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.spec import Model
from bothwell.outcomes.summary import summary
from bothwell.outcomes.unfit import Unfit
from tests.outcomes.golden.cases import CASES

pytest.importorskip("matplotlib")

from bothwell.outcomes import plots


def fitted(name: str, **other: object) -> tuple[Fit, Frame]:
    spec = replace(CASES[name].spec, **other)
    framed = frame(spec, CASES[name].table())
    return fit(spec, framed), framed


def words(figure: plots.Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_band_around_a_line_counts_couples() -> None:
    found, framed = fitted("growth_boundary")
    side = framed.sides[0]
    _, low, high = plots._line(found, framed, "time", 0, np.array([2.0]), {})
    row = contrast(found, {f"{side}: intercept": 1.0, f"{side}: time": 2.0}, df="satterthwaite")
    assert (low[0], high[0]) == pytest.approx((row.low, row.high))


def test_a_path_diagram_has_both_partners_four_arrows_and_their_numbers() -> None:
    found, framed = fitted("apim_roles")
    said = words(plots.path_diagram(found, framed))
    assert {"x\nother", "x\ntreated", "y\nother", "y\ntreated"} <= set(said)
    for name in ("other: actor x", "other: partner x", "treated: actor x", "treated: partner x"):
        row = summary(found).effect(name)
        assert f"{row.estimate:.2f}  ({row.low:.2f}, {row.high:.2f})".replace("-", "−") in said
    rho = found.residual[0, 1] / np.sqrt(found.residual[0, 0] * found.residual[1, 1])
    assert f"{rho:.2f}" in said


def test_pooled_effects_with_what_roles_add_draw_the_same_numbers() -> None:
    apart = words(plots.path_diagram(*fitted("apim_roles")))
    assert words(plots.path_diagram(*fitted("apim_roles", model=Model.APIM))) == apart


def test_a_picture_has_the_intervals_of_its_summary() -> None:
    found, framed = fitted("apim_roles")
    told = summary(found, "normal", errors="robust", level=0.8)
    said = words(plots.picture(found, told, framed))
    row = told.effect("treated: partner x")
    assert f"{row.estimate:.2f}  ({row.low:.2f}, {row.high:.2f})".replace("-", "−") in said
    lines, framed = fitted("growth_complete")
    wide, narrow = (
        plots.picture(lines, summary(lines, level=level), framed)
        .axes[0]
        .collections[0]
        .get_paths()[0]
        .vertices
        for level in (0.95, 0.5)
    )
    assert np.ptp(narrow[:, 1]) < np.ptp(wide[:, 1])


def test_a_moved_path_says_where_it_is_drawn() -> None:
    moderated = plots.path_diagram(*fitted("apim_alike_moderated")).axes[0].get_title()
    moved = CASES["apim_alike_moderated"].spec
    assert all(f"{name} is 0" in moderated for name in moved.moderators)
    assert ("the other’s x is 0" in moderated) is moved.product
    product = fitted("apim_alike", product=True)
    assert plots.path_diagram(*product).axes[0].get_title().endswith("intervals; where the other’s x is 0")
    assert "where" not in plots.path_diagram(*fitted("apim_roles", model=Model.APIM)).axes[0].get_title()


def test_residual_plots_say_whose_they_are() -> None:
    one, _, three, _ = plots.residual_plots(*fitted("apim_roles")).axes
    assert [text.get_text() for text in one.get_legend().get_texts()] == ["other", "treated"]
    assert (three.get_xlabel(), three.get_ylabel()) == ("left over of other", "left over of treated")
    one, _, three, _ = plots.residual_plots(*fitted("apim_alike")).axes
    assert one.get_legend() is None and three.get_ylabel() == "left over of the other"


def test_where_nothing_tells_partners_apart_both_have_the_same_numbers() -> None:
    said = words(plots.path_diagram(*fitted("apim_alike")))
    numbers = [word for word in said if re.match(r"−?\d\.\d\d  \(", word)]
    assert len(numbers) == 4 and len(set(numbers)) == 2


def test_a_path_diagram_asks_for_one_predictor() -> None:
    with pytest.raises(Unfit, match="none"):
        plots.path_diagram(*fitted("icc_complete"))
    with pytest.raises(Unfit, match="column years"):
        plots.path_diagram(*fitted("apim_alike"), predictor="years")


def test_the_line_goes_through_the_estimates_and_the_band_around_it() -> None:
    found, framed = fitted("growth_complete")
    axes = plots.trajectories(found, framed).axes[0]
    at, mean = axes.lines[0].get_data()
    value = dict(zip(found.names, found.estimates, strict=True))
    np.testing.assert_allclose(mean, value["other: intercept"] + value["other: time"] * at)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["other", "treated"]
    band = axes.collections[0].get_paths()[0].vertices
    error = np.sqrt(found.covariance[0, 0])
    assert band[:, 1][band[:, 0] == 0].min() == pytest.approx(
        value["other: intercept"] - 1.96 * error, rel=1e-2
    )


def test_a_line_with_a_predictor_is_drawn_at_its_mean() -> None:
    found, framed = fitted("growth_arm")
    axes = plots.trajectories(found, framed).axes[0]
    at, mean = axes.lines[0].get_data()
    dots_at, dots = axes.lines[1].get_data()
    np.testing.assert_allclose(np.interp(dots_at, at, mean), dots, atol=0.8)


def test_points_of_fewer_than_five_people_are_not_shown() -> None:
    found, framed = fitted("growth_ragged")  # everybody has times of their own
    axes = plots.trajectories(found, framed).axes[0]
    counts = [
        np.sum((framed.at == moment)[:, None] & ~np.isnan(framed.y[:, [0]]))
        for moment in axes.lines[1].get_xdata()
    ]
    assert all(count >= 5 for count in counts)


def test_a_forest_has_a_row_for_each_effect_but_the_intercepts() -> None:
    found, _ = fitted("apim_roles")
    axes = plots.forest(summary(found).effects).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        name for name in found.names if "intercept" not in name
    ]


def test_residual_plots_show_every_answer_once() -> None:
    found, framed = fitted("growth_missing")
    one, two, three, four = plots.residual_plots(found, framed).axes
    answers = int((~np.isnan(framed.y)).sum())
    assert sum(int((~np.isnan(line.get_ydata())).sum()) for line in one.lines) == answers
    assert len(two.lines[1].get_ydata()) == answers
    assert len(four.lines[0].get_ydata()) == framed.n_couples
    assert int((~np.isnan(three.lines[0].get_ydata() + three.lines[0].get_xdata())).sum()) < answers / 2


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_same_figure_has_the_same_bytes_and_no_date(ending: str, tmp_path: Path) -> None:
    files = []
    for number in (1, 2):
        found, framed = fitted("apim_roles")
        files.append(tmp_path / f"{number}.{ending}")
        plots.write(plots.picture(found, summary(found), framed), files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert b"Date" not in files[0].read_bytes()


def test_each_model_has_its_figure() -> None:
    kinds = {}
    for name in ("growth_alike", "apim_alike", "apim_roles_covariates", "halves_roles", "lag_roles"):
        found, framed = fitted(name) if name != "apim_roles_covariates" else _with_covariates()
        kinds[name] = len(plots.picture(found, summary(found), framed).axes[0].lines)
    assert kinds["growth_alike"] == 2  # a line and the points
    assert kinds["apim_alike"] == kinds["lag_roles"] == kinds["apim_roles_covariates"] == 0  # arrows
    assert kinds["halves_roles"] > 2  # estimates


def _with_covariates() -> tuple[Fit, Frame]:
    return fitted("apim_roles_covariates")


def test_no_global_state_is_touched() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.path_diagram(*fitted("apim_alike"))
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
