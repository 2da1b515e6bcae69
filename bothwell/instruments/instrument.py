"""What an instrument is: its items, answers, scales, bands and cut-offs, each number with its source.

It holds values only; it never reads a file, never scores, and never knows whose answers are meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Kind(StrEnum):
    """Which row of the privacy table the answers fall under."""

    INDIVIDUAL = "measure.individual"
    PREDOSE = "measure.predose"
    RELATIONSHIP = "measure.relationship"
    SUICIDE = "screen.suicide"
    VIOLENCE = "screen.violence"


class Better(StrEnum):
    """Which way is better for the person; some scales describe and have no better end."""

    LOWER = "lower_is_better"
    HIGHER = "higher_is_better"
    NEITHER = "neither"


class Gain(StrEnum):
    """The five gains a couple hopes for; a scale may stand for one."""

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


class Ships(StrEnum):
    """Whether the printed words come with the product, or the clinic must load its licensed ones."""

    TEXT = "text"
    SKELETON = "skeleton"


class LicenceClass(StrEnum):
    """On what terms the words may be used; `clinic` is what a clinic loaded on its own responsibility."""

    OPEN = "open"
    CONDITIONS = "conditions"
    OWN = "own"
    LICENSED = "licensed"
    CLINIC = "clinic"


class ItemType(StrEnum):
    """How an item is answered."""

    CHOICE = "choice"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"


class How(StrEnum):
    """How the items of a scale become one number."""

    SUM = "sum"
    MEAN = "mean"
    SUM_OF_HIGHEST = "sum_of_highest"


class Operator(StrEnum):
    """How the answer to an earlier item decides whether a later one is asked (FHIR enableWhen)."""

    EXISTS = "exists"
    EQUAL = "="
    NOT_EQUAL = "!="
    MORE = ">"
    LESS = "<"
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Option:
    """One answer a person may choose; `points` are as printed on the form, before any reversal."""

    code: str
    system: str
    text: str
    points: Decimal


@dataclass(frozen=True, slots=True)
class Asked:
    """One test an earlier answer must pass: its item, the operator, and the answer it is held against."""

    item: str
    operator: Operator
    answer: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `lead` is the printed line above it; `poles` are the words at the two ends of a line."""

    link_id: str
    type: ItemType
    text: str
    lead: str | None
    code: str
    system: str
    options: tuple[Option, ...]
    lowest: Decimal | None
    highest: Decimal | None
    scored: bool
    reverse: bool
    poles: tuple[str, str] | None
    asked_when: tuple[Asked, ...] = ()
    asked_when_all: bool = True

    @property
    def least(self) -> Decimal:
        """The fewest points any answer gives. Raises ValueError for an item without points."""
        if self.options:
            return min(option.points for option in self.options)
        return _bound(self.lowest, self.link_id)

    @property
    def most(self) -> Decimal:
        """The most points any answer gives. Raises ValueError for an item without points."""
        if self.options:
            return max(option.points for option in self.options)
        return _bound(self.highest, self.link_id)

    def option(self, code: str) -> Option | None:
        """The option with this code, or None."""
        return next((option for option in self.options if option.code == code), None)

    def points(self, answer: str) -> Decimal | None:
        """The printed points of an answer; None for one that carries none or that this item does not take."""
        match self.type:
            case ItemType.CHOICE | ItemType.BOOLEAN:
                option = self.option(answer)
                return None if option is None else option.points
            case ItemType.INTEGER | ItemType.DECIMAL:
                return _number(answer)
            case _:
                return None

    def takes(self, answer: str) -> bool:
        """Whether this is an answer to this item: one of its options, or a number within its bounds."""
        match self.type:
            case ItemType.CHOICE | ItemType.BOOLEAN:
                return self.option(answer) is not None
            case ItemType.INTEGER | ItemType.DECIMAL:
                value = _number(answer)
                return (
                    value is not None
                    and (self.type is ItemType.DECIMAL or value == value.to_integral_value())
                    and (self.lowest is None or value >= self.lowest)
                    and (self.highest is None or value <= self.highest)
                )
            case ItemType.DATE:
                return len(answer) == 10 and answer.replace("-", "").isdigit()
            case ItemType.TEXT:
                return bool(answer.strip())

    def weight(self, points: Decimal) -> Decimal:
        """What printed points add to a scale: themselves, or turned round when the item is reversed."""
        return self.least + self.most - points if self.reverse else points


def _bound(value: Decimal | None, link_id: str) -> Decimal:
    if value is None:
        raise ValueError(f"{link_id}: an item without points")
    return value


