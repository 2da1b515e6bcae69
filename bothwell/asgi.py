"""Pages and live streams in one process: `/live/` natively asynchronous, everything else in WSGI threads."""

import logging
import os
from collections.abc import MutableMapping
from typing import Any, cast

from a2wsgi import WSGIMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bothwell.settings")

from bothwell.wsgi import application as pages  # noqa: E402 - Django is set up by this import
from bothwell.web.live import Receive, Scope, Send  # noqa: E402
from bothwell.web.live import application as streams  # noqa: E402

_pages: Any = WSGIMiddleware(cast(Any, pages), workers=8)
log = logging.getLogger("bothwell.pages")
NOT_KEPT = (b"cache-control", b"no-store")
SORRY = b"Something went wrong here. Please try again in a minute."


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
            await send({"type": "http.response.start", "status": 500, "headers": [NOT_KEPT]})
            await send({"type": "http.response.body", "body": SORRY})


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each request to the server that suits it."""
    if scope["type"] == "lifespan":
        return await streams(scope, receive, send)
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        return await streams(scope, receive, send)

    async def hear() -> MutableMapping[str, Any]:
        # What the server gives is awaitable but no coroutine; the bridge to threads asks for one.
        return await receive()

    await _pages(scope, hear, send)
