"""The demo clinic as the command of the README starts it, on ports and in a home of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SECONDS_TO_STOP = 30


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Stack:
    """Where the running clinic is; its database and files are under `home`."""

    address: str
    device_port: int
    home: Path


@contextmanager
def started(folder: Path) -> Iterator[Stack]:
    """The whole demo clinic, stopped at the end as Ctrl-C would, without complaint."""
    port, device_port = free_port(), free_port()
    words = ("--port", str(port), "--device-port", str(device_port))
    stack = Stack(f"http://localhost:{port}", device_port, folder / "home")
    with serving(stack, folder / "log", *words):
        yield stack


@contextmanager
def serving(stack: Stack, log: Path, *words: str, **told: str) -> Iterator[None]:
    """`bothwell serve --demo` with these words, until the block ends; `told` are further settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BOTHWELL_", "DJANGO_", "DATABASE_URL"))}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "bothwell", "serve", "--demo", *words],
            cwd=ROOT,
            env=kept | told | {"BOTHWELL_HOME": str(stack.home)},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(stack.address, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(SECONDS_TO_STOP)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert code == 0, log.read_text()[-3000:]


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            break
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
            return
        time.sleep(0.3)
    raise AssertionError(f"the demo clinic did not start:\n{log.read_text()[-3000:]}")
