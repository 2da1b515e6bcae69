"""The one door: names the viewer for row-level security, for one transaction, and drops every other right.

It never decides who may see what. Behind it the connection is `bothwell_viewer`; when it closes, nothing is left.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
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


def close() -> None:
    """Forget the viewer within a transaction that goes on."""
    with connection.cursor() as cursor:
        cursor.execute("select set_config('role', 'none', true), set_config('bothwell.viewer', '', true)")
