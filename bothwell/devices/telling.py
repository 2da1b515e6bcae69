"""Hands what stands at the beds to the pages' process on this machine, while the database is away.

It writes nothing down, waits for nobody, and speaks only through a folder that is this installation's alone.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# Of what goes together: well below what a system lets through as one message.
LARGEST = 64 * 1024


class Teller:
    """Sends to every process that listens in the folder; one that is gone is forgotten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.setblocking(False)

    def tell(self, *several: Mapping[str, Any]) -> None:
        """Send it, or lose it: what stands is told again within a second.

        Several go together: a line holds some ten messages at once, and a clinic may have more rooms than that.
        """
        together: list[bytes] = []
        for each in several:
            said = json.dumps(each, separators=(",", ":")).encode()
            if together and sum(map(len, together)) + len(said) > LARGEST:
                self._send(together)
                together = []
            together.append(said)
        if together:
            self._send(together)

    def _send(self, together: Sequence[bytes]) -> None:
        said = b"[" + b",".join(together) + b"]"
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
