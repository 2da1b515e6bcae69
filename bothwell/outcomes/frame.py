"""A couple's answers side by side: what a model is fitted to. It never holds a name, a date of birth or a word."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bothwell.outcomes import cross_sectional, diary, growth_model, lagged, precedence
from bothwell.outcomes.arrays import Flags
from bothwell.outcomes.arrays import Indexes as Indexes
from bothwell.outcomes.arrays import Numbers as Numbers
from bothwell.outcomes.data_hash import answers_hash, hash_of
from bothwell.outcomes.design import Design, bare
from bothwell.outcomes.design import Pattern as Pattern
from bothwell.outcomes.refusing import refuse_constant_answers, refuse_copies, refuse_few
from bothwell.outcomes.sheet import Sheet, read
from bothwell.outcomes.spec import LAGGED, Model, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import is_shared


@dataclass(frozen=True, eq=False)
class Frame:
    """One row an occasion: both partners of one couple at one wave; either answer may be missing.

    Shapes: m occasions, n couples, p fixed and q random effects. Sides 0 and 1 are the two roles where roles
    tell partners apart, else the order in which the table names them (no result may depend on it).
    """

    couple: Indexes  # (m,) 0 … n-1, never falling
    at: Numbers  # (m,) the wave's time, in the table's own unit; 0 where there are no waves
    y: Numbers  # (m, 2) nan where not answered
    x: Numbers  # (m, 2, p) what each partner's row multiplies the fixed effects with
    z: Numbers  # (m, 2, q) the same for the random effects; may be the very array x (growth)
    fixed: tuple[str, ...]  # p names
    random: tuple[str, ...]  # q names, side 0's first, then side 1's, in the same order
    residual: Pattern  # the 2 × 2 covariance of one occasion
    spread: Pattern  # the q × q covariance of the random effects
    couples: tuple[str, ...] = ()  # n, as the table calls them; empty when nobody asked
    sides: tuple[str, str] = ("1", "2")  # what the table calls them
    left_out: tuple[str, ...] = ()  # sentences: what of the table is not in here, and why
    data_hash: str = ""  # SHA-256 of the values used, the same for any order of rows
    is_autoregressive: bool = field(default=False)  # residuals fade over the waves (AR(1))
    answers_hash: str = ""  # of whose answers there are, when, and what they are
    shared: tuple[str, ...] = ()  # columns of which both partners of every couple have the same value
    spec: Spec | None = None  # what was asked; None of a frame made by hand
    waves: tuple[str, ...] = ()  # the study's, in order, where it matters which came before which

    @property
    def n_couples(self) -> int:
        return int(self.couple[-1]) + 1 if len(self.couple) else 0

    def take(self, rows: Indexes | Flags | slice, couple: Indexes) -> Frame:
        """Some of the occasions, whose couples are numbered anew and have no names: no longer the whole data."""
        x = self.x[rows]
        z = x if self.z is self.x else self.z[rows]
        return replace(
            self, couple=couple, at=self.at[rows], y=self.y[rows], x=x, z=z,
            couples=(), data_hash="", answers_hash="",
        )  # fmt: skip


def frame(spec: Spec, table: Any, *, is_part: bool = False) -> Frame:
    """What `spec` asks, of a tidy table with a row for each partner and wave (pandas, Polars, Arrow, mapping).

    A partner's missing row is kept as not answered. Raises Unfit, naming couple and column where it can.
    `is_part`: the table holds some couples of more; whether they are enough and vary is asked of all together.
    """
    sheet = read(spec, table)
    return framed(spec, designed(spec, sheet), hash_of(sheet, not spec.distinguished), is_part=is_part)


def designed(spec: Spec, sheet: Sheet) -> Design:
    """The design of the model that was asked for."""
    match spec.model:
        case Model.ICC | Model.APIM | Model.TWO_INTERCEPT | Model.SUM_DIFFERENCE | Model.MEDIATION:
            return cross_sectional.design(spec, sheet)
        case Model.COMMON_FATE:
            raise Unfit("common fate is not a regression: it is estimated by `common_fate`")
        case Model.GROWTH:
            return growth_model.design(spec, sheet)
        case Model.CROSS_LAG:
            return lagged.design(spec, sheet)
        case Model.DIARY:
            return diary.design(spec, sheet)
        case Model.LAGGED_MEDIATION:
            return precedence.design(spec, sheet)


def framed(spec: Spec, design: Design, data_hash: str, *, is_part: bool = False) -> Frame:
    """The frame of a design: answers whose predictors are missing left out, and said; couples numbered anew."""
    _refuse_one_name_twice(design.fixed)
    answered, notes = _answered(spec, design)
    kept: Flags = np.asarray(answered.any(axis=1))
    sheet = design.sheet
    whose, couple = np.unique(sheet.couple[kept], return_inverse=True)
    answered = answered[kept]
    y = np.where(answered, design.y[kept], np.nan)
    couple, couples = couple.reshape(-1).astype(np.int64), tuple(sheet.couples[i] for i in whose)
    x = _emptied(design.x[kept], answered)
    if not is_part:
        refuse_few(spec, sheet, answered, len(whose))
        refuse_constant_answers(spec, sheet.sides, y)
        refuse_copies(spec, design, kept, x, answered)
        notes += _two_values(spec, sheet)
    return Frame(
        couple=couple,
        at=sheet.at[kept],
        y=y,
        x=x,
        z=x if design.z is design.x else _emptied(design.z[kept], answered),
        fixed=design.fixed,
        random=design.random,
        residual=design.residual,
        spread=design.spread,
        couples=couples,
        sides=sheet.sides,
        left_out=sheet.notes + notes + _lost(sheet, len(whose)),
        data_hash=data_hash,
        is_autoregressive=design.is_autoregressive,
        answers_hash=answers_hash(couples, couple, sheet.at[kept], y),
        shared=tuple(name for name in spec.explaining if is_shared(sheet.values[name])),
        spec=spec,
        waves=sheet.waves if spec.model in LAGGED else (),
    )


def _emptied(x: Numbers, answered: Flags) -> Numbers:
    """Zero where nobody answered, so that what is missing never spoils a sum."""
    return x if answered.all() else np.where(answered[:, :, None], x, 0.0)


def _answered(spec: Spec, design: Design) -> tuple[Flags, tuple[str, ...]]:
    there = ~np.isnan(design.y)
    known = ~np.isnan(design.x).any(axis=2)
    if design.z is not design.x:
        known &= ~np.isnan(design.z).any(axis=2)
    lost = int((there & ~known).sum())
    note = f"{lost} of {int(there.sum())} answers of {spec.outcome} are left out: a predictor is missing"
    return there & known, (note,) if lost else ()


def _lost(sheet: Sheet, n_couples: int) -> tuple[str, ...]:
    lost = len(sheet.couples) - n_couples
    return (f"{lost} of {len(sheet.couples)} couples have no answer that can be used",) if lost else ()


def _two_values(spec: Spec, sheet: Sheet) -> tuple[str, ...]:
    values = sheet.values[spec.outcome]
    if len(np.unique(values[~np.isnan(values)])) > 2:
        return ()
    return (
        f"answers of {spec.outcome} are one of two values: the model takes them as continuous, so that effects are "
        "differences in how often; prefer robust errors, or a model of yes or no, which is not among these",
    )


def _refuse_one_name_twice(names: tuple[str, ...]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise Unfit("two effects would have this name; call the column something else", column=bare(name))
