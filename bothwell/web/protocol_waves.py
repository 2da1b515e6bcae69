"""The waves of questions of one protocol, in words a medical director reads before signing.

It names what the clinic cannot ask yet; it changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from bothwell.instruments import shelf
from bothwell.instruments.catalogue import NoSuchInstrument, load
from bothwell.instruments.instrument import Kind
from bothwell.pathway.schema import Anchor, Number, Protocol, Wave, Whom

MISSING = "not asked: this clinic has no words for it"
SEALED = "not asked: the safety circle's alone"


@dataclass(frozen=True)
class Questionnaire:
    """One of a wave: its short name, who answers it, and why it is not asked here, if so."""

    name: str
    whom: str
    source: str
    trouble: str


@dataclass(frozen=True)
class WaveInWords:
    """One wave: when, how long it is open, and what it asks."""

    title: str
    when: str
    window: str
    yields: str
    asks: tuple[Questionnaire, ...]


def waves_in_words(rules: Protocol, clinic_id: UUID) -> list[WaveInWords]:
    """Every wave of this protocol as it would be asked in this clinic, in order of time; one statement."""
    waves = sorted(rules.waves, key=_first_due)
    ids = {each.id for wave in waves for each in wave.instruments}
    found = {id: one for (id, _), one in shelf.find_all(clinic_id, [(id, "") for id in sorted(ids)]).items()}
    titles = {wave.id: wave.title for wave in waves}

    def asks(wave: Wave) -> Iterator[Questionnaire]:
        for each in wave.instruments:
            instrument = found.get(each.id)
            trouble = "" if instrument else MISSING
            if instrument and instrument.kind is Kind.VIOLENCE:
                trouble = SEALED
            whom = "each partner" if each.of is Whom.EACH else "who is treated"
            yield Questionnaire(
                instrument.short if instrument else _short(each.id), whom, each.source, trouble
            )

    return [
        WaveInWords(wave.title, _when(wave), _window(wave), _yields(wave, titles), tuple(asks(wave)))
        for wave in waves
    ]


def _short(instrument_id: str) -> str:
    """What clinicians call one that cannot be asked here; its id where nobody knows it."""
    try:
        return load(instrument_id).short
    except NoSuchInstrument:
        return instrument_id


def _first_due(wave: Wave) -> tuple[int, Decimal | int]:
    """Where it stands: what counts from the couple's beginning, around a session, after a series; then in hours."""
    place = (Anchor.BEGINNING, Anchor.DOSE, Anchor.SERIES_END).index(wave.anchor)
    hours = {
        -1: wave.due_before_hours, 24: wave.due_after_days, 7 * 24: wave.every_weeks, 30 * 24: wave.due_after_months,
    }  # fmt: skip
    return place, next((length * number.value for length, number in hours.items() if number), 0)


def _when(wave: Wave) -> str:
    hour = f"at {int(wave.at_hour.value):02}:00" if wave.at_hour else ""
    match wave:
        case Wave(due_before_hours=Number() as before):
            return f"due {_count(before, 'hour')} before a session"
        case Wave(every_weeks=Number() as every, for_weeks=Number() as last):
            how_often = "every Monday" if every.value == 1 else f"on a Monday every {every.value} weeks"
            return f"{how_often}, {hour}, for {_count(last, 'week')}; both on the same day"
        case Wave(due_after_months=Number() as after):
            span = _count(after, "month")
        case Wave(due_after_days=Number() as after):
            span = _count(after, "day")
        case _:
            span = ""
    since = {
        Anchor.BEGINNING: "after the couple began; both on the same day",
        Anchor.DOSE: "after a session",
        Anchor.SERIES_END: "after the last session of a series",
    }[wave.anchor]
    return f"due {span} {since}, {hour}"


def _window(wave: Wave) -> str:
    before, after = wave.opens_before_hours, wave.lapses_after_hours
    opens = f"open {_span(before)} before" if before.value else "open from then"
    return f"{opens}, until {_span(after)} after"


def _yields(wave: Wave, titles: dict[str, str]) -> str:
    if not wave.yields_within_days:
        return ""
    names = ", ".join(titles[id] for id in titles if id in wave.yields_to).lower()
    return f"leaves out what these ask within {_count(wave.yields_within_days, 'day')}: {names}"


def _span(hours: Number) -> str:
    days, left = divmod(hours.value, 24)
    if not days:
        return _count(hours, "hour")
    whole = f"{days} day{'' if days == 1 else 's'}"
    return f"{whole} and {left} hours" if left else whole


def _count(number: Number, unit: str) -> str:
    return f"{number.value} {unit}{'' if number.value == 1 else 's'}"
