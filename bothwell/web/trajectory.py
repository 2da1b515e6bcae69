"""A person's measures over time: which totals belong on one line, under which heading, and what they say in words.

It speaks of one person at a time and never of two; to the person themselves it names no band and no diagnosis,
and to nobody does it call a change held on fewer than three totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final
from uuid import UUID

from bothwell.instruments.change import (
    NORMAL_95,
    OBSERVATIONS_BEFORE_A_VERDICT,
    Change,
    ClinicalVerdict,
    Verdict,
    clinically_significant_change,
    first_reliable_change_that_held,
    reliable_change,
)
from bothwell.instruments.gains import BESIDE, GAINS
from bothwell.instruments.instrument import Band, Better, Instrument, Kind, LicenceClass, Scale
from bothwell.web.score import day, plain, signed

OTHER_AREAS: Final = {
    "distress": "Distress in general",
    "functioning": "Life and functioning",
    "sleep": "Sleep",
    "substances": "Alcohol and drugs",
    "resilience": "Resilience",
    "attachment": "Attachment",
    "alliance": "The work with the therapist",
    "acute_experience": "The session itself",
    "dissociation": "Dissociation",
}
AREAS: Final = {**BESIDE, **{gain.value: title for gain, (title, _) in GAINS.items()}, **OTHER_AREAS}
"""Every heading, in the order in which they stand; an area not named here comes last, by its own name."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One questionnaire a person sent: its totals by score as stored, None where too much was left open."""

    id: UUID
    instrument: str
    version: str
    kind: str
    on: date
    total: Decimal | None
    scores: Mapping[str, str | None]
    how: str = ""

    def of(self, scale: Scale, is_main: bool) -> Decimal | None:
        """The total of one score."""
        return stored_total(scale, is_main, self.total, self.scores)


def stored_total(
    scale: Scale, is_main: bool, total: Decimal | None, scores: Mapping[str, str | None]
) -> Decimal | None:
    """What was stored for a score: under its name, or for the main one as the total of the whole."""
    if scale.id not in scores:
        return total if is_main else None
    stored = scores[scale.id]
    return None if stored is None else Decimal(stored)


@dataclass(frozen=True)
class Course:
    """One score over time, oldest first."""

    instrument: Instrument
    scale: Scale
    kind: str
    sent: tuple[Sent, ...]
    observations: tuple[tuple[date, Decimal | None], ...]

    @property
    def is_main(self) -> bool:
        return self.scale.id == self.instrument.main

    @property
    def key(self) -> str:
        """What names it on a page."""
        return f"{self.instrument.id}-{self.scale.id}"

    @property
    def title(self) -> str:
        """`PHQ-9`, or `IRI-C: Perspective taking`."""
        return self.instrument.short if self.is_main else f"{self.instrument.short}: {self.scale.title}"

    @property
    def plain_title(self) -> str:
        """As the person knows it: `Mood`, or `Understanding my partner: perspective taking`."""
        if self.is_main:
            return self.instrument.plain_title
        if self.instrument.licence_class is LicenceClass.OWN:
            return self.scale.title
        return f"{self.instrument.plain_title}: {self.scale.title[:1].lower()}{self.scale.title[1:]}"

    @property
    def area(self) -> str:
        """The heading it stands under."""
        areas = self.instrument.areas
        if {"depression", "anxiety"} <= set(areas):
            return "distress"
        beside = next((area for area in areas if area in BESIDE), None)
        if beside and (self.is_main or self.scale.gain is None):
            return beside
        if self.scale.gain is not None:
            return self.scale.gain.value
        return next(iter(areas), "")

    @property
    def heading(self) -> str:
        """The heading in words."""
        return AREAS.get(self.area, self.area.replace("_", " ").capitalize())

    @cached_property
    def totals(self) -> tuple[tuple[date, Decimal], ...]:
        """The days that have a total."""
        return tuple((on, total) for on, total in self.observations if total is not None)

    @cached_property
    def band(self) -> Band | None:
        """Where the last total lies."""
        return self.scale.band(self.totals[-1][1]) if self.totals else None

    # ------------------------------------------------------------------------------------------------- change

    @cached_property
    def change(self) -> Change | None:
        """From the first total to the last; None where nothing can be said of it."""
        return self._since_first(self.totals[-1][1]) if len(self.totals) > 1 else None

    def _since_first(self, total: Decimal) -> Change | None:
        if self.scale.better is Better.NEITHER:
            return None
        try:
            return reliable_change(self.scale, self.totals[0][1], total)
        except ValueError:  # no reliable change is known for it
            return None

    @cached_property
    def reliable(self) -> frozenset[int]:
        """Which observations lie reliably away from the first total, for better or worse."""
        if self.change is None:
            return frozenset()
        needed, first = self.change.threshold, self.totals[0][1]
        return frozenset(
            index
            for index, (_, total) in enumerate(self.observations)
            if total is not None and needed.met_by(total - first)
        )

    @cached_property
    def held(self) -> int | None:
        """Which observation began the first reliable change that every later total kept."""
        if self.change is None or len(self.totals) < OBSERVATIONS_BEFORE_A_VERDICT:
            return None
        totals = [total for _, total in self.observations]
        for towards in (Verdict.IMPROVED, Verdict.WORSENED):
            index = first_reliable_change_that_held(totals, self.scale, towards=towards)
            if index is not None:
                return index
        return None

    @property
    def index(self) -> Decimal | None:
        """The change in units of its own error, reliable beyond ±1.96; None where the threshold is published."""
        if self.change is None or self.change.threshold.published:
            return None
        return self.change.points * NORMAL_95 / self.change.threshold.points

    @property
    def since_first(self) -> tuple[Decimal, Decimal | None] | None:
        """Points and percent from the first total to the last."""
        if len(self.totals) < 2:
            return None
        first, last = self.totals[0][1], self.totals[-1][1]
        return last - first, None if first == 0 else (last - first) * 100 / first


