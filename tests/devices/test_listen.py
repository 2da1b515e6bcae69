"""What the listener acknowledges is in the database, once, whatever dies; what it logs says nothing."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from bothwell.demo.monitor import END, START, Connection, read_answer
from bothwell.devices.listen import LIMIT_BYTES, Desk
from bothwell.devices.mllp import frame
from bothwell.models import Alarm, DosingSession, Sample
from bothwell.monitoring import feed
from tests.conftest import LOGINS, loading
from tests.room import Bedside, add_device, as_final, as_login, bind, open_bedside, open_session, said


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def bedside() -> Bedside:
    return open_bedside()


@dataclass
class Listening:
    """A listener in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        return self.log.read_text()


def command_of(
    port: int = 0, dsn: str | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[str], dict[str, str]]:
    """How a listener is started, and what it is told."""
    told = {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": "work"}
    environment = os.environ | told | {"BOTHWELL_DSN": dsn or LOGINS.work, **settings}
    return [sys.executable, "-m", "django", "listen", "--port", str(port)], environment


def start(
    tmp_path: Path, port: int = 0, dsn: str | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> Listening:
    log = tmp_path / "listen.log"
    command, environment = command_of(port, dsn, settings)
    # Where it would keep a journal while the database is away.
    environment["BOTHWELL_HOME"] = str(tmp_path)
    with log.open("ab") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    line = process.stdout.readline().decode() if ready else ""
    found = re.fullmatch(r"listening for bedside monitors at 127\.0\.0\.1:(\d+)(, encrypted)?\n", line)
    assert found, f"{line!r} {log.read_text()}"
    assert bool(found[2]) == bool(settings)
    return Listening(process, int(found[1]), log)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    listener = start(tmp_path)
    yield listener
    listener.kill()


def ask(port: int, message: bytes) -> bytes:
    """Send bytes as they are, framed; the first answer."""
    with socket.create_connection(("127.0.0.1", port), 5) as call:
        call.sendall(frame(message))
        return answer_of(call)


def answer_of(call: socket.socket) -> bytes:
    held = b""
    while END not in held:
        got = call.recv(4096)
        assert got, "hung up without an answer"
        held += got
    return held.split(END)[0].removeprefix(START)


def kept(session: DosingSession) -> list[tuple[str, datetime]]:
    with loading():
        return list(Sample.objects.filter(session=session).values_list("code", "observed_at"))


def raised(session: DosingSession) -> list[str]:
    with loading():
        return list(Alarm.objects.filter(session=session).values_list("text", flat=True))


@dataclass
class Monitor:
    """Sends one value a second of source time, each until it is acknowledged, whatever the listener does."""

    device: str
    count: int
    port: Callable[[], int]
    begin: datetime
    acknowledged: list[datetime] = field(default_factory=list)
    resent: int = 0

    def run(self) -> None:
        connection = Connection("127.0.0.1", self.port(), timeout_seconds=2)
        for number in range(self.count):
            at = self.begin + timedelta(milliseconds=500 * number)
            message = said(self.device, at, control_id=f"m{number}", heart_rate=70 + number % 7)
            while connection.exchange(message, f"m{number}").value != "AA":
                self.resent += 1
                connection.port = self.port()
                time.sleep(0.05)
            self.acknowledged.append(at)
        connection.close()


def test_every_acknowledged_reading_is_there_once_though_the_listener_is_killed(
    bedside: Bedside, tmp_path: Path
) -> None:
    with loading():
        session = open_session(bedside.cast, bedside.cast.stranger_a)
        device = add_device(bedside.cast)
        bind(bedside.cast, session, device)
    listener = start(tmp_path)
    begin = timezone.now().replace(microsecond=0) - timedelta(minutes=25)
    monitors = [
        Monitor(each.identifier, 1200, lambda: listener.port, begin) for each in (bedside.device, device)
    ]
    threads = [threading.Thread(target=monitor.run, daemon=True) for monitor in monitors]
    for thread in threads:
        thread.start()
    for third in (400, 800):
        while len(monitors[0].acknowledged) < third:
            time.sleep(0.005)
        listener.kill()
        listener = start(tmp_path, listener.port)
    for thread in threads:
        thread.join(60)
    listener.kill()
    for monitor, session_of in zip(monitors, (bedside.session, session), strict=True):
        assert len(monitor.acknowledged) == 1200
        found = kept(session_of)
        assert len(found) == len(set(found)) == 1200
        assert {at for _, at in found} == set(monitor.acknowledged)
        assert raised(session_of) == []
    assert sum(monitor.resent for monitor in monitors) > 0


def test_a_limit_crossed_calls_once_though_all_is_said_twice(bedside: Bedside, listening: Listening) -> None:
    begin = timezone.now().replace(microsecond=0) - timedelta(seconds=60)
    values = [97, 97, 89, 88, 88, 89, 90]
    messages = [
        said(
            bedside.device.identifier,
            begin + timedelta(seconds=2 * number),
            control_id=f"d{number}",
            spo2=value,
        )
        for number, value in enumerate(values)
    ]
    for message in [*messages, *messages]:
        assert b"MSA|AA|d" in ask(listening.port, message)
    assert len(kept(bedside.session)) == len(values)
    assert raised(bedside.session) == ["SpO₂ 89 %: under the limit of 90"]


CUT = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bothwell_work'"
SECRET = "Quillfeather"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda message: f"no message at all, {SECRET}".encode(), "AR"),
        (lambda message: message.replace(b"ORU^R01^ORU_R01", b"ADT^A01"), "AR"),
        (lambda message: message.replace(b"|P|2.6", b"|T|2.6"), "AR"),
        (lambda message: message.replace(b"UNICODE UTF-8", b"KLINGON"), "AR"),
        (lambda message: message + f"PID|||1||{SECRET}\rPID|||2||{SECRET}\r".encode(), "AE"),
        (lambda message: message.replace(b"|190|", f"|{SECRET}|".encode()), "AE"),
        (lambda message: message.split(b"OBX")[0], "AE"),
        (lambda message: message.replace(b"00A0", b"FFA0"), "AR"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_the_log_does_not_repeat_it(
    listening: Listening, spoil: Callable[[bytes], bytes], code: str
) -> None:
    device = "00A0B0FFFEC00000"
    message = spoil(said(device, timezone.now(), control_id="c-1", systolic=190))
    answer = ask(listening.port, message + f"NTE|1||{SECRET}\r".encode())
    assert f"MSA|{code}|".encode() in answer
    assert SECRET.encode() not in answer
    deadline = time.monotonic() + 5
    while "refused" not in listening.said() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "a message was refused" in listening.said()
    assert not re.search(rf"{SECRET}|190|{device}|c-1|Traceback", listening.said())


def test_a_code_that_is_not_read_is_named_to_the_monitor_and_once_in_the_log(
    bedside: Bedside, listening: Listening
) -> None:
    for number in range(3):
        message = said(bedside.device.identifier, timezone.now(), control_id=f"u-{number}", systolic=190)
        answer = ask(
            listening.port,
            message.replace(b"150021^MDC_PRESS_BLD_NONINV_SYS", b"150037^MDC_PRESS_BLD_ART_SYS"),
        )
        assert f"MSA|AA|u-{number}".encode() in answer
        assert b"ERR||OBX^1^3|103^" in answer
    deadline = time.monotonic() + 5
    while "MDC 150037" not in listening.said() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert listening.said().count("a monitor sends MDC 150037, which is not read here") == 1
    assert kept(bedside.session) == []


def test_a_device_on_nobody_is_answered_and_nothing_kept(listening: Listening) -> None:
    bedside = open_bedside(is_bound=False)
    message = said(bedside.device.identifier, timezone.now(), control_id="n-1", systolic=190)
    assert b"MSA|AA|n-1" in ask(listening.port, message)
    assert kept(bedside.session) == []


def test_a_message_too_large_is_refused_and_the_conversation_goes_on(
    bedside: Bedside, listening: Listening
) -> None:
    with socket.create_connection(("127.0.0.1", listening.port), 5) as call:
        call.sendall(frame(b"MSH|" + b"x" * (LIMIT_BYTES + 1)))
        assert b"MSA|AR|" in answer_of(call)
        message = said(bedside.device.identifier, timezone.now(), control_id="after", systolic=120)
        call.sendall(frame(message))
        assert b"MSA|AA|after" in answer_of(call)
    assert len(kept(bedside.session)) == 1


def test_messages_of_one_connection_are_answered_in_order(bedside: Bedside, listening: Listening) -> None:
    begin = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    messages = [
        said(bedside.device.identifier, begin + timedelta(seconds=n), control_id=f"o{n}", heart_rate=70)
        for n in range(50)
    ]
    with socket.create_connection(("127.0.0.1", listening.port), 5) as call:
        call.sendall(b"".join(map(frame, messages)))
        held = b""
        while held.count(END) < 50:
            held += call.recv(65536)
    assert re.findall(rb"MSA\|AA\|o(\d+)", held) == [str(n).encode() for n in range(50)]


def test_times_without_a_zone_are_the_clinics(bedside: Bedside, listening: Listening) -> None:
    with loading():
        type(bedside.cast.clinic).objects.filter(id=bedside.cast.clinic.id).update(timezone="Asia/Tokyo")
    at = timezone.now().replace(microsecond=0)
    message = as_final(said(bedside.device.identifier, at, control_id="z", systolic=120))
    there = f"{at.astimezone(ZoneInfo('Asia/Tokyo')):%Y%m%d%H%M%S}".encode()
    message = re.sub(rb"\|\d{14}\.\d{3}\+0000\|\|\|\|", b"|" + there + b"||||", message)
    assert b"MSA|AA|z" in ask(listening.port, message)
    assert kept(bedside.session) == [("systolic", at)]


def test_a_stop_is_quick_though_monitors_hold_the_line(bedside: Bedside, listening: Listening) -> None:
    with socket.create_connection(("127.0.0.1", listening.port), 5) as call:
        message = said(bedside.device.identifier, timezone.now(), control_id="s", systolic=120)
        call.sendall(frame(message))
        assert b"MSA|AA|s" in answer_of(call)
        begun = time.monotonic()
        listening.process.send_signal(signal.SIGTERM)
        assert listening.process.wait(4) == 0
        assert time.monotonic() - begun < 2
        assert call.recv(10) == b""


@contextmanager
def database_gone() -> Iterator[None]:
    """The feed's login cannot connect, and what it had is cut."""
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("alter role bothwell_work nologin")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bothwell_work'"
        )
        try:
            yield
        finally:
            admin.execute("alter role bothwell_work login")


def test_without_a_database_nothing_is_acknowledged_and_the_line_is_kept(
    bedside: Bedside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # Without a secret there is no journal to keep anything in meanwhile.
    monkeypatch.delenv("BOTHWELL_SECRET_KEY")
    listening = start(tmp_path)
    request.addfinalizer(listening.kill)
    message = said(bedside.device.identifier, timezone.now(), control_id="gone", systolic=121)
    time.sleep(0.01)  # HL7 times are whole milliseconds: within one, the second reading would be a repeat
    with socket.create_connection(("127.0.0.1", listening.port), 5) as call:
        call.sendall(frame(said(bedside.device.identifier, timezone.now(), control_id="one", systolic=120)))
        assert b"MSA|AA|one" in answer_of(call)
        with database_gone():
            call.sendall(frame(message))
            call.settimeout(0.7)
            with pytest.raises(TimeoutError):
                call.recv(10)
        call.settimeout(5)
        call.sendall(frame(message))
        assert read_answer(answer_of(call), "gone").value == "AA"
    assert len(kept(bedside.session)) == 2
    assert "monitors send again: OperationalError" in listening.said()
    assert "121" not in listening.said()


def test_a_connection_that_died_idle_costs_no_message(bedside: Bedside, listening: Listening) -> None:
    for number in range(3):
        message = said(bedside.device.identifier, timezone.now(), control_id=f"i{number}", systolic=120)
        assert f"MSA|AA|i{number}".encode() in ask(listening.port, message)
        with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bothwell_work'"
            )
    assert len(kept(bedside.session)) == 3


def test_a_fault_of_ours_is_told_to_the_monitor_and_stops_nothing(
    bedside: Bedside, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(feed, "sites_of", fails)
    answer = Desk().answer(said(bedside.device.identifier, timezone.now(), systolic=120), timezone.now())
    assert answer is not None
    assert b"MSA|AE|" in answer
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("behind_s", "words"), [(300, "5 minutes behind ours"), (-420, "7 minutes ahead of ours")]
)
def test_a_monitor_whose_clock_is_wrong_is_told_also_when_its_readings_are_refused(
    behind_s: int, words: str, bedside: Bedside
) -> None:
    desk, begin = Desk(), timezone.now() - timedelta(seconds=80)
    for second in range(0, 80, 2):
        received_at = begin + timedelta(seconds=second)
        shown = received_at - timedelta(seconds=behind_s)
        with as_login(LOGINS.work):
            answer = desk.answer(said(bedside.device.identifier, shown, heart_rate=70), received_at)
        assert answer is not None
        assert (b"MSA|AA|" if behind_s > 0 else b"MSA|AE|") in answer
    with loading():
        assert words in type(bedside.device).objects.get(id=bedside.device.id).clock_trouble
        times = list(Sample.objects.filter(session=bedside.session).values_list("observed_at", "recorded_at"))
    assert len(times) == (40 if behind_s > 0 else 0)
    assert all((recorded_at - observed_at).total_seconds() > behind_s for observed_at, recorded_at in times)


def test_a_look_at_the_clocks_that_fails_costs_no_reading(
    bedside: Bedside, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(feed, "look_at_clocks", fails)
    desk, begin = Desk(), timezone.now() - timedelta(seconds=30)
    for second in range(0, 30, 5):
        at = begin + timedelta(seconds=second)
        with as_login(LOGINS.work):
            answer = desk.answer(said(bedside.device.identifier, at, heart_rate=70), at)
        assert answer is not None and b"MSA|AA|" in answer
    assert len(kept(bedside.session)) == 6
    assert "clock was not looked at: KeyError" in caplog.text
    assert SECRET not in caplog.text


def test_a_lost_signal_is_told_by_the_running_listener(bedside: Bedside, listening: Listening) -> None:
    ask(listening.port, said(bedside.device.identifier, timezone.now(), spo2=97))
    deadline = time.monotonic() + 20
    while not raised(bedside.session) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert raised(bedside.session) == ["SpO₂: no reading for 8 seconds. Watch the monitor itself"]
