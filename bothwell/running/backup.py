"""Saves the clinic's database and secrets in one file, and puts them back.

The dump in it reads nothing of therapists' own notes: they are sealed in the database, and their key is a part of
its own beside the dump (where BOTHWELL_PROCESS_NOTES_KEY names it, in no backup at all). Whoever holds the file
holds everything in the clinic: it is readable by its owner only, and never overwritten. A restore happens whole or
not at all, and replaces existing data only when told to.
"""

import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bothwell.integration.process_notes import name_of
from bothwell.running import notes_key
from bothwell.running import secrets as keys
from bothwell.running.postgres import program
from bothwell.running.roles import Logins
from bothwell.running.serve import Wish, check_database, database, forget_stamps, prepare_logins
from bothwell.running.supervise import say
from bothwell.running.trouble import CannotRun, disk_trouble

FORMAT = "bothwell backup 1"
MANIFEST, DUMP = "backup.json", "database.dump"
NOTES_KEY_NAME = "notes_key"
"""In the manifest: with which key therapists' own notes in the dump are sealed."""

# One transaction with the restore: what was there stays unless the whole backup came in.
EMPTY_FIRST = """
set client_min_messages = warning;
do $$ declare name text; begin
  for name in
    select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
  loop
    execute format('drop schema %I cascade', name);
  end loop;
end $$;
create schema public authorization pg_database_owner;
grant usage on schema public to public;
"""
TOO_FEW_RIGHTS = (
    "the user of DATABASE_URL has too few rights. Name a superuser of that server for this one command"
)
COUNT_TABLES = """
select count(*) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p') and nspname !~ '^pg_' and nspname <> 'information_schema'
"""


def save(wish: Wish, target: Path, environment: Mapping[str, str]) -> Path:
    """Write a backup to `target` (0600) and return its absolute path; Bothwell may run meanwhile.

    Raises CannotRun.
    """
    target = target.expanduser().absolute()
    if target.exists():
        raise CannotRun(f"{target} exists already; a backup never replaces a file. Choose another name.")
    if not (wish.home / keys.FILE_NAME).exists():
        raise CannotRun(f"There is nothing to save in {wish.home}: Bothwell has not run from it yet.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            _reaching(wish, environment, join=True) as logins,
            tempfile.TemporaryDirectory(dir=target.parent) as draft,
        ):
            dump = Path(draft) / DUMP
            _tool("pg_dump", logins.admin, "--format=custom", f"--file={dump}", what="The backup")
            whole = Path(draft) / "whole"
            _pack(whole, dump, wish.home, notes_key.name_kept(logins.owner))
            whole.rename(target)
    except OSError as error:
        raise disk_trouble(target.parent, error) from error
    return target


def restore(
    wish: Wish,
    source: Path,
    environment: Mapping[str, str],
    *,
    replace: bool,
    without_process_notes: bool = False,
) -> None:
    """Put the backup in `source` into the database of `wish`, with its secret key. Raises CannotRun.

    Bothwell must be stopped. A database that holds tables is left alone unless `replace`; a backup whose key of
    therapists' own notes is neither in it nor at hand, unless `without_process_notes`.
    """
    with tempfile.TemporaryDirectory(prefix="bothwell-restore-") as folder:
        unpacked = unpack(source.expanduser(), Path(folder))
        key = _notes_key_for(unpacked, wish.home, environment, may_lack=without_process_notes)
        with _reaching(wish, environment, join=False) as logins:
            tables = _tables(logins.admin)
            if tables and not replace:
                raise CannotRun(
                    f"The database holds {tables} tables. To replace them with the backup, add --yes."
                )
            # Before the database: should we be cut off, the next start finds the key that opens what is in it.
            if key:
                notes_key.lay_ready(key, wish.home)
            _replay(logins.admin, unpacked.dump)
        # The cluster keeps its own passwords; what encrypts and signs must be what it was.
        mine = keys.load(wish.home)
        keys.write(replaced(mine, secret_key=unpacked.secrets.secret_key), wish.home / keys.FILE_NAME)
        if key:
            notes_key.take_into_use(wish.home)
        forget_stamps(wish.home)


@dataclass(frozen=True)
class Unpacked:
    """A backup's parts, checked."""

    dump: Path
    secrets: keys.Secrets
    notes_key: str = ""
    notes_key_name: str = ""


def _notes_key_for(unpacked: Unpacked, home: Path, environment: Mapping[str, str], *, may_lack: bool) -> str:
    """The key to write beside the database, empty where the right one is in use already. Raises CannotRun if it lacks."""
    name = unpacked.notes_key_name
    if not name or (unpacked.notes_key and name_of(unpacked.notes_key.strip()) == name):
        return unpacked.notes_key
    in_use = environment.get(notes_key.NAMED_BY, "").strip()
    if not in_use and (home / keys.NOTES_KEY).exists():
        in_use = (home / keys.NOTES_KEY).read_text(encoding="utf-8").strip()
    if not (in_use and name_of(in_use) == name) and not may_lack:
        raise CannotRun(
            f"Therapists' own notes in this backup are sealed with a key ({name}) that is neither in it nor here. "
            f"Set {notes_key.NAMED_BY} to it. If it is lost, add --without-process-notes: they then stay closed."
        )
    return ""


