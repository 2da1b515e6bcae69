"""Which couples enter a result, so that nothing it says, beside all that was said before, is about fewer than five.

It sees identifiers only. Whose consent does not stand never enters, whatever else must stay out for their sake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as Some
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bothwell.outcomes.apart import LEAST, are_apart

Uses = Mapping[str, str]
"""Of each couple the answers of theirs that enter, each as `<score>@<week>:<key>`, with spaces between."""
Sums = Mapping[str, Sequence[Uses]]
"""Of each score and week, whose answers stood in what was said before, oldest first: at worst, a sum over them."""

LOOKS_BACK: Final = 12
"""Earlier results whose very couples are tried, the latest first."""


class Why(StrEnum):
    """Why a result holds the couples it holds."""

    ALL = "all"  # everybody who may enter
    WAITS = "waits"  # as before: fewer than five have something new
    ASIDE = "aside"  # some were left aside, so that nobody can be told from another result
    FEW = "few"  # nobody: too few for anything to be said
    OFTEN = "often"  # nobody: these answers have been asked about as often as so few couples bear


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of each couple that enters, which of its answers; and why these."""

    used: Uses
    why: Why


def split(uses: Uses) -> dict[str, dict[str, str]]:
    """By score and week: of each couple the keys of its answers there."""
    found: dict[str, dict[str, list[str]]] = {}
    for couple, use in uses.items():
        for token in use.split():
            place, _, key = token.rpartition(":")
            found.setdefault(place, {}).setdefault(couple, []).append(key)
    return {place: {couple: " ".join(keys) for couple, keys in of.items()} for place, of in found.items()}


def may_be_said(uses: Uses, before: Sums) -> bool:
    """Whether a result over these is apart from all that was said before, in each score and week it touches."""
    return len(uses) >= LEAST and all(
        are_apart((*before.get(place, ()), part)) for place, part in split(uses).items()
    )


def choose(
    candidates: Uses,
    last: Uses,
    before: Sums,
    may_stay: Callable[[str], bool],
    order: Callable[[str], str],
    core: Some[str] = frozenset(),
) -> Chosen:
    """`last`: what this very part of the answer used the last time, empty if never. `may_stay`: whether an answer may
    still be used. `order`: in which order couples are left aside; always the same, and nobody's guess. `core`: couples
    without whom nothing is chosen.
    """
    if len(candidates) < LEAST or not core <= candidates.keys():
        return Chosen({}, Why.FEW)
    if may_be_said(candidates, before):
        return Chosen(candidates, Why.ALL)
    stays = {couple: use for couple, use in last.items() if all(may_stay(each) for each in use.split())}
    is_as_before = stays and len(stays) == len(last)
    if is_as_before and core <= stays.keys() and may_be_said(stays, before):
        return Chosen(stays, Why.WAITS)
    for wanted in _others(candidates, stays, before, order):
        if core <= wanted.keys() and may_be_said(wanted, before):
            return Chosen(wanted, Why.ASIDE)
    return Chosen({}, Why.FEW)


def _others(
    candidates: Uses, stays: Uses, before: Sums, order: Callable[[str], str]
) -> Iterator[dict[str, str]]:
    """What else might be said: of the very couples of an earlier result, or with some left aside in `order`."""
    tried = [said for place in split(candidates) for said in [*before.get(place, ())][::-1][:LOOKS_BACK]]
    for said in sorted(tried, key=len, reverse=True):
        yield {couple: use for couple, use in candidates.items() if couple in said}
    for wanted in (candidates, stays):
        left = sorted(wanted, key=order)
        for count in range(1, len(left) - LEAST + 1):
            yield {couple: wanted[couple] for couple in left[count:]}
