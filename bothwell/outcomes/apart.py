"""Whether results may stand beside each other: none may tell, added to or taken from others, of fewer than five couples.

It knows couples by number only, never an answer. Each result is taken for what it is at worst, a set of sums over the
couples in it; two sums that differ by one couple would be that couple's own answers.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

LEAST: Final = 5
"""Couples: the smallest group anything is told of."""
MOST_LOOKED_AT: Final = 3000
"""Groups looked at before the answer is no: a history so broken up is not worth another hour."""
PRIME: Final = 2_147_483_647

Used = Mapping[Any, Hashable]
"""Of each couple, which of its answers a result used."""


def are_apart(results: Sequence[Used]) -> bool:
    """Whether no way of adding and subtracting these results tells of a group smaller than `LEAST`.

    A row of the matrix is a result, a column a kind of use: the couples whose answers stand in the same results. Told
    apart can be a group whose columns, taken away, lower the rank: then some sum of rows is zero outside the group.
    """
    if any(0 < len(result) < LEAST for result in results):
        return False
    groups = _groups(results)
    whole = _rank(groups)
    small = [couples for couples in groups.values() if len(couples) < LEAST]
    tried = _unions(small)
    if tried is None:
        return False
    return all(
        _rank(column for column, couples in groups.items() if not couples <= group) == whole
        for group in tried
    )


def _groups(results: Sequence[Used]) -> dict[tuple[int, ...], frozenset[Hashable]]:
    """For each pattern of results some answers stand in: the couples they are of."""
    standing: dict[tuple[Hashable, Hashable], list[int]] = {}
    for place, result in enumerate(results):
        for use in result.items():
            standing.setdefault(use, [0] * len(results))[place] = 1
    found: dict[tuple[int, ...], set[Hashable]] = {}
    for (couple, _), pattern in standing.items():
        found.setdefault(tuple(pattern), set()).add(couple)
    return {pattern: frozenset(couples) for pattern, couples in found.items()}


def _unions(small: Collection[frozenset[Hashable]]) -> set[frozenset[Hashable]] | None:
    """Every union of these groups that is still too small; None where they are too many to look at."""
    found: set[frozenset[Hashable]] = set()
    for group in set(small):
        wider = {known | group for known in found if len(known | group) < LEAST}
        found |= {group, *wider}
        if len(found) > MOST_LOOKED_AT:
            return None
    return found


def _rank(columns: Iterable[tuple[int, ...]]) -> int:
    """The rank of a matrix of whole numbers, reckoned exactly (but for a prime so large that it never divides)."""
    rows = [list(row) for row in columns]
    rank = 0
    for place in range(len(rows[0]) if rows else 0):
        pivot = next((n for n in range(rank, len(rows)) if rows[n][place]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        inverse = pow(rows[rank][place], -1, PRIME)
        for n in range(rank + 1, len(rows)):
            if factor := rows[n][place] * inverse % PRIME:
                rows[n] = [(a - factor * b) % PRIME for a, b in zip(rows[n], rows[rank], strict=True)]
        rank += 1
    return rank
