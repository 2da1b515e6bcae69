"""SDC devices are followed in processes of their own, over the library's own provider on this machine."""

import importlib.util
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from bothwell.devices.encryption import CERTIFICATE, CLIENTS, KEY
from bothwell.models import Alarm, DosingSession, Sample
from tests.conftest import LOGINS, loading
from tests.devices.certificates import Authority
from tests.devices.test_listen import database_gone
from tests.devices.test_standby import told
from tests.room import Bedside, add_device, bind, open_bedside, open_session

if importlib.util.find_spec("sdc11073") is None:
    pytest.skip("the extra `sdc` is not installed: no SDC device can be followed", allow_module_level=True)

from bothwell.devices import sdc
from tests.devices import sdc_device

SECRET = sdc_device.SECRET


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@dataclass
class Device:
    """An SDC device in a process of its own."""

    process: subprocess.Popen[bytes]
    epr: uuid.UUID
    address: str

    def say(self, **told: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(told).encode() + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def line_of(process: subprocess.Popen[bytes], patience_s: float = 60) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], patience_s)
    return process.stdout.readline().decode().strip() if ready else ""


def device(ends: ExitStack, epr: uuid.UUID | None = None, *more: str) -> Device:
    epr = epr or uuid.uuid4()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.devices.sdc_device", "--epr", str(epr), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    one = Device(process, epr, line_of(process))
    ends.callback(one.kill)
    assert one.address.startswith("http"), one.address
    return one


