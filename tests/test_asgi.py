"""The one process that serves pages and streams: nobody holds a page thread by sending slowly."""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import encode_multipart

from bothwell import asgi
from bothwell.instruments.problems import LARGEST_BYTES
from tests.cast import client_for, make_cast

PAGE = {"type": "http", "path": "/people/new", "method": "POST", "headers": []}
UPLOAD = {**PAGE, "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}


def answer_to(
    messages: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    scope: dict[str, Any] = PAGE,
    *,
    status: int = 200,
    takes_s: float = 0.0,
) -> tuple[list[bytes], list[int]]:
    """What the pages were handed, and the status said, when these messages come and then nothing more; the page takes
    `takes_s` seconds to say `status`.
    """
    handed: list[bytes] = []
    said: list[int] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        handed.append((await receive())["body"])
        await asyncio.sleep(takes_s)
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        return await asyncio.Future()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    monkeypatch.setattr(asgi, "_pages", pages)
    monkeypatch.setattr(asgi, "BODY_WITHIN_S", 0.05)
    asyncio.run(asgi.application(scope, receive, send))
    return handed, said


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces_reaches_the_page_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_to([part(b"a=", True), part(b"1", False)], monkeypatch) == ([b"a=1"], [200])


def test_a_body_that_never_ends_takes_no_page_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_to([part(b"a=", True)], monkeypatch) == ([], [408])


@pytest.mark.parametrize(
    ("status", "takes_s", "said_s"), [(404, 0.0, 0.2), (404, 0.1, 0.2), (404, 0.25, 0.4), (200, 0.0, 0.0)]
)
def test_that_nothing_is_there_is_said_on_the_beat_however_long_it_took(
    status: int, takes_s: float, said_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "NOT_FOUND_EVERY_S", 0.2)
    begun = time.monotonic()
    assert answer_to([part(b"", False)], monkeypatch, status=status, takes_s=takes_s) == ([b""], [status])
    assert said_s <= time.monotonic() - begun + 0.01
    assert time.monotonic() - begun < said_s + 0.15


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(("scope", "pieces"), [(PAGE, 4), (UPLOAD, 11), (UPLOAD, 60)])
def test_a_body_beyond_the_limit_is_refused_and_reaches_no_page(
    scope: dict[str, Any], pieces: int, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [part(b"x" * 300_000, True) for _ in range(pieces)] + ([part(b"", False)] if ends else [])
    assert answer_to(sent, monkeypatch, scope) == ([], [413])
    assert sent == [], "heard to its end"


def test_an_upload_between_one_and_three_megabytes_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [part(b"x" * 300_000, number < 8) for number in range(9)]
    handed, said = answer_to(sent, monkeypatch, UPLOAD)
    assert (said, [len(body) for body in handed]) == ([200], [2_700_000])


def test_a_file_somewhat_too_large_still_reaches_the_page_that_names_it_and_never_a_disk() -> None:
    assert settings.LARGEST_UPLOAD > LARGEST_BYTES + 100_000
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= settings.LARGEST_UPLOAD


@pytest.mark.django_db
@pytest.mark.parametrize(("size", "words"), [(1_500_000, "It is empty"), (2_400_000, "larger than 2 MB")])
def test_what_the_page_says_of_a_large_file_is_about_the_file(
    size: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = encode_multipart("x", {"do": "look", "file": SimpleUploadedFile("q.json", b" " * size)})
    pieces = [part(body[at : at + 65_536], at + 65_536 < len(body)) for at in range(0, len(body), 65_536)]
    (handed,), _ = answer_to(pieces, monkeypatch, UPLOAD)
    lead = client_for(make_cast().lead)
    answer = lead.generic("POST", "/instruments/new", handed, content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
