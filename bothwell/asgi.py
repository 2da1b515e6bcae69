"""Pages and live streams in one process: `/live/` natively asynchronous, everything else in WSGI threads."""

import logging
import os

from a2wsgi import WSGIMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bothwell.settings")

from bothwell.wsgi import application as pages  # noqa: E402 - Django is set up by this import
from bothwell.web.live import application as streams  # noqa: E402

_pages = WSGIMiddleware(pages, workers=8)
log = logging.getLogger("bothwell.pages")


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answer; what nobody else caught is logged without its text, which the server below would print."""
    begun = False

    async def say(message):  # type: ignore[no-untyped-def]
        nonlocal begun
        begun = True
        await send(message)

    try:
        await _answer(scope, receive, say)
    except Exception:
        log.exception("not answered")
        if scope["type"] == "http" and not begun:
            await send({"type": "http.response.start", "status": 500, "headers": [(b"cache-control", b"no-store")]})
            await send({"type": "http.response.body", "body": b"Something went wrong here. Nothing was changed."})


async def _answer(scope, receive, send):  # type: ignore[no-untyped-def]
    """Send each request to the server that suits it."""
    if scope["type"] == "lifespan":
        return await streams(scope, receive, send)
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        return await streams(scope, receive, send)

    async def hear():  # type: ignore[no-untyped-def]
        # What the server gives is awaitable but no coroutine; the bridge to threads asks for one.
        return await receive()

    return await _pages(scope, hear, send)
