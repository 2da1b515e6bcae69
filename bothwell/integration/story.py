"""The couple's story from the rows a couples therapist sees: which line may stand on which side, what moved
since, what was promised.

Pure. It decides nothing about who may see (the rows given are those seen) and never joins the two partners'
numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from bothwell.instruments.change import Verdict, reliable_change
from bothwell.instruments.instrument import Instrument, Kind
from bothwell.integration.insights import listed
from bothwell.privacy.circles import READS, Relation

INSTRUMENTS: Final = ("phq-9", "gad-7", "csi-16")
"""What a side of the score can show, in the order offered."""

LOOKS_BACK: Final = timedelta(weeks=26)
LOOKS_AHEAD: Final = timedelta(weeks=3)
NARROWEST: Final = timedelta(weeks=8)
WEEK: Final = timedelta(days=7)


# ------------------------------------------------------------------------------------ whose line, and why not


def release_needed(kind: Kind, to: Relation = Relation.COUPLES_THERAPIST) -> str:
    """The class of release without which `to` sees no answers of this kind; empty when none is needed."""
    ways = READS[kind.value][to]
    return next((way.partition(":")[2] for way in ways if way.startswith("R:")), "")


def offered(instruments: Iterable[Instrument], released: Collection[str]) -> tuple[Instrument, ...]:
    """The instruments a side may be shown on, by what that partner released to the couples therapist."""
    return tuple(one for one in instruments if release_needed(one.kind) in released)


def chosen(wanted: str, offers: Sequence[Instrument], answered: Collection[str]) -> Instrument | None:
    """The instrument asked for if it is offered; else the first one answered, else the first; None without
    any.
    """
    by_id = {one.id: one for one in offers}
    first_answered = next((one for one in offers if one.id in answered), None)
    return by_id.get(wanted) or first_answered or next(iter(offers), None)


def own(name: str, pronouns: str) -> str:
    """What stands in the place of a line that was not released: `Ben's line is his own`."""
    theirs = {"he": "his", "she": "her"}.get(pronouns.strip().lower().partition("/")[0].strip(), "their")
    return f"{name}’s line is {theirs} own"


# --------------------------------------------------------------------------------------------- the time shown


@dataclass(frozen=True, slots=True)
class Span:
    """From the first day shown to the last."""

    begins: date
    ends: date


def span(days: Iterable[date], today: date) -> Span:
    """A stretch of time that holds what there is, at most half a year back, with room for what comes next."""
    known = [day for day in days if today - LOOKS_BACK <= day <= today + LOOKS_AHEAD]
    begins = min([*known, today - NARROWEST]) - timedelta(days=2)
    return Span(max(begins, today - LOOKS_BACK), max([*known, today + WEEK]) + timedelta(days=2))


ZOOMS: Final[Mapping[str, timedelta | None]] = {
    "all": None,
    "year": timedelta(days=365),
    "quarter": timedelta(days=91),
    "month": timedelta(days=31),
}
"""How much time the score shows at once, widest first."""

READ_AT_ONCE: Final = timedelta(days=200)
"""Up to this long the whole story is what one sees first; beyond it, its last quarter."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the story shown; `earlier` and `later` are the last days of the parts beside it."""

    zoom: str
    begins: date
    ends: date
    earlier: date | None = None
    later: date | None = None


def whole(days: Iterable[date], today: date) -> Span:
    """A stretch of time that holds everything there is, with a little room on both sides."""
    known = [day for day in days if day <= today + LOOKS_AHEAD]
    begins = min([*known, today - NARROWEST]) - timedelta(days=2)
    return Span(begins, max([*known, today + WEEK]) + timedelta(days=2))


def window(span: Span, zoom: str, until: date | None, today: date) -> Window:
    """What is shown of `span` at this zoom, ending with `until`: near today without it, never beyond the story."""
    length = span.ends - span.begins
    if zoom not in ZOOMS:
        zoom = "all" if length <= READ_AT_ONCE else "quarter"
    width = ZOOMS[zoom]
    if width is None or width >= length:
        return Window(zoom, span.begins, span.ends)
    near_today = today + max(WEEK, width / 5)
    ends = min(max(until or near_today, span.begins + width), span.ends)
    begins, step = ends - width, width * 4 / 5
    return Window(
        zoom,
        begins,
        ends,
        max(ends - step, span.begins + width) if begins > span.begins else None,
        min(ends + step, span.ends) if ends < span.ends else None,
    )


# -------------------------------------------------------------------------------------------------- exercises