@dataclass(frozen=True)
class Measure:
    """One questionnaire of one person: the scores that stand for something, and the other ones beneath them."""

    instrument: Instrument
    kind: str
    heads: tuple[Course, ...]
    rest: tuple[Course, ...]
    sent: tuple[Sent, ...]


# ── which totals belong together ─────────────────────────────────────────────────────────────────


def measures(sent: Iterable[Sent], known: Mapping[tuple[str, str], Instrument]) -> list[Measure]:
    """Each questionnaire with its courses, in the order of the headings; one nobody knows any more is left out.

    Totals stand on one line when their score has one range and one direction in every version answered.
    """
    rows: dict[tuple[str, str], list[Sent]] = {}
    for each in sent:
        if (each.instrument, each.version) in known:
            rows.setdefault((each.instrument, each.kind), []).append(each)
    found = [_measure(answered, known) for answered in rows.values()]
    return sorted((each for each in found if each.heads), key=lambda each: _rank(each.heads[0]))


def _measure(sent: Sequence[Sent], known: Mapping[tuple[str, str], Instrument]) -> Measure:
    newest = known[sent[-1].instrument, sent[-1].version]
    heads = {scale.id for scale in stands_for(newest)}
    every = [course for scale in newest.scales if (course := _course(newest, scale, sent, known)).totals]
    first = [course for course in every if course.scale.id in heads]
    return Measure(
        newest,
        sent[-1].kind,
        tuple(first),
        tuple(course for course in every if course not in first),
        tuple(sent),
    )


def _course(
    newest: Instrument, scale: Scale, sent: Sequence[Sent], known: Mapping[tuple[str, str], Instrument]
) -> Course:
    comparable: dict[str, bool] = {}
    kept: list[Sent] = []
    for each in sent:
        if each.version not in comparable:
            then = known[each.instrument, each.version].by_scale.get(scale.id)
            comparable[each.version] = then is not None and _range(then) == _range(scale)
        if comparable[each.version]:
            kept.append(each)
    is_main = scale.id == newest.main
    observations = tuple((each.on, each.of(scale, is_main)) for each in kept)
    return Course(newest, scale, sent[-1].kind, tuple(kept), observations)


def _range(scale: Scale) -> tuple[Decimal, Decimal, Better]:
    return scale.least, scale.most, scale.better


def stands_for(instrument: Instrument) -> tuple[Scale, ...]:
    """The scores that stand for something: the main one and those of a gain; all of them where there is none."""
    chosen = tuple(
        scale for scale in instrument.scales if scale.id == instrument.main or scale.gain is not None
    )
    return chosen or instrument.scales


def _rank(course: Course) -> tuple[int, str, bool, str]:
    order = list(AREAS)
    place = order.index(course.area) if course.area in AREAS else len(order)
    return place, course.area, course.kind == Kind.PREDOSE, course.instrument.short


# ── what it says to a clinician ──────────────────────────────────────────────────────────────────


def total_words(total: Decimal | None) -> str:
    """A total as it stands in a table; of one that was not reckoned, that there is none."""
    return "no total" if total is None else plain(total)


def since_words(on: date, today: date) -> str:
    """`1 Sep`, with its year when that is not this one."""
    return day(on) if on.year == today.year else f"{day(on)} {on.year}"


def change_words(course: Course, today: date) -> str:
    """Points and percent since the first total, and what reliable change says of it."""
    if course.since_first is None:
        return "Answered once." if course.totals else ""
    points, percent = course.since_first
    of_first = "" if percent is None else f" ({signed(Decimal(round(percent)))} %)" if points else ""
    noun = "point" if abs(points) == 1 else "points"
    moved = f"{signed(points)} {noun}{of_first}" if points else "No change in points"
    return f"{moved} since {since_words(course.totals[0][0], today)}. {_verdict(course, today)}"


def _verdict(course: Course, today: date) -> str:
    change = course.change
    if course.scale.better is Better.NEITHER:
        return "It describes: neither end is better."
    if change is None:
        return "No reliable change is known for this score."
    if change.verdict is Verdict.WITHIN_ERROR:
        return "Within what measurement error alone can do."
    what = f"Reliably {change.verdict.value}"
    if len(course.totals) < OBSERVATIONS_BEFORE_A_VERDICT:
        return f"{what}; two totals are too few to say that it holds."
    if course.held is None:
        return f"{what}; no later total has confirmed it yet."
    held_on = since_words(course.observations[course.held][0], today)
    return f"{what} and held since {held_on}{_across(course)}."


