"""A database that ends by itself comes back, and one that is to stop does not."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bothwell.running.postgres import Server
from bothwell.running.reviving import Reviving
from bothwell.running.trouble import CannotRun


@dataclass
class Sleepers:
    """Servers that do nothing, of which the first so many do not start."""

    failures: int = 0
    started: list[Server] = field(default_factory=list)

    def start(self) -> Server:
        if self.failures:
            self.failures -= 1
            raise CannotRun("the disk is full.")
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.started.append(Server("", process))
        return self.started[-1]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(server: Server) -> bool:
    return server.process is not None and server.process.poll() is None


def test_it_comes_back_however_often_it_ends() -> None:
    cluster = Sleepers()
    kept = Reviving(cluster, cluster.start())
    for number in (1, 2):
        process = cluster.started[-1].process
        assert process is not None
        process.kill()
        until(lambda number=number: len(cluster.started) == number + 1)  # type: ignore[misc]
        assert kept.poll() is None
    kept.stop()
    assert not any(map(runs, cluster.started))


def test_a_start_that_fails_is_tried_again() -> None:
    cluster = Sleepers()
    kept = Reviving(cluster, cluster.start())
    cluster.failures = 1
    process = cluster.started[0].process
    assert process is not None
    process.kill()
    until(lambda: len(cluster.started) == 2)
    assert runs(cluster.started[1]) and kept.poll() is None
    kept.stop()
    assert not runs(cluster.started[1])


def test_stopped_it_stays_stopped() -> None:
    cluster = Sleepers()
    kept = Reviving(cluster, cluster.start())
    kept.stop()
    time.sleep(0.3)
    assert len(cluster.started) == 1 and not runs(cluster.started[0])