def weeks_of(
    begins: date, ends: date | None, done_on: Collection[date], today: date
) -> tuple[tuple[date, bool], ...]:
    """Each week an exercise was asked for, by its last day, and whether either said it was done in it.

    The week still running counts only once it was done: it is not missed yet.
    """
    weeks: list[tuple[date, bool]] = []
    start, last = begins, min(ends or today, today)
    while start <= last:
        stop = start + WEEK - timedelta(days=1)
        done = [day for day in done_on if start <= day <= stop]
        if done or stop < today:
            weeks.append((max(done) if done else min(stop, last), bool(done)))
        start += WEEK
    return tuple(weeks)


@dataclass(frozen=True, slots=True)
class Promise:
    """An exercise as both took it on: how many of the weeks asked for it was done in."""

    title: str
    begins: date
    weeks: tuple[tuple[date, bool], ...]

    @property
    def is_begun(self) -> bool:
        return any(done for _, done in self.weeks)

    @property
    def words(self) -> str:
        """`4 of 5 weeks`, `begun`, or `not yet`."""
        done = sum(1 for _, done in self.weeks if done)
        if not done:
            return "not yet"
        return "begun" if len(self.weeks) == 1 else f"{done} of {len(self.weeks)} weeks"


# ---------------------------------------------------------------------------------------- one person's change


@dataclass(frozen=True, slots=True)
class Moved:
    """One person's totals: the last before a day, the last now, and what the difference says."""

    before: Decimal
    after: Decimal
    band: str
    verdict: Verdict | None


def moved(instrument: Instrument, totals: Sequence[tuple[date, Decimal]], since: date) -> Moved | None:
    """What one person's total did since a day; None when nothing was answered after it, or nothing before."""
    before = [total for on, total in totals if on <= since]
    after = [total for on, total in totals if on > since]
    if not before or not after:
        return None
    band = instrument.measure.band(after[-1])
    return Moved(
        before[-1], after[-1], band.name if band else "", _verdict(instrument, before[-1], after[-1])
    )


def _verdict(instrument: Instrument, before: Decimal, after: Decimal) -> Verdict | None:
    try:
        return reliable_change(instrument.measure, before, after).verdict
    except ValueError:  # an instrument without a reliable change: nothing can be said
        return None


# ------------------------------------------------------------------------------------------- what was brought


@dataclass(frozen=True, slots=True)
class Brought:
    """Words one partner opened to the couples therapist, since which day, who else sees them, what took them
    up.
    """

    id: UUID
    author: UUID
    text: str
    on: date
    with_partner: bool
    taken_up_on: date | None = None


def waiting(brought: Iterable[Brought]) -> list[Brought]:
    """Those no session has taken up yet, newest first."""
    return sorted((one for one in brought if one.taken_up_on is None), key=lambda one: one.on, reverse=True)


def since_last(brought: Iterable[Brought], last_session: date | None) -> list[Brought]:
    """Those opened since the last couples session; all of them before the first."""
    return [one for one in brought if last_session is None or one.on >= last_session]


def seen_by(one: Brought, names: Mapping[UUID, str], therapists: Sequence[str]) -> str:
    """Who sees these words, the author first: `Ben, Amara, Dana`."""
    author = names.get(one.author, "")
    others = [name for who, name in names.items() if who != one.author and one.with_partner]
    return ", ".join([author, *others, *therapists])


def for_both(brought: Iterable[Brought]) -> list[Brought]:
    """Those that both partners may read: what a page for the couple may hold."""
    return [one for one in brought if one.with_partner]


# ----------------------------------------------------------------------------------- the disclosure agreement

MEANS: Final[Mapping[str, str]] = {
    "no_secrets": "What one of you tells the couples therapist alone may be brought into the room with both.",
    "confidential": (
        "What one of you tells the couples therapist alone stays there, unless you say otherwise."
    ),
    "": (
        "There is no agreement in force. Until both have signed one, ask before writing what one says alone."
    ),
}
"""What each mode of the agreement means for what is said alone; said before anything is written. Safety is
outside.
"""


def agreement_words(in_force: str, proposed: str, signed: Sequence[str]) -> str:
    """Where the agreement stands, in one sentence. `in_force` and `proposed` are modes in words, empty
    without.
    """
    if proposed:
        who = f"{listed(tuple(signed))} signed" if signed else "nobody has signed yet"
        return f"Before them: {proposed}; {who}." + (f" In force until then: {in_force}." if in_force else "")
    return f"In force: {in_force}." if in_force else "No agreement yet."
