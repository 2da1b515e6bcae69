"""Pages and live streams in one process: `/live/` natively asynchronous, everything else in WSGI threads."""

import asyncio
import logging
import os
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
BODY_WITHIN_S = 30


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer; what nobody else caught is logged without its text, which the server below would print."""
    begun = False

    async def say(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        begun = True
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
    elif (body := await _whole(receive)) is None:
        await _say_plainly(send, 408, TOO_SLOW)
    else:
        await _page(scope, body, receive, send)


async def _page(scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Hand a request that has arrived whole to a thread."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def hear() -> MutableMapping[str, Any]:
        # What the server gives is awaitable but no coroutine; the bridge to threads asks for one.
        return messages.pop() if messages else await receive()

    await _pages(scope, hear, send)


async def _whole(receive: Receive) -> bytes | None:
    """The request's body, or None when it does not arrive in time.

    It is waited for here, where waiting costs nothing: eight slow senders would otherwise hold all eight page threads.
    Of a body larger than a page may read only so much is taken; the page then refuses it in words.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while len(body) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
    except TimeoutError:
        return None
    return bytes(body)


async def _say_plainly(send: Send, status: int, words: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [NOT_KEPT]})
    await send({"type": "http.response.body", "body": words})