def unpack(source: Path, folder: Path) -> Unpacked:
    """The parts of the backup at `source`, unpacked into `folder`. Raises CannotRun when it is not whole."""
    try:
        with tarfile.open(source) as tar:
            for name in (MANIFEST, DUMP, keys.FILE_NAME):
                tar.extract(tar.getmember(name), folder, filter="data")
            # A backup made before notes were sealed has no key for them.
            if keys.NOTES_KEY in tar.getnames():
                tar.extract(tar.getmember(keys.NOTES_KEY), folder, filter="data")
        manifest = json.loads((folder / MANIFEST).read_text())
        notes_key = folder / keys.NOTES_KEY
        key = notes_key.read_text(encoding="utf-8") if notes_key.exists() else ""
    except FileNotFoundError:
        raise CannotRun(f"There is no file {source}.") from None
    except (tarfile.TarError, KeyError, ValueError, EOFError):
        raise CannotRun(f"{source} is not a Bothwell backup, or not a whole one.") from None
    except OSError as error:
        raise disk_trouble(source, error) from error
    if manifest.get("format") != FORMAT:
        raise CannotRun(
            f"{source} was made by another version of Bothwell, in a form this one does not know."
        )
    name = str(manifest.get(NOTES_KEY_NAME, ""))
    return Unpacked(folder / DUMP, keys.parse(folder / keys.FILE_NAME), key, name)


@contextmanager
def _reaching(wish: Wish, environment: Mapping[str, str], *, join: bool) -> Iterator[Logins]:
    """The DSNs of the clinic's database, running already (only if `join`) or started for the while."""
    if url := environment.get("DATABASE_URL"):
        check_database(url)
    secrets = keys.load(wish.home)
    with database(wish, secrets, environment, join=join) as server:
        yield prepare_logins(server.dsn, secrets, environment)


def _pack(target: Path, dump: Path, home: Path, sealed_with: str) -> None:
    """`sealed_with`: the name of the key of therapists' own notes, where the database keeps it."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = json.dumps({"format": FORMAT, "made_at": made_at, NOTES_KEY_NAME: sealed_with}).encode()
    names = [keys.FILE_NAME, keys.NOTES_KEY]
    if sealed_with and name_of((home / keys.NOTES_KEY).read_text(encoding="utf-8").strip()) != sealed_with:
        names.remove(keys.NOTES_KEY)  # another one is used, which only its keeper has
        say(
            "bothwell",
            f"the key of therapists' own notes ({sealed_with}) is not in this backup: keep it yourself",
        )
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            entry = tarfile.TarInfo(MANIFEST)
            entry.size = len(manifest)
            tar.addfile(entry, io.BytesIO(manifest))
            tar.add(dump, DUMP)
            for name in names:
                tar.add(home / name, name)
        file.flush()
        os.fsync(file.fileno())


def _tables(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(COUNT_TABLES).fetchone()
    assert row is not None
    return int(row[0])


def _replay(dsn: str, dump: Path) -> None:
    script = dump.with_suffix(".sql")
    _tool("pg_restore", None, "--file", str(script), str(dump), what="The restore")
    first = dump.with_name("first.sql")
    first.write_text(EMPTY_FIRST)
    _tool(
        *(
            "psql",
            dsn,
            "--quiet",
            "--no-psqlrc",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
        ),
        *("--file", str(first), "--file", str(script)),
        what="The restore",
    )


def _tool(name: str, dsn: str | None, *words: str, what: str) -> None:
    """Run one of PostgreSQL's programs on `dsn`; the password is in its environment, not its command line."""
    environment = dict(os.environ)
    address: tuple[str, ...] = ()
    if dsn is not None:
        parts = conninfo_to_dict(dsn)
        environment["PGPASSWORD"] = str(parts.pop("password", ""))
        address = ("--dbname", make_conninfo("", **parts))
    done = subprocess.run(
        (program(name), *address, *words),
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise _tool_trouble(what, name, done.stderr.decode(errors="replace"))


def _tool_trouble(what: str, name: str, words: str) -> CannotRun:
    """The sentence for a program that failed. Its own words are not shown: they may quote rows."""
    known = {
        "No space left": "the disk is full. Free some space and try again",
        "row-level security": "the user of DATABASE_URL sees only part of the data. It needs BYPASSRLS",
        "version mismatch": "the server is newer than our programs. Point POSTGRES_BINDIR at its own",
        "does not support SSL": "our programs speak no TLS. Point POSTGRES_BINDIR at programs that do",
        "sslmode": "our programs speak no TLS. Point POSTGRES_BINDIR at programs that do",
        "permission denied": TOO_FEW_RIGHTS,
        "must be owner": TOO_FEW_RIGHTS,
    }
    reason = next((told for sign, told in known.items() if sign in words), f"{name} gave up")
    return CannotRun(f"{what} was not done; nothing has changed: {reason}.")
