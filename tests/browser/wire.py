"""A wire between a simulated bedside monitor and the clinic that notes when each message passed.

The monitor is a process of its own and the messages are the ones a clinic would get; the wire changes none.
"""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.browser.started import ROOT

HEART_RATE = re.compile(rb"\|NM\|149530\^[^|]*\|[^|]*\|(\d+)")


@dataclass
class Wire:
    """Hands bytes on, both ways; `passed` holds (seconds since the epoch, heart rate) of each message."""

    port: int
    passed: list[tuple[float, int]] = field(default_factory=list)

    def note(self, received: bytes) -> None:
        """Take down the heart rate of a message that passes now."""
        if found := HEART_RATE.search(received):
            self.passed.append((time.time(), int(found[1])))

    @property
    def changes(self) -> list[tuple[float, int]]:
        """The messages whose heart rate differs from the one before."""
        return [now for before, now in zip(self.passed, self.passed[1:], strict=False) if before[1] != now[1]]


@contextmanager
def wire(to_port: int) -> Iterator[Wire]:
    """Listen on a free port and hand everything on to `to_port`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Wire(server.getsockname()[1])
        threading.Thread(target=_serve, args=(server, to_port, made), daemon=True).start()
        yield made


def _serve(server: socket.socket, to_port: int, made: Wire) -> None:
    with suppress(OSError):
        while True:
            monitor, _ = server.accept()
            clinic = socket.create_connection(("127.0.0.1", to_port))
            for source, sink, note in ((monitor, clinic, made.note), (clinic, monitor, lambda _: None)):
                threading.Thread(target=_hand_on, args=(source, sink, note), daemon=True).start()


def _hand_on(source: socket.socket, sink: socket.socket, note: object) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            note(received)  # type: ignore[operator]
            sink.sendall(received)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def monitor(port: int, device: str, *words: str) -> Iterator[None]:
    """The simulated bedside monitor, running beside the clinic until the block ends."""
    command = [sys.executable, "-m", "bothwell.demo.monitor", "--port", str(port), "--device", device, *words]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
