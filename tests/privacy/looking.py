"""Looking, adding and changing as one viewer, in SQL; and putting everything back afterwards."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection

from bothwell.privacy import door

SENTINEL = {"text": "zz", "time": "3001-01-01T00:00:00Z", "json": '{"zz": 1}'}


def our_tables() -> list[str]:
    """Every table of ours, by its name in the database."""
    return sorted(model._meta.db_table for model in apps.get_app_config("bothwell").get_models())


@contextmanager
def eyes_of(person: UUID) -> Iterator[Any]:
    """Behind the door as this person, inside a savepoint that is rolled back at the end."""
    with connection.cursor() as cursor:
        cursor.execute("savepoint eyes")
        cursor.execute(
            "select set_config('bothwell.viewer', %s, true), set_config('role', 'bothwell_viewer', true)",
            [door.token(person)],
        )
        try:
            yield cursor
        finally:
            connection.needs_rollback = False
            cursor.execute("rollback to savepoint eyes")


def visible(cursor: Any, tables: list[str]) -> dict[str, set[UUID]]:
    """What this viewer sees of each table: the identifiers."""
    cursor.execute(" union all ".join(f"select '{table}', id from {table}" for table in tables))
    seen: dict[str, set[UUID]] = defaultdict(set)
    for table, key in cursor.fetchall():
        seen[table].add(key)
    return seen


def accepts(cursor: Any, thing: Any) -> bool:
    """Whether row-level security accepts this new row. Other constraints come after it and do not count."""
    cursor.execute("savepoint added")
    try:
        thing.save_base(raw=True, force_insert=True)
    except ProgrammingError as refused:
        if "row-level security" not in str(refused):
            raise
        return False
    except DatabaseError:
        return True
    else:
        return True
    finally:
        connection.needs_rollback = False
        cursor.execute("rollback to savepoint added")


def changed(cursor: Any, columns: list[tuple[str, str, str]]) -> dict[str, set[UUID]]:
    """Put a mark into one column of every row this viewer may change; gives back which rows carry it."""
    for table, column, shape in columns:
        cursor.execute(f"update {table} set {column} = %s", [SENTINEL[shape]])
    cursor.execute("select set_config('role', 'bothwell_loader', true)")
    marked = " union all ".join(
        f"select '{table}', id from {table} where {column} = '{SENTINEL[shape]}'"
        for table, column, shape in columns
    )
    cursor.execute(marked)
    rows: dict[str, set[UUID]] = defaultdict(set)
    for table, key in cursor.fetchall():
        rows[table].add(key)
    return rows
