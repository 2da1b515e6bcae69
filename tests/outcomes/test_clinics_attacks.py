"""What a coordinator works out who asks more cleverly than a fit does, or keeps what an honest fit was told."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.clinics import Clinic, answer, fit_clinics
from bothwell.outcomes.covariance import Covariances
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.objective import holder
from bothwell.outcomes.precision import MOVES
from bothwell.outcomes.settled import settled
from bothwell.outcomes.shared_by import designs, groups, holds_waves, kinds, rare, refuse_few
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Point
from tests.outcomes import frames
from tests.outcomes.test_clinics import pooled, sent
from tests.outcomes.test_engine_apart import assert_same

APIM = Spec(Model.APIM, "y", ("x",), distinguished=False)
GROWTH = Spec(Model.GROWTH, "y", wave="wave", distinguished=False)
ALONE = 17


def scores(couples: int, seed: int, unanswered: tuple[int, ...] = ()) -> dict[str, list[Any]]:
    """Whole numbers x and y; of some couples the second partner gave no y."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"c{c:03}", side, float(rng.integers(0, 28)), float(rng.integers(0, 82)))
        for c in range(couples)
        for side in "12"
    ]
    columns = dict(zip(("couple", "partner", "x", "y"), map(list, zip(*rows, strict=True)), strict=True))
    for couple in unanswered:
        columns["y"][2 * couple + 1] = None
    return columns


def waves(couples: int, longer: tuple[int, ...]) -> dict[str, list[Any]]:
    """Four waves, and a fifth of some couples."""
    rng = np.random.default_rng(4)
    rows = [
        (f"c{c:03}", side, wave, float(rng.integers(0, 28)))
        for c in range(couples)
        for wave in range(5 if c in longer else 4)
        for side in "12"
    ]
    return dict(zip(("couple", "partner", "wave", "y"), map(list, zip(*rows, strict=True)), strict=True))


# ── who answered alone ────────────────────────────────────────────────────────────────────────────────────


def sides_apart(told: dict[str, Any]) -> Numbers:
    """What one side's sums are over another's, from a head: own and partner's x of those who answered alone."""
    moments = told["moments"]
    (first, second), (mine, other) = moments["count"], np.array(moments["mean"])
    return np.array([first * mine[1] - second * other[2], first * mine[2] - second * other[1]])


def split(said: list[tuple[dict[str, Any], dict[str, Any]]]) -> Numbers:
    """Totals by who answered (both: AA, AB, BB; A alone; B alone), solved for from what an honest fit was told."""
    rows, told = [], []
    for question, sums in said:
        r = np.array(question["residual"])
        inverse = np.linalg.inv(r)
        rows.append([inverse[0, 0], inverse[0, 1], inverse[1, 1], 1 / r[0, 0], 1 / r[1, 1]])
        told.append(np.ravel(sums["cross"]))
        for k, move in enumerate(inverse @ MOVES @ inverse):
            alone = [1 / r[0, 0] ** 2 * (k == 0), 1 / r[1, 1] ** 2 * (k == 2)]
            rows.append([-move[0, 0], -move[0, 1], -move[1, 1], -alone[0], -alone[1]])
            told.append(np.ravel(sums["d_cross"][k]))
    found = np.linalg.lstsq(np.array(rows), np.array(told), rcond=None)[0]
    return np.asarray(found.reshape(5, *np.shape(said[0][1]["cross"])))


