"""Puts whole months of readings away as Parquet files, checked by reading them back, and brings them back.

It never deletes a reading by itself: the month's table stays in the database, closed to every role, unless somebody
asked for its removal and typed so. It never touches a month in which a session is still open, never overwrites a
file, and never takes in a file that this database did not write.

    put_away(owner_dsn, before=Month(2025, 6), folder=Path("archive"), now=now)
    bring_back(owner_dsn, Path("archive/readings-2025-05.parquet"), now=now)

While a month is away its sessions' pages show no readings and say so; the log says when, and into which file, they
went. A stop at any moment is safe: run the same command again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import uuid_utils
from psycopg import sql

from bothwell.monitoring.months import Month, month_of, of_table, read_month
from bothwell.running.months import PATIENCE, first_day
from bothwell.running.trouble import CannotRun, disk_trouble

FORMAT = "bothwell readings 1"
SERVICE = "archive"
ROWS_AT_ONCE = 50_000
# The form of each column in the file; those not named are text.
UUIDS = (
    "id",
    "clinic_id",
    "subject_id",
    "couple_id",
    "author_id",
    "session_id",
    "request_id",
    "device_id",
    "corrects_id",
)
COLUMNS = (
    *UUIDS,
    *("recorded_at", "observed_at", "code", "source", "value", "unit", "detail", "is_artefact", "reason"),
)


@dataclass(frozen=True)
class PutAway:
    """One month put away: its file, the file's SHA-256, how many readings, and whether the table is gone too."""

    month: Month
    file: Path
    sha256: str
    readings: int
    is_dropped: bool = False


def words_to_drop(months: Sequence[Month]) -> str:
    """What somebody types who wants the months' tables gone."""
    return f"remove the readings of {', '.join(map(str, months))}"


def months_before(owner_dsn: str, before: Month) -> tuple[Month, ...]:
    """The months that would be put away: those in use, and those whose file was not finished."""
    with _connected(owner_dsn) as connection:
        return _months_before(connection, before)


def put_away(
    owner_dsn: str, *, before: Month, folder: Path, now: datetime, drop: bool = False
) -> Iterator[PutAway]:
    """Put each whole month before this one away, the oldest first. Raises CannotRun; months done stay done.

    `drop`: remove the table too, once its file was read back and found the same.
    """
    _parquet()
    if before > month_of(now):
        raise CannotRun(f"Only months that are over can be put away: name {month_of(now)} or an earlier one.")
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_trouble(folder, error) from error
    with _connected(owner_dsn) as connection:
        months = _months_before(connection, before)
        for month in months:
            target = folder / f"readings-{month}.parquet"
            if target.exists():
                raise CannotRun(f"{target} exists already; a file is never replaced. Choose another folder.")
            _refuse_open_sessions(connection, month)
            _refuse_held(connection, month)
            _detach(connection, month)
            yield _write_and_check(connection, month, target, now, drop)


def bring_back(owner_dsn: str, source: Path, *, now: datetime) -> PutAway:
    """Put the month in `source` back in its place: from its table if that was kept, else from the file.

    Raises CannotRun when the file is not the one this database wrote, or the month is in place.
    """
    source = source.expanduser().absolute()
    month, sha256 = _month_in(source), _sha256(source)
    with _connected(owner_dsn) as connection:
        _refuse_unknown(connection, month, sha256)
        if _exists(connection, "months", month):
            raise CannotRun(f"{month} is in its place already.")
        with connection.transaction():
            was_kept = _exists(connection, "archive", month)
            if not was_kept:
                connection.execute("select months.draft(%s)", [month.table])
                _to_archive(connection, month)
            connection.execute(sql.SQL("alter table {} no force row level security").format(_archived(month)))
            if not was_kept:
                _copy_in(connection, _archived(month), source)
            done = PutAway(month, source, sha256, _count(connection, month))
            _log(connection, done, f"brought readings of {month} back", now)
            _to_months(connection, month)
            connection.execute("select months.attach(%s)", [first_day(month)])
    return done


# ── what is there ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _connected(owner_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_dsn, autocommit=True, connect_timeout=10) as connection:
        connection.execute("select set_config('lock_timeout', %s, false)", [PATIENCE])
        connection.execute("select set_config('timezone', 'UTC', false)")
        try:
            yield connection
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            raise CannotRun("Others hold the table of readings. Nothing was changed; try again.") from None


def _months_before(connection: psycopg.Connection, before: Month) -> tuple[Month, ...]:
    """In use, or detached by a run that did not finish: those have no file written on them yet."""
    found = connection.execute(
        "select tablename from pg_tables where schemaname = 'months' union "
        "select tablename from pg_tables where schemaname = 'archive' "
        "and obj_description(format('archive.%I', tablename)::regclass, 'pg_class') is null"
    ).fetchall()
    months = (of_table(name) for (name,) in found)
    return tuple(sorted(month for month in months if month and month < before))


