"""Whom somebody in a crisis can call, country by country, as a clinic is offered them when it is set up.

Pure. It shows nobody a line: what partners see is what their own clinic has confirmed.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).parent / "crisis_lines.toml"
NUMBER: Final = re.compile(r"[0-9+*#][0-9 ()+*#./-]*")
"""What a telephone number may look like."""


UNVERIFIED: Final = "[K]"
"""Marks a number from general knowledge, which nobody here has called."""


@dataclass(frozen=True, slots=True)
class CrisisLine:
    """Who answers, under which number, and where that number is published."""

    label: str
    number: str
    source: str

    @property
    def href(self) -> str:
        """The link that dials it."""
        return f"tel:{''.join(sign for sign in self.number if sign in '0123456789+*#')}"

    @property
    def published(self) -> str:
        """Where its number is published, for a page: the mark of what was not verified is explained there in words."""
        return self.source.removeprefix(UNVERIFIED).strip()

    def shown(self) -> dict[str, str]:
        """`{label, number, href}`, as a clinic keeps it."""
        return {"label": self.label, "number": self.number, "href": self.href}


@cache
def lines_by_country(path: Path = SHIPPED) -> dict[str, tuple[CrisisLine, ...]]:
    """Country (two letters) -> its lines, the emergency number first. Raises ValueError when a line is not whole."""
    countries = tomllib.loads(path.read_text("utf-8"))["country"]
    return {code: tuple(_line(code, raw) for raw in lines) for code, lines in countries.items()}


def lines_for(country: str) -> tuple[CrisisLine, ...]:
    """The lines offered to a clinic of this country; none where no widely known line is on file."""
    return lines_by_country().get(country.upper(), ())


def emergency_first(lines: list[dict[str, str]], country: str) -> list[dict[str, str]]:
    """A clinic's lines in its own order, but for its country's emergency number: whoever is in danger finds it first.

    As they are where no number is on file for that country.
    """
    emergency = {line.href for line in lines_for(country)[:1]}
    return sorted(lines, key=lambda line: line.get("href") not in emergency)


def _line(country: str, raw: dict[str, str]) -> CrisisLine:
    if set(raw) != {"label", "number", "source"} or not all(text.strip() for text in raw.values()):
        raise ValueError(f"{country}: a line has a label, a number and a source, and nothing else")
    if not re.fullmatch(r"[A-Z]{2}", country) or not NUMBER.fullmatch(raw["number"]):
        raise ValueError(f"{country}: not a country of two letters with a telephone number")
    return CrisisLine(**raw)
