"""How one score goes over the weeks, with its band, and how many changed by more than measurement error.

Each point is over five couples or more, and each point is held against all that was said before; nobody's own line is
ever drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import numpy as np
from scipy import stats

from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.asking import countable
from bothwell.outcomes.coarse import at_least
from bothwell.outcomes.coarse import mean as as_kept
from bothwell.outcomes.gathering import Placed, at, changed, resting
from bothwell.outcomes.putting import Asked
from bothwell.outcomes.reliable import counted

SURE: Final = 0.975


def course(put: Asked, score: str) -> list[dict[str, Any]]:
    """The mean at each time with its 95 % band; a couple's two answers count as one cluster."""
    found = []
    for week in put.question.weeks:
        by_couple: dict[UUID, list[float]] = {}
        for place in _drawn(put, score, week):
            by_couple.setdefault(place.couple, []).append(float(place.answer.value))
        if len(by_couple) >= LEAST:
            found.append({"week": week, "couples": at_least(len(by_couple)), **band(by_couple.values())})
    return found


def _drawn(put: Asked, score: str, week: int) -> list[Placed]:
    """The very answers that the estimates use, where they use any of this time; else those chosen for the course."""
    for part in resting(put.question, week):
        used = [place for place in put.of(part) if (place.answer.score, place.week) == (score, week)]
        if used:
            return used
    return put.of(at(score, week))


def band(clusters: Iterable[Iterable[float]]) -> dict[str, float]:
    """Mean over people and its 95 % interval with couples as clusters (linearised ratio of sums, t with n − 1),
    as they are kept."""
    sums = np.array([(sum(values), len(values)) for values in map(list, clusters)], dtype=float)
    n, mean = len(sums), sums[:, 0].sum() / sums[:, 1].sum()
    left = sums[:, 0] - mean * sums[:, 1]
    error = float(np.sqrt(n / (n - 1) * (left**2).sum()) / sums[:, 1].sum())
    return as_kept(float(mean), error, wide=float(stats.t.ppf(SURE, n - 1)), couples=n)


def counts(put: Asked) -> list[dict[str, Any]]:
    """Of every score whose reliable change is known, and of which five couples gave all four totals."""
    question, found = put.question, []
    for key, score in countable().items():
        totals: dict[UUID, dict[tuple[int, int], Any]] = {}
        for place in put.of(changed(key, question)):
            totals.setdefault(place.couple, {})[place.side, place.week] = place.answer.value
        pairs = {
            couple: tuple((of[side, question.first_week], of[side, question.last_week]) for side in (0, 1))
            for couple, of in totals.items()
        }
        if len(pairs) >= LEAST:
            one = counted(score, pairs)  # type: ignore[arg-type]
            found.append({"key": key, "n_couples": at_least(one.n_couples), "couples": one.couples})
    return found
