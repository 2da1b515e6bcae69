"""Remembers between two runs how the database looks after all migrations: laying it out anew takes half a minute.

What is remembered belongs to the very migrations and rules it was made by; with any other it is made anew.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from bothwell.running.postgres import program

PACKAGE = Path(__file__).parent.parent / "bothwell"


def place() -> Path:
    """Where it is remembered: asked before the database is laid out, for the files may change meanwhile."""
    digest = hashlib.sha256()
    for path in sorted([*(PACKAGE / "migrations").glob("*.*"), PACKAGE / "privacy" / "policies.sql"]):
        digest.update(path.name.encode() + path.read_bytes())
    return Path(tempfile.gettempdir()) / f"bothwell-tests-{os.getuid()}-{digest.hexdigest()[:16]}.sql"


def restore(kept: Path, dsn: str) -> bool:
    """Lay the empty database out as it was remembered; false if nothing fits."""
    if not kept.exists() or kept.stat().st_uid != os.getuid():
        return False
    command = [program("psql"), "--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
    subprocess.run([*command, "-f", str(kept), dsn], check=True, capture_output=True)
    return True


def keep(kept: Path, dsn: str) -> None:
    """Remember how the database looks now; without the programs for it, nothing."""
    try:
        made = subprocess.run([program("pg_dump"), dsn], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return
    beside = kept.with_suffix(f".{os.getpid()}")
    beside.write_bytes(made)
    beside.rename(kept)


def filled(admin: psycopg.Connection) -> list[sql.Identifier]:
    """The tables that hold a row; of a table in parts, the whole."""
    names = admin.execute(
        "select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace "
        "where relkind in ('r', 'p') and not relispartition and nspname !~ '^(pg_|information_schema)' order by 1, 2"
    ).fetchall()
    tables = [sql.Identifier(*name) for name in names]
    one = sql.SQL("select {} where exists (select from {})")
    asked = (one.format(place, table) for place, table in enumerate(tables))
    return [tables[place] for (place,) in admin.execute(sql.SQL(" union all ").join(asked))]


def empty(admin: psycopg.Connection, kept: list[sql.Identifier]) -> None:
    """Take every row from all tables but those `kept`, whatever triggers and references say."""
    admin.execute("set session_replication_role = replica; set lock_timeout = '20s'")
    for table in filled(admin):
        if table not in kept:
            admin.execute(sql.SQL("delete from {}").format(table))
