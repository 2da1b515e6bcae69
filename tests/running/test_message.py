"""A monitor's message can be tried before anybody depends on it; what docs/room.md says of messages is so."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import connection

from bothwell.codes import QUANTITIES, Quantity
from bothwell.devices import hl7v2
from bothwell.devices.mllp import Framer, frame
from bothwell.monitoring import feed
from bothwell.running import cli, message, whereabouts
from bothwell.running.message import answer_of, as_if_measured, on_somebody, text_of, what_is_read
from bothwell.running.secrets import prepare_home
from bothwell.running.trouble import CannotRun
from tests.conftest import LOGINS
from tests.room import Bedside, open_bedside

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
PAPER = (Path(__file__).parents[2] / "docs" / "room.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The message of docs/room.md in a file, as somebody copies it."""
    found = re.search(r"```hl7\n(.*?)```", PAPER, re.DOTALL)
    assert found is not None
    file = tmp_path / "example.hl7"
    file.write_text(found[1])
    return file


def row(quantity: Quantity) -> str:
    """A quantity's line in the table of docs/room.md."""
    codes = ", ".join(f"{term.code} `{term.name}`" for term in quantity.terms)
    units = ", ".join(
        f"{unit.term.code} `{unit.term.name}` (`{unit.ucum[0]}`)"
        for unit in (*quantity.units, *quantity.shares)
    )
    return f"| {quantity.title} | {codes} | {', '.join(quantity.loinc)} | {units} |"


def test_the_list_of_codes_is_that_of_the_code() -> None:
    expected = [row(each) for each in QUANTITIES if not each.is_by_hand]
    begun = PAPER.index("| quantity | MDC")
    assert PAPER[begun : PAPER.index("\n\n", begun)].splitlines()[2:] == expected


def test_the_example_of_the_paper_is_read_whole(example: Path) -> None:
    read = hl7v2.read(text_of(example), datetime.now(UTC), UTC)
    assert isinstance(read, hl7v2.Message)
    assert read.problems == ()
    spoken = {each.code for each in QUANTITIES if not each.is_by_hand}
    assert {each.code for each in read.readings} == spoken
    assert {each.device_id for each in read.readings} == {"00A0B0FFFEC0D001"}


def test_each_observation_is_told_and_the_identifier_that_must_stand_in_the_clinic(example: Path) -> None:
    spoiled = text_of(example).replace(b"150456^MDC_PULS_OXIM_SAT_O2", b"150344^MDC_TEMP")
    told = list(what_is_read(spoiled, datetime.now(UTC)))
    assert "OBX 1   Systolic 124 mmHg, 2026-11-22 17:30:00 UTC" in told
    assert "OBX 5   left out: code unknown MDC 150344" in told
    assert told[-1] == "monitor 00A0B0FFFEC0D001: it is heard once this identifier stands at Clinic → Rooms"
    assert len(told) == 8


def test_it_can_be_told_as_if_measured_now(example: Path) -> None:
    late = NOW + timedelta(days=40)
    read = hl7v2.read(as_if_measured(text_of(example), late), late, UTC)
    assert isinstance(read, hl7v2.Message)
    assert {each.observed_at for each in read.readings} == {late}