def _across(course: Course) -> str:
    first, last = course.totals[0][1], course.totals[-1][1]
    recovered = clinically_significant_change(course.scale, first, last) is ClinicalVerdict.RECOVERED
    cutoff = course.scale.change_cutoff()
    return f", across the cut-off {plain(cutoff.value)}" if recovered and cutoff else ""


def threshold_words(course: Course) -> str:
    """What a reliable change is on this score, where the number comes from, and the change in its own error."""
    if course.change is None:
        return ""
    needed = course.change.threshold
    if course.index is None:
        return f"Reliable change: {plain(needed.points)} points or more, published ({needed.source})"
    index = f"{signed(round(course.index, 1))}" if course.index else "0"
    points = plain(round(needed.points, 1))
    return (
        f"Reliable change: more than {points} points (Jacobson–Truax, from {needed.source}); "
        f"reliable change index {index}, reliable beyond ±1.96"
    )


def describe(course: Course, who: str, today: date) -> str:
    """The picture in one sentence or two, for those who hear it."""
    if not course.totals:
        return ""
    first, last = course.totals[0], course.totals[-1]
    band = f", {course.band.name}" if course.band else ""
    until = f"{plain(last[1])}{band} on {since_words(last[0], today)}"
    if len(course.totals) == 1:
        return f"{who}, {course.title}: {until}."
    return (
        f"{who}, {course.title}: {plain(first[1])} on {since_words(first[0], today)}, {until}. "
        f"{change_words(course, today)}"
    )


# ── what it says to the person themselves ────────────────────────────────────────────────────────

WORSE, BETTER = 0, 1
LIGHTER: Final = ("heavier", "lighter")
EASIER: Final = ("harder", "better")
PLAIN_ENDS: Final = ("less", "more")


def ends(scale: Scale) -> tuple[str, str]:
    """What the top and the bottom of the picture mean, in plain words."""
    match scale.better:
        case Better.LOWER:
            return LIGHTER[WORSE], LIGHTER[BETTER]
        case Better.HIGHER:
            return EASIER[BETTER], EASIER[WORSE]
        case Better.NEITHER:
            return PLAIN_ENDS[1], PLAIN_ENDS[0]


def own_words(course: Course, today: date) -> str:
    """What one's own line says: nothing on fewer than three answers, and chance is called chance."""
    if len(course.totals) < OBSERVATIONS_BEFORE_A_VERDICT:
        return "Your first answers. A line says something from the third on."
    then = month(course.totals[0][0], today)
    if course.scale.better is Better.NEITHER:
        return "This describes how it was; neither end is better."
    if course.change is None:
        first, last = plain(course.totals[0][1]), plain(course.totals[-1][1])
        moved = f"{last} now, as in {then}." if first == last else f"{last} now, {first} in {then}."
        return f"{moved} How much of a difference comes by chance is not known for these questions."
    worse, better = LIGHTER if course.scale.better is Better.LOWER else EASIER
    match course.change.verdict:
        case Verdict.IMPROVED:
            return f"{better.capitalize()} than in {then}; more than chance would explain."
        case Verdict.WORSENED:
            return f"{worse.capitalize()} than in {then}; more than chance would explain."
        case Verdict.WITHIN_ERROR:
            return f"Much as in {then}: ups and downs as small as these come by chance."


def month(on: date, today: date) -> str:
    """`June`, with its year when that is not this one."""
    return f"{on:%B}" if on.year == today.year else f"{on:%B} {on.year}"


def own_description(course: Course, today: date) -> str:
    """One's own picture in words: the ends of the line and what it says, no band."""
    first, last = course.totals[0], course.totals[-1]
    span = f"{plain(last[1])} on {since_words(last[0], today)}"
    if len(course.totals) > 1:
        span = f"{plain(first[1])} on {since_words(first[0], today)}, {span}"
    return f"{course.plain_title}: {span}. {own_words(course, today)}"


def own_meaning(course: Course) -> tuple[str, ...]:
    """What the picture means, in plain sentences."""
    scale, top = course.scale, ends(course.scale)
    way = {Better.LOWER: "Lower is lighter.", Better.HIGHER: "Higher is better."}.get(scale.better, "")
    together = f"Your answers put together, from {plain(scale.least)} to {plain(scale.most)}. {way}".strip()
    found = [together, f"The top of the picture means {top[0]}, the bottom {top[1]}."]
    if any(band.tone for band in scale.bands):
        found.append("The darker the ground, the heavier people with such a number usually feel.")
    if course.change is not None:
        points = plain(round(course.change.threshold.points, 1))
        found.append(
            f"A filled mark lies at least {points} points from your first: more than chance explains."
        )
    return (*found, "It is a help for talking with your care team. It is not a diagnosis and not a grade.")
