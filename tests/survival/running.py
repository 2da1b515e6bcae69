"""A clinic that really runs, monitors that really speak to it, and an open page: each can be broken from here."""

import http.client
import http.cookiejar
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bothwell.demo.monitor import Answer, Connection, oru
from bothwell.demo.signals import Shown
from bothwell.running.postgres import Cluster, running_socket
from bothwell.running.secrets import load
from tests.browser.started import ROOT, free_port

# Amara in Room 2 and Room 4's partner, as the demonstration has them; Luis is their nurse.
DEVICES = ("00A0B0FFFEC0D001", "00A0B0FFFEC0D003")
NURSE, PASSWORD = "luis@demo.invalid", "bothwell-demo"


def until(is_so: Callable[[], Any], within_s: float, what: str) -> Any:
    """What `is_so` answers, once it is true."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")


@dataclass
class Clinic:
    """The running clinic, with its processes."""

    address: str
    device_port: int
    home: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def pid_of(self, word: str) -> int | None:
        """The supervisor's child whose command holds this word."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                command = (folder / "cmdline").read_bytes().decode().split("\0")
                if int(parent) == self.process.pid and word in command:
                    return int(folder.name)
        return None

    def postmaster(self) -> int:
        return int((self.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    def database_answers(self) -> bool:
        folder = running_socket(self.home / "postgres")
        if folder is None:
            return False
        with suppress(psycopg.Error):
            self.rows("select 1")
            return True
        return False

    def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """Asked as the superuser, whom no policy holds back."""
        cluster = Cluster(self.home, load(self.home).admin_password)
        folder = running_socket(self.home / "postgres")
        assert folder is not None
        with psycopg.connect(make_conninfo(cluster.dsn(folder), dbname="bothwell")) as connection:
            return connection.execute(sql, given).fetchall()

    def session_of(self, device: str) -> str:
        ((key,),) = self.rows(
            "select b.session_id from bothwell_binding b join bothwell_device d on d.id = b.device_id "
            "where d.identifier = %s and b.until is null",
            device,
        )
        return str(key)

    def clinic_of(self, session: str) -> str:
        ((key,),) = self.rows("select clinic_id from bothwell_dosingsession where id = %s", session)
        return str(key)

    def is_up(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=2):
            return True
        return False

    def log_in(self) -> str:
        """The nurse's cookie."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        page = browser.open(f"{self.address}/account/login/", timeout=20).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        given = {"csrfmiddlewaretoken": token[1], "login": NURSE, "password": PASSWORD}
        asked = urllib.request.Request(
            f"{self.address}/account/login/",
            urllib.parse.urlencode(given).encode(),
            {"Referer": f"{self.address}/account/login/"},
        )
        browser.open(asked, timeout=20).read()
        return "; ".join(f"{each.name}={each.value}" for each in jar)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nobody starts anything again inside."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def running(home: Path) -> Iterator[Clinic]:
    """The demonstration without its own monitors, stopped at the end."""
    port, device_port = free_port(), free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BOTHWELL_", "DJANGO_", "DATABASE_URL"))}
    words = ("--only", "web", "--only", "work", "--only", "listen")
    log = home.parent / "log"
    with log.open("ab") as written:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bothwell", "serve", "--demo", *words),
                *("--port", str(port), "--device-port", str(device_port)),
            ],
            cwd=ROOT,
            env=kept | {"BOTHWELL_HOME": str(home)},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    clinic = Clinic(f"http://localhost:{port}", device_port, home, process, log)
    try:
        until(lambda: process.poll() is not None or clinic.is_up(), 400, "the clinic opens")
        assert process.poll() is None, log.read_text()[-3000:]
        yield clinic
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@dataclass
class Monitor:
    """Speaks several times a second and says everything again until it is acknowledged, as real ones do."""

    clinic: Clinic
    device: str
    every_s: float = 0.25
    ahead: timedelta = timedelta(0)
    values: dict[str, float] = field(
        default_factory=lambda: {"heart_rate": 74, "spo2": 97, "respiratory_rate": 14}
    )
    acknowledged: list[tuple[datetime, float]] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self._line = Connection("127.0.0.1", self.clinic.device_port, timeout_seconds=2)
        self._ended, self._is_cut = threading.Event(), threading.Event()
        self._waiting: list[tuple[datetime, str, bytes]] = []
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self.every_s):
            self._measure()
            while self._waiting and not self._is_cut.is_set():
                if not self._said(*self._waiting[0]):
                    break
                self._waiting.pop(0)

    def _measure(self) -> None:
        now = datetime.now(UTC) + self.ahead
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._count += 1
        key = f"{self.device[-2:]}-{self._count}-{time.monotonic_ns()}"
        shown = [Shown(code, 0, Decimal(str(value))) for code, value in self.values.items()]
        self._waiting.append((at, key, oru(control_id=key, device_id=self.device, at=at, shown=shown)))

    def _said(self, at: datetime, key: str, message: bytes) -> bool:
        answer = self._line.exchange(message, key)
        if answer is Answer.ACCEPTED:
            self.acknowledged.append((at, time.monotonic()))
        elif answer is not Answer.NONE:
            self.refused += 1
        return answer is not Answer.NONE

    def cut(self) -> None:
        """The cable is out: what is sent arrives nowhere, and nobody says good-bye."""
        self._is_cut.set()
        held = self._line._socket
        if held is not None:
            with suppress(OSError):
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._line.close()

    def mend(self) -> None:
        self._is_cut.clear()

    def since(self, at_s: float) -> int:
        """How many were acknowledged after this monotonic time."""
        return sum(each > at_s for _, each in self.acknowledged)

    def end(self) -> None:
        """Say what is left, if somebody listens, and fall silent."""
        with suppress(AssertionError):
            until(lambda: len(self._waiting) <= 1, 20, "everything is said")
        self._ended.set()
        self._thread.join(10)
        self._line.close()

    def is_all_kept_once(self) -> bool:
        """Everything acknowledged is in the database, and nothing is there twice."""
        found = dict(
            self.clinic.rows(
                "select s.observed_at, count(*) from bothwell_sample s join bothwell_device d on d.id = s.device_id "
                "where d.identifier = %s and s.code = 'heart_rate' group by 1",
                self.device,
            )
        )
        assert all(count == 1 for count in found.values())
        return all(at in found for at, _ in self.acknowledged)


@dataclass
class Event:
    name: str
    data: Any
    at_s: float


@dataclass
class Page:
    """An open page's stream; it is not opened again."""

    clinic: Clinic
    cookie: str
    path: str
    events: "queue.Queue[Event]" = field(default_factory=queue.Queue)
    seen: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        host = self.clinic.address.removeprefix("http://")
        self._call = http.client.HTTPConnection(host, timeout=60)
        self._call.request("GET", self.path, headers={"Cookie": self.cookie})
        self._line = self._call.sock
        self._answer = self._call.getresponse()
        assert self._answer.status == 200, self._answer.status
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name, data = "", None
        with suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            while line := self._answer.readline():
                word, _, rest = line.decode().rstrip("\n").partition(": ")
                if word == "event":
                    name = rest
                elif word == "data":
                    data = json.loads(rest)
                elif not word and not rest and name:
                    self.events.put(Event(name, data, time.monotonic()))
                    name, data = "", None

    def hear(self, name: str, within_s: float, is_it: Callable[[Any], Any] = lambda data: True) -> Event:
        """The next event of this name for which `is_it` holds; what came before it is left behind."""
        deadline = time.monotonic() + within_s
        while (left_s := deadline - time.monotonic()) > 0:
            with suppress(queue.Empty):
                event = self.events.get(timeout=left_s)
                self.seen.append(event)
                if event.name == name and is_it(event.data):
                    return event
        raise AssertionError(
            f"no {name} within {within_s:.0f} s; heard {[each.name for each in self.seen][-20:]}"
        )

    def close(self) -> None:
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._call.close()