@pytest.mark.parametrize("said", [b"", b"\x00\xff" * 50, b"MSH|", b"PID|1||secret"])
def test_what_is_no_message_is_told_in_a_sentence(tmp_path: Path, said: bytes) -> None:
    file = tmp_path / "none.hl7"
    file.write_bytes(said)
    (line,) = what_is_read(as_if_measured(text_of(file), NOW), NOW)
    assert line.startswith("not taken (AR): ")
    assert "secret" not in line


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"none\.hl7 could not be read"):
        text_of(tmp_path / "none.hl7")


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """Somebody who takes one framed message and answers, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            call, _ = server.accept()
            with call:
                framer, heard = Framer(), list[bytes]()
                while not heard:
                    heard = framer.feed(call.recv(65536))
                if answer is not None:
                    call.sendall(answer)

        Thread(target=speak, daemon=True).start()
        yield server.getsockname()[1]


def test_it_is_sent_to_where_the_listener_was_last_opened(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOTHWELL_HOME", str(tmp_path / "home"))
    prepare_home(tmp_path / "home")
    monkeypatch.setattr(cli, "_must_be_on_nobody", lambda *said, **more: None)
    with listener(frame(b"MSH|x\rMSA|AA|1\r")) as port:
        whereabouts.note(tmp_path / "home", {whereabouts.MONITORS: ("127.0.0.1", port)})
        with pytest.raises(SystemExit) as end:
            cli.main(("try-message", str(example), "--now", "--send"))
    assert end.value.code == 0
    assert capsys.readouterr().out.endswith(f"answer of 127.0.0.1:{port}\nMSH|x\nMSA|AA|1\n")


@pytest.fixture
def bedside(django_db_setup: None, django_db_blocker: Any) -> Iterator[Bedside]:
    """A monitor on somebody, committed; in a clinic in earnest."""
    with django_db_blocker.unblock():
        made = open_bedside()
        demonstrates(made, is_demo=False)
        yield made
        demonstrates(made, is_demo=True)
        connection.close()


def demonstrates(bedside: Bedside, *, is_demo: bool) -> None:
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(
            "update bothwell_clinic set is_demo = %s where id = %s", [is_demo, bedside.cast.clinic.id]
        )


def of(bedside: Bedside, example: Path) -> Path:
    """The message, said by this monitor."""
    said = example.read_bytes().replace(b"00A0B0FFFEC0D001", bedside.device.identifier.encode())
    example.write_bytes(said)
    return example


def test_a_trial_is_not_sent_while_its_monitor_is_on_somebody_but_in_a_demonstration(
    bedside: Bedside, example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = of(bedside, example)
    monkeypatch.setenv("BOTHWELL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BOTHWELL_DSN", LOGINS.work)
    prepare_home(tmp_path / "home")
    with listener(frame(b"MSH|x\rMSA|AA|1\r")) as port:
        whereabouts.note(tmp_path / "home", {whereabouts.MONITORS: ("127.0.0.1", port)})

        def tried() -> tuple[object, str]:
            with pytest.raises(SystemExit) as end:
                cli.main(("try-message", str(file), "--now", "--send"))
            said = capsys.readouterr()
            return end.value.code, said.out + said.err

        code, said = tried()
        assert code == 1
        assert f"Not sent: the monitor {bedside.device.identifier} is on somebody" in said
        assert "answer of" not in said
        demonstrates(bedside, is_demo=True)
        code, said = tried()
        assert (code, "MSA|AA|1" in said) == (0, True)


def test_taken_off_meanwhile_it_is_what_the_message_names_that_counts(
    bedside: Bedside, example: Path
) -> None:
    now, device = datetime.now(UTC), bedside.device.identifier
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(
            "update bothwell_binding set until = %s where device_id = %s",
            [now - timedelta(minutes=20), bedside.device.id],
        )
    said = text_of(of(bedside, example))
    told = [
        on_somebody(as_if_measured(said, now - timedelta(minutes=ago)), now, LOGINS.work, is_zoned=zoned)
        for ago, zoned in ((0, True), (15, True), (0, False))
    ]
    assert told == [[], [device], [device]]
    # By the clock of a clinic in the east, without its zone: later than now in UTC, and on time there.
    eastern = as_if_measured(said, now + timedelta(hours=9)).replace(b"+0000", b"")
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("update bothwell_binding set until = null where device_id = %s", [bedside.device.id])
    assert on_somebody(eastern, now, LOGINS.work, is_zoned=False) == [device]


def test_what_is_ahead_is_reckoned_as_the_feed_does() -> None:
    assert message.AHEAD_AT_MOST == feed.AHEAD_AT_MOST


def test_a_listener_that_is_away_or_hangs_up_is_told(example: Path) -> None:
    with listener(None) as port, pytest.raises(CannotRun, match="hung up without an answer"):
        answer_of(text_of(example), "127.0.0.1", port)
    with pytest.raises(CannotRun, match=f"Nobody listens at 127.0.0.1:{port}"):
        answer_of(text_of(example), "127.0.0.1", port)
