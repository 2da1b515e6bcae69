"""What every way in from a monitor shares: calm log lines, a look at the clocks, and a database that may be away.

It writes no value, no name and no identifier into a log, and decides nothing about a reading.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

from bothwell.monitoring import feed
from bothwell.monitoring.clocks import LOOK_EVERY
from bothwell.monitoring.feed import Site

log = logging.getLogger("bothwell.devices")

# What a database that is not to be reached, cannot write or lets us wait too long for a lock raises.
OUTAGE = (OperationalError, InterfaceError)
# What a database that is away, restarting or being migrated raises: the same may be taken down later.
AWAY = (*OUTAGE, ProgrammingError, InternalError)
SAME_LINE_EVERY_S = 30.0
SITE_LIVES_S = 30.0
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


class Sites:
    """Where devices stand, remembered for half a minute; longer only while nobody can be asked."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Site, float]] = {}

    def of(self, identifiers: Collection[str]) -> dict[str, Site]:
        """The site of each of these that is known here. Raises what a database raises that is away."""
        now = time.monotonic()
        fresh = {
            each: found[0] for each in identifiers if (found := self._known.get(each)) and found[1] > now
        }
        missing = [each for each in identifiers if each not in fresh]
        if not missing:
            return fresh
        asked = feed.sites_of(missing)
        if len(self._known) > MOST_DEVICES:
            self._known = {}
        self._known |= {each: (site, now + SITE_LIVES_S) for each, site in asked.items()}
        return fresh | asked

    def last_known(self, identifiers: Collection[str]) -> dict[str, Site]:
        """As `of` once answered, however long ago."""
        return {each: self._known[each][0] for each in identifiers if each in self._known}


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
                feed.look_at_clocks({device: observed_at}, received_at=at)
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
