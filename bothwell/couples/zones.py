"""The time zones a clinic can be in, by part of the world, and which of them lie in which country.

Pure. It sets no clock, and chooses no zone for anybody: it says where there is only one to choose from.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import available_timezones

PARTS: Final = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
"""Parts of the world as the tz database names them. Its other names are old ones, offsets, or no place at all."""
ZONES, NAMES = "zone.tab", "iso3166.tab"
"""Country, where, zone; and country, name: the tz database as the package tzdata carries it."""


def places() -> list[str]:
    """Every zone that is a place, in alphabetical order: "Europe/London"."""
    return sorted(name for name in available_timezones() if name.partition("/")[0] in PARTS)


def grouped(names: Iterable[str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The zones by part of the world: ("Europe", [("Europe/London", "London"), …])."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(names):
        part, _, place = name.partition("/")
        found.setdefault(part, []).append((name, (place or name).replace("_", " ").replace("/", ", ")))
    yield from found.items()


@cache
def by_country() -> dict[str, tuple[str, ...]]:
    """Country (two letters) -> its zones; empty where the table cannot be found."""
    found: dict[str, list[str]] = {}
    for line in _table(ZONES):
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


def only_zone_of(country: str) -> str:
    """The zone of a country that has one alone; empty where there are several, or none is known."""
    zones = by_country().get(country.upper(), ())
    return zones[0] if len(zones) == 1 else ""


@cache
def country_names() -> dict[str, str]:
    """Country (two letters) -> its name; empty where the table cannot be found."""
    rows = (line.split("\t") for line in _table(NAMES) if line and not line.startswith("#"))
    return {row[0]: row[1] for row in rows}


def _table(name: str) -> list[str]:
    try:
        return resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8").splitlines()
    except (ModuleNotFoundError, FileNotFoundError):
        return []


def country_of(zone: str) -> str:
    """The country a zone lies in (two letters); empty where none is known."""
    return next((country for country, zones in by_country().items() if zone in zones), "")
