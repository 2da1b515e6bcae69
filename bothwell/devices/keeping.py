"""What every way in from a monitor shares: calm log lines, a look at the clocks, and a database that may be away.

It writes no value, no name and no identifier into a log, and decides nothing about a reading.
"""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

from bothwell.monitoring import actions
from bothwell.monitoring.clocks import LOOK_EVERY

log = logging.getLogger("bothwell.devices")

# What a database that is away, restarting or being migrated raises: the same may be taken down later.
AWAY = (OperationalError, InterfaceError, ProgrammingError, InternalError)
SAME_LINE_EVERY_S = 30.0
# More devices than any clinic has: somebody makes them up, and nothing need be remembered of them.
MOST_DEVICES = 1000


def kind_of(error: Exception) -> str:
    """What went wrong, without a word of what was said."""
    return type(error).__name__


class Calm:
    """Log lines without content, the same one at most twice a minute."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Log the line, or count it until it is due again."""
        now = time.monotonic()
        with self._lock:
            since, held_back = self._said.get(line, (-SAME_LINE_EVERY_S, 0))
            if now - since < SAME_LINE_EVERY_S:
                self._said[line] = (since, held_back + 1)
                return
            self._said[line] = (now, 0)
        log.warning("%s%s", line, f" (and {held_back} more)" if held_back else "")


class Clocks:
    """Of every ten seconds of a monitor the newest time it spoke of, handed on to be remembered."""

    def __init__(self, calm: Calm) -> None:
        self._calm = calm
        self._begun: dict[str, datetime] = {}
        self._shown: dict[str, tuple[datetime, datetime]] = {}
        self._lock = threading.Lock()

    def heard(self, newest: Mapping[str, datetime], received_at: datetime) -> None:
        """Note what these monitors' clocks show. No reading waits for it, and none is lost if it fails."""
        try:
            for device, (observed_at, at) in self._due(newest, received_at).items():
                actions.look_at_clocks({device: observed_at}, received_at=at)
        except Exception as error:
            connection.close()
            self._calm.say(f"a monitor's clock was not looked at: {kind_of(error)}")

    def _due(
        self, newest: Mapping[str, datetime], received_at: datetime
    ) -> dict[str, tuple[datetime, datetime]]:
        due = {}
        with self._lock:
            if len(self._begun) > MOST_DEVICES:
                self._begun.clear()
                self._shown.clear()
            for device, observed_at in newest.items():
                if received_at - self._begun.setdefault(device, received_at) >= LOOK_EVERY:
                    if device in self._shown:
                        due[device] = self._shown.pop(device)
                    self._begun[device] = received_at
                known = self._shown.get(device)
                if known is None or observed_at > known[0]:
                    self._shown[device] = (observed_at, received_at)
        return due
