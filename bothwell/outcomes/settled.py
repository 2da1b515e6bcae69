"""What a clinic leaves out of a fit across clinics, so that nothing is told of too few: as little as a plain search finds.

The same couples always lose the same answers. Which these are depends on who answered when and on predictors' values; on
answers' values only where a whole group of couples has to go. It never says which couples they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes, Numbers
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.shared_by import FEWEST, groups, holds_waves, kinds, rare
from bothwell.outcomes.unfit import Unfit


def settled(frame: Frame, fewest: int = FEWEST) -> Frame:
    """The frame of what at least `fewest` couples share (`shared_by`); how many answers that leaves out stands in its
    `left_out`. The frame itself where nothing has to go. Raises Unfit where nothing would be left.

    An estimate from less is a little another one, and a biased one where those who lack answers differ in ways that the
    model does not know.
    """
    here, before = frame, -1
    while _answers(here) != before:
        before = _answers(here)
        here = _without_rare(_sharing(here, fewest), fewest)
        if not before or not _answers(here):
            raise Unfit(
                f"no pattern of answers is shared by {fewest} couples: nothing can be told without telling of fewer"
            )
    lost = _answers(frame) - before
    return replace(here, left_out=(*frame.left_out, _said(lost, _answers(frame), fewest))) if lost else frame


def _answers(frame: Frame) -> int:
    return int((~np.isnan(frame.y)).sum())


def _said(lost: int, answers: int, fewest: int) -> str:
    return f"{lost} of {answers} answers are left out: fewer than {fewest} couples share when or by whom they were given"


def kept(frame: Frame, there: Flags) -> Frame:
    """The frame with these answers (m, 2) alone; couples without any are gone."""
    there = there & ~np.isnan(frame.y)
    if np.array_equal(there, ~np.isnan(frame.y)):
        return frame
    rows = np.asarray(there.any(axis=1))
    whose, couple = np.unique(frame.couple[rows], return_inverse=True)
    some = frame.take(rows, couple.reshape(-1).astype(np.int64))
    answered = there[rows]
    x = np.where(answered[:, :, None], some.x, 0.0)
    return replace(
        some, y=np.where(answered, some.y, np.nan), x=x,
        z=x if some.z is some.x else np.where(answered[:, :, None], some.z, 0.0),
        couples=tuple(frame.couples[i] for i in whose) if frame.couples else (),
    )  # fmt: skip


# ── patterns ──────────────────────────────────────────────────────────────────────────────────────────────


def _sharing(frame: Frame, fewest: int) -> Frame:
    """Every couple's pattern of answers made one that enough share, by leaving out whole occasions or single answers."""
    ways = [_by_occasion(frame, fewest)]
    if holds_waves(frame) and _is_told_by_time(frame):
        ways.append(_by_answer(frame, fewest))
    there = ~np.isnan(frame.y)
    return kept(frame, max(ways, key=lambda way: int((way & there).sum())))


def _by_occasion(frame: Frame, fewest: int) -> Flags:
    """Of each kind of occasion a couple keeps the first ones; where waves are not held together, all or none."""
    kind = _common(frame, kinds(frame), fewest)
    counts = _counts(frame, kind)
    answers = np.zeros(counts.shape[1])
    answers[kind] = (~np.isnan(frame.y)).sum(axis=1)
    is_all = not holds_waves(frame)
    left = _targets(
        np.minimum(counts, 1) if is_all else counts, counts * answers if is_all else answers, fewest
    )
    stays = left[frame.couple, kind] > (0 if is_all else _earlier(frame, kind))
    return np.repeat(stays[:, None], 2, axis=1)


def _by_answer(frame: Frame, fewest: int) -> Flags:
    """A couple keeps some of its answers, each a side's at a time."""
    moment = _common(frame, np.unique(frame.at, return_inverse=True)[1].reshape(-1), fewest)
    there = ~np.isnan(frame.y)
    counts = np.concatenate([_counts(frame, moment, there[:, side]) for side in (0, 1)], axis=1)
    counts[:, counts.sum(axis=0) < fewest] = 0
    left = _targets(counts, np.ones(counts.shape[1]), fewest).reshape(len(counts), 2, -1)
    return np.asarray(left[frame.couple, :, moment] > 0)


def _is_told_by_time(frame: Frame) -> bool:
    """Whether a couple is asked at most once at a time, and all have the same random effects' columns then."""
    if len(np.unique(np.stack([frame.couple, frame.at]), axis=1).T) < len(frame.at):
        return False
    for side in (0, 1):
        there = ~np.isnan(frame.y[:, side])
        rows = np.column_stack([frame.at[there], frame.z[there, side]])
        if len(np.unique(rows, axis=0)) > len(np.unique(rows[:, 0])):
            return False
    return True


def _common(frame: Frame, kind: Indexes, fewest: int) -> Indexes:
    """The kinds that enough couples have, numbered 1, 2, … in their order; all others are 0, and not kept."""
    pairs = np.unique(np.stack([kind, frame.couple]), axis=1)
    is_common = np.bincount(pairs[0]) >= fewest
    return np.asarray(np.where(is_common, np.cumsum(is_common), 0)[kind])


