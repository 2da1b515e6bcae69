"""No table stands outside the walls unless it is listed here with its reason; and no wall is slow."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection

from tests.cast import make_cast
from tests.conftest import LOGINS
from tests.privacy.looking import eyes_of, our_tables

pytestmark = pytest.mark.django_db

OUTSIDE = {
    "account_emailaddress": "which address a login has; read before the door, by the web login alone",
    "account_emailconfirmation": "not used: the link that proves a new address is signed, and kept nowhere",
    "auth_group": "Django's own; empty: rights come from assignments",
    "auth_group_permissions": "Django's own; empty",
    "auth_permission": "Django's own: names of models",
    "django_content_type": "Django's own: names of models",
    "django_migrations": "which migrations have run",
    "django_session": "signed sessions; read before the door, by the web login alone",
    "mfa_authenticator": "second factors; read before the door, by the web login alone",
    "procrastinate_events": "when jobs changed state; identifiers only",
    "procrastinate_jobs": "job names and identifiers; only the worker reads them",
    "procrastinate_periodic_defers": "when periodic jobs were last put in line",
    "procrastinate_workers": "heartbeats of workers",
}
NO_VIEWER = {
    "bothwell_doorkey": "the key that signs viewer tokens: only door.me() reads it",
    "bothwell_auditlink": "the chain: made by the database, read by verify-audit",
    "bothwell_noteskey": "with which key process notes are sealed: told by door.notes_key() alone",
    "bothwell_analysisuse": "who entered which result: only the job that keeps results apart",
}
UNIQUE_ACROSS_CLINICS = {
    ("bothwell_user", "email"): "a login is one address in the whole installation",
    ("bothwell_device", "identifier"): "a monitor stands in one clinic: its messages name nothing else",
}
OF_NO_CLINIC = {
    "bothwell_clinic": "is the clinic",
    "bothwell_user": "through its person",
    "bothwell_doorkey": "the installation's",
    "bothwell_noteskey": "the installation's",
}


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_every_table_is_walled_or_listed_with_its_reason() -> None:
    found = rows(
        "select relname, relrowsecurity and relforcerowsecurity from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm', 'v', 'f')"
    )
    assert {table for table, walled in found if not walled} == set(OUTSIDE)
    assert {table for table, walled in found if walled} == set(our_tables())


def test_what_lies_below_a_table_or_was_put_away_is_open_to_no_role() -> None:
    """Readings are seen through the table above the months; the months themselves have no policy and no grant."""
    hidden = rows(
        "select c.oid, n.nspname, c.relkind, relrowsecurity and relforcerowsecurity, c.relispartition from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'm', 'v', 'f', 'S')"
        " and n.nspname not in ('public', 'pg_catalog', 'information_schema', 'pg_toast')"
    )
    assert {schema for _, schema, _, _, _ in hidden} <= {"months", "archive"}
    assert len(hidden) >= 5
    for oid, schema, kind, walled, is_below in hidden:
        assert walled and kind == "r", oid
        assert is_below == (schema == "months"), oid
        for role in ("viewer", "web", "work", "research", "loader", "rules"):
            assert rows(
                f"select has_any_column_privilege('bothwell_{role}', {oid}::oid, 'select, insert, update, references')"
                f" or has_table_privilege('bothwell_{role}', {oid}::oid, 'delete, truncate, trigger')"
                f" or has_schema_privilege('bothwell_{role}', '{schema}', 'usage, create')"
            ) == [(False,)], (role, oid)
    assert rows("select count(*) from pg_policies where schemaname <> 'public'") == [(0,)]
    assert rows(
        "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname <> 'months'"
    ) == [(0,)]


def test_no_role_reads_a_month_by_its_name() -> None:
    for role in ("viewer", "loader"):
        with connection.cursor() as cursor:
            cursor.execute("savepoint by_name")
            cursor.execute("select set_config('role', %s, true)", [f"bothwell_{role}"])
            with pytest.raises(ProgrammingError, match="permission denied for schema months"):
                cursor.execute("select id from months.sample_elsewhen")
            connection.needs_rollback = False
            cursor.execute("rollback to savepoint by_name")
    for dsn in (LOGINS.web, LOGINS.work):
        with psycopg.connect(dsn) as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("select id from months.sample_elsewhen")
    with psycopg.connect(LOGINS.owner) as owner:
        assert owner.execute("select count(*) from months.sample_elsewhen").fetchone() == (0,)


def test_what_stands_outside_is_not_read_by_viewers() -> None:
    for table in OUTSIDE:
        ((whole, some),) = rows(
            f"select has_table_privilege('bothwell_viewer', '{table}', 'select'), has_any_column_privilege('bothwell_viewer', '{table}', 'select')"
        )
        assert not whole, table
        assert not some or table == "procrastinate_jobs", table


def test_every_table_has_a_policy_for_looking_or_is_no_viewers_at_all() -> None:
    policed = {
        table
        for (table,) in rows(
            "select tablename from pg_policies where cmd = 'SELECT' and 'bothwell_viewer' = any(roles)"
        )
    }
    assert set(our_tables()) - policed == set(NO_VIEWER)
    for table in NO_VIEWER:
        ((may,),) = rows(
            f"select has_any_column_privilege('bothwell_viewer', '{table}', 'select, insert, update')"
        )
        assert not may, table


def test_every_right_of_a_viewer_has_a_policy_beside_it() -> None:
    for command in ("insert", "update"):
        ours = {
            t
            for (t,) in rows(
                f"select tablename from pg_policies where cmd = '{command.upper()}' and 'bothwell_viewer' = any(roles)"
            )
        }
        granted = {
            table
            for table in our_tables()
            if rows(f"select has_any_column_privilege('bothwell_viewer', '{table}', '{command}')")
            == [(True,)]
        }
        assert granted == ours, command


def test_no_role_of_ours_may_delete_a_record_or_empty_a_table() -> None:
    for role in ("viewer", "web", "work", "research", "loader", "rules"):
        for table in our_tables():
            assert rows(f"select has_table_privilege('bothwell_{role}', '{table}', 'delete, truncate')") == [
                (False,)
            ], (role, table)


def test_a_viewer_sees_no_function_of_ours_that_returns_more_than_identifiers() -> None:
    found = rows(
        "select p.proname, pg_get_function_result(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = 'door' and p.prosecdef and has_function_privilege('bothwell_viewer', p.oid, 'execute')"
    )
    plain = {"uuid", "SETOF uuid", "boolean", "void", "trigger", "SETOF text"}
    others = {name: result for name, result in found if result not in plain}
    assert (
        others
        == {
            "held": "TABLE(role text, subject uuid)",
            "held_couples": "TABLE(role text, couple uuid)",
            "busy": "TABLE(subject uuid, starts_at timestamp with time zone, is_open boolean)",
            "passed_on": "TABLE(flag uuid, waits_since timestamp with time zone, "
            "acknowledged_at timestamp with time zone, is_closed boolean, has_owner boolean)",
            # What an office reads of a course: whose it is, and whether it waits at the referral; nothing of care.
            "office_courses": "TABLE(course uuid, subject uuid, couple uuid, protocol uuid, is_referral boolean, "
            "takes_sessions boolean, steps_seen integer)",
            "undrawn": "bigint",  # how many charted doses lack a draw: for whoever keeps the ledger, and of nobody by name
            "at_odds": "bigint",  # likewise, in how many sessions ledger and chart differ
            "notes_key": "TABLE(name text, sealed bytea)",  # of the installation: what everybody knows, sealed
        }
    )


def test_the_clinic_is_on_every_row_and_in_every_unique_index() -> None:
    with_clinic = {
        table
        for (table,) in rows(
            "select table_name from information_schema.columns where column_name = 'clinic_id' and table_schema = 'public'"
        )
    }
    with_clinic |= {
        t
        for (t,) in rows(
            "select c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attname = 'clinic_id' and c.relkind in ('r', 'p')"
        )
    }
    assert set(our_tables()) - with_clinic == set(OF_NO_CLINIC)
    unique = rows(
        "select c.relname, (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.oid and a.attnum = any(i.indkey)),"
        " exists (select 1 from pg_constraint k where k.contype = 'f' and k.conrelid = c.oid and array_length(i.indkey::int2[], 1) = 1"
        "         and k.conkey = (i.indkey::int2[])[0:0])"
        " from pg_index i join pg_class c on c.oid = i.indrelid where i.indisunique and not i.indisprimary and c.relname like 'bothwell\\_%'"
    )
    for table, columns, is_one_to_one in unique:
        # One row for one row of the same clinic needs no clinic of its own: rows that name each other are of one clinic.
        assert "clinic_id" in columns or is_one_to_one or (table, columns[0]) in UNIQUE_ACROSS_CLINICS, (
            table,
            columns,
        )


@pytest.mark.parametrize("who", ["a", "couples_therapist", "lead"])
def test_no_policy_asks_anything_row_by_row(who: str) -> None:
    """Each question a policy asks is asked once a query (an InitPlan), or answered from a hash."""
    viewer = make_cast().everyone()[who]
    with eyes_of(viewer.id) as cursor:
        for table in our_tables():
            if table in NO_VIEWER:
                continue
            cursor.execute(f"explain (verbose, format json) select id from {table}")
            (found,) = cursor.fetchone()
            plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
            slow = [reason for node in nodes(plan) for reason in asked_each_row(node, table)]
            assert not slow, (table, slow)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def asked_each_row(node: dict[str, Any], table: str) -> Iterator[str]:
    """Why this node of a plan costs a question a row."""
    conditions = " ".join(
        str(node.get(key, "")) for key in ("Filter", "Index Cond", "Recheck Cond", "Join Filter")
    )
    for part in node.get("Plans", []):
        if part.get("Parent Relationship") == "SubPlan" and "hashed SubPlan" not in conditions:
            yield f"{part.get('Subplan Name')} is correlated"
    if node.get("Relation Name") == table and "door." in conditions:
        yield f"a function in {conditions}"
