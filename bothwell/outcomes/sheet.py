"""The table with each couple's two partners side by side. It keeps every answer and judges none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.columns import Raw, Whose, codes, columns, numbered, numbers
from bothwell.outcomes.spec import LAGGED, OF, TIMES, Spec
from bothwell.outcomes.unfit import Unfit

FEW_ROLES = 5  # are told by their names
NAMED_WAVES = "name these words as `wave`, and as `time` a column of numbers that says when"
ALIKE = "ask without `distinguished`, with the role as a covariate of 0 and 1"
TWO_PEOPLE = "if they are two people, call them by two names here and let another column say what they are"


@dataclass(frozen=True, eq=False)
class Sheet:
    """One row an occasion (m of them), in the order of couple and time; the two partners side by side."""

    couple: Indexes  # (m,) 0 … n-1, never falling
    at: Numbers  # (m,) when
    wave: Indexes  # (m,) which of the study's waves, from 0; the same for all couples
    values: Mapping[str, Numbers]  # (m, 2) each; nan where not answered or where the partner has no row
    couples: tuple[str, ...]  # n, as the table calls them
    sides: tuple[str, str]  # as the table calls them; ("1", "2") where nothing tells partners apart
    notes: tuple[str, ...] = ()
    waves: tuple[str, ...] = ()  # what the table calls the study's waves, in order
    partners: tuple[
        tuple[str, str], ...
    ] = ()  # n, what the table calls each couple's two; empty who is not in it


@dataclass(frozen=True, eq=False)
class _Rows(Whose):
    """The table's own rows: whose, and on which side."""

    side: Indexes
    sides: tuple[str, str]


def read(spec: Spec, table: Any, sides: tuple[str, str] | None = None) -> Sheet:
    """The columns the question names, as a Sheet. Raises Unfit, naming couple, column and row where it can.

    `sides`: the roles of a fit that is there. Then the table may have one of them alone, and lack the outcome where no
    earlier outcome explains it.
    """
    keys = tuple(name for name in (spec.couple, spec.partner, spec.role, spec.wave, spec.time) if name)
    optional = spec.outcome if sides and spec.model not in LAGGED else ""
    raw = columns(table, tuple(dict.fromkeys(keys + spec.columns)), optional)
    rows = _rows(spec, raw, table, sides)
    occasion, couple, at, wave, waves, notes = _occasions(spec, raw, rows)
    _refuse_repeats(spec, rows, occasion)
    values = {}
    for name in spec.columns:
        values[name] = np.full((len(couple), 2), np.nan)
        values[name][occasion, rows.side] = numbers(raw[name], name, rows)
    notes = _single(rows) + notes + _lonely(spec, rows, occasion)
    return Sheet(couple, at, wave, values, rows.couples, rows.sides, notes, waves, _partners(rows))


# ── who ───────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(spec: Spec, raw: Mapping[str, Raw], table: Any, sides: tuple[str, str] | None) -> _Rows:
    couple, couples = codes(raw[spec.couple], spec.couple, table)
    person, persons = codes(raw[spec.partner], spec.partner, table)
    whose = Whose(couple, couples, person, persons, table)
    rank = _ranks(spec, whose)
    if not spec.distinguished:
        return _Rows(couple, couples, person, persons, table, rank, ("1", "2"))
    column = spec.role or spec.partner
    role, roles = codes(raw[column], column, table)
    _refuse_other_roles(column, roles, sides)
    if spec.role:
        _refuse_roles(spec, whose, rank, role)
    found = sides or (roles[0], roles[1])
    side = np.array([found.index(name) for name in roles], dtype=np.int64)[role]
    return _Rows(couple, couples, person, persons, table, side, found)


def _refuse_other_roles(column: str, roles: tuple[str, ...], sides: tuple[str, str] | None) -> None:
    if sides and not set(roles) <= set(sides):
        raise Unfit(
            f"the model’s roles are {' and '.join(sides)}, this table’s {' and '.join(roles)}", column=column
        )
    if not sides and len(roles) != 2:
        named = f" ({', '.join(roles)})" if len(roles) <= FEW_ROLES else ""
        raise Unfit(
            f"two roles tell partners apart, and here are {len(roles)}{named}; "
            "without `distinguished` any two will do",
            column=column,
        )
    for name in roles:
        if OF in name or TIMES in name:
            raise Unfit("a role with “: ” or “ × ” would be read as an effect's", column=column)


def _partners(rows: _Rows) -> tuple[tuple[str, str], ...]:
    named = np.full((len(rows.couples), 2), -1, dtype=np.int64)
    named[rows.couple, rows.side] = rows.person
    words = (*rows.persons, "")
    return tuple((words[first], words[second]) for first, second in named.tolist())


def _single(rows: _Rows) -> tuple[str, ...]:
    there = np.zeros((len(rows.couples), 2), dtype=bool)
    there[rows.couple, rows.side] = True
    alone = int((~there.all(axis=1)).sum())
    return (f"{alone} of {len(there)} couples have only one partner in the table",) if alone else ()


def _ranks(spec: Spec, whose: Whose) -> Indexes:
    """0 or 1 for each row: which of the couple's two partners, in the order of what the table calls them."""
    n_persons = len(whose.persons)
    pairs, pair = numbered(whose.couple * n_persons + whose.person)
    couple = pairs // n_persons
    rank = np.asarray((np.arange(len(pairs)) - np.searchsorted(couple, couple))[pair], np.int64)
    if (rank > 1).any():
        raise whose.unfit(int(np.argmax(rank > 1)), "a third partner", spec.partner)
    return rank


