"""The couple's negative cycle as a picture: two sides, six words each, and what of the one sets off the other.

Pure. It never says whose fault a cycle is, draws no side larger than the other, and counts nothing.

The parts are those of emotionally focused therapy (steppingintoeft.com, chapter 4): what sets it off, what one makes of
it, the feeling that shows, what one does, the feeling underneath, and what one needs. What one does is what the other
meets: that is the arrow, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

LONGEST_PART: Final = 200
LONGEST_TITLE: Final = 80
"""Characters."""


class CycleType(StrEnum):
    """Which two positions chase each other, as emotionally focused therapists name them; the clinic confirms the list."""

    PURSUE_WITHDRAW = "pursue_withdraw"
    WITHDRAW_WITHDRAW = "withdraw_withdraw"
    ATTACK_ATTACK = "attack_attack"
    REACTIVE = "reactive"

    @property
    def label(self) -> str:
        return {
            "pursue_withdraw": "one pursues, one withdraws",
            "withdraw_withdraw": "both withdraw",
            "attack_attack": "both attack",
            "reactive": "reactive, both ways",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Part:
    """One place of a side: its name in a record, what stands above it for clinicians, and for the couple."""

    code: str
    label: str
    plain: str
    under: bool
    """Whether it lies underneath, where the other does not see it."""


PARTS: Final = (
    Part("trigger", "Trigger", "What sets it off for me", False),
    Part("secondary", "Feeling that shows", "What you can see I feel", False),
    Part("behaviour", "Behaviour", "What I do then", False),
    Part("perception", "Perception", "What I make of it", True),
    Part("primary", "Feeling underneath", "What I feel underneath", True),
    Part("need", "Unmet need", "What I need", True),
)
"""In the order of the picture: what shows first, then what lies underneath."""


@dataclass(frozen=True, slots=True)
class Node:
    """One partner's side of the cycle."""

    trigger: str = ""
    secondary: str = ""
    behaviour: str = ""
    perception: str = ""
    primary: str = ""
    need: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(asdict(self).values())

    def part(self, code: str) -> str:
        return str(getattr(self, code))


@dataclass(frozen=True, slots=True)
class Cycle:
    """The whole picture: a kind, a name the couple gives it, and a side each."""

    kind: CycleType | None = None
    title: str = ""
    a: Node = Node()
    b: Node = Node()

    def side(self, side: str) -> Node:
        return self.a if side == "a" else self.b

    @property
    def is_empty(self) -> bool:
        return self.kind is None and not self.title and self.a.is_empty and self.b.is_empty


# ── reading and writing ──


def written(cycle: Cycle) -> dict[str, Any]:
    """The picture as a record keeps it."""
    return {
        "kind": cycle.kind.value if cycle.kind else "",
        "title": cycle.title,
        "a": asdict(cycle.a),
        "b": asdict(cycle.b),
    }


def read(kept: Mapping[str, Any]) -> Cycle:
    """The picture in a record; whatever it does not say is empty."""
    kind = str(kept.get("kind", ""))
    known = CycleType(kind) if kind in list(CycleType) else None
    return Cycle(known, _text(kept.get("title")), read_node(kept.get("a")), read_node(kept.get("b")))


def read_node(kept: Any) -> Node:
    """One side in a record."""
    said = kept if isinstance(kept, Mapping) else {}
    return Node(**{field.name: _text(said.get(field.name)) for field in fields(Node)})


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def faults(cycle: Cycle) -> dict[str, str]:
    """What is wrong with it, by `title` or `a.trigger`; empty when it may be kept."""
    found = {}
    if len(cycle.title) > LONGEST_TITLE:
        found["title"] = f"There is room for {LONGEST_TITLE} characters."
    for side in ("a", "b"):
        for part in PARTS:
            if len(cycle.side(side).part(part.code)) > LONGEST_PART:
                found[f"{side}.{part.code}"] = (
                    f"There is room for {LONGEST_PART} characters; keep it to a line or two."
                )
    return found


# ── comparing two versions ──


@dataclass(frozen=True, slots=True)
class Change:
    """One place that reads otherwise in the later version; `side` is empty for what belongs to both."""

    side: str
    label: str
    before: str
    after: str


def changes(before: Cycle, after: Cycle) -> tuple[Change, ...]:
    """What differs between two versions, in the order of the picture."""
    found = [
        Change("", "What kind of cycle", _label(before.kind), _label(after.kind)),
        Change("", "What they call it", before.title, after.title),
    ]
    found += [
        Change(side, part.label, before.side(side).part(part.code), after.side(side).part(part.code))
        for side in ("a", "b")
        for part in PARTS
    ]
    return tuple(one for one in found if one.before != one.after)


def _label(kind: CycleType | None) -> str:
    return kind.label if kind else ""
