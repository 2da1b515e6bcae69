"""The room of a meeting by video, at the clinic's own provider: an address nobody can guess, for its time only.

Pure. It calls no provider and keeps no address: it is made again from the meeting and the site's key.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from bothwell.decision import Decision

ROOM: Final = "{room}"
OPENS_BEFORE: Final = timedelta(minutes=15)
BY_VIDEO: Final = frozenset({"video", "by video", "online"})


def check(link: str) -> Decision:
    """Whether a clinic may give this as its provider's address; nothing is right too."""
    if not link:
        return Decision.yes("It can.")
    if link.count(ROOM) != 1 or any(sign in link.replace(ROOM, "") for sign in "{}<>\"'\\`"):
        return Decision.no(f"The address needs {ROOM} once: it becomes a name of its own for every meeting.")
    if not link.isascii() or any(sign.isspace() or not sign.isprintable() for sign in link):
        return Decision.no("The address holds a sign that no web address has. Copy it again.")
    try:
        parts = urlsplit(link)
        is_whole = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return Decision.no("This is not a web address. It looks like https://video.example.org/{room}.")
    if not is_whole or "@" in parts.netloc:
        return Decision.no("The address begins with https:// and the name of your provider.")
    if ROOM in parts.netloc:
        return Decision.no(f"{ROOM} stands after the provider's name, not in it.")
    return Decision.yes("It can.")


def room(meeting: UUID, secret: str) -> str:
    """The room's name: 26 letters and digits from HMAC-SHA256 (RFC 2104), 130 bits of it."""
    key = hashlib.sha256(b"bothwell video " + secret.encode()).digest()
    digest = hmac.new(key, meeting.bytes, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def address(link: str, meeting: UUID, secret: str) -> str:
    """Where this meeting is; empty where the clinic has no provider, or its address is not one we would open."""
    return link.replace(ROOM, room(meeting, secret)) if link and check(link) else ""


def is_open(at: datetime, minutes: int, now: datetime) -> bool:
    """Whether the link shows: from a quarter of an hour before to the end."""
    return at - OPENS_BEFORE <= now < at + timedelta(minutes=minutes)


def says_video(place: str) -> bool:
    """Whether the place of a meeting is the video room."""
    return place.strip().casefold() in BY_VIDEO
