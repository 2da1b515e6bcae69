"""The database as the clinic's own service sees it, inside the transaction of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from tests.conftest import LOGINS


@pytest.fixture(scope="module")
def _may_work() -> Iterator[None]:
    """For these tests alone the web login may become the service; afterwards it may not."""
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("grant bothwell_work to bothwell_web")
        try:
            yield
        finally:
            admin.execute("revoke bothwell_work from bothwell_web")


@contextmanager
def working() -> Iterator[None]:
    """Inside: the service, with its own rights and policies."""
    with connection.cursor() as cursor:
        cursor.execute("set role bothwell_work")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("reset role")
