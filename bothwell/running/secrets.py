"""The clinic's own secrets, made once at first start and kept in one file that only its owner can read.

Never written anywhere else, never logged, and never made anew beside a database that was locked with the
old ones. The key of the therapists' own notes lies in a file of its own, apart from those that open the database.
"""

import hashlib
import json
import os
import secrets as randomness
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from bothwell.running.trouble import CannotRun, disk_trouble

FILE_NAME = "secrets.json"
NOTES_KEY, NOTES_MARK = "process-notes.key", "process-notes.mark"
NOTES_KEY_READY = "process-notes.key.ready"
"""What seals therapists' own notes; a mark made from it, which tells a lost key from one never made; and the key of a
backup that is being put back. `notes_key` asks the database whether it is the right one.
"""
FOLDERS = ("run", "mail", "backups")


def _fresh() -> str:
    return randomness.token_urlsafe(48)


@dataclass(frozen=True)
class Secrets:
    """One clinic's secrets; `repr` shows none of them."""

    secret_key: str = field(default_factory=_fresh, repr=False)
    admin_password: str = field(default_factory=_fresh, repr=False)
    owner_password: str = field(default_factory=_fresh, repr=False)
    web_password: str = field(default_factory=_fresh, repr=False)
    work_password: str = field(default_factory=_fresh, repr=False)


def home_from(environment: Mapping[str, str]) -> Path:
    """The data folder: BOTHWELL_HOME, or `var` below the current folder; absolute."""
    return Path(environment.get("BOTHWELL_HOME") or "var").expanduser().absolute()


def prepare_home(home: Path) -> None:
    """Make the data folder and its parts, each readable by its owner only. Raises CannotRun."""
    try:
        for folder in (home, *(home / name for name in FOLDERS)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(folder.stat().st_mode) & 0o077:
                folder.chmod(0o700)
    except OSError as error:
        raise disk_trouble(home, error) from error


def load(home: Path) -> Secrets:
    """The secrets of `home`, made on first use. Raises CannotRun if lost, unreadable or open to others."""
    prepare_home(home)
    path = home / FILE_NAME
    found = _parse_closed(path) if path.exists() else _create(home)
    _keep_notes_key(home)
    return found


def _parse_closed(path: Path) -> Secrets:
    _must_be_closed(path)
    return parse(path)


def _must_be_closed(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CannotRun(f"{path} can be read by other users. Close it with: chmod 600 {path}")


def _keep_notes_key(home: Path) -> None:
    """Make the key of the therapists' own notes on first use. Raises CannotRun if it is lost or another one."""
    path, mark = home / NOTES_KEY, home / NOTES_MARK
    try:
        if path.exists():
            _must_be_closed(path)
        elif mark.exists():
            raise CannotRun(
                f"{path} is missing: therapists' own notes are sealed with it. "
                "Put back the copy that is inside your last backup."
            )
        else:
            write_notes_key(_fresh(), home)
        if not mark.exists():
            write_closed(mark, _mark_of(path.read_text(encoding="utf-8")))
        if mark.read_text(encoding="utf-8") != _mark_of(path.read_text(encoding="utf-8")):
            raise CannotRun(
                f"{path} is not the key that therapists' own notes were sealed with. "
                "Put back the copy that is inside your last backup."
            )
    except OSError as error:
        raise disk_trouble(path, error) from error


def write_notes_key(key: str, home: Path) -> None:
    """Write the key of the therapists' own notes and its mark (0600), as after a restore. Raises CannotRun."""
    write_closed(home / NOTES_KEY, key.strip())
    write_closed(home / NOTES_MARK, _mark_of(key))


def forget_lost_notes_key(home: Path) -> None:
    """Where the key's file is gone, forget that there was one, so that another is made."""
    if not (home / NOTES_KEY).exists():
        (home / NOTES_MARK).unlink(missing_ok=True)


def _mark_of(key: str) -> str:
    return hashlib.sha256(b"bothwell: mark of " + key.strip().encode()).hexdigest()


def parse(path: Path) -> Secrets:
    """The secrets in the file at `path`. Raises CannotRun when it is not a complete secrets file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(**{each.name: str(values[each.name]) for each in fields(Secrets)})
    except OSError as error:
        raise disk_trouble(path, error) from error
    except (ValueError, KeyError, TypeError):
        # `from None`: the parser's message may quote the file.
        raise CannotRun(f"{path} is damaged. Put back the copy that is inside your last backup.") from None


def _create(home: Path) -> Secrets:
    if (home / "postgres").exists():
        raise CannotRun(
            f"{home / FILE_NAME} is missing, but {home} holds a database locked with it. "
            "Put back the copy that is inside your last backup."
        )
    made = Secrets()
    write(made, home / FILE_NAME)
    return made


def write(secrets: Secrets, path: Path) -> None:
    """Write `secrets` to `path` (0600), whole or not at all. Raises CannotRun."""
    write_closed(path, json.dumps(asdict(secrets), indent=1))


def write_closed(path: Path, text: str) -> None:
    """Write `text` to `path` (0600), whole or not at all. Raises CannotRun."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise disk_trouble(path.parent, error) from error