def _refuse_open_sessions(connection: psycopg.Connection, month: Month) -> None:
    """Asked with the eyes of the policies' functions: the owner sees no session."""
    with connection.transaction():
        connection.execute("set local role bothwell_rules")
        row = connection.execute(
            "select count(*) from bothwell_dosingsession where arrived_at < %s and ended_at is null",
            [month.ends_at],
        ).fetchone()
    if row and row[0]:
        raise CannotRun(
            f"{row[0]} session(s) begun in {month} or before are still open. Sign them off first; "
            f"{month} stays where it is."
        )


def _refuse_held(connection: psycopg.Connection, month: Month) -> None:
    """What must be kept for a court stays where it is."""
    with connection.transaction():
        connection.execute("set local role bothwell_rules")
        row = connection.execute(
            "select count(distinct l.subject_id) from bothwell_legalhold l "
            "join bothwell_dosingsession s using (subject_id) where l.until is null "
            "and s.arrived_at < %s and (s.ended_at is null or s.ended_at >= %s)",
            [month.ends_at, month.starts_at],
        ).fetchone()
    if row and row[0]:
        raise CannotRun(
            f"{row[0]} record(s) with readings in {month} are under a legal hold; {month} stays where it is. "
            "The clinic lead ends a hold on the person's page."
        )


def _refuse_unknown(connection: psycopg.Connection, month: Month, sha256: str) -> None:
    """Known is what the table that was kept says of itself, or what the log says."""
    row = connection.execute(
        "select obj_description(to_regclass(%s), 'pg_class')", [f"archive.{month.table}"]
    ).fetchone()
    if row and row[0] and json.loads(row[0])["sha256"] == sha256:
        return
    with connection.transaction():
        connection.execute("set local role bothwell_rules")
        row = connection.execute(
            "select exists (select 1 from bothwell_auditentry where service = %s and action = %s and why like %s)",
            [SERVICE, _put_away_words(month), f"%{sha256}%"],
        ).fetchone()
    if row is None or not row[0]:
        raise CannotRun(
            "The log of this database does not know that file: it was changed, or written elsewhere. "
            "Nothing was taken in."
        )


def _exists(connection: psycopg.Connection, schema: str, month: Month) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [f"{schema}.{month.table}"]).fetchone()
    return bool(row and row[0])


def _archived(month: Month) -> sql.Identifier:
    return sql.Identifier("archive", month.table)


def _count(connection: psycopg.Connection, month: Month) -> int:
    row = connection.execute(sql.SQL("select count(*) from {}").format(_archived(month))).fetchone()
    assert row is not None
    return int(row[0])


# ── out of the way, and back ──────────────────────────────────────────────────────────────────────────────


def _detach(connection: psycopg.Connection, month: Month) -> None:
    """Out of the table above, into the schema `archive`, with walls of its own. Quick: no row is read.

    Not CONCURRENTLY: PostgreSQL refuses that beside a default partition, and the lock lasts for a moment.
    """
    if not _exists(connection, "months", month):
        return
    with connection.transaction():
        connection.execute("set constraints all immediate")
        table = sql.Identifier("months", month.table)
        connection.execute(sql.SQL("alter table public.bothwell_sample detach partition {}").format(table))
        _to_archive(connection, month)


def _to_archive(connection: psycopg.Connection, month: Month) -> None:
    """A table that stands alone in `months`, into `archive`; no row of it is deleted there."""
    table = sql.Identifier("months", month.table)
    connection.execute(sql.SQL("alter table {} set schema archive").format(table))
    connection.execute(
        sql.SQL("create trigger kept before delete on {} for each row execute function door.refuse()").format(
            _archived(month)
        )
    )


def _to_months(connection: psycopg.Connection, month: Month) -> None:
    for words in (
        "set constraints all immediate",
        "drop trigger kept on {table}",
        "comment on table {table} is null",
        "alter table {table} force row level security",
        "alter table {table} set schema months",
    ):
        connection.execute(sql.SQL(words).format(table=_archived(month)))


@contextmanager
def _unwalled(connection: psycopg.Connection, month: Month) -> Iterator[None]:
    """One transaction in which the owner sees this one table, which nobody else can use."""
    with connection.transaction():
        connection.execute(sql.SQL("alter table {} no force row level security").format(_archived(month)))
        yield
        if _exists(connection, "archive", month):  # else it was removed, as asked
            connection.execute(sql.SQL("alter table {} force row level security").format(_archived(month)))


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def _parquet() -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise CannotRun(
            "Putting months away needs the extra `analytics`: pip install 'bothwell[analytics]'."
        ) from None
    return parquet


def _schema(month: Month, version: str) -> Any:
    import pyarrow

    forms = {
        "recorded_at": pyarrow.timestamp("us", tz="UTC"),
        "observed_at": pyarrow.timestamp("us", tz="UTC"),
        "value": pyarrow.decimal128(8, 2),
        "is_artefact": pyarrow.bool_(),
    }
    about = {"format": FORMAT, "month": str(month), "version": version}
    return pyarrow.schema([(name, forms.get(name, pyarrow.string())) for name in COLUMNS], metadata=about)