@dataclass
class Following:
    """`bothwell listen-sdc` in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text()


def following(ends: ExitStack, tmp_path: Path, *words: str, **settings: Path) -> Following:
    log = tmp_path / "listen-sdc.log"
    told = {
        "DJANGO_SETTINGS_MODULE": "bothwell.settings",
        "BOTHWELL_AS": "work",
        "BOTHWELL_DSN": LOGINS.work,
    }
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "django", "listen_sdc", *words],
            env=os.environ | told | {name: str(path) for name, path in settings.items()},
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    ends.callback(process.wait)
    ends.callback(process.kill)
    assert line_of(process) == "following SDC devices", log.read_text()
    return Following(process, log)


def urn(one: Device, part: str = "") -> str:
    return f"urn:uuid:{one.epr}{part}"


def beside(one: Device, part: str = "") -> Bedside:
    """A session with this device put on the patient by a person."""
    bedside = open_bedside(is_bound=False)
    with loading():
        bedside.device = add_device(bedside.cast, urn(one, part))
        bind(bedside.cast, bedside.session, bedside.device)
    return bedside


def kept(session: DosingSession) -> list[tuple[str, str, Decimal]]:
    with loading():
        found = Sample.objects.filter(session=session).order_by("observed_at", "id")
        return [(sample.code, sample.source.partition("@")[2], sample.value) for sample in found]


def eventually(holds: Callable[[], bool], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_a_device_measures_is_kept_and_who_its_patient_is_nobody_learns(
    ends: ExitStack, tmp_path: Path
) -> None:
    one = device(ends)
    bedside = beside(one)
    # Measured before we called: asked for once.
    one.say(systolic=121)
    follower = following(ends, tmp_path, "--device", one.address)
    eventually(lambda: ("systolic", "systolic", Decimal(121)) in kept(bedside.session))
    one.say(spo2=97, pulse=75, ecg=71, limit=88, temperature=36.6)
    one.say(etco2_mmhg=38, etco2_kpa=5.1, etco2_percent=5)
    one.say(mean=93, quality="Inv")
    one.say(spo2=86)
    eventually(lambda: ("spo2", "spo2", Decimal(86)) in kept(bedside.session))
    assert sorted(kept(bedside.session)) == sorted(
        [
            ("systolic", "systolic", Decimal(121)),
            ("spo2", "spo2", Decimal(97)),
            ("heart_rate", "pulse", Decimal(75)),
            ("heart_rate", "ecg", Decimal(71)),
            ("etco2", "etco2_mmhg", Decimal(38)),
            ("etco2", "etco2_kpa", Decimal("38.25")),
            ("spo2", "spo2", Decimal(86)),
        ]
    )
    with loading():
        (alarm,) = Alarm.objects.filter(session=bedside.session, priority="high")
        assert alarm.text == "SpO₂ 86 %: under the limit of 90"
    everything = dump(bedside.session)
    assert SECRET not in everything
    assert not re.search(rf"{SECRET}|{one.epr}|Traceback|\b86\b", follower.said())
    assert "unit not accepted" in follower.said()


def dump(session: DosingSession) -> str:
    with psycopg.connect(LOGINS.admin) as admin:
        return str(
            [
                admin.execute(
                    f"select t::text from {table} t where t.session_id = %s", [session.id]
                ).fetchall()  # type: ignore[call-overload]
                for table in ("bothwell_sample", "bothwell_channel", "bothwell_alarm")
            ]
        )


def test_known_devices_are_found_and_others_are_not_called(ends: ExitStack, tmp_path: Path) -> None:
    known, unknown = device(ends), device(ends)
    bedside = beside(known)
    follower = following(ends, tmp_path, "--adapter", "127.0.0.1")
    eventually(lambda: "a device is followed" in follower.said())
    known.say(spo2=97)
    unknown.say(spo2=96)
    eventually(lambda: kept(bedside.session) == [("spo2", "spo2", Decimal(97))])
    assert "not known here was found, and not called" in follower.said()


def test_the_devices_beside_an_adapter_are_named_for_whoever_sets_them_up(ends: ExitStack) -> None:
    one = device(ends)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "listen_sdc", "--adapter", "127.0.0.1", "--find"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": "work", "BOTHWELL_DSN": LOGINS.work},
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert urn(one) in done.stdout.decode().split()


def test_a_device_that_goes_and_comes_back_elsewhere_is_called_again(ends: ExitStack, tmp_path: Path) -> None:
    first = device(ends)
    bedside = beside(first)
    follower = following(ends, tmp_path, "--adapter", "127.0.0.1")
    eventually(lambda: "a device is followed" in follower.said())
    first.say(spo2=97)
    eventually(lambda: len(kept(bedside.session)) == 1)
    first.kill()
    second = device(ends, first.epr)
    assert second.address != first.address
    second.say(spo2=95)
    eventually(lambda: ("spo2", "spo2", Decimal(95)) in kept(bedside.session), 120)
    assert "a device has gone" in follower.said()


def test_what_is_said_while_the_database_is_away_is_there_once_when_it_is_back(
    ends: ExitStack, tmp_path: Path
) -> None:
    one = device(ends)
    bedside = beside(one)
    follower = following(ends, tmp_path, "--device", one.address)
    eventually(lambda: "a device is followed" in follower.said())
    one.say(spo2=99)
    eventually(lambda: len(kept(bedside.session)) == 1)
    begin = time.time() - 60
    values = [90 + number % 9 for number in range(30)]
    with database_gone():
        for number, value in enumerate(values):
            one.say(spo2=value, at=begin + number)
        eventually(lambda: "what monitors say waits: OperationalError" in follower.said())
    eventually(lambda: len(kept(bedside.session)) == 31)
    assert [value for _, _, value in kept(bedside.session)] == [*values, 99]


def test_while_the_database_is_away_alarms_go_on_and_a_kill_loses_nothing(
    ends: ExitStack, tmp_path: Path
) -> None:
    one = device(ends)
    bedside = beside(one)
    folder = Path(ends.enter_context(TemporaryDirectory(prefix="heard-")))
    pages = ends.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    pages.bind(str(folder / "1"))
    pages.setblocking(False)
    home = {"BOTHWELL_HOME": tmp_path, "BOTHWELL_HEARD": folder}
    follower = following(ends, tmp_path, "--device", one.address, **home)
    eventually(lambda: "a device is followed" in follower.said())
    one.say(spo2=99)
    eventually(lambda: len(kept(bedside.session)) == 1)
    time.sleep(2.5)  # a look at who is on which monitor
    shown: list[tuple[list[str], list[float]]] = []

    def newest() -> tuple[list[str], list[float]]:
        for each in told(pages):
            if each.get("session") == str(bedside.session.id):
                high = [alarm["priority"] for alarm in each["alarms"] if alarm["code"] == "spo2"]
                shown.append((high, [reading["value"] for reading in each["readings"]]))
        return shown[-1] if shown else ([], [])

    with database_gone():
        one.say(spo2=80)
        eventually(lambda: newest() == (["high"], [80]))
        one.say(spo2=81)
        eventually(lambda: newest() == (["high"], [81]))
        assert "kept in the journal" in follower.said()
        follower.process.kill()
        follower.process.wait()
        written = (tmp_path / "run" / "standby-sdc.journal").read_bytes()
        assert len(written) > 100 and b"spo2" not in written
    again = following(ends, tmp_path, "--device", one.address, **home)
    eventually(lambda: [value for _, _, value in kept(bedside.session)] == [99, 80, 81])
    with loading():
        assert Alarm.objects.filter(session=bedside.session, priority="high").count() == 1
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(15) == 0


def test_several_devices_behind_one_provider_are_told_apart(ends: ExitStack, tmp_path: Path) -> None:
    one = device(ends, None, "--parts", "2")
    bedside = beside(one, "#mds0")
    with loading():
        other = open_session(bedside.cast, bedside.cast.stranger_a)
        bind(bedside.cast, other, add_device(bedside.cast, urn(one, "#mds1")))
    following(ends, tmp_path, "--device", one.address)
    one.say(spo2=97, spo2_b=92)
    eventually(lambda: len(kept(bedside.session)) == 1 and len(kept(other)) == 1)
    assert [value for _, _, value in kept(bedside.session) + kept(other)] == [97, 92]


def test_over_tls_both_sides_show_a_certificate(ends: ExitStack, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    stranger = Authority(tmp_path / "stranger", "Somebody else")
    own, its = authority.sign("clinic"), authority.sign("device")
    files = [str(path) for path in (*its, authority.file)]
    one = device(ends, None, "--tls", *files)
    assert one.address.startswith("https")
    bedside = beside(one)
    one.say(spo2=97)
    wrong = stranger.sign("clinic")
    refused = following(
        ends, tmp_path / "stranger", "--device", one.address,
        **{CERTIFICATE: wrong[0], KEY: wrong[1], CLIENTS: stranger.file},
    )  # fmt: skip
    eventually(lambda: "a device could not be followed" in refused.said())
    assert kept(bedside.session) == []
    following(
        ends, tmp_path, "--device", one.address, **{CERTIFICATE: own[0], KEY: own[1], CLIENTS: authority.file}
    )
    eventually(lambda: kept(bedside.session) == [("spo2", "spo2", Decimal(97))])


def test_a_stop_is_quick_and_orderly(ends: ExitStack, tmp_path: Path) -> None:
    one = device(ends)
    beside(one)
    follower = following(ends, tmp_path, "--device", one.address)
    eventually(lambda: "a device is followed" in follower.said())
    follower.process.send_signal(signal.SIGTERM)
    assert follower.process.wait(15) == 0


def test_a_silent_sdc_device_is_missed(ends: ExitStack, tmp_path: Path) -> None:
    one = device(ends)
    bedside = beside(one)
    follower = following(ends, tmp_path, "--device", one.address)
    eventually(lambda: "a device is followed" in follower.said())
    one.say(spo2=97, pulse=70)

    def missed() -> list[str]:
        with loading():
            return list(Alarm.objects.filter(session=bedside.session).values_list("text", flat=True))

    eventually(lambda: bool(missed()))
    assert missed() == ["SpO₂, Heart rate: no reading for 8 seconds. Watch the monitor itself"]


@contextmanager
def without_the_extra(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Python in which the library cannot be found."""
    (tmp_path / "sdc11073").mkdir()
    (tmp_path / "sdc11073" / "__init__.py").write_text("raise ModuleNotFoundError(name='sdc11073')")
    yield {"PYTHONPATH": str(tmp_path)}


