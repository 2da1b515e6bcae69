"""Figures for a paper or a talk: paths between two partners, lines over time, estimates, what a model leaves unexplained.

Loaded only with the extra `plots` (matplotlib). Each function returns a Figure of its own and touches no global
state. It names no couple; but `residual_plots` has a dot for each answer and is not for handing out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.contrasts import Row, contrast
from bothwell.outcomes.degrees import Df, Errors
from bothwell.outcomes.design import INTERCEPT, ROLE, actor, bare, of, partner, times
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.predict import predict
from bothwell.outcomes.residuals import residuals
from bothwell.outcomes.spec import OF, TIMES, Model
from bothwell.outcomes.summary import Summary
from bothwell.outcomes.unfit import Unfit

SIDES = ("#0b7d78", "#ad620a")  # the first partner teal, the second amber
BOTH = "#6848b8"
INK, PALE = "#1f2430", "#857f74"
STYLE: Any = {
    "svg.hashsalt": "bothwell",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
}
MOMENTS = 60
FEWEST = 5  # answers behind a mean that is drawn
HEIGHTS = (3.6, 1.4)


class How(TypedDict, total=False):
    """How sure: as `summary` takes it. What is not said is as usual."""

    df: Df | str | None
    errors: Errors | str | None
    level: float


def picture(fit: Fit, summary: Summary, frame: Frame) -> Figure:
    """The figure that suits the model, with the summary's intervals: lines over time, paths where each partner has one,
    else the estimates."""
    how = How(df=summary.df, errors=summary.errors, level=summary.level)
    if fit.spec.model is Model.GROWTH:
        return trajectories(fit, frame, **how)
    if len(_predictors(fit)) == 1:
        return path_diagram(fit, frame, **how)
    return forest(summary.effects)


def write(figure: Figure, path: Path | str) -> None:
    """As SVG, PNG or PDF, by the ending; the same bytes for the same figure."""
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(
        Path(path).suffix, {"Software": None}
    )
    with mpl.rc_context(STYLE):
        figure.savefig(path, metadata=dated, dpi=200)


# ── paths ─────────────────────────────────────────────────────────────────────────────────────────────────


def path_diagram(fit: Fit, frame: Frame, predictor: str = "", **how: Unpack[How]) -> Figure:
    """Both partners' predictor at the left, both outcomes at the right, an arrow for each actor's and partner's effect;
    the title says where a moderator stands. `how`: df, errors and level as `summary` takes them.

    Raises Unfit where the model has no such paths, or several predictors and none was named.
    """
    found = _predictors(fit)
    if not predictor and len(found) != 1:
        raise Unfit(f"a path diagram shows one predictor; this model has {', '.join(found) or 'none'}")
    predictor = predictor or found[0]
    if predictor not in found:
        raise Unfit("the model has no actor's and partner's effect of it", column=predictor)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlim=(0.4, 9.6), ylim=(0.7, 4.3))
        axes.set_axis_off()
        sides = frame.sides if fit.spec.distinguished else ("one partner", "the other")
        starts = [_box(axes, 1.4, HEIGHTS[k], f"{predictor}\n{sides[k]}", SIDES[k]) for k in (0, 1)]
        ends = [_box(axes, 7.8, HEIGHTS[k], f"{fit.spec.outcome}\n{sides[k]}", SIDES[k]) for k in (0, 1)]
        for side in (0, 1):
            own, other = (_path(fit, frame, effect(predictor), side, how) for effect in (actor, partner))
            _arrow(axes, starts[side], ends[side], _said(own), SIDES[side], 0.5)
            _arrow(axes, starts[1 - side], ends[side], _said(other), SIDES[1 - side], 0.3)
        _curve(axes, ends, f"{_correlation(fit.residual):.2f}")
        level = 100 * how.get("level", 0.95)
        title = f"{fit.n_couples} couples; {level:g} % intervals{_where(fit, predictor)}"
        axes.set_title(title, color=PALE, fontsize=8)
    return figure


def _where(fit: Fit, predictor: str) -> str:
    """At which value of what moves the paths they are drawn."""
    effects = {actor(predictor), partner(predictor)}
    moved = [set(bare(name).split(TIMES)) for name in fit.names if effects & set(bare(name).split(TIMES))]
    others = [f"{other} is 0" for factors in moved for other in sorted(factors - effects - {ROLE})]
    others += [f"the other’s {predictor} is 0"] * (effects in moved)
    return f"; where {' and '.join(dict.fromkeys(others))}" if others else ""


def _predictors(fit: Fit) -> tuple[str, ...]:
    bare = [name.rpartition(OF)[2] for name in fit.names]
    named = [
        name.removeprefix(actor("")) for name in bare if name.startswith(actor("")) and TIMES not in name
    ]
    return tuple(dict.fromkeys(name for name in named if partner(name) in bare))


def _path(fit: Fit, frame: Frame, effect: str, side: int, how: How) -> Row:
    """The effect on that side's answer: its own, the pooled one, or the pooled one and what the role adds to it."""
    own, by_role = of(frame.sides[side], effect), times(effect, ROLE)
    if own in fit.names:
        return contrast(fit, {own: 1.0}, **how)
    role = {by_role: (1.0, -1.0)[side]} if by_role in fit.names else {}
    return contrast(fit, {effect: 1.0} | role, **how)


