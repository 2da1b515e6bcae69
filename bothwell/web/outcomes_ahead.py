"""Where everything stands in the picture of what comes first: one step on the left, the next on the right.

Places only. The partners are not told apart, so there is one’s own and the partner’s; every picture has its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bothwell.outcomes.asking import STEP, Question, Score, scores
from bothwell.outcomes.sentences import direction, interval, is_open, number
from bothwell.web.outcomes_shapes import WIDTH, Arrow, Box, Label, in_lines, within

LEFT, RIGHT, WIDE, TALL = 8, 472, 200, 62
APART: Final = 104
FIRST_TOP: Final = 74
PANEL: Final = 224
HEIGHT: Final = FIRST_TOP + PANEL + APART + TALL + 14
"""A picture of two panels; of each, two boxes on the left, one above the other, and one on the right."""


@dataclass(frozen=True, slots=True)
class Heading:
    x: int
    y: int
    words: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """The picture of four links, with time from left to right."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    labels: tuple[Label, ...]
    panels: tuple[Heading, ...]
    times: tuple[Heading, ...]
    description: str
    time: str = f"M{LEFT + WIDE + 8},20H{RIGHT - 18}"
    time_head: str = f"M{RIGHT - 8},20l-12,-6v12z"
    width: int = WIDTH
    height: int = HEIGHT


def ahead(question: Question, result: Mapping[str, Any]) -> Ahead:
    """Both directions one above the other: what goes before the question first, then the other way round."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    ways = (
        (one, other, result["ahead"]["forward"], FIRST_TOP),
        (other, one, result["ahead"]["backward"], FIRST_TOP + PANEL),
    )
    return Ahead(
        boxes=tuple(box for first, then, _, top in ways for box in _boxes(first, then, top)),
        arrows=tuple(arrow for _, _, links, top in ways for arrow in _arrows(links, top)),
        labels=tuple(label for _, _, links, top in ways for label in _labels(links, top)),
        panels=tuple(
            Heading(LEFT, top - 14, f"{first.words[:1].upper()}{first.words[1:]} first")
            for first, _, _, top in ways
        ),
        times=(
            Heading(LEFT + WIDE // 2, 25, f"in one step ({STEP} weeks)"),
            Heading(RIGHT + WIDE // 2, 25, "in the next"),
        ),
        description=" ".join(_described(first, then, links) for first, then, links, _ in ways),
    )


def rows(question: Question, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The four links as a table has them: the partner’s ahead of one’s own."""
    found = []
    for who, whose in (("partner", "the partner’s"), ("actor", "one’s own")):
        for way in ("forward", "backward"):
            link = result["ahead"][way][who]
            found.append(
                {
                    "direction": direction(question, way),
                    "whose": whose,
                    "estimate": number(link["estimate"]),
                    "within": within(link),
                    "standardised": number(link["standardised"]),
                    "p": link["p"],
                }
            )
    return found


def _boxes(first: Score, then: Score, top: int) -> tuple[Box, ...]:
    earlier, later = f"change in {first.words}", f"change in {then.words}"
    return (
        Box(LEFT, top, ("one’s own", *in_lines(earlier)), WIDE, TALL),
        Box(LEFT, top + APART, ("the partner’s", *in_lines(earlier)), WIDE, TALL),
        Box(RIGHT, top + APART // 2, ("one’s own", *in_lines(later)), WIDE, TALL),
    )


def _ends(top: int, who: str) -> tuple[int, int]:
    """Where an arrow begins and ends, in height: one’s own comes from above, the partner’s from below."""
    from_above, middle = top + TALL // 2, top + APART // 2 + TALL // 2
    return (from_above, middle - 14) if who == "actor" else (from_above + APART, middle + 14)


def _arrows(links: Mapping[str, Any], top: int) -> tuple[Arrow, ...]:
    return tuple(_arrow(*_ends(top, who), who, is_open(links[who])) for who in ("actor", "partner"))


def _arrow(begins: int, ends: int, who: str, is_left_open: bool) -> Arrow:
    x1, x2 = LEFT + WIDE + 4, RIGHT - 6
    long = ((x2 - x1) ** 2 + (ends - begins) ** 2) ** 0.5
    dx, dy = (x2 - x1) / long, (ends - begins) / long
    back_x, back_y = x2 - 12 * dx, ends - 12 * dy
    head = f"M{x2},{ends}L{back_x - 6 * dy:.1f},{back_y + 6 * dx:.1f}L{back_x + 6 * dy:.1f},{back_y - 6 * dx:.1f}z"
    return Arrow(f"M{x1},{begins}L{back_x:.1f},{back_y:.1f}", head, who, is_left_open)


def _labels(links: Mapping[str, Any], top: int) -> tuple[Label, ...]:
    middle = (LEFT + WIDE + RIGHT) // 2
    found = []
    for who, words in (("actor", "own"), ("partner", "partner’s")):
        y = sum(_ends(top, who)) // 2 - 2
        found.append(Label(middle, y, f"{words} {number(links[who]['estimate'])}", within(links[who]), who))
    return tuple(found)


def _described(first: Score, then: Score, links: Mapping[str, Any]) -> str:
    own, partner = links["actor"], links["partner"]
    return (
        f"{first.words[:1].upper()}{first.words[1:]} first: from one’s own change in it in one step to one’s own change in "
        f"{then.words} in the next, {number(own['estimate'])} ({interval(own['low'], own['high'])}); from the partner’s, "
        f"{number(partner['estimate'])} ({interval(partner['low'], partner['high'])})."
    )
