"""Where the pages and the monitors' listener were last opened, so that other words find them without being told.

It holds addresses of this machine only, and a note that is lost or damaged is no trouble: the usual ones hold then.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bothwell.running.trouble import disk_trouble

Place = tuple[str, int]
"""A host and a port."""

PAGES, MONITORS = "pages", "monitors"
USUAL: Mapping[str, Place] = {PAGES: ("127.0.0.1", 8000), MONITORS: ("127.0.0.1", 2575)}


def note(home: Path, places: Mapping[str, Place]) -> None:
    """Remember these; what is not named stays as it was (each may have a service of its own). Raises CannotRun."""
    try:
        _file(home).write_text(json.dumps({**last(home), **places}))
    except OSError as error:
        raise disk_trouble(home, error) from error


def last(home: Path) -> dict[str, Place]:
    """Where each was last opened, else the usual place."""
    known = dict(USUAL)
    with suppress(OSError, ValueError, AttributeError, TypeError):
        for name, (host, port) in json.loads(_file(home).read_text()).items():
            known[str(name)] = (str(host), int(port))
    return known


def _file(home: Path) -> Path:
    return home / "run" / "places.json"
