"""What an instrument is: its items, answers, bands and cut-offs, each number with its source.

It holds values only; it never reads a file, never scores, and never knows whose answers are meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Which row of the privacy table the answers fall under."""

    INDIVIDUAL = "measure.individual"
    PREDOSE = "measure.predose"
    RELATIONSHIP = "measure.relationship"
    SUICIDE = "screen.suicide"
    VIOLENCE = "screen.violence"


class Better(StrEnum):
    """Which way is better for the person."""

    LOWER = "lower_is_better"
    HIGHER = "higher_is_better"


class Gain(StrEnum):
    """The five gains a couple hopes for; an instrument may stand for one."""

    COMMUNICATION = "communication"
    REGULATION = "regulation"
    EMPATHY = "empathy"
    CONNECTION = "connection"
    CONFLICT = "conflict"


class CutoffUse(StrEnum):
    """What a cut-off is for: further evaluation, or telling clinically significant change."""

    SCREEN = "screen"
    CHANGE = "change"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer a person may choose; `points` are as printed on the form, before any reversal."""

    code: str
    system: str
    text: str
    points: Decimal


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `lead` is the printed line above it; `poles` are the two words of a word pair."""

    link_id: str
    text: str
    lead: str | None
    code: str
    system: str
    options: tuple[Option, ...]
    scored: bool
    reverse: bool
    poles: tuple[str, str] | None

    @property
    def least(self) -> Decimal:
        """The fewest points any answer gives."""
        return min(option.points for option in self.options)

    @property
    def most(self) -> Decimal:
        """The most points any answer gives."""
        return max(option.points for option in self.options)

    def option(self, code: str) -> Option | None:
        """The option with this code, or None."""
        return next((option for option in self.options if option.code == code), None)

    def weight(self, option: Option) -> Decimal:
        """What the option adds to the total: its points, turned round when the item is reversed."""
        return self.least + self.most - option.points if self.reverse else option.points


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of totals, both ends included; tone 0 (calm) to 4 (grave) is how dark it is drawn."""

    name: str
    from_total: Decimal
    to_total: Decimal
    tone: int


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A total that separates; `confirm` marks a default the clinic's medical director must confirm."""

    value: Decimal
    case_when: str
    meaning: str
    use: CutoffUse
    source: str
    confirm: bool

    def is_case(self, total: Decimal) -> bool:
        """Whether this total lies on the troubled side of the cut-off."""
        return total >= self.value if self.case_when == ">=" else total < self.value


@dataclass(frozen=True, slots=True)
class Reliability:
    """How exactly the instrument measures: a coefficient and, where known, a standard deviation in points."""

    coefficient: Decimal
    what: str
    standard_deviation: Decimal | None
    source: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class PublishedChange:
    """A reliable change somebody published, in points, reached or passed."""

    points: Decimal
    source: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class MissingRule:
    """What happens when an item is not answered; today always: no total."""

    rule: str
    source: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class FlagRule:
    """An answer worth `at_least` points to one item raises a flag that a clinician must look at."""

    flag: str
    item: str
    at_least: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Whether the printed words were found alike in two independent public sources, and in which."""

    verified: bool
    checked_against: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire with its scoring and its provenance; `version` is the short hash of its file."""

    id: str
    version: str
    title: str
    plain_title: str
    stem: str | None
    recall: str
    kind: Kind
    gain: Gain | None
    screen: str | None
    minutes: int
    items: tuple[Item, ...]
    least: Decimal
    most: Decimal
    missing: MissingRule
    bands: tuple[Band, ...]
    cutoffs: tuple[Cutoff, ...]
    better: Better
    reliability: Reliability
    published_change: PublishedChange | None
    flags: tuple[FlagRule, ...]
    licence: str
    owner: str
    citation: str
    source: str
    wording: Wording
    questionnaire_json: str

    @property
    def scored_items(self) -> tuple[Item, ...]:
        """The items that count towards the total, in printed order."""
        return tuple(item for item in self.items if item.scored)

    @property
    def url(self) -> str:
        """The canonical name of the questionnaire, without a version."""
        return str(json.loads(self.questionnaire_json)["url"])

    def item(self, link_id: str) -> Item | None:
        """The item with this linkId, or None."""
        return next((item for item in self.items if item.link_id == link_id), None)

    def band(self, total: Decimal) -> Band | None:
        """The band a total falls in, or None when it lies outside the instrument's range."""
        return next((band for band in self.bands if band.from_total <= total <= band.to_total), None)

    def change_cutoff(self) -> Cutoff | None:
        """The cut-off used for clinically significant change, or None."""
        return next((cutoff for cutoff in self.cutoffs if cutoff.use is not CutoffUse.SCREEN), None)

    def to_fhir(self) -> dict[str, Any]:
        """A fresh FHIR R4 Questionnaire, its version the hash of the file."""
        return {**json.loads(self.questionnaire_json), "version": self.version}
