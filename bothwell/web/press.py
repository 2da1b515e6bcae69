"""Long paper: printed beside the pages by a process of its own, and kept for a while for whoever asked for it.

In memory alone, never on the disk, and never while a transaction waits; it knows nothing of what the page says.
"""

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Final
from uuid import UUID

SHORT: Final = 100_000
"""Signs of a page that are printed at once: some fifteen sheets, about a second on a quiet machine."""
PATIENCE_S: Final = 0.5
KEPT_FOR_S: Final = 15 * 60
LONGEST_S: Final = 15 * 60
NOT_TOLD: Final = frozenset({"BOTHWELL_DSN", "BOTHWELL_PROCESS_NOTES_KEY", "BOTHWELL_SECRET_KEY"})


@dataclass
class _Sheet:
    """One page being printed, or printed."""

    done: Event = field(default_factory=Event)
    made: bytes = b""
    until: float = field(default_factory=lambda: time.monotonic() + LONGEST_S + KEPT_FOR_S)


_sheets: dict[bytes, _Sheet] = {}
_lock = Lock()
_one_at_a_time = ThreadPoolExecutor(1, thread_name_prefix="press")


def paper(owner: UUID, html: str) -> bytes | None:
    """The page as a PDF; None while a long one is being printed: ask again with the same page, as the same person.

    Raises OSError where it could not be printed.
    """
    if len(html) <= SHORT:
        # Only who asks for paper waits for the library that makes it.
        from bothwell.web import printed

        return printed.pdf(html)
    key = hashlib.sha256(owner.bytes + html.encode()).digest()
    sheet = _sheet(key, html)
    if not sheet.done.wait(PATIENCE_S):
        return None
    if not sheet.made:
        with _lock:
            _sheets.pop(key, None)
        raise OSError("the paper could not be printed")
    return sheet.made


def _sheet(key: bytes, html: str) -> _Sheet:
    with _lock:
        for old in [one for one, sheet in _sheets.items() if sheet.until < time.monotonic()]:
            del _sheets[old]
        if key not in _sheets:
            _sheets[key] = _Sheet()
            _one_at_a_time.submit(_print, _sheets[key], html)
        return _sheets[key]


def _print(sheet: _Sheet, html: str) -> None:
    told = {name: value for name, value in os.environ.items() if name not in NOT_TOLD} | {
        "BOTHWELL_AS": "work"
    }
    try:
        done = subprocess.run(
            (sys.executable, "-m", "bothwell.web.pressed"),
            input=html.encode(),
            env=told,
            capture_output=True,
            check=False,
            timeout=LONGEST_S,
        )
        if done.returncode == 0:
            sheet.made = done.stdout
    except (OSError, subprocess.TimeoutExpired):
        pass  # nothing was made; whoever asks is told
    finally:
        sheet.until = time.monotonic() + KEPT_FOR_S
        sheet.done.set()
