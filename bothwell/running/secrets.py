"""The clinic's own secrets, made once at first start and kept in one file that only its owner can read.

Never written anywhere else, never logged, and never made anew beside a database that was locked with the
old ones.
"""

import json
import os
import secrets as randomness
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from bothwell.running.trouble import CannotRun, disk_trouble

FILE_NAME = "secrets.json"
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
    if not path.exists():
        return _create(home)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CannotRun(f"{path} can be read by other users. Close it with: chmod 600 {path}")
    return parse(path)


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
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(secrets), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise disk_trouble(path.parent, error) from error