def _number(answer: str) -> Decimal | None:
    try:
        value = Decimal(answer)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


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
    group: str | None
    meaning: str
    use: CutoffUse
    source: str
    confirm: bool

    def is_case(self, total: Decimal) -> bool:
        """Whether this total lies on the troubled side of the cut-off."""
        return total >= self.value if self.case_when == ">=" else total < self.value


@dataclass(frozen=True, slots=True)
class Reliability:
    """How exactly a scale measures: a coefficient and, where known, a standard deviation in points."""

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
    """Up to `at_most` unanswered items are filled with the mean of the others; beyond that: no total."""

    at_most: int
    source: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """One score of an instrument: which items, how they are put together, and what the number means."""

    id: str
    title: str
    items: tuple[str, ...]
    how: How
    groups: tuple[tuple[str, ...], ...]
    times: Decimal
    least: Decimal
    most: Decimal
    better: Better
    gain: Gain | None
    missing: MissingRule
    when_not_asked: Decimal | None
    bands: tuple[Band, ...]
    cutoffs: tuple[Cutoff, ...]
    reliability: Reliability | None
    published_change: PublishedChange | None
    note: str | None
    code: tuple[str, str] | None

    def band(self, total: Decimal) -> Band | None:
        """The band a total falls in; None outside the range or where there are no bands."""
        if not self.least <= total <= self.most:
            return None
        return next((band for band in reversed(self.bands) if band.from_total <= total), None)

    def change_cutoff(self) -> Cutoff | None:
        """The cut-off used for clinically significant change, or None."""
        return next((cutoff for cutoff in self.cutoffs if cutoff.use is not CutoffUse.SCREEN), None)


@dataclass(frozen=True, slots=True)
class Count:
    """At least `times` of these items reach their printed points."""

    times: int
    of: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """A scale's total is at least, or below, a value."""

    scale: str
    at_least: Decimal | None
    below: Decimal | None


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these holds."""

    of: tuple[Condition, ...]


Condition = Count | Reached | Every | Some


@dataclass(frozen=True, slots=True)
class Rule:
    """A published pattern of answers that means something beyond a total, such as a symptom rule."""

    id: str
    title: str
    meaning: str
    when: Condition
    source: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class FlagRule:
    """A pattern that a clinician must look at; a declined item counts as reached where the form says so."""

    flag: str
    when: Condition
    declined_counts: bool
    source: str


@dataclass(frozen=True, slots=True)
class Wording:
    """Whether the printed words were found alike in two independent public sources, and in which."""

    verified: bool
    checked_against: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire with its scoring and its provenance; `version` is the short hash of its file.

    `closing` is what the form prints below its last question (a copyright line that must be seen by whoever
    answers).
    """

    id: str
    version: str
    short: str
    title: str
    plain_title: str
    stem: str | None
    recall: str
    kind: Kind
    areas: tuple[str, ...]
    screen: str | None
    minutes: int
    ships: Ships
    licence_class: LicenceClass
    conditions: str | None
    items: tuple[Item, ...]
    scales: tuple[Scale, ...]
    main: str | None
    rules: tuple[Rule, ...]
    flags: tuple[FlagRule, ...]
    licence: str
    owner: str
    citation: str
    source: str
    wording: Wording
    closing: str | None
    url: str
    document: str

    @property
    def can_be_asked(self) -> bool:
        """Whether it has its words: a skeleton cannot be asked until the clinic loads them."""
        return self.ships is Ships.TEXT

    @property
    def scale(self) -> Scale | None:
        """The scale that stands for the instrument, or None."""
        return None if self.main is None else self.by_scale[self.main]

    @property
    def measure(self) -> Scale:
        """The scale that stands for the instrument. Raises ValueError when none does."""
        if self.main is None:
            raise ValueError(f"{self.id}: no scale stands for this instrument")
        return self.by_scale[self.main]

    @property
    def by_scale(self) -> Mapping[str, Scale]:
        """Its scales by id."""
        return {scale.id: scale for scale in self.scales}

    @property
    def scored_items(self) -> tuple[Item, ...]:
        """The items that count towards some scale, in printed order."""
        return tuple(item for item in self.items if item.scored)

    @property
    def gains(self) -> tuple[Gain, ...]:
        """The gains its scales stand for, each once."""
        return tuple(dict.fromkeys(scale.gain for scale in self.scales if scale.gain is not None))

    def item(self, link_id: str) -> Item | None:
        """The item with this linkId, or None."""
        return next((item for item in self.items if item.link_id == link_id), None)
