"""What a person at the terminal is told when Bothwell cannot do what was asked, and what to do next.

Never contains a password, a name or anything a clinician wrote.
"""

import errno
from pathlib import Path

import psycopg

LEAST_FREE_BYTES = 200 * 1024 * 1024


class CannotRun(Exception):
    """Ends a command with its text on standard error and exit code 1."""


def disk_trouble(folder: Path, error: OSError) -> CannotRun:
    """The sentence for a file that could not be written below `folder`."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return CannotRun(f"The disk that holds {folder} is full. Free some space and start again.")
        case errno.EACCES | errno.EPERM:
            return CannotRun(
                f"{folder} may not be written by this user. "
                "Run as the user who owns it, or set BOTHWELL_HOME to another folder."
            )
        case errno.EROFS:
            return CannotRun(
                f"{folder} is on a read-only disk. Set BOTHWELL_HOME to a folder that can be written."
            )
        case _:
            return CannotRun(f"{folder} could not be written ({error.strerror}).")


def connection_trouble(error: psycopg.Error, where: str) -> CannotRun:
    """The sentence for a database that could not be reached; `where` names it without its password.

    The server's own words are not repeated: they may echo parts of the address that was typed.
    """
    state, words = error.sqlstate or "", str(error).lower()
    if state.startswith("28") or "password" in words or "authentication failed" in words or "role" in words:
        return CannotRun(f"The database at {where} refused the user or its password. Correct DATABASE_URL.")
    if state == "3D000" or ("database" in words and "does not exist" in words):
        return CannotRun(f"The server at {where} has no such database. Create it, or correct DATABASE_URL.")
    if "resolve" in words or "name or service not known" in words:
        return CannotRun(f"The host name in DATABASE_URL is not known here ({where}).")
    if "timeout" in words or "timed out" in words:
        return CannotRun(f"The database at {where} did not answer in time.")
    if "ssl" in words:
        return CannotRun(f"The database at {where} and this machine could not agree on encryption (sslmode).")
    return CannotRun(f"No database answers at {where}. Start it, or correct DATABASE_URL.")
