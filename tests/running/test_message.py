"""A monitor's message can be tried before anybody depends on it; what docs/room.md says of messages is so."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from bothwell.codes import QUANTITIES, Quantity
from bothwell.devices import hl7v2
from bothwell.devices.mllp import Framer, frame
from bothwell.running import cli, whereabouts
from bothwell.running.message import answer_of, as_if_measured, text_of, what_is_read
from bothwell.running.secrets import prepare_home
from bothwell.running.trouble import CannotRun

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
    with listener(frame(b"MSH|x\rMSA|AA|1\r")) as port:
        whereabouts.note(tmp_path / "home", {whereabouts.MONITORS: ("127.0.0.1", port)})
        with pytest.raises(SystemExit) as end:
            cli.main(("try-message", str(example), "--now", "--send"))
    assert end.value.code == 0
    assert capsys.readouterr().out.endswith(f"answer of 127.0.0.1:{port}\nMSH|x\nMSA|AA|1\n")


def test_a_listener_that_is_away_or_hangs_up_is_told(example: Path) -> None:
    with listener(None) as port, pytest.raises(CannotRun, match="hung up without an answer"):
        answer_of(text_of(example), "127.0.0.1", port)
    with pytest.raises(CannotRun, match=f"Nobody listens at 127.0.0.1:{port}"):
        answer_of(text_of(example), "127.0.0.1", port)
