"""Keeps Bothwell's processes running: starts them in order, brings one back when it ends, stops all together.

Knows nothing of what they do, never restarts the database, and never leaves one of them behind.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Protocol

from bothwell.running.trouble import CannotRun

LOOK_EVERY_S = 0.1
STOP_PATIENCE_S = 5.0  # the web server gives open streams three seconds of these
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
SETTLED_AFTER_S = 30.0  # a process that lived this long starts its waits anew
FASTEST_ENDS = 5  # so many short lives in a row of an essential process end everything
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_writing = threading.Lock()


@dataclass(frozen=True)
class Part:
    """One process to keep running; without an `essential` one Bothwell stops with a sentence."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    essential: bool = False


class Watched(Protocol):
    """What is looked at besides the parts: the database's process."""

    def poll(self) -> int | None: ...


def wait_after(short_lives: int) -> float:
    """Seconds to wait before the next start, after so many short lives in a row: 1, 2, 4 … 30."""
    return float(min(FIRST_WAIT_S * 2.0 ** max(short_lives - 1, 0), LONGEST_WAIT_S))


class Keeper:
    """Keeps one part alive."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.short_lives = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._next_at = 0.0

    def look(self, now_s: float) -> None:
        """Start it when it is due; note its end. `now_s` is a monotonic clock. Raises CannotRun."""
        if self._process is None:
            if now_s >= self._next_at:
                self._process, self._started_at = start(self.part), now_s
            return
        code = self._process.poll()
        if code is None:
            return
        # What it started itself would go on holding its port.
        _signal_group(self._process, signal.SIGKILL)
        self._process = None
        self.short_lives = self.short_lives + 1 if now_s - self._started_at < SETTLED_AFTER_S else 1
        if self.part.essential and self.short_lives >= FASTEST_ENDS:
            raise CannotRun(
                f"{self.part.name} ended {FASTEST_ENDS} times in a row; its last lines are above."
            )
        wait_s = wait_after(self.short_lives)
        self._next_at = now_s + wait_s
        say("bothwell", f"{self.part.name} ended (code {code}); starting it again in {wait_s:.0f} s")

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def await_end(self, until_s: float) -> None:
        """Wait for its end until the monotonic time `until_s`, then end it and all it started."""
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(until_s - time.monotonic(), 0.01))
        _signal_group(self._process, signal.SIGKILL)
        self._process.wait()


def keep_running(parts: tuple[Part, ...], database: Watched | None) -> None:
    """Run `parts` until a signal comes (KeyboardInterrupt) or the database ends (CannotRun); then stop them.

    They are asked to stop in the reverse of their order: what feeds data first, the pages last.
    """
    keepers = [Keeper(part) for part in parts]
    try:
        while True:
            for keeper in keepers:
                keeper.look(time.monotonic())
            if database is not None and database.poll() is not None:
                raise CannotRun("The database ended by itself; see run/postgres.log in the data folder.")
            time.sleep(LOOK_EVERY_S)
    finally:
        until_s = time.monotonic() + STOP_PATIENCE_S
        for keeper in reversed(keepers):
            keeper.ask_to_stop()
        for keeper in reversed(keepers):
            keeper.await_end(until_s)


def run_once(part: Part, *, quiet: bool = False) -> list[str]:
    """Run `part` to its end, its lines shown; `quiet`: given back, and shown only if it fails, which raises
    CannotRun.
    """
    process = _spawn(part)
    assert process.stdout is not None
    kept: list[str] = []
    try:
        with process.stdout as lines:
            for line in lines:
                word = line.decode(errors="replace").rstrip()
                kept.append(word) if quiet else say(part.name, word)
        code = process.wait()
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()
    if code != 0:
        for word in kept:
            say(part.name, word)
        raise CannotRun(f"{part.name} failed (code {code}); its last lines are above.")
    return kept


def start(part: Part) -> subprocess.Popen[bytes]:
    """Start `part` in a session of its own, every line it writes shown after its name."""
    process = _spawn(part)
    threading.Thread(target=_relay, args=(part.name, process.stdout), daemon=True).start()
    return process


def _spawn(part: Part) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        (*_dies_with_us(), *part.command),
        env=dict(part.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _relay(name: str, lines: IO[bytes] | None) -> None:
    assert lines is not None
    with lines:
        for line in lines:
            say(name, line.decode(errors="replace").rstrip())


def say(name: str, line: str) -> None:
    """Show one line to the person at the terminal, whole even when several processes speak at once."""
    with _writing, suppress(BrokenPipeError):
        print(f"{name:>8} | {line}", file=sys.stderr, flush=True)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Say what begins, and afterwards how long it took: nobody should wait before a silent terminal."""
    say("bothwell", f"{what} …")
    since_s = time.monotonic()
    yield
    say("bothwell", f"… done in {time.monotonic() - since_s:.0f} s")


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """SIGTERM, Ctrl-C or a closed terminal end the block, once, as KeyboardInterrupt."""

    def interrupt(number: int, frame: object) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _signal_group(process: subprocess.Popen[bytes], which: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, which)


def _dies_with_us() -> tuple[str, ...]:
    """So that a supervisor killed outright leaves no process behind that holds a port (Linux)."""
    return ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
