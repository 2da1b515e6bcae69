"""Pages and live streams in one process: `/live/` natively asynchronous, everything else in WSGI threads."""

import os

from a2wsgi import WSGIMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bothwell.settings")

from bothwell.wsgi import application as pages  # noqa: E402 - Django is set up by this import
from bothwell.web.live import application as streams  # noqa: E402

_pages = WSGIMiddleware(pages, workers=8)


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    """Send each request to the server that suits it."""
    if scope["type"] == "lifespan":
        return await streams(scope, receive, send)
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        return await streams(scope, receive, send)

    async def hear():  # type: ignore[no-untyped-def]
        # What the server gives is awaitable but no coroutine; the bridge to threads asks for one.
        return await receive()

    return await _pages(scope, hear, send)
