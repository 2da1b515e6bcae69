"""The questionnaires that come with the product: what each asks, how it is scored, where every number comes from.

It reads the files in `catalogue/` and nothing else; it never asks anyone, never scores, never writes. The folder
a file lies in says on what terms its words may be used.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from bothwell.instruments.instrument import Instrument
from bothwell.instruments.reading import CatalogueError, read

CATALOGUE: Final = Path(__file__).parent / "catalogue"


class NoSuchInstrument(CatalogueError):
    """There is no file for the instrument asked for."""


@cache
def load(instrument_id: str) -> Instrument:
    """The instrument of that id. Raises NoSuchInstrument or CatalogueError."""
    path = _files().get(instrument_id)
    if path is None:
        raise NoSuchInstrument("no instrument of that id in the catalogue")
    return read(path.name, path.read_bytes())


def all_instruments() -> tuple[Instrument, ...]:
    """Every instrument in the catalogue, by id."""
    return tuple(load(instrument_id) for instrument_id in _files())


@cache
def _files() -> dict[str, Path]:
    found = sorted(CATALOGUE.glob("*/*.json"), key=lambda path: path.stem)
    if len({path.stem for path in found}) != len(found):
        raise CatalogueError("two files of the catalogue have one name")
    return {path.stem: path for path in found}
