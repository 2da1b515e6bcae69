"""Brings the clinic's own database back when it ends by itself, while everything else goes on.

It starts no second server beside one that runs, and never gives up: the bedside feed keeps what monitors say and
shows their alarms until the database is there again.
"""

import threading
from typing import Protocol

from bothwell.running.postgres import Cluster, Server
from bothwell.running.supervise import say, wait_after
from bothwell.running.trouble import CannotRun


class Startable(Protocol):
    """What can be started again."""

    def start(self) -> Server: ...


class Reviving:
    """Keeps one server running, in a thread that lives as long as it does.

    The thread that starts a server has to live on: the server is told to stop when that thread ends.
    """

    def __init__(self, cluster: Startable, server: Server) -> None:
        self._cluster, self._server = cluster, server
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        """Never an end, as long as it is brought back."""
        return None

    def stop(self) -> None:
        """Stop the server that runs now, and bring it back no more."""
        self._closing.set()
        self._server.stop()
        self._thread.join(30.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._server.process is None:
                return
            code = self._server.process.wait()
            if not self._closing.is_set():
                say("bothwell", f"the database ended by itself (code {code}); starting it again")
                self._start_again()
        self._server.stop()

    def _start_again(self) -> None:
        tries = 0
        while not self._closing.is_set():
            try:
                self._server = self._cluster.start()
                say("bothwell", "the database is back")
                return
            except CannotRun as trouble:
                tries += 1
                say("bothwell", str(trouble))
                self._closing.wait(wait_after(tries))


def of(cluster: Cluster, server: Server) -> Reviving | None:
    """The keeper of a server that is our child; none for one that belongs to somebody else."""
    return Reviving(cluster, server) if server.process is not None else None
