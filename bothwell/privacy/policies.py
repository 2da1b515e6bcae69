"""Applies `policies.sql` whole after every migration, and stores the key that verifies who is looking.

It never decides anything: the policies do.
"""

import hashlib
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import connections, transaction

POLICIES = Path(__file__).with_name("policies.sql")


def door_key() -> bytes:
    """The 32-byte key that signs viewer tokens, derived from the site's secret so that there is one secret to keep."""
    return hashlib.sha256(b"bothwell door " + settings.SECRET_KEY.encode()).digest()


def padded(key: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded keys of HMAC-SHA256 (RFC 2104): SQL then needs two hashes and no XOR."""
    block = key.ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def apply_after_migrate(sender: AppConfig, using: str, **_: Any) -> None:
    """Run at the end of a `migrate`, when every app has its tables (not when one app alone goes back or forth)."""
    tables = connections[using].introspection.table_names()
    if {"procrastinate_jobs", "mfa_authenticator", "bothwell_auditlink"} <= set(tables):
        apply(using)


def apply(using: str = "default") -> None:
    """Drop every policy and make them anew from the file; write the key. Needs the owner of the tables."""
    inner, outer = padded(door_key())
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(7405)")
        cursor.execute(POLICIES.read_text())
        cursor.execute(
            "create policy keyed on bothwell_doorkey for all to current_user using (true) with check (true)"
        )
        cursor.execute(
            'insert into bothwell_doorkey (id, "inner", "outer") values (1, %s, %s) '
            'on conflict (id) do update set "inner" = excluded."inner", "outer" = excluded."outer"',
            [inner, outer],
        )
