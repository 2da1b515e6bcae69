"""Remembers between two runs how the database looks after all migrations: laying it out anew takes half a minute.

What is remembered belongs to the very migrations and rules it was made by; with any other it is made anew.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

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
