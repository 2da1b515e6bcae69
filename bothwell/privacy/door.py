"""The one door: names the viewer for row-level security, for one transaction, and drops every other right.

It never decides who may see what. Behind it the connection is `bothwell_viewer`; when it closes, nothing is left.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from django.db import connection, transaction

from bothwell.privacy.policies import door_key

TOKEN_LIVES = timedelta(minutes=2)


@cache
def _key() -> bytes:
    return door_key()


def token(person: UUID, now: datetime | None = None) -> str:
    """A signed name, valid for two minutes: `person.expiry.signature`, verified by `door.me()` in SQL."""
    expires = int(((now or datetime.now(UTC)) + TOKEN_LIVES).timestamp())
    signed = f"{person}.{expires}"
    return f"{signed}.{hmac.new(_key(), signed.encode(), hashlib.sha256).hexdigest()}"


@contextmanager
def opened(person: UUID) -> Iterator[None]:
    """Everything inside runs in one transaction, as `person` sees the world.

    The role and the name end with the transaction; inside an outer transaction they are put back by hand.
    """
    with transaction.atomic():
        nested = not connection.get_autocommit() and len(connection.savepoint_ids) > 0
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('bothwell.viewer', %s, true), set_config('role', 'bothwell_viewer', true)",
                [token(person)],
            )
        try:
            yield
        finally:
            if nested and not connection.needs_rollback:
                close()


@dataclass(frozen=True, slots=True)
class Front:
    """What the public page says of a clinic: its name, and `{label, number, href}` of each line it confirmed."""

    name: str
    crisis_lines: list[dict[str, str]]


def front() -> Front | None:
    """The one clinic at home in this database, read before the door; none while there is none, or where there are several."""
    with connection.cursor() as cursor:
        cursor.execute("select name, crisis_lines from door.front()")
        row = cursor.fetchone()
    return Front(row[0], row[1] if isinstance(row[1], list) else json.loads(row[1])) if row else None


def close() -> None:
    """Forget the viewer within a transaction that goes on."""
    with connection.cursor() as cursor:
        cursor.execute("select set_config('role', 'none', true), set_config('bothwell.viewer', '', true)")
