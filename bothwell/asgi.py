"""Pages and live streams in one process: `/live/` natively asynchronous, everything else in WSGI threads."""

import asyncio
import logging
import os
import time
from collections.abc import MutableMapping
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bothwell.settings")

from bothwell.wsgi import application as pages  # Django is set up by this import
from bothwell.web.live import Receive, Scope, Send
from bothwell.web.live import application as streams

_pages: Any = WSGIMiddleware(cast(Any, pages), workers=8)
log = logging.getLogger("bothwell.pages")
NOT_KEPT = (b"cache-control", b"no-store")
SORRY = b"Something went wrong here. Please try again in a minute."
TOO_SLOW = b"What was sent did not arrive in time. Please try again."
TOO_LARGE = b"More was sent than fits here: a file may have up to 2 MB, what is typed up to 1 MB. Please go back and send less."
BODY_WITHIN_S = 30
NOT_FOUND_EVERY_S = 0.1
"""That a thing is not there is said on the beat: the database weighs a rule only where there is a row, and who times many
requests could tell what is hidden from what never was."""
NotWhole = tuple[int, bytes]
"""A status and a sentence instead of a body."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer; what nobody else caught is logged without its text, which the server below would print."""
    begun, came = False, time.monotonic()

    async def say(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        begun = True
        if message.get("status") == 404:
            await asyncio.sleep(NOT_FOUND_EVERY_S - (time.monotonic() - came) % NOT_FOUND_EVERY_S)
        await send(message)

    try:
        await _answer(scope, receive, say)
    except Exception:
        log.exception("not answered")
        if scope["type"] == "http" and not begun:
            await _say_plainly(send, 500, SORRY)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each request to the server that suits it."""
    if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"].startswith("/live/")):
        await streams(scope, receive, send)
        return
    body = await _whole(receive, _largest(scope))
    if isinstance(body, bytes):
        await _page(scope, body, receive, send)
    else:
        await _say_plainly(send, *body)


async def _page(scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Hand a request that has arrived whole to a thread."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def hear() -> MutableMapping[str, Any]:
        # What the server gives is awaitable but no coroutine; the bridge to threads asks for one.
        return messages.pop() if messages else await receive()

    await _pages(scope, hear, send)


def _largest(scope: Scope) -> int:
    """How many bytes a request may have: more where a file may come with it."""
    kind = dict(scope["headers"]).get(b"content-type", b"").strip().lower()
    has_files = kind.startswith(b"multipart/form-data")
    return int(settings.LARGEST_UPLOAD if has_files else settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


async def _whole(receive: Receive, largest: int) -> bytes | NotWhole:
    """The request's body; 408 when it does not arrive in time, 413 when it has more than `largest` bytes.

    It is waited for here, where waiting costs nothing: eight slow senders would otherwise hold all eight page threads.
    What is too large is heard to its end and kept nowhere: a browser shows the answer only once it has sent everything.
    """
    body, is_too_large, more = bytearray(), False, True
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while more:
                message = await receive()
                more = message.get("more_body", False)
                body += message.get("body", b"")
                if is_too_large := is_too_large or len(body) > largest:
                    body.clear()
    except TimeoutError:
        return (413, TOO_LARGE) if is_too_large else (408, TOO_SLOW)
    return (413, TOO_LARGE) if is_too_large else bytes(body)


async def _say_plainly(send: Send, status: int, words: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [NOT_KEPT]})
    await send({"type": "http.response.body", "body": words})
