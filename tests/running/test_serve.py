"""Bothwell starts whole or says why not; each process is told its own secrets and no others."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from bothwell.running.roles import Logins
from bothwell.running.secrets import Secrets, prepare_home
from bothwell.running.serve import (
    Process,
    Role,
    Wish,
    _tell_when_open,
    answers,
    check,
    child_environment,
    forget_stamps,
    keep_apart,
    name_of_pages,
    pages_answer,
    part_of,
    places,
    stamped,
    wish_from,
)
from bothwell.running.trouble import LEAST_FREE_BYTES, CannotRun

SECRETS = Secrets()
LOGINS = Logins(admin="the admin's", owner="the owner's", web="the web's", work="the worker's")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port someone else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_taken_port_is_told_before_anything_starts(home: Path, taken: int, free: int) -> None:
    with pytest.raises(CannotRun, match=f"Port {taken} .*the pages.*--port"):
        check(Wish(home, port=taken, device_port=free), {})
    with pytest.raises(CannotRun, match=f"Port {taken} .*monitors.*--device-port"):
        check(Wish(home, port=free, device_port=taken), {})
    assert not (home / "postgres").exists()


def test_a_port_that_is_not_needed_may_be_taken(home: Path, taken: int) -> None:
    check(Wish(home, port=taken, device_port=taken, only=frozenset({Process.WORK})), {})


def test_a_full_disk_is_told(home: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=LEAST_FREE_BYTES - 1))
    with pytest.raises(CannotRun, match=r"199 MB are free.*200 MB are needed"):
        check(Wish(home, port=free, device_port=free), {})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "clinic.example", "::"])
def test_pages_on_the_network_need_encryption_in_front(home: Path, host: str) -> None:
    with pytest.raises(CannotRun, match=r"without encryption.*BOTHWELL_BEHIND_TLS=1"):
        check(Wish(home, host=host), {})


def test_pages_on_the_network_behind_encryption_may_start(home: Path, free: int) -> None:
    wish = Wish(home, host="0.0.0.0", port=free, device_port=free)
    check(wish, {"BOTHWELL_BEHIND_TLS": "1"})
    told = child_environment(Role.WEB, wish, SECRETS, LOGINS, {"BOTHWELL_BEHIND_TLS": "1"})
    assert "BOTHWELL_PLAIN_HTTP" not in told


@pytest.mark.parametrize(
    "url", ["nonsense", "postgres://keeper:hidden-word@[half", "mysql://a:hidden-word@b/c"]
)
def test_a_broken_database_address_is_told_without_its_password(home: Path, url: str) -> None:
    with pytest.raises(CannotRun, match="DATABASE_URL") as told:
        check(Wish(home), {"DATABASE_URL": url})
    assert "hidden-word" not in str(told.value)
    assert not home.exists()


def test_an_unreachable_database_is_told(home: Path, free: int) -> None:
    with pytest.raises(CannotRun, match=f"No database answers at 127.0.0.1:{free}/care"):
        check(Wish(home), {"DATABASE_URL": f"postgres://keeper:hidden-word@127.0.0.1:{free}/care"})


def test_each_process_gets_the_login_of_its_role_and_no_other() -> None:
    before = {
        "DATABASE_URL": "the admin's",
        "BOTHWELL_DSN_OWNER": "the owner's",
        "PATH": "/bin",
        "BOTHWELL_DEMO": "1",
    }
    for role, own in ((Role.WEB, LOGINS.web), (Role.WORK, LOGINS.work), (Role.OWNER, LOGINS.owner)):
        told = child_environment(role, Wish(Path("/clinic")), SECRETS, LOGINS, before)
        assert told["BOTHWELL_DSN"] == own
        assert told["BOTHWELL_AS"] == role.value
        assert told["BOTHWELL_SECRET_KEY"] == SECRETS.secret_key
        assert told["BOTHWELL_PLAIN_HTTP"] == "1"
        assert told["PATH"] == "/bin"
        others = {LOGINS.admin, LOGINS.owner, LOGINS.web, LOGINS.work} - {own}
        assert not others & set(told.values())
        assert "BOTHWELL_DEMO" not in told


def test_only_the_demonstration_says_so_and_has_a_monitor() -> None:
    demo, clinic = Wish(Path("/clinic"), demo=True), Wish(Path("/clinic"))
    assert child_environment(Role.WEB, demo, SECRETS, LOGINS, {})["BOTHWELL_DEMO"] == "1"
    assert demo.processes == (Process.WEB, Process.WORK, Process.LISTEN, Process.MONITOR)
    assert clinic.processes == (Process.WEB, Process.WORK, Process.LISTEN)
    sdc = wish_from({"BOTHWELL_HOME": "x", "BOTHWELL_SDC_ADAPTER": "10.0.0.1"})
    assert sdc.processes == (Process.WEB, Process.WORK, Process.LISTEN, Process.LISTEN_SDC)


def test_the_pages_alone_are_essential_and_run_as_the_web_login() -> None:
    wish = Wish(Path("/clinic"), demo=True, port=8123, device_port=2600)
    parts = {each: part_of(each, wish, SECRETS, LOGINS, {}) for each in wish.processes}
    assert [each for each, part in parts.items() if part.essential] == [Process.WEB]
    assert [part.environment["BOTHWELL_AS"] for part in parts.values()] == ["web", "work", "work", "work"]
    assert "8123" in parts[Process.WEB].command
    assert parts[Process.LISTEN].command[-1] == parts[Process.MONITOR].command[-1] == "2600"
    assert not any(
        secret in " ".join(part.command) for part in parts.values() for secret in vars(SECRETS).values()
    )


def test_demonstration_and_clinic_are_never_mixed(tmp_path: Path) -> None:
    for first, second in ((True, False), (False, True)):
        home = tmp_path / str(first)
        prepare_home(home)
        keep_apart(Wish(home, demo=first), {})
        keep_apart(Wish(home, demo=first), {})
        with pytest.raises(CannotRun, match="never mixed"):
            keep_apart(Wish(home, demo=second), {})


def test_the_demonstration_fills_only_a_database_called_so(home: Path) -> None:
    prepare_home(home)
    wish = Wish(home, demo=True)
    with pytest.raises(CannotRun, match="contains `demo`"):
        keep_apart(wish, {"DATABASE_URL": "postgres://demo:demo@demo.example/care"})
    keep_apart(wish, {"DATABASE_URL": "postgres://a:b@c/bothwell_demo"})


def test_the_demonstration_has_a_folder_of_its_own() -> None:
    assert wish_from({}, demo=True).home == wish_from({}).home / "demo"
    assert wish_from({"BOTHWELL_DEMO": "1"}) == wish_from({}, demo=True)
    assert wish_from({"BOTHWELL_HOME": "/srv/try"}, demo=True).home == Path("/srv/try")


def test_a_step_is_due_until_it_succeeded_for_this_mark(home: Path) -> None:
    prepare_home(home)
    with pytest.raises(CannotRun), stamped(home, "migrated", "one") as due:
        raise CannotRun("it failed")
    due_again = []
    for mark in ("one", "one", "two", "two"):
        with stamped(home, "migrated", mark) as due:
            due_again.append(due)
    assert due_again == [True, False, True, False]
    forget_stamps(home)
    with stamped(home, "migrated", "two") as due:
        assert due


def test_where_each_process_answers_is_what_was_asked_for(home: Path) -> None:
    wish = Wish(home, port=8100, device_host="192.0.2.1", device_port=2600)
    assert places(wish) == {"pages": ("127.0.0.1", 8100), "monitors": ("192.0.2.1", 2600)}
    assert places(replace(wish, only=frozenset({Process.LISTEN}))) == {"monitors": ("192.0.2.1", 2600)}


def test_the_last_lines_of_a_start_are_the_address_and_the_leads_link(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with speaking(200) as port:
        _tell_when_open(Wish(home, port=port), ["the link:", "https://x"], "https://x", "localhost")
    assert capfd.readouterr().err.splitlines() == [
        f"bothwell | open at http://localhost:{port} (Ctrl-C stops it)",
        "bothwell | to be reached at https://x",
        "bothwell | the link:",
        "bothwell | https://x",
    ]


def test_the_pages_are_asked_for_by_a_name_they_go_by() -> None:
    assert name_of_pages({"BOTHWELL_HOSTS": "care.example.org, localhost"}) == "care.example.org"
    assert name_of_pages({}) == name_of_pages({"BOTHWELL_HOSTS": ""}) == "localhost"


def test_whether_something_answers(taken: int, free: int) -> None:
    assert answers("127.0.0.1", taken)
    assert not answers("127.0.0.1", free)


@contextmanager
def speaking(status: int) -> Iterator[int]:
    """The port of a server whose every page has this status."""

    class Speaker(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Speaker) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("status", "is_open"), [(200, True), (302, True), (404, True), (503, False)])
def test_the_clinic_is_open_once_a_page_comes_back(status: int, is_open: bool) -> None:
    with speaking(status) as port:
        assert pages_answer("127.0.0.1", port) is is_open
    assert not pages_answer("127.0.0.1", port)