def _refuse_roles(spec: Spec, whose: Whose, rank: Indexes, role: Indexes) -> None:
    """Each partner keeps one role over all waves, and the two of a couple have different ones."""
    couples = whose.couples
    counts = np.zeros((len(couples), 2, 2), dtype=np.int64)
    np.add.at(counts, (whose.couple, rank, role), 1)
    held = counts > 0  # couple, partner, role
    changed = (held[:, :, 0] & held[:, :, 1]).any(axis=1)
    if changed.any():
        raise Unfit(
            "a partner's role is not the same over the waves",
            couple=couples[np.argmax(changed)],
            column=spec.role,
        )
    same = (held[:, 0] & held[:, 1]).any(axis=1)
    if same.any():
        raise Unfit(
            f"both partners have the same role, so it cannot tell them apart; {ALIKE}",
            couple=couples[np.argmax(same)],
            column=spec.role,
        )


# ── when ──────────────────────────────────────────────────────────────────────────────────────────────────


def _occasions(
    spec: Spec, raw: Mapping[str, Raw], rows: _Rows
) -> tuple[Indexes, Indexes, Numbers, Indexes, tuple[str, ...], tuple[str, ...]]:
    """For each row its occasion's place; for each occasion its couple, time and wave; the study's waves; and what
    must be said of them."""
    n = len(rows.couples)
    if not spec.has_waves:
        return rows.couple, np.arange(n), np.zeros(n), np.zeros(n, dtype=np.int64), (), ()
    moment = _moments(spec, raw, rows)
    wave, waves = _waves(spec, raw, moment)
    n_waves = len(waves)
    ids, occasion = numbered(rows.couple * n_waves + wave)
    couple = ids // n_waves
    one = np.empty(len(ids))
    one[occasion] = moment
    apart = np.bincount(occasion, moment != one[occasion]) > 0
    at = np.where(apart, np.bincount(occasion, moment) / np.bincount(occasion), one)
    order = np.lexsort((at, couple))
    _refuse_same_time(spec, rows, couple[order], at[order])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return (
        place[occasion],
        couple[order],
        at[order],
        (ids % n_waves)[order],
        waves,
        _apart_note(moment, at[occasion]),
    )


def _waves(spec: Spec, raw: Mapping[str, Raw], moment: Numbers) -> tuple[Indexes, tuple[str, ...]]:
    """Each row's wave, and what the waves are called: numbers in their own order, words in that of their mean times;
    without waves the times.

    Times that differ by less than a billionth of the study's length are one.
    """
    if spec.wave and spec.time:
        named, words = codes(raw[spec.wave], spec.wave)
        order = np.argsort(_places(words, np.bincount(named, moment) / np.bincount(named)), kind="stable")
        return np.asarray(np.argsort(order)[named], np.int64), tuple(words[place] for place in order)
    times, place = np.unique(moment, return_inverse=True)
    later = np.diff(times, prepend=times[0]) > 1e-9 * np.ptp(times)
    first = times[np.append(True, later[1:])]
    return np.asarray(np.cumsum(later)[place.reshape(-1)], np.int64), tuple(f"{time:.9g}" for time in first)


def _places(words: tuple[str, ...], times: Numbers) -> Numbers:
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        return times


def _moments(spec: Spec, raw: Mapping[str, Raw], rows: _Rows) -> Numbers:
    column = spec.time or spec.wave
    moment = numbers(raw[column], column, rows, NAMED_WAVES)
    if np.isnan(moment).any():
        raise rows.unfit(int(np.argmax(np.isnan(moment))), "no time", column)
    return moment


def _apart_note(moment: Numbers, at: Numbers) -> tuple[str, ...]:
    rows = int((moment != at).sum())
    if not rows:
        return ()
    return (f"partners gave different times for one wave in {rows} rows; the wave's time is their mean",)


def _lonely(spec: Spec, rows: _Rows, occasion: Indexes) -> tuple[str, ...]:
    """Said where both partners of a couple have times that the other has not: their answers may be one occasion's."""
    if spec.wave or not spec.time:
        return ()
    alone = np.bincount(occasion)[occasion] == 1
    sides = np.zeros((len(rows.couples), 2), dtype=bool)
    sides[rows.couple[alone], rows.side[alone]] = True
    if not sides.all(axis=1).any():
        return ()
    counted = f"{int(alone.sum())} of {int(occasion.max()) + 1} occasions have only one partner's row"
    return (f"{counted}; if their rows belong together, name a `wave` that they share",)


def _refuse_same_time(spec: Spec, rows: _Rows, couple: Indexes, at: Numbers) -> None:
    same = (np.diff(couple) == 0) & (np.diff(at) == 0)
    if same.any():
        raise Unfit(
            "two waves at the same time", couple=rows.couples[couple[np.argmax(same)]], column=spec.time
        )


def _refuse_repeats(spec: Spec, rows: _Rows, occasion: Indexes) -> None:
    cells = occasion * 2 + rows.side
    times = np.bincount(cells)
    if (times < 2).all():
        return
    first, second = np.flatnonzero(cells == np.argmax(times > 1))[:2].tolist()
    one_of = "a duplicated wave: one partner has two rows of it"
    alone = "one partner has two rows, and no wave tells them apart"
    column = spec.wave or spec.time or spec.partner
    raise rows.unfit(first, one_of if spec.has_waves else alone, column, TWO_PEOPLE, second)
