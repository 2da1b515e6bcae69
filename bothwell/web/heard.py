"""Hears from the listener on this machine what stands at the beds while the database is away.

It asks nobody's rights and shows nothing to anybody: `live` decides which open page may have it. What is not
understood is dropped.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger("bothwell.live")

LARGEST = 256 * 1024
AT_ONCE = 100


def listen(folder: Path, said: Callable[[Mapping[str, Any]], None]) -> Callable[[], None]:
    """Hand on each thing told in the folder, in the running loop; what is returned ends it.

    Without a folder to listen in, live pages do without: a calm line says so.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.setblocking(False)
    place = folder / str(os.getpid())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        place.unlink(missing_ok=True)
        line.bind(str(place))
        place.chmod(0o600)
    except OSError as error:
        line.close()
        log.warning("live pages do not hear the listener: %s", type(error).__name__)
        return lambda: None
    loop = asyncio.get_running_loop()
    loop.add_reader(line.fileno(), _read, line, said)

    def end() -> None:
        loop.remove_reader(line.fileno())
        line.close()
        with suppress(OSError):
            place.unlink()

    return end


def _read(line: socket.socket, said: Callable[[Mapping[str, Any]], None]) -> None:
    """What has come by now; no more at once than leaves the pages their turn."""
    for _ in range(AT_ONCE):
        try:
            whole = line.recv(LARGEST)
        except (BlockingIOError, InterruptedError):
            return
        with suppress(ValueError):
            told = json.loads(whole)
            for each in told if isinstance(told, list) else ():
                if isinstance(each, dict):
                    said(each)
