"""Which questionnaires this clinic can ask: those of the catalogue, and those it loaded itself.

It never asks anyone and never scores. What was loaded is never changed, so a text once read is kept in memory.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from bothwell.instruments.catalogue import NoSuchInstrument, all_instruments, load
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import ClinicInstrument
from bothwell.instruments.reading import read

Wanted = tuple[str, str]
"""An instrument's id and its version; an empty version: the one in use."""

_KEPT: Final[dict[tuple[UUID, str, str], Instrument]] = {}


def find(clinic_id: UUID, instrument_id: str, version: str = "") -> Instrument:
    """One questionnaire as this clinic asks it (or asked it, in that version). Raises NoSuchInstrument."""
    found = find_all(clinic_id, [(instrument_id, version)])
    try:
        return found[instrument_id, version]
    except KeyError as error:
        raise NoSuchInstrument("this clinic has no such questionnaire") from error


def find_all(clinic_id: UUID, wanted: Iterable[Wanted]) -> dict[Wanted, Instrument]:
    """The questionnaires that can be had of those wanted, with at most one statement.

    A version that is no longer known is read in the one in use: its totals were stored when it was sent.
    """
    found: dict[Wanted, Instrument] = {}
    open_: list[Wanted] = []
    for key in dict.fromkeys(wanted):
        shipped = _shipped(key[0])
        if shipped is not None and shipped.can_be_asked and key[1] in ("", shipped.version):
            found[key] = shipped
        elif (clinic_id, *key) in _KEPT:
            found[key] = _KEPT[clinic_id, *key]
        else:
            open_.append(key)
    if open_:
        found |= _loaded(clinic_id, open_)
    return found


def _loaded(clinic_id: UUID, wanted: list[Wanted]) -> dict[Wanted, Instrument]:
    rows = ClinicInstrument.objects.filter(clinic_id=clinic_id, instrument__in={key[0] for key in wanted})
    in_use: dict[str, Instrument] = {}
    for row in rows.order_by("recorded_at"):
        key = (clinic_id, row.instrument, row.version)
        if key not in _KEPT:
            _KEPT[key] = read(f"{row.instrument}.json", row.document.encode())
        if row.retired_at is None:
            in_use[row.instrument] = _KEPT[key]
    found = {}
    for wish in wanted:
        shipped = _shipped(wish[0])
        instrument = _KEPT.get((clinic_id, *wish)) or in_use.get(wish[0])
        if instrument is None and shipped is not None and shipped.can_be_asked:
            instrument = shipped
        if instrument is not None:
            found[wish] = instrument
    return found


def usable(clinic_id: UUID) -> tuple[Instrument, ...]:
    """Every questionnaire this clinic can ask now, by title: shipped with its words, or loaded and not retired."""
    loaded = ClinicInstrument.objects.filter(clinic_id=clinic_id, retired_at__isnull=True)
    names = [each.id for each in all_instruments()] + list(loaded.values_list("instrument", flat=True))
    found = find_all(clinic_id, [(name, "") for name in names])
    return tuple(sorted(found.values(), key=lambda each: each.title.lower()))


def _shipped(instrument_id: str) -> Instrument | None:
    try:
        return load(instrument_id)
    except NoSuchInstrument:
        return None
