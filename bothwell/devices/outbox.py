"""Holds what a monitor said until the database has it, where nobody would send it again.

It drops nothing while it has room, changes no order, and writes nothing to a disk itself. What waits is lost with the
process: it says how much. While the database is away, what is of monitors on somebody is handed to whoever stands in.
"""

import threading
from collections import deque
from datetime import datetime
from typing import Any, Protocol

from django.db import connection

from bothwell.devices.keeping import AWAY, OUTAGE, Calm, kind_of
from bothwell.monitoring import feed
from bothwell.monitoring.feed import Report

# As much as several monitors say in a day; past it the oldest go, and it is said.
MOST_REPORTS = 200_000
RETRY_S = 1.0
TRIES = 3


class StandsIn(Protocol):
    """Keeps what was said while the database is away (`standby`)."""

    def keep(self, readings: Any, received_at: datetime) -> bool: ...
    def seen(self, message: Report, received_at: datetime) -> None: ...


class Outbox:
    """Reports in the order they came, each kept until it is taken down; one thread of its own does so."""

    def __init__(self, calm: Calm, most: int = MOST_REPORTS, retry_s: float = RETRY_S) -> None:
        self.standby: StandsIn | None = None
        self._calm = calm
        self._retry_s = retry_s
        self._waiting: deque[tuple[Report, datetime]] = deque()
        self._most = most
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to take down."""
        self._thread.start()

    def put(self, report: Report, received_at: datetime) -> None:
        """Add a report behind those that wait; from any thread, at once."""
        with self._changed:
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self._calm.say("too much waits for the database: the oldest readings are lost")
            self._waiting.append((report, received_at))
            self._changed.notify()

    def stop(self, patience_s: float) -> int:
        """Take down what can be within `patience_s`; how many reports are lost."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(patience_s)
        self._given_up.set()
        return len(self._waiting)

    def _run(self) -> None:
        tries = 0
        while (first := self._first()) is not None:
            tries += 1
            is_done = self._taken(*first, is_last_try=tries >= TRIES)
            if is_done:
                tries = 0
                with self._changed:
                    # Only what was taken: the oldest may have gone to make room meanwhile.
                    if self._waiting and self._waiting[0] is first:
                        self._waiting.popleft()
            elif self._given_up.wait(self._retry_s):
                return

    def _first(self) -> tuple[Report, datetime] | None:
        """What waits longest; none once there is nothing left and we are to stop."""
        with self._changed:
            while not self._waiting:
                if self._stopping.is_set():
                    return None
                self._changed.wait()
            return self._waiting[0]

    def _taken(self, report: Report, received_at: datetime, *, is_last_try: bool) -> bool:
        """Whether the report is done with: in the database, or such that it never will be."""
        try:
            if not feed.record(report, received_at=received_at).is_known:
                self._calm.say("a device that is not known here spoke")
            if self.standby:
                self.standby.seen(report, received_at)
            return True
        except AWAY as error:
            connection.close()
            self._calm.say(f"the database takes nothing, what monitors say waits: {kind_of(error)}")
            if isinstance(error, OUTAGE):
                self._hand_over()
            return False
        except Exception as error:
            # This report's own fault, or ours: it must not stand in the way of all that follow.
            connection.close()
            self._calm.say(f"a report could not be kept: {kind_of(error)}")
            return is_last_try

    def _hand_over(self) -> None:
        """Give what waits to whoever stands in, in order; what is of nobody's monitor goes on to wait here."""
        with self._changed:
            waiting = list(self._waiting) if self.standby else []
        kept = {id(each) for each in waiting if self.standby and self.standby.keep(each[0].readings, each[1])}
        with self._changed:
            # Nothing here is forgotten that was not kept there: what came meanwhile stays, and so does the order.
            self._waiting = deque(each for each in self._waiting if id(each) not in kept)
