"""The simulated monitor and our reader, two programs that share no code, over a real connection."""

import argparse
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from bothwell.demo.monitor import Answer, Connection, Outbox, arguments, due, read_answer, run
from bothwell.devices.er7 import AckCode
from bothwell.devices.hl7v2 import Message, ack, read, refuse
from bothwell.devices.mllp import Framer, frame

Reply = Callable[[int, Message], bytes | None]


class Listener:
    """Takes one connection after another; the reply is what is answered, or none to hang up."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.received: list[Message] = []
        self.calls = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.calls += 1
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        framer = Framer()
        while data := connection.recv(4096):
            for body in framer.feed(data):
                message = read(body, datetime.now(UTC), UTC)
                assert isinstance(message, Message)
                self.received.append(message)
                answer = self.reply(len(self.received), message)
                if answer is None:
                    return
                # In two pieces, as networks do.
                connection.sendall(answer[:7])
                connection.sendall(answer[7:])


@contextmanager
def listening(reply: Reply) -> Iterator[Listener]:
    listener = Listener(reply)
    try:
        yield listener
    finally:
        listener.server.close()


def accepted(_: int, message: Message) -> bytes:
    return frame(ack(message, at=datetime.now(UTC), control_id="x"))


def options(port: int, *more: str) -> argparse.Namespace:
    return arguments(
        ["--port", str(port), "--interval", "0.02", "--bp-interval", "0.06", "--count", "4", *more]
    )


def send_all(listener: Listener, *more: str) -> list[str]:
    said: list[str] = []
    connection = Connection("127.0.0.1", listener.port, timeout_seconds=0.5)
    run(options(listener.port, *more), connection, said.append)
    connection.close()
    return said


def test_what_the_monitor_sends_is_read_without_a_problem() -> None:
    with listening(accepted) as listener:
        assert send_all(listener) == []
    assert [len(message.readings) for message in listener.received] == [6, 3, 3, 6]
    assert all(message.problems == () for message in listener.received)
    assert {message.device_id for message in listener.received} == {"00A0B0FFFEC0D001"}
    assert listener.calls == 1


def test_what_was_not_acknowledged_is_sent_again_with_the_same_control_id_and_the_same_words() -> None:
    def deaf_twice(count: int, message: Message) -> bytes | None:
        return None if count in (2, 3) else accepted(count, message)

    with listening(deaf_twice) as listener:
        said = send_all(listener)
    names = [message.control_id for message in listener.received]
    assert names[1] == names[2] == names[3]
    assert listener.received[1] == listener.received[2] == listener.received[3]
    assert len(set(names)) == 4
    assert listener.calls == 3
    assert said == ["no answer: will go on trying", "the listener answers again"]


def test_a_refused_message_is_dropped_and_an_error_is_tried_three_times() -> None:
    def stern(count: int, message: Message) -> bytes:
        code = AckCode.REFUSED if count == 1 else AckCode.ERROR if count < 5 else None
        answered = refuse(message, code, "204", "No session is bound to this monitor") if code else message
        return frame(ack(answered, at=datetime.now(UTC), control_id="x"))

    with listening(stern) as listener:
        said = send_all(listener)
    names = [message.control_id for message in listener.received]
    assert [names.count(name) for name in dict.fromkeys(names)] == [1, 3, 1, 1]
    assert [line.rsplit(" ", 1)[1] for line in said if "not taken" in line] == ["(AR)", "(AE)"]


def test_an_answer_to_another_message_is_no_answer() -> None:
    assert read_answer(b"MSH|^~\\&|\rMSA|AA|m-1\r", "m-1") is Answer.ACCEPTED
    assert read_answer(b"MSH|^~\\&|\rMSA|AA|m-2\r", "m-1") is Answer.NONE
    assert read_answer(b"\xff\xfe", "m-1") is Answer.NONE


def test_messages_wait_in_order_while_nobody_answers() -> None:
    answers = iter([Answer.NONE, Answer.ACCEPTED, Answer.ACCEPTED])
    asked: list[str] = []

    def exchange(_: bytes, control_id: str) -> Answer:
        asked.append(control_id)
        return next(answers)

    outbox = Outbox(exchange, print)
    outbox.put("1", b"")
    assert not outbox.send()
    outbox.put("2", b"")
    assert outbox.send()
    assert asked == ["1", "1", "2"]


def test_the_cuff_is_due_at_its_own_interval() -> None:
    assert ["systolic" in due(count, 2, 10) for count in range(6)] == [True, False, False, False, False, True]


@pytest.mark.parametrize("wrong", [["--device", "BED4"], ["--interval", "0"], ["--scenario", "calm"]])
def test_a_wrong_command_line_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(wrong)
    assert wrong[0] in capsys.readouterr().err


def test_it_runs_as_a_process_of_its_own() -> None:
    with listening(accepted) as listener:
        command = [
            "-m",
            "bothwell.demo.monitor",
            "--port",
            str(listener.port),
            "--count",
            "2",
            "--interval",
            "0.05",
        ]
        done = subprocess.run([sys.executable, *command], timeout=30, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(listener.received) == 2
