"""What of some couples' answers their sums single out, and whether enough couples share it. It tells nobody anything.

Sums can be asked at any covariances, so that whatever weighs differently there is told apart: who answered alone, and,
where waves are held together, a couple's own design. Inside such a group sums single out whoever has a value that few
have: products of four numbers of a row are summed, so a polynomial of degree three of what is known of a row (the
values of a column that has few, or a value that many have) stands beside any further number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes, Numbers
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.unfit import Unfit

FEWEST = 5
DEGREE = 3  # of four numbers of a row that are multiplied, one is what is learnt
KNOWN = DEGREE + 1  # a column with no more values than that is known to have them


@dataclass(frozen=True, eq=False)
class Rare:
    """Occasions of too few couples, that sums single out."""

    occasions: Indexes
    names: tuple[str, ...]  # of the columns whose values single them out
    by_answer: bool  # an answer is among these: what is left out must not depend on it alone


@dataclass(frozen=True, eq=False)
class _Cell:
    """Occasions of a group whose value in one column is none of some."""

    here: Flags
    degree: int  # of the polynomial that is zero everywhere else
    name: str
    by_answer: bool


# ── what weighs alike ─────────────────────────────────────────────────────────────────────────────────────


def holds_waves(frame: Frame) -> bool:
    """Whether a couple's waves are held together: its whole design is then told apart from others."""
    return bool(frame.z.shape[2]) or frame.is_autoregressive


def kinds(frame: Frame) -> Indexes:
    """Occasions of the same number weigh the same at any covariances: who answered, random effects' columns, time
    where residuals fade. Numbered 0, 1, … by their values.
    """
    there = ~np.isnan(frame.y)
    z = np.where(there[:, :, None], frame.z, 0.0).reshape(len(there), -1)
    columns = [there.astype(float), z, *([frame.at[:, None]] if frame.is_autoregressive else [])]
    return np.unique(np.concatenate(columns, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def designs(frame: Frame) -> Indexes:
    """Couples of the same number weigh the same at any covariances. (n,)"""
    kind = kinds(frame)
    order = np.lexsort((kind, frame.couple))
    starts = np.flatnonzero(np.diff(frame.couple, prepend=-1))
    tidied = kind[order] if holds_waves(frame) else kind[order].astype(np.int8)
    told = [part if holds_waves(frame) else np.unique(part) for part in np.split(tidied, starts[1:])]
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(part.tobytes(), len(numbers)) for part in told], dtype=np.int64)


def groups(frame: Frame) -> list[Indexes]:
    """The occasions, in order, of each group of couples who weigh the same, at which the same of both answered."""
    there = ~np.isnan(frame.y)
    group = 4 * designs(frame)[frame.couple] + there @ np.array([1, 2])
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


# ── what single values tell ───────────────────────────────────────────────────────────────────────────────


def rare(frame: Frame, group: Indexes, fewest: int) -> list[Rare]:
    """What fewer than `fewest` couples, but one at least, of this group have in common for others to see."""
    couple = frame.couple[group]
    starts = np.flatnonzero(np.diff(couple, prepend=-1))
    cells = _cells(frame, group, fewest)
    here = np.array([cell.here for cell in cells], dtype=bool).reshape(len(cells), len(group))
    degree = np.array([cell.degree for cell in cells], dtype=np.int64)
    found = []
    for chosen, both, spent in _together(here, degree):
        fits = np.flatnonzero(spent + degree <= DEGREE)
        fits = fits[fits > chosen[-1]] if chosen else fits
        for place in fits[_is_few(here[fits] & both, starts, fewest)]:
            parts = [cells[i] for i in (*chosen, place)]
            names = tuple(dict.fromkeys(part.name for part in parts))
            found.append(Rare(group[here[place] & both], names, any(part.by_answer for part in parts)))
    return found


def _together(here: Flags, degree: Indexes) -> Iterator[tuple[tuple[int, ...], Flags, int]]:
    """None, one or two cells that leave room for one more, the occasions in all of them, and their degree."""
    yield (), np.ones(here.shape[1], dtype=bool), 0
    for i in np.flatnonzero(degree < DEGREE):
        yield (int(i),), here[i], int(degree[i])
    for i, j in combinations(np.flatnonzero(degree == 1), 2):
        if (here[i] & here[j]).any():
            yield (int(i), int(j)), here[i] & here[j], 2


def _is_few(masks: Flags, starts: Indexes, fewest: int) -> Flags:
    """Which masks (k, occasions) are of some couples, but fewer."""
    if not len(masks):
        return np.zeros(0, dtype=bool)
    couples = np.logical_or.reduceat(masks, starts, axis=1).sum(axis=1)
    return np.asarray((couples > 0) & (couples < fewest))


def _cells(frame: Frame, group: Indexes, fewest: int) -> list[_Cell]:
    """Every cell of every column, each set of occasions once, by the polynomial of the least degree."""
    found: dict[bytes, _Cell] = {}
    for side in np.flatnonzero(~np.isnan(frame.y[group[0]])):
        there = ~np.isnan(frame.y[:, side])
        columns = [(name, frame.x[:, side, place]) for place, name in enumerate(frame.fixed)]
        for name, column in [*columns, ("", frame.y[:, side])]:
            known = _known(column[there], column[group], frame.couple[group], fewest)
            for cell in _of_column(name, column[group], known):
                mark = cell.here.tobytes()
                if mark not in found or found[mark].degree > cell.degree:
                    found[mark] = cell
    return list(found.values())


def _of_column(name: str, column: Numbers, known: dict[float, bool]) -> Iterator[_Cell]:
    for size in range(1, min(DEGREE, len(known)) + 1):
        for values in combinations(known, size):
            if (here := ~np.isin(column, values)).any():
                degree = size if all(known[value] for value in values) else DEGREE
                yield _Cell(here, degree, name, by_answer=not name)


def _known(everywhere: Numbers, here: Numbers, couple: Indexes, fewest: int) -> dict[float, bool]:
    """The values of a column that has few, else the commonest that enough couples of this group have; and whether it is
    known so surely (half of the couples have it) that other columns' values are looked at together with it.
    """
    few = np.unique(everywhere)
    if len(few) <= KNOWN:
        return {float(value): True for value in few}
    values, place = np.unique(here, return_inverse=True)
    pairs = np.unique(np.stack([place.reshape(-1), couple]), axis=1)
    couples = np.bincount(pairs[0], minlength=len(values))
    common = [i for i in np.argsort(-couples, kind="stable")[:DEGREE] if couples[i] >= fewest]
    return {float(values[i]): bool(2 * couples[i] >= len(np.unique(couple))) for i in common}


# ── refusing ──────────────────────────────────────────────────────────────────────────────────────────────

SETTLE = "; `settled` leaves out what too few share"


def refuse_few(frame: Frame, fewest: int = FEWEST) -> None:
    """Raises Unfit when fewer than so many couples share anything that sums would single out.

    What it says is for the clinic alone.
    """
    if frame.n_couples < fewest:
        raise Unfit(f"fewer than {fewest} couples: no sum is given out")
    if np.bincount(designs(frame)).min() < fewest:
        what = "at the same times by the same of both" if holds_waves(frame) else "by both or by one alone"
        raise Unfit(f"fewer than {fewest} couples share a pattern of answers given {what}" + SETTLE)
    for group in groups(frame):
        for one in rare(frame, group, fewest):
            column = " and ".join(name or _outcome(frame) for name in one.names)
            raise Unfit(f"fewer than {fewest} couples differ here from the others{SETTLE}", column=column)


def _outcome(frame: Frame) -> str:
    return frame.spec.outcome if frame.spec else "the answer"