def _write_and_check(
    connection: psycopg.Connection, month: Month, target: Path, now: datetime, drop: bool
) -> PutAway:
    """Write the month's file, read it back into the database, compare row by row, and only then say so."""
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        with _unwalled(connection, month):
            _write(connection, month, draft)
            readings = _check(connection, month, draft)
            sha256 = _sha256(draft)
            draft.rename(target)
            _sync(target.parent)
            done = PutAway(month, target, sha256, readings, drop)
            _log(connection, done, _put_away_words(month), now)
            _mark(connection, done)
            if drop:
                connection.execute("set constraints all immediate")
                connection.execute(sql.SQL("drop table {}").format(_archived(month)))
    except OSError as error:
        raise disk_trouble(target.parent, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return done


def _write(connection: psycopg.Connection, month: Month, draft: Path) -> None:
    import pyarrow

    parquet, schema = _parquet(), _schema(month, _columns_of(connection, month))
    texts = ", ".join(f"{name}::text" if name in UUIDS or name == "detail" else name for name in COLUMNS)
    query = f"select {texts} from archive.{month.table} order by clinic_id, session_id, observed_at, id"
    with (
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        connection.cursor(name="readings") as cursor,
    ):
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            cursor.execute(query.encode())
            while some := cursor.fetchmany(ROWS_AT_ONCE):
                columns = dict(zip(COLUMNS, zip(*some, strict=True), strict=True))
                writer.write_table(pyarrow.Table.from_pydict(columns, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def _check(connection: psycopg.Connection, month: Month, file: Path) -> int:
    """How many readings; raises CannotRun unless the file gives back exactly the rows of the table."""
    back, table = sql.Identifier("pg_temp", "read_back"), _archived(month)
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    connection.execute(sql.SQL("create temporary table read_back (like {}) on commit drop").format(table))
    _copy_in(connection, back, file)
    row = connection.execute(
        sql.SQL(
            "select (select count(*) from {table}), (select count(*) from {back}), exists "
            "(select {names} from {table} except all select {names} from {back})"
        ).format(table=table, back=back, names=names)
    ).fetchone()
    connection.execute("drop table pg_temp.read_back")
    if row is None or row[0] != row[1] or row[2]:
        raise CannotRun(
            f"The file of {month} did not give back what was written. The readings are where they were; "
            "look to the disk, then run this again."
        )
    return int(row[0])


def _copy_in(connection: psycopg.Connection, table: sql.Identifier, file: Path) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} ({}) from stdin").format(table, names)) as copy,
        _parquet().ParquetFile(file) as readings,
    ):
        for some in readings.iter_batches(ROWS_AT_ONCE, columns=list(COLUMNS)):
            for row in zip(*(column.to_pylist() for column in some.columns), strict=True):
                copy.write_row(row)


def _columns_of(connection: psycopg.Connection, month: Month) -> str:
    """The table's columns; raises CannotRun if they are not those a file holds: then a reading would be cut."""
    found = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        [f"archive.{month.table}"],
    ).fetchall()
    if {name for (name,) in found} != set(COLUMNS):
        raise CannotRun("The table of readings has columns this program does not know. Nothing was written.")
    return str(len(COLUMNS))


def _month_in(source: Path) -> Month:
    parquet = _parquet()
    try:
        about = parquet.read_schema(source).metadata or {}
    except FileNotFoundError:
        raise CannotRun(f"There is no file {source}.") from None
    except (OSError, ValueError):
        about = {}
    month = read_month(about.get(b"month", b"").decode(errors="replace"))
    if about.get(b"format") != FORMAT.encode() or month is None:
        raise CannotRun(f"{source} holds no month of readings.")
    return month


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ── the record of it ──────────────────────────────────────────────────────────────────────────────────────


def _put_away_words(month: Month) -> str:
    return f"put readings of {month} away"


def _mark(connection: psycopg.Connection, done: PutAway) -> None:
    """Written on the table itself: without it the month counts as not finished."""
    about = json.dumps({"file": done.file.name, "sha256": done.sha256, "readings": done.readings})
    words = sql.SQL("comment on table {} is {}").format(_archived(done.month), sql.Literal(about))
    connection.execute(words)


def _log(connection: psycopg.Connection, done: PutAway, action: str, now: datetime) -> None:
    """One entry in the log of each clinic whose readings these are, in this same transaction."""
    counted: list[tuple[UUID, int]] = connection.execute(
        sql.SQL("select clinic_id, count(*) from {} group by clinic_id").format(_archived(done.month))
    ).fetchall()
    gone = "; the table was removed" if done.is_dropped else ""
    for clinic_id, readings in counted:
        why = f"{readings} readings, {done.file.name[:80]}, sha256 {done.sha256}{gone}"
        connection.execute(
            "insert into bothwell_auditentry (id, clinic_id, at, service, action, item_kind, why, sealed) "
            "values (%s, %s, %s, %s, %s, 'dosing.flowsheet', %s, false)",
            [UUID(str(uuid_utils.uuid7())), clinic_id, now, SERVICE, action, why],
        )
