"""How soon a gift that is taken back is gone: from an open page's stream, and from the next page."""

import http.client
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings

from bothwell.integration import actions
from bothwell.models import Person
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.conftest import LOGINS
from tests.web.partners import gave, wrote

AT_ONCE_S = 1.0


@contextmanager
def served() -> Iterator[int]:
    """The pages and streams as they are served, in a process of their own; the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
            *("--workers-kill-timeout", "1", "--log-level", "warning"),
            *("--host", "127.0.0.1", "--port", str(port), "bothwell.asgi:application"),
        ],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": "web", "BOTHWELL_DSN": LOGINS.web},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Taken:
    """Seconds from the moment somebody presses "take back"."""

    heard_s: float
    """until the receiver's open page was told to look again"""
    gone_s: float
    """until the page they then asked for had come, without the words"""


def fetched(port: int, cookie: str, path: str) -> str:
    """A page, as a browser gets it from the server."""
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    call.request("GET", path, headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
    answer = call.getresponse()
    body = answer.read().decode()
    call.close()
    assert answer.status == 200, (path, answer.status)
    return body


def take_back(port: int, giver: Person, receiver: Person, to: Relation, path: str, times: int) -> list[Taken]:
    """Give, let the receiver read, take back; so many times. Raises AssertionError if the words stay, or were never there."""
    from tests.web.test_live import Page, cookie_of  # a test of its own as well

    cookie = cookie_of(receiver)
    page = Page(port, cookie, f"/live/person/{receiver.id}").opened()
    taken = []
    for _ in range(times):
        word = f"zq{uuid4().hex}"
        insight = wrote(giver, word)
        gave(giver, insight, {to})
        assert word in fetched(port, cookie, path)
        _quiet(page)
        begun = time.monotonic()
        with door.opened(giver.id):
            actions.take_back(by=giver, insight_id=insight.id)
        event = page.next(AT_ONCE_S)
        assert event is not None
        assert event.name == "changed"
        assert word not in fetched(port, cookie, path)
        taken.append(Taken(event.at - begun, time.monotonic() - begun))
    page.close()
    return taken


def _quiet(page: "object") -> None:
    """Wait until nothing more is told of what went before."""
    events: queue.Queue[object] = page.events  # type: ignore[attr-defined]
    while True:
        try:
            events.get(timeout=0.3)
        except queue.Empty:
            return
