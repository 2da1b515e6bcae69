"""The command says what it did, or in one sentence why it could not, and its exit code agrees."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bothwell.running import cli, whereabouts
from bothwell.running.secrets import prepare_home
from bothwell.running.serve import Process, Wish
from bothwell.running.trouble import CannotRun

ONLY = ("--only", "web", "--only", "work")


def ended(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    return int(end.value.code or 0)


@pytest.fixture(autouse=True)
def _own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTHWELL_HOME", str(home))
    for name in ("DATABASE_URL", "BOTHWELL_DEMO", "BOTHWELL_BEHIND_TLS", "BOTHWELL_DSN"):
        monkeypatch.delenv(name, raising=False)


def test_help_lists_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended() == 0
    shown = capsys.readouterr().out
    for word in (
        "serve",
        "migrate",
        "work",
        "listen",
        "listen-sdc",
        "verify-audit",
        "backup",
        "restore",
        "archive",
        "restore-month",
        "status",
        "try-message",
    ):
        assert word in shown


@pytest.mark.parametrize("words", [("serve", "--port", "none"), ("serve", "--port", "70000"), ("restore",)])
def test_a_wrong_word_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert ended(*words) == 2


def test_a_taken_port_ends_with_a_sentence_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert ended("serve", "--port", port) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"bothwell: Port {port} at 127.0.0.1")
    assert shown.count("\n") == 1


def test_a_broken_database_address_ends_with_a_sentence_in_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://keeper:hidden-word@[half")
    for words in (
        ("serve",),
        ("migrate",),
        ("work",),
        ("listen",),
        ("verify-audit",),
        ("status",),
        ("shell",),
    ):
        assert ended(*words) == 1, words
        shown = capsys.readouterr()
        assert "DATABASE_URL is not a PostgreSQL address" in shown.err
        assert "hidden-word" not in shown.err + shown.out


def test_status_of_a_clinic_that_does_not_run(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    assert ended("status", "--port", port, "--device-port", port) == cli.NOT_RUNNING
    shown = capsys.readouterr().out
    assert "not used yet" in shown
    assert "stopped" in shown
    assert not home.exists()


def test_status_looks_where_it_was_last_opened_unless_told(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = one.getsockname()[1], other.getsockname()[1]
        prepare_home(home)
        whereabouts.note(home, {whereabouts.PAGES: ("127.0.0.1", free)})
        whereabouts.note(home, {whereabouts.MONITORS: ("127.0.0.1", port)})
        other.close()
        assert ended("status") == cli.NOT_RUNNING
        shown = capsys.readouterr().out
        assert f"closed at 127.0.0.1:{free}" in shown
        assert f" listening at 127.0.0.1:{port}" in shown
        assert ended("status", "--device-port", str(free)) == cli.NOT_RUNNING
        assert f"not listening at 127.0.0.1:{free}" in capsys.readouterr().out


@pytest.mark.parametrize("written", ["", "no note", "[]", '{"pages": 8000}', '{"pages": ["here", "there"]}'])
def test_a_damaged_note_of_where_it_was_opened_is_no_trouble(home: Path, written: str) -> None:
    prepare_home(home)
    (home / "run" / "places.json").write_text(written)
    assert whereabouts.last(home) == dict(whereabouts.USUAL)


def test_the_status_of_the_demonstration_is_asked_for_as_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("BOTHWELL_HOME")
    monkeypatch.chdir(tmp_path)
    assert ended("status", "--demo") == cli.NOT_RUNNING
    assert str(tmp_path / "var" / "demo") in capsys.readouterr().out


def test_serve_is_given_what_was_asked(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    asked: list[Wish] = []
    monkeypatch.setattr(cli, "serve", lambda wish, environment: asked.append(wish))
    assert (
        ended("serve", "--demo", "--port", "8100", "--device-port", "2600", "--only", "web", "--only", "work")
        == 0
    )
    only = frozenset({Process.WEB, Process.WORK})
    assert asked == [Wish(home, demo=True, port=8100, device_port=2600, only=only)]


def test_the_jobs_run_under_their_own_login(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[object, ...]] = []
    monkeypatch.setattr(cli, "_django", lambda *words: called.append(words))
    for words in (("work",), ("listen", "--port", "2600"), ("verify-audit",)):
        assert ended(*words) == 0
    assert called == [
        ("work", "procrastinate", "worker"),
        ("work", "listen", "--host", "127.0.0.1", "--port", "2600"),
        ("owner", "verify_audit"),
    ]


def test_trouble_without_a_terminal_shows_no_traceback(home: Path) -> None:
    home.mkdir()
    (home / "secrets.json").write_text("{}")
    (home / "secrets.json").chmod(0o600)
    done = subprocess.run(
        (sys.executable, "-m", "bothwell", "backup", str(home / "x")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("bothwell: ")
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(wish: Wish, environment: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "serve", interrupted)
    assert ended("serve") == 130


def test_trouble_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def troubled(wish: Wish, environment: object) -> None:
        raise CannotRun("The sentence.")

    monkeypatch.setattr(cli, "serve", troubled)
    assert ended("serve") == 1
    assert capsys.readouterr().err == "bothwell: The sentence.\n"
