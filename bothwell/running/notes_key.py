"""Looks at every start whether the key at hand is the one therapists' own notes are sealed with, and says so if not.

The database keeps a name of that key and a word sealed with it, never the key. A wrong key is never used in silence, and
never replaces the right one by itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import psycopg

from bothwell.integration.process_notes import NONCE_BYTES, CannotOpen, is_key_of, known_word, name_of, unseal
from bothwell.running import secrets as keys
from bothwell.running.supervise import say
from bothwell.running.trouble import CannotRun, disk_trouble

NAMED_BY = "BOTHWELL_PROCESS_NOTES_KEY"
LAST = "select name, sealed from bothwell_noteskey order by number desc limit 1"
ADD = """
insert into bothwell_noteskey (number, name, sealed, since)
select coalesce(max(number), 0) + 1, %s, %s, now() from bothwell_noteskey
"""
# The owner of the tables sees no row while row-level security is forced; what is changed here is rolled back.
ONE_NOTE = (
    "alter table bothwell_processnote no force row level security",
    "select id, author_id, sealed from bothwell_processnote where length(sealed) > 0 order by recorded_at desc limit 1",
)


def at_hand(home: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """The key this installation uses, and where it is from: the environment, or else the file in its folder."""
    if told := environment.get(NAMED_BY, "").strip():
        return told, NAMED_BY
    return _read(home / keys.NOTES_KEY), str(home / keys.NOTES_KEY)


def check(owner_dsn: str, home: Path, environment: Mapping[str, str]) -> None:
    """Raise CannotRun when the key at hand is not the one notes are sealed with; keep its name where none is kept yet."""
    key, source = at_hand(home, environment)
    with psycopg.connect(owner_dsn) as connection:
        last = connection.execute(LAST).fetchone()
        if last is None:
            if not _opens_what_is_there(owner_dsn, key):
                raise CannotRun(_wrong(source, ""))
            connection.execute(ADD, (name_of(key), known_word(key, os.urandom(NONCE_BYTES))))
        elif not is_key_of(bytes(last[1]), key) and not _finish_a_restore(home, bytes(last[1]), source):
            raise CannotRun(_wrong(source, last[0]))


def name_kept(owner_dsn: str) -> str:
    """The name of the key notes are sealed with, as the database keeps it; empty where it keeps none."""
    with psycopg.connect(owner_dsn) as connection:
        try:
            last = connection.execute(LAST).fetchone()
        except psycopg.errors.UndefinedTable:
            return ""
    return str(last[0]) if last else ""


def begin_anew(owner_dsn: str, home: Path, environment: Mapping[str, str]) -> str:
    """The old key is lost for good: from now on the key at hand counts. Returns its name.

    What was sealed with the old one stays as it is, closed. Raises CannotRun when the key at hand is the right one.
    """
    key, source = at_hand(home, environment)
    with psycopg.connect(owner_dsn) as connection:
        last = connection.execute(LAST).fetchone()
        if last is not None and is_key_of(bytes(last[1]), key):
            raise CannotRun(f"The key in {source} is the right one. Nothing was done.")
        connection.execute(ADD, (name_of(key), known_word(key, os.urandom(NONCE_BYTES))))
    return name_of(key)


def lay_ready(key: str, home: Path) -> None:
    """Write a key beside the one in use, before the database it belongs to is put back. Raises CannotRun."""
    keys.write_closed(home / keys.NOTES_KEY_READY, key.strip())


def take_into_use(home: Path) -> None:
    """The key that was laid ready is the one in use from now on."""
    keys.write_notes_key(_read(home / keys.NOTES_KEY_READY), home)
    (home / keys.NOTES_KEY_READY).unlink()


def _finish_a_restore(home: Path, sealed: bytes, source: str) -> bool:
    """Whether a restore was cut off after the database was put back, and its key, laid ready before, is in use now."""
    ready = home / keys.NOTES_KEY_READY
    if source == NAMED_BY or not ready.exists() or not is_key_of(sealed, _read(ready)):
        return False
    take_into_use(home)
    say("bothwell", "the key of therapists' own notes from the last restore is in use now")
    return True


def _opens_what_is_there(owner_dsn: str, key: str) -> bool:
    """Whether the key opens a note, where one was sealed before keys had names."""
    with psycopg.connect(owner_dsn) as connection:
        for statement in ONE_NOTE:
            cursor = connection.execute(statement)
        row = cursor.fetchone()
        connection.rollback()
    if row is None:
        return True
    try:
        unseal(bytes(row[2]), secret=key, note=row[0], author=row[1])
    except CannotOpen:
        return False
    return True


def _wrong(source: str, name: str) -> str:
    which = f" (that one is called {name})" if name else ""
    return (
        f"The key in {source} is not the one that therapists' own notes are sealed with{which}. Put back the copy that is "
        "inside your last backup, or that you keep yourself. If it is lost for good: bothwell new-notes-key"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise disk_trouble(path, error) from error
