"""Hands what stands at the beds to the pages' process on this machine, while the database is away.

It writes nothing down, waits for nobody, and speaks only through a folder that is this installation's alone.
"""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


class Teller:
    """Sends to every process that listens in the folder; one that is gone is forgotten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.setblocking(False)

    def tell(self, what: Mapping[str, Any]) -> None:
        """Send it, or lose it: what stands is told again within a second."""
        said = json.dumps(what, separators=(",", ":")).encode()
        for place in self._places():
            try:
                self._line.sendto(said, str(place))
            except ConnectionRefusedError:
                # Its process was killed: nobody will ever read there again.
                with suppress(OSError):
                    place.unlink()
            except OSError:
                continue

    def _places(self) -> list[Path]:
        with suppress(OSError):
            return list(self._folder.iterdir())
        return []

    def close(self) -> None:
        self._line.close()