def _said(row: Row) -> str:
    return f"{row.estimate:.2f}  ({row.low:.2f}, {row.high:.2f})".replace("-", "−")


def _correlation(matrix: Numbers) -> float:
    return float(matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1]))


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> Text:
    style = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": colour, "linewidth": 1.5}
    return axes.text(x, y, text, ha="center", va="center", color=INK, bbox=style, zorder=3)


def _arrow(axes: Axes, start: Text, end: Text, text: str, colour: str, along: float) -> None:
    (x, y), (to_x, to_y) = start.get_position(), end.get_position()
    _between(axes, start, end, {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4})
    ground = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    place = (x + along * (to_x - x), y + along * (to_y - y))
    axes.text(*place, text, ha="center", va="center", fontsize=8, color=INK, bbox=ground, zorder=4)


def _curve(axes: Axes, ends: Sequence[Text], text: str) -> None:
    """What the two outcomes share beyond the paths."""
    bent = {"arrowstyle": "<|-|>", "connectionstyle": "arc3,rad=-0.5", "color": BOTH, "linewidth": 1.2}
    _between(axes, ends[0], ends[1], bent)
    axes.text(8.7, sum(HEIGHTS) / 2, text.replace("-", "−"), color=BOTH, ha="left", va="center", fontsize=8)


def _between(axes: Axes, start: Text, end: Text, style: dict[str, Any]) -> None:
    """An arrow from the edge of one box to the edge of another."""
    edges = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 3, "shrinkB": 3}
    axes.annotate("", end.get_position(), start.get_position(), arrowprops=style | edges)


# ── lines over time ───────────────────────────────────────────────────────────────────────────────────────


def trajectories(fit: Fit, frame: Frame, **how: Unpack[How]) -> Figure:
    """The average line of each role (or of all) with a band for the average, at the mean of every other predictor.
    `how`: df, errors and level as `summary` takes them.

    Points are the means of what was answered at each time, where at least five answered. Raises Unfit without waves.
    """
    clock = fit.spec.time or fit.spec.wave
    if not clock:
        raise Unfit("lines over time need waves")
    at = np.linspace(frame.at.min(), frame.at.max(), MOMENTS)
    sides = (0, 1) if fit.spec.distinguished else (0,)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for side in sides:
            colour = SIDES[side] if len(sides) == 2 else BOTH
            mean, low, high = _line(fit, frame, clock, side, at, how)
            axes.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(at, mean, color=colour, label=frame.sides[side] if len(sides) == 2 else "both partners")
            axes.plot(
                *_means(frame, (side,) if len(sides) == 2 else (0, 1)), "o", color=colour, markersize=3.5
            )
        _tidied(axes, clock, fit.spec.outcome)
        axes.legend(frameon=False)
    return figure