def test_without_the_extra_the_command_says_what_is_missing(tmp_path: Path) -> None:
    with without_the_extra(tmp_path) as hidden:
        done = subprocess.run(
            [sys.executable, "-m", "django", "listen_sdc", "--adapter", "127.0.0.1"],
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "bothwell.settings",
                "BOTHWELL_AS": "work",
                "BOTHWELL_DSN": LOGINS.work,
            }
            | hidden,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "bothwell[sdc]" in done.stderr.decode()


def test_nothing_else_loads_the_library() -> None:
    program = "import django; django.setup(); import bothwell.urls, bothwell.devices.listen, sys; print('sdc11073' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "bothwell.settings", "BOTHWELL_AS": "work", "BOTHWELL_DSN": LOGINS.work},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split()[-1:] == [b"False"]


def test_a_description_is_read_by_its_codes_and_not_by_its_texts() -> None:
    description = ElementTree.fromstring(sdc_device.mdib(2))[0][0]
    found = sdc.described(description, "urn:uuid:x")
    assert set(found) == {*sdc_device.METRICS, "spo2_b"} - {"limit", "temperature"}
    assert {metric.device_id for metric in found.values()} == {"urn:uuid:x#mds0", "urn:uuid:x#mds1"}
    assert (found["mean"].category, found["spo2"].types[0].name) == ("Clc", "MDC_PULS_OXIM_SAT_O2")


def test_a_clock_of_an_sdc_device_that_is_wrong_is_told(ends: ExitStack, tmp_path: Path) -> None:
    one = device(ends)
    bedside = beside(one)
    follower = following(ends, tmp_path, "--device", one.address)
    eventually(lambda: "a device is followed" in follower.said())
    begun = timezone.now()

    def trouble() -> str:
        one.say(spo2=97, at=time.time() - 600)
        time.sleep(1)
        with loading():
            return type(bedside.device).objects.get(id=bedside.device.id).clock_trouble

    eventually(lambda: "10 minutes behind" in trouble(), 120)
    assert isinstance(begun, datetime)
    assert (timezone.now() - begun).total_seconds() > 20
