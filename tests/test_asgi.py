"""The one process that serves pages and streams: nobody holds a page thread by sending slowly."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from bothwell import asgi

PAGE = {"type": "http", "path": "/people/new", "method": "POST", "headers": []}


def answer_to(
    messages: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[bytes], list[int]]:
    """What the pages were handed, and the status said, when these messages come and then nothing more."""
    handed: list[bytes] = []
    said: list[int] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        handed.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        return await asyncio.Future()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    monkeypatch.setattr(asgi, "_pages", pages)
    monkeypatch.setattr(asgi, "BODY_WITHIN_S", 0.05)
    asyncio.run(asgi.application(PAGE, receive, send))
    return handed, said


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces_reaches_the_page_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_to([part(b"a=", True), part(b"1", False)], monkeypatch) == ([b"a=1"], [200])


def test_a_body_that_never_ends_takes_no_page_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer_to([part(b"a=", True)], monkeypatch) == ([], [408])


def test_of_a_body_beyond_the_limit_only_so_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [part(b"x" * 300_000, True) for _ in range(60)]
    handed, said = answer_to(pieces, monkeypatch)
    assert said == [200]
    assert len(handed[0]) <= 1_300_000