def _line(
    fit: Fit, frame: Frame, clock: str, side: int, at: Numbers, how: How
) -> tuple[Numbers, Numbers, Numbers]:
    x = np.stack([_column(frame, name, clock, side, at) for name in fit.names], axis=1)
    told = predict(fit, x[:, None], np.zeros((len(x), 1, len(fit.spread))), **how)
    return told.mean[:, 0], told.low[:, 0], told.high[:, 0]


def _column(frame: Frame, name: str, clock: str, side: int, at: Numbers) -> Numbers:
    """An effect's column along the line: time as it goes, all else at its mean over that side's answers."""
    whose, _, bare = name.rpartition(OF)
    if whose and whose != frame.sides[side]:
        return np.zeros_like(at)
    factors = bare.split(TIMES)
    others = TIMES.join(factor for factor in factors if factor != clock)
    level = 1.0 if others in ("", INTERCEPT) else _mean(frame, of(whose, others) if whose else others, side)
    return level * (at if clock in factors else np.ones_like(at))


def _mean(frame: Frame, name: str, side: int) -> float:
    there = ~np.isnan(frame.y[:, side])
    return float(frame.x[there, side, frame.fixed.index(name)].mean())


def _means(frame: Frame, sides: Sequence[int]) -> tuple[Numbers, Numbers]:
    """Times and mean answers, where at least `FEWEST` people answered."""
    moments, place = np.unique(frame.at, return_inverse=True)
    y = frame.y[:, list(sides)]
    counts = np.bincount(place, (~np.isnan(y)).sum(axis=1), len(moments))
    kept = counts >= FEWEST
    return moments[kept], np.bincount(place, np.nansum(y, axis=1), len(moments))[kept] / counts[kept]


# ── estimates and residuals ───────────────────────────────────────────────────────────────────────────────


def forest(rows: Sequence[Row]) -> Figure:
    """Each effect with its interval, top to bottom; intercepts are left out, for they have no zero to compare with."""
    shown = [row for row in rows if not row.name.endswith(INTERCEPT)] or list(rows)
    heights = np.arange(len(shown))[::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 1.0 + 0.34 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=PALE, linewidth=0.8, linestyle=(0, (4, 3)))
        for row, height in zip(shown, heights, strict=True):
            axes.plot([row.low, row.high], [height, height], color=BOTH, linewidth=1.6, solid_capstyle="butt")
            axes.plot(row.estimate, height, "s", color=BOTH, markersize=5)
        axes.set_yticks(heights, [row.name for row in shown])
        axes.set_ylim(-0.6, len(shown) - 0.4)
        _tidied(axes, "estimate and interval", "")
    return figure


def residual_plots(fit: Fit, frame: Frame) -> Figure:
    """Four looks at what is left: against what was expected, against the normal, partner by partner, over the couples."""
    left = residuals(fit, frame)
    expected = frame.y - left.marginal
    whitened = np.sort(left.whitened[~np.isnan(left.whitened)])
    normal = stats.norm.ppf((np.arange(len(whitened)) + 0.5) / len(whitened))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 6.0), layout="constrained")
        ((one, two), (three, four)) = figure.subplots(2, 2)
        told = fit.spec.distinguished
        dots: Any = {"marker": "o", "linestyle": "", "markersize": 2.5, "alpha": 0.6}
        for side, colour in enumerate(SIDES if told else (BOTH, BOTH)):
            one.plot(
                expected[:, side], left.standardised[:, side], color=colour, label=frame.sides[side], **dots
            )
        if told:
            one.legend(frameon=False, fontsize=8)
        two.plot(normal, normal, color=PALE, linewidth=0.8)
        two.plot(normal, whitened, "o", color=BOTH, markersize=2.5)
        three.plot(left.marginal[:, 0], left.marginal[:, 1], color=BOTH, **dots)
        four.plot(np.sort(left.distance / left.answers), "o", color=BOTH, markersize=2.5)
        _tidied(one, "expected", "left over (standard deviations)")
        _tidied(two, "normal", "left over, made independent")
        whose = frame.sides if told else ("one partner", "the other")
        _tidied(three, f"left over of {whose[0]}", f"left over of {whose[1]}")
        _tidied(four, "couples, in order", "distance per answer (about 1)")
    return figure


def _tidied(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