def honest(clinic: Clinic, others: list[Clinic]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Questions and answers of one clinic in a fit of several."""
    log = []

    def listened(question: str) -> str:
        text = answer(clinic, question)
        log.append((json.loads(question), json.loads(text)))
        return text

    fit_clinics(APIM, "one", [listened, *map(sent, others)])
    return log


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bothwell.outcomes.clinics.refuse_few", lambda frame, fewest: None)


def test_one_who_answered_alone_would_stand_in_the_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the attack works, where a clinic does not look: one of sixty, from what an honest fit asks."""
    unguarded(monkeypatch)
    table = scores(60, 3, (ALONE,))
    others = [Clinic("one", frame(APIM, scores(40, seed)), tmp_path / str(seed)) for seed in (1, 2)]
    log = honest(Clinic("one", frame(APIM, table), tmp_path / "clinic"), others)
    own, partner = (table["x"][2 * ALONE + side] for side in (0, 1))
    assert sides_apart(log[0][1]) == pytest.approx([own, partner])
    alone = split([each for each in log if each[0]["asks"] == "sums"])[3]
    assert alone[0, 1:] == pytest.approx([own, partner, table["y"][2 * ALONE]], rel=1e-4)


@pytest.mark.parametrize("how_many", [1, 2, 4])
def test_few_who_answered_alone_are_not_told(how_many: int, tmp_path: Path) -> None:
    table = scores(60, 3, tuple(range(ALONE, ALONE + how_many)))
    with pytest.raises(Unfit, match="share a pattern of answers given by both or by one alone"):
        Clinic("one", frame(APIM, table), tmp_path / "clinic")


def test_one_who_answered_alone_is_left_out_and_not_found(tmp_path: Path) -> None:
    mine = settled(frame(APIM, scores(60, 3, (ALONE,))))
    assert mine.left_out[-1].startswith("1 of 119 answers are left out")
    assert mine.n_couples == 59 and f"c{ALONE:03}" not in mine.couples
    other = [frame(APIM, scores(40, seed)) for seed in (1, 2)]
    others = [Clinic("one", each, tmp_path / str(place)) for place, each in enumerate(other)]
    clinic = Clinic("one", mine, tmp_path / "clinic")
    log = honest(clinic, others)
    assert sides_apart(log[0][1]) == pytest.approx([0.0, 0.0], abs=1e-9)
    found = split([each for each in log if each[0]["asks"] == "sums"])
    assert np.abs(found[3:]).max() < 1e-6 * np.abs(found[0]).max()
    apart = fit_clinics(APIM, "one", [sent(clinic), *map(sent, others)])
    assert_same(fit(APIM, pooled([mine, *other])), apart)


def test_five_who_answered_alone_may_stay() -> None:
    mine = frame(APIM, scores(60, 3, (1, 2, 3, 4, 5)))
    refuse_few(mine)
    assert settled(mine) is mine
    lost = settled(mine, fewest=6)
    assert lost.n_couples == 55 and lost.left_out[-1].startswith("5 of 115 answers")


def test_those_alone_at_one_wave_among_both_at_others_are_few_too() -> None:
    """Errors by couples know products of what a couple's kinds of occasions say: three couples have two kinds."""
    table = {name: [value for value in column for _ in range(2)] for name, column in scores(40, 3).items()}
    table["wave"] = [0, 1] * 80
    table["y"] = [float(value + wave) for value, wave in zip(table["y"], table["wave"], strict=True)]
    for couple in range(3):
        table["y"][4 * couple + 3] = None  # the second partner's at the second wave
    spec = replace(APIM, wave="wave")
    mine = frame(spec, table)
    with pytest.raises(Unfit, match="share a pattern"):
        refuse_few(mine)
    lost = settled(mine)
    refuse_few(lost)
    assert (lost.n_couples, len(lost.y)) == (40, 77)


# ── a design of its own ───────────────────────────────────────────────────────────────────────────────────


def separated(clinic: Clinic) -> Numbers:
    """Of couples with five waves what sums say, by seven spreads of the first random effect."""
    p, q = clinic.frame.x.shape[2], clinic.frame.z.shape[2]
    origin = {"effects": np.eye(p).tolist(), "answer": [0] * p, "random": np.eye(q).tolist()}
    rows, told = [], []
    for g in (0.0, 0.05, 0.2, 0.5, 1.0, 3.0, 10.0):
        spread = np.zeros((q, q))
        spread[0, 0] = g
        asked = {
            "analysis": "one", "asks": "sums", "spread": spread.tolist(), "residual": np.eye(2).tolist(),
            "autocorrelation": 0.0, "weights": np.zeros((p + 1, 1)).tolist(),
            "origin": origin | {"step": 1.0, "usual": 1.0, "is_even": True},
        }  # fmt: skip
        rows.append([1.0, -g / (1 + 4 * g), -g / (1 + 5 * g)])
        told.append(np.ravel(json.loads(answer(clinic, json.dumps(asked)))["cross"]))
    found = np.linalg.lstsq(np.array(rows), np.array(told), rcond=None)[0]
    return np.asarray(found[2].reshape(p + 1, p + 1))


def fifth_waves(table: dict[str, list[Any]], couple: int) -> float:
    """One partner's answers of a couple, squared as a sum: what `separated` finds of it."""
    rows = zip(table["couple"], table["partner"], table["y"], strict=True)
    return float(sum(y for name, side, y in rows if (name, side) == (f"c{couple:03}", "1"))) ** 2


def test_one_couple_with_a_wave_more_would_stand_in_the_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    table = waves(40, (11,))
    found = separated(Clinic("one", frame(GROWTH, table), tmp_path / "clinic"))
    assert found[-1, -1] == pytest.approx(fifth_waves(table, 11), rel=1e-3)


def test_one_couple_with_a_wave_more_is_not_told_of(tmp_path: Path) -> None:
    mine = frame(GROWTH, waves(40, (11,)))
    with pytest.raises(Unfit, match="share a pattern of answers given at the same times"):
        Clinic("one", mine, tmp_path / "clinic")
    lost = settled(mine)
    assert lost.left_out[-1].startswith("2 of 322 answers are left out")
    assert lost.n_couples == 40 and lost.at.max() == 3
    found = separated(Clinic("one", lost, tmp_path / "clinic"))
    assert abs(found[-1, -1]) < 1e-3 * fifth_waves(waves(40, (11,)), 11)


def test_five_couples_with_a_wave_more_may_stay() -> None:
    mine = frame(GROWTH, waves(40, (11, 12, 20, 31, 38)))
    assert settled(mine) is mine


def test_few_patterns_are_filled_up_by_those_who_can_spare() -> None:
    """Four of forty lack a wave: leaving it out of a fifth costs two answers, the four couples would be 24."""
    table = waves(40, tuple(range(4, 40)))
    lost = settled(frame(GROWTH, table))
    refuse_few(lost)
    assert lost.n_couples == 40 and lost.left_out[-1].startswith("2 of 392 answers")


def test_times_of_each_couples_own_cannot_be_told_and_are_not_patched() -> None:
    """Slopes over a number that each couple has its own of: nothing is shared by anybody."""
    drawn = frames.growth(40, 4)
    z = drawn.z.copy()
    z[:, 0, 1] = z[:, 1, 3] = drawn.at + 0.01 * drawn.couple
    with pytest.raises(Unfit, match="share a pattern"):
        refuse_few(replace(drawn, z=z, x=z))
    with pytest.raises(Unfit, match="no pattern of answers is shared by 5 couples"):
        settled(replace(drawn, z=z, x=z))


def test_fading_residuals_tell_times_apart_that_random_effects_do_not() -> None:
    steady = frames.shared(40, 4)
    moved = replace(steady, at=steady.at + np.where((steady.couple < 3) & (steady.at == 3), 1.0, 0.0))
    refuse_few(moved)
    with pytest.raises(Unfit, match="share a pattern"):
        refuse_few(replace(moved, is_autoregressive=True))


# ── values that few have ──────────────────────────────────────────────────────────────────────────────────


def marked(mark: np.ndarray[Any, Any], name: str = "ward") -> Frame:
    """Pairs with one column more, a value of each couple (or of each partner)."""
    drawn = frames.pairs(60, exchangeable=True)
    column = np.broadcast_to(mark.reshape(60, -1), (60, 2)).astype(float)
    x = np.concatenate([drawn.x, column[:, :, None]], axis=2)
    return replace(drawn, x=x, fixed=(*drawn.fixed, name), couples=tuple(f"{c}" for c in range(60)))


NUMBER = np.arange(60)
FEW = {
    "marked": NUMBER < 4,
    "unmarked": NUMBER >= 4,
    "one of three": np.minimum(NUMBER // 28, 2),
    "one of four": np.array([0] * 30 + [1] * 20 + [2] * 8 + [3] * 2),
    "none of the usual ones": np.where(NUMBER < 57, NUMBER % 3, NUMBER),
    "not zero": np.where(NUMBER < 3, NUMBER + 0.5, 0.0),
}


@pytest.mark.parametrize("mark", FEW.values(), ids=FEW)
def test_a_value_that_few_couples_have_is_not_told(mark: np.ndarray[Any, Any]) -> None:
    with pytest.raises(Unfit) as caught:
        refuse_few(marked(mark))
    assert caught.value.column == "ward"
    lost = settled(marked(mark))
    refuse_few(lost)
    assert 55 < lost.n_couples < 60


def test_values_that_many_have_and_numbers_of_all_kinds_may_be_told() -> None:
    for mark in (NUMBER % 2, NUMBER % 4, NUMBER.astype(float), NUMBER**0.5):
        refuse_few(marked(mark))


def test_two_marks_that_few_have_together_are_not_told() -> None:
    """Thirty and eight have each; both, three have. A model that multiplies squared errors knows them."""
    both = marked(NUMBER < 30)
    second = np.repeat(((NUMBER >= 27) & (NUMBER < 35)).astype(float)[:, None], 2, axis=1)
    both = replace(both, x=np.concatenate([both.x, second[:, :, None]], axis=2), fixed=(*both.fixed, "night"))
    with pytest.raises(Unfit) as caught:
        refuse_few(both)
    assert caught.value.column == "ward and night"
    lost = settled(both)
    assert set(both.couples) - set(lost.couples) == {"27", "28", "29"}


def test_a_value_that_few_of_those_alone_have_is_not_told_though_many_of_all_do() -> None:
    mine = marked(NUMBER % 2)
    y = mine.y.copy()
    y[:7, 1] = np.nan  # four of them have the value 0, three the value 1
    with pytest.raises(Unfit) as caught:
        refuse_few(replace(mine, y=y))
    assert caught.value.column == "ward"
    assert set(mine.couples) - set(settled(replace(mine, y=y)).couples) == set("0123456")


def test_answers_in_which_few_differ_go_with_their_whole_group() -> None:
    """To leave out those who answered otherwise would bend every estimate."""
    mine = marked(NUMBER % 2)
    y = mine.y.copy()
    y[:10, 1], y[:10, 0] = np.nan, 1.0
    y[:2, 0] = [2.0, 3.0]
    found = replace(mine, y=y)
    with pytest.raises(Unfit) as caught:
        refuse_few(found)
    assert "the answer" in caught.value.column
    assert set(found.couples) - set(settled(found).couples) == {f"{c}" for c in range(10)}


# ── what holds of whatever is settled ─────────────────────────────────────────────────────────────────────

MAKERS: list[Callable[[int, float, int], Frame]] = [
    lambda couples, missing, seed: frames.growth(couples, 3, missing, seed),
    lambda couples, missing, seed: frames.shared(couples, 4, seed, missing),
    lambda couples, missing, seed: frames.pairs(couples, missing, seed),
    lambda couples, missing, seed: replace(frames.growth(couples, 3, missing, seed), is_autoregressive=True),
]


@settings(max_examples=60, deadline=None)
@given(
    maker=some.sampled_from(MAKERS), couples=some.integers(8, 60), missing=some.floats(0.01, 0.4),
    seed=some.integers(0, 10_000), fewest=some.integers(2, 8),
)  # fmt: skip
def test_whatever_is_settled_is_shared_by_enough(
    maker: Callable[[int, float, int], Frame], couples: int, missing: float, seed: int, fewest: int
) -> None:
    whole = maker(couples, missing, seed)
    try:
        mine = settled(whole, fewest)
    except Unfit:
        return
    refuse_few(mine, fewest)
    assert settled(mine, fewest) is mine
    assert np.bincount(designs(mine)).min() >= fewest
    assert not any(rare(mine, group, fewest) for group in groups(mine))
    assert set(mine.y[~np.isnan(mine.y)]) <= set(whole.y[~np.isnan(whole.y)])


def turned(mine: Frame, rng: np.random.Generator) -> Frame:
    """Columns and answers of couples who weigh the same, mixed by a rotation: other numbers, the same squares."""
    w = np.concatenate([mine.x, np.nan_to_num(mine.y)[:, :, None]], axis=2)
    kind, whose = kinds(mine), designs(mine)[mine.couple]
    if not holds_waves(mine):  # each occasion for itself
        whose, couple = kind, np.arange(len(kind))
    else:
        couple = mine.couple
    for design in np.unique(whose):
        rows = np.flatnonzero(whose == design)
        rows = rows[np.lexsort((mine.at[rows], kind[rows], couple[rows]))]
        n = len(np.unique(couple[rows]))
        mix = np.linalg.qr(rng.normal(size=(n, n)))[0]
        w[rows] = np.einsum("ab,b...->a...", mix, w[rows].reshape(n, -1)).reshape(w[rows].shape)
    y = np.where(np.isnan(mine.y), np.nan, w[:, :, -1])
    return replace(mine, x=w[:, :, :-1], y=y, z=mine.z.copy())


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("fewest", [2, 5])
def test_sums_know_of_couples_who_weigh_the_same_their_squares_alone(
    maker: Callable[[int, float, int], Frame], fewest: int
) -> None:
    """At any covariances whatever: so nothing of fewer than these couples together is in a sum."""
    rng = np.random.default_rng(6)
    mine = settled(maker(50, 0.15, 3), fewest)
    other = turned(mine, rng)
    assert np.nanmax(np.abs(mine.y - other.y)) > 0.5
    p, q = mine.x.shape[2], mine.z.shape[2]
    told = [holder(each) for each in (mine, other)]
    for _ in range(5):
        spread, residual = rng.normal(size=(q, q)), rng.normal(size=(2, 2))
        fading = float(rng.uniform(0.1, 0.9)) if mine.is_autoregressive else None
        at = Covariances(spread @ spread.T, residual @ residual.T + 0.1 * np.eye(2), fading)
        weights = rng.normal(size=(p + 1, 1))
        one, two = (each.ask(Point(at, weights)) for each in told)
        for name in ("log_determinant", "cross", "d_log_determinant", "d_cross", "second"):
            a, b = np.asarray(getattr(one, name)), np.asarray(getattr(two, name))
            assert np.abs(a - b).max(initial=0.0) <= 1e-8 * max(1.0, np.abs(a).max(initial=0.0)), name


def test_the_same_couples_lose_the_same_whatever_the_order_of_rows() -> None:
    table = waves(30, (1, 5, 9))
    one = settled(frame(GROWTH, table))
    order = np.random.default_rng(2).permutation(len(table["y"]))
    other = settled(frame(GROWTH, {name: np.array(column)[order] for name, column in table.items()}))
    assert one.couples == other.couples and np.array_equal(one.y, other.y, equal_nan=True)


def test_whole_scores_of_all_columns_are_looked_through_in_time() -> None:
    """A few hundred couples with scores of whole numbers, three marks and eight waves."""
    rng = np.random.default_rng(1)
    drawn = frames.shared(300, 8, missing=0.05)
    x = np.stack(
        [
            *(rng.integers(0, 2, (len(drawn.y), 2)) for _ in range(3)),
            *rng.integers(0, 28, (2, len(drawn.y), 2)),
        ],
        2,
    )
    mine = replace(
        drawn, x=np.where(np.isnan(drawn.y)[:, :, None], 0.0, np.concatenate([drawn.x, x], axis=2)),
        y=np.round(3 * drawn.y), fixed=(*drawn.fixed, "a", "b", "c", "score", "other"),
    )  # fmt: skip
    lost = settled(mine)
    refuse_few(lost)
    assert lost.n_couples > 200
