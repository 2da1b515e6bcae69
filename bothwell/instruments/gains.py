"""The five gains in one table: what each means here, which validated measures follow it, and which weekly question.

It is drawn from the catalogue each time, so it cannot disagree with it; it never scores and never adds a weekly
question to a measure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Better, Gain, Instrument, Kind, LicenceClass, Scale

MEASURES: Final = frozenset({Kind.INDIVIDUAL, Kind.RELATIONSHIP})
"""What follows a person over time; screens and the questions before a dose do not."""

GAINS: Final = {
    Gain.COMMUNICATION: (
        "Communication",
        "The two of them can talk about what matters, and each feels heard.",
    ),
    Gain.REGULATION: (
        "Emotional regulation",
        "Strong feelings can be felt and steadied without taking over.",
    ),
    Gain.EMPATHY: (
        "Empathy and understanding",
        "Each can sense how things are for the other, and feels understood in turn.",
    ),
    Gain.CONNECTION: (
        "Connection and intimacy",
        "The two of them feel close, wanted and at ease with each other.",
    ),
    Gain.CONFLICT: (
        "Less conflict",
        "Disagreements leave fewer hurts, and the two of them are less often caught in the same pattern.",
    ),
}

BESIDE: Final = {
    "depression": "Depression",
    "anxiety": "Anxiety",
    "trauma": "Trauma",
    "relationship_satisfaction": "Satisfaction with the relationship",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One score of one instrument; `has_words` is False for a skeleton, which cannot be asked as it ships."""

    instrument: str
    scale: str
    title: str
    better: Better
    has_words: bool


@dataclass(frozen=True, slots=True)
class GainRow:
    """One gain: its meaning here, its validated measures, and its weekly question.

    `nearest` are scores that stand for the gain though their instrument measures something beside it, as
    satisfaction stands for connection; they are no validated measure of it. `skeletons` are validated instruments
    about this gain that have no words here, scored or not: a clinic with the owner's permission may load them.
    `pulse` is Bothwell's own question, not a validated scale.
    """

    gain: Gain
    title: str
    definition: str
    measures: tuple[Measured, ...]
    nearest: tuple[Measured, ...]
    skeletons: tuple[str, ...]
    pulse: Measured

    @property
    def has_validated_words(self) -> bool:
        """Whether a validated measure of it can be asked as it ships."""
        return any(measure.has_words for measure in self.measures)


@dataclass(frozen=True, slots=True)
class AreaRow:
    """An area followed beside the gains, with the score that stands for each validated measure of it."""

    area: str
    title: str
    measures: tuple[Measured, ...]


def five_gains(instruments: Iterable[Instrument] | None = None) -> tuple[GainRow, ...]:
    """A row for each gain, in the order the clinic speaks of them; from the whole catalogue unless told otherwise.

    Raises ValueError when a gain has no weekly question or more than one.
    """
    every = all_instruments() if instruments is None else tuple(instruments)
    return tuple(_gain_row(gain, every) for gain in GAINS)


def beside(instruments: Iterable[Instrument] | None = None) -> tuple[AreaRow, ...]:
    """A row for each area followed beside the gains, under the same terms as `five_gains`."""
    validated = _validated(all_instruments() if instruments is None else instruments)
    return tuple(
        AreaRow(
            area,
            title,
            tuple(
                _measured(each, each.scale)
                for each in validated
                if area in each.areas and each.scale is not None
            ),
        )
        for area, title in BESIDE.items()
    )


def _gain_row(gain: Gain, every: tuple[Instrument, ...]) -> GainRow:
    title, definition = GAINS[gain]
    own = [each for each in every if each.licence_class is LicenceClass.OWN]
    validated = _validated(every)
    about = [each for each in validated if gain.value in each.areas]
    pulse = _standing_for(gain, own)
    if len(pulse) != 1:
        raise ValueError(f"{gain}: one weekly question was expected, the catalogue has {len(pulse)}")
    return GainRow(
        gain=gain,
        title=title,
        definition=definition,
        measures=_standing_for(gain, about),
        nearest=_standing_for(gain, [each for each in validated if each not in about]),
        skeletons=tuple(each.id for each in about if not each.can_be_asked),
        pulse=pulse[0],
    )


def _validated(instruments: Iterable[Instrument]) -> tuple[Instrument, ...]:
    return tuple(
        each for each in instruments if each.licence_class is not LicenceClass.OWN and each.kind in MEASURES
    )


def _standing_for(gain: Gain, instruments: Iterable[Instrument]) -> tuple[Measured, ...]:
    return tuple(
        _measured(each, scale) for each in instruments for scale in each.scales if scale.gain is gain
    )


def _measured(instrument: Instrument, scale: Scale) -> Measured:
    return Measured(
        instrument=instrument.id,
        scale=scale.id,
        title=f"{instrument.short}, {scale.title}",
        better=scale.better,
        has_words=instrument.can_be_asked,
    )