def _counts(frame: Frame, kind: Indexes, here: Flags | None = None) -> Indexes:
    """How many occasions of each kind but 0 each couple has: (n, kinds)."""
    counts = np.zeros((frame.n_couples, int(kind.max()) + 1), dtype=np.int64)
    np.add.at(counts, (frame.couple, kind), 1 if here is None else here.astype(np.int64))
    counts[:, 0] = 0
    return counts


def _earlier(frame: Frame, kind: Indexes) -> Indexes:
    """How many occasions of its kind the couple has before this one."""
    order = np.lexsort((frame.at, kind, frame.couple))
    is_first = np.diff(np.stack([frame.couple, kind])[:, order], prepend=-1).any(axis=0)
    place = np.arange(len(order))
    out = np.empty(len(order), dtype=np.int64)
    out[order] = place - np.maximum.accumulate(np.where(is_first, place, 0))
    return out


def _targets(counts: Indexes, weight: Numbers, fewest: int) -> Indexes:
    """What each couple keeps of its `counts` (n, kinds), so that each pattern left is of enough couples.

    Of all that brings a pattern of too few nearer to that, what loses least of `weight` (of each kind, or of each
    couple's) is done first: two patterns become what they share, or couples who have all of it and more join.
    """
    patterns, member = np.unique(counts, axis=0, return_inverse=True)
    patterns = np.concatenate([patterns, np.zeros_like(patterns[:1])])  # the last: couples who are left out
    here = _Patterns(
        patterns, member.reshape(-1), np.broadcast_to(weight, counts.shape).astype(float), fewest
    )
    lost = np.array([here.losses(g) for g in range(len(patterns))])
    while (few := here.few()).any():
        alone = np.where(few[:, None] | few, lost, np.inf)
        g, h = (int(i) for i in np.unravel_index(int(alone.argmin()), alone.shape))
        cost, wanted, givers = here.cheapest(np.flatnonzero(few))
        if cost < alone[g, h]:
            changed = here.join(wanted, givers)
        else:
            changed = here.merge(min(g, h), max(g, h))
        for one in changed:
            lost[one] = lost[:, one] = here.losses(one)
    return np.asarray(here.patterns[here.member])


@dataclass(eq=False)
class _Patterns:
    """Which couples have which pattern, while these become fewer."""

    patterns: Indexes  # (patterns, kinds)
    member: Indexes  # (n,) each couple's pattern
    weight: Numbers  # (n, kinds)
    fewest: int
    worth: Numbers = field(init=False)  # what one more or less of each kind is to all couples of a pattern

    def __post_init__(self) -> None:
        self.worth = np.zeros(self.patterns.shape)
        np.add.at(self.worth, self.member, self.weight)

    def _weigh(self, changed: list[int]) -> list[int]:
        for one in changed:
            self.worth[one] = self.weight[self.member == one].sum(axis=0)
        return changed

    @property
    def sizes(self) -> Indexes:
        return np.bincount(self.member, minlength=len(self.patterns))

    def few(self) -> Flags:
        """Patterns that too few couples have."""
        return np.asarray((self.sizes > 0) & (self.sizes < self.fewest) & self.patterns.any(axis=1))

    def losses(self, g: int) -> Numbers:
        """What is lost when this pattern and each other become what they share."""
        shared = np.minimum(self.patterns, self.patterns[g])
        found = (self.patterns[g] - shared) @ self.worth[g]
        found += np.einsum("hk,hk->h", self.patterns - shared, self.worth)
        found[g] = np.inf
        return np.asarray(found)

    def cheapest(self, few: Indexes) -> tuple[float, int, Indexes]:
        """The pattern of too few that others who can be spared join with the least loss, and these couples."""
        best: tuple[float, int, Indexes] = (np.inf, 0, np.zeros(0, dtype=np.int64))
        spared = self._spared()
        theirs = self.patterns[self.member[spared]]
        for g in few if len(spared) else ():
            wanted = self.fewest - int(self.sizes[g])
            can = np.flatnonzero((theirs >= self.patterns[g]).all(axis=1))
            costs = ((theirs[can] - self.patterns[g]) * self.weight[spared[can]]).sum(axis=1)
            order = np.argsort(costs, kind="stable")[:wanted]
            if len(order) == wanted and costs[order].sum() < best[0]:
                best = float(costs[order].sum()), int(g), spared[can[order]]
        return best

    def _spared(self) -> Indexes:
        """The couples that a pattern has beyond enough: the last of each."""
        order = np.argsort(self.member, kind="stable")
        sizes = self.sizes
        place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(order[place >= self.fewest])

    def join(self, g: int, couples: Indexes) -> list[int]:
        """Has these couples take a pattern; which patterns changed."""
        before = np.unique(self.member[couples])
        self.member[couples] = g
        return self._weigh([g, *before.tolist()])

    def merge(self, g: int, h: int) -> list[int]:
        """Has two patterns become what they share; which patterns changed."""
        self.patterns[g] = np.minimum(self.patterns[g], self.patterns[h])
        self.patterns[h] = 0
        self.member[self.member == h] = g
        return self._weigh([g, h])


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────


def _without_rare(frame: Frame, fewest: int) -> Frame:
    """Without the occasions whose predictors few couples of their group have, nor groups in which few answers differ."""
    stays = np.ones(len(frame.couple), dtype=bool)
    for group in groups(frame) if len(stays) else []:
        for one in rare(frame, group, fewest):
            stays[group if one.by_answer else one.occasions] = False
    return kept(frame, np.repeat(stays[:, None], 2, axis=1))
