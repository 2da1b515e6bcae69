"""With a certificate the listener speaks TLS and nothing else; where monitors must show theirs, they must."""

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from bothwell.devices import encryption
from bothwell.devices.encryption import CERTIFICATE, CLIENTS, KEY, CannotEncrypt
from bothwell.devices.mllp import frame
from tests.devices.certificates import Authority
from tests.devices.test_listen import Listening, answer_of, command_of, kept, start
from tests.room import open_bedside, said


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listening]]:
    """Starts listeners that end with the test."""
    with ExitStack() as ends:

        def begin(**settings: Path) -> Listening:
            named = {name: str(path) for name, path in settings.items()}
            listener = start(tmp_path, settings=named)
            ends.callback(listener.kill)
            return listener

        yield begin


@contextmanager
def calling(port: int, trusted: Path, own: tuple[Path, Path] | None = None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(trusted))
    if own:
        context.load_cert_chain(*own)
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as call,
    ):
        yield call


def test_a_message_over_tls_is_kept_and_one_in_plain_text_is_not(
    authority: Authority, listen: Callable[..., Listening]
) -> None:
    certificate, key = authority.sign("listener")
    listener = listen(**{CERTIFICATE: certificate, KEY: key})
    bedside = open_bedside()
    message = said(bedside.device.identifier, timezone.now(), control_id="e-1", systolic=120)
    with socket.create_connection(("127.0.0.1", listener.port), 5) as plain:
        plain.sendall(frame(message))
        plain.settimeout(3)
        assert b"MSA" not in _all_of(plain)
    assert kept(bedside.session) == []
    with calling(listener.port, authority.file) as call:
        assert (call.version() or "") >= "TLSv1.2"
        call.sendall(frame(message))
        assert b"MSA|AA|e-1" in answer_of(call)
    assert len(kept(bedside.session)) == 1


def _ask(port: int, trusted: Path, own: tuple[Path, Path] | None, message: bytes) -> bytes:
    with calling(port, trusted, own) as call:
        call.sendall(frame(message))
        return answer_of(call)


def _all_of(call: socket.socket) -> bytes:
    held = b""
    try:
        while got := call.recv(4096):
            held += got
    except OSError:
        pass
    return held


def test_where_monitors_must_show_a_certificate_only_those_of_the_authority_are_heard(
    authority: Authority, tmp_path: Path, listen: Callable[..., Listening]
) -> None:
    certificate, key = authority.sign("listener")
    listener = listen(**{CERTIFICATE: certificate, KEY: key, CLIENTS: authority.file})
    bedside = open_bedside()
    message = said(bedside.device.identifier, timezone.now(), control_id="e-2", systolic=120)
    stranger = Authority(tmp_path / "stranger", "Somebody else").sign("stranger")
    for own in (None, stranger):
        with pytest.raises((ssl.SSLError, OSError, AssertionError)):
            _ask(listener.port, authority.file, own, message)
    assert kept(bedside.session) == []
    with calling(listener.port, authority.file, authority.sign("monitor")) as call:
        call.sendall(frame(message))
        assert b"MSA|AA|e-2" in answer_of(call)
    assert len(kept(bedside.session)) == 1
    assert not re.search(r"Traceback|stranger", listener.said())


def test_a_call_that_never_gets_through_holds_nobody_up(
    authority: Authority, listen: Callable[..., Listening]
) -> None:
    certificate, key = authority.sign("listener")
    listener = listen(**{CERTIFICATE: certificate, KEY: key})
    bedside = open_bedside()
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(socket.create_connection(("127.0.0.1", listener.port), 5))
        with calling(listener.port, authority.file) as call:
            message = said(bedside.device.identifier, timezone.now(), control_id="e-3", systolic=120)
            call.sendall(frame(message))
            assert b"MSA|AA|e-3" in answer_of(call)


@pytest.mark.parametrize(
    ("named", "word"),
    [
        ({CERTIFICATE: "listener"}, KEY),
        ({CERTIFICATE: "listener", KEY: "nowhere"}, "no file"),
        ({CERTIFICATE: "listener", KEY: "authority"}, "cannot be used"),
        ({CERTIFICATE: "listener", KEY: "other.key"}, "cannot be used"),
    ],
)
def test_a_listener_that_cannot_encrypt_does_not_start(
    authority: Authority, tmp_path: Path, named: dict[str, str], word: str
) -> None:
    authority.sign("listener")
    authority.sign("other")
    settings = {name: str(authority.folder / f"{file}.pem") for name, file in named.items()}
    command, environment = command_of(settings=settings)
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert word in done.stderr.decode()
    assert "PRIVATE KEY" not in done.stderr.decode()


def test_without_papers_nothing_is_encrypted_and_a_device_is_never_called_without_an_authority(
    authority: Authority,
) -> None:
    assert encryption.papers({}) is None
    certificate, key = authority.sign("listener")
    papers = encryption.papers({CERTIFICATE: str(certificate), KEY: str(key)})
    assert papers is not None
    assert encryption.server_context(papers).verify_mode is ssl.CERT_NONE
    with pytest.raises(CannotEncrypt, match=CLIENTS):
        encryption.client_context(papers)
