"""The database's logins: who may define, who may look, who may work; so that the web pages own nothing.

Never gives any of them the right to step around row-level security, and never sends a password in the clear.

    logins = prepare(admin_dsn, load(home))     # idempotent; logins.owner, .web, .work are DSNs
    logins = prepare(admin_dsn, Secrets(), database="scratch", may_create_databases=True)   # tests

| role | login | may |
|---|---|---|
| bothwell_owner | yes | own the tables, migrate |
| bothwell_web | yes, inherits nothing | what comes before the door; then SET ROLE bothwell_viewer |
| bothwell_viewer | no | what the policies show a person |
| bothwell_work | yes | jobs and device feeds, under policies of their own |
| bothwell_research | no | read, for one result asked for, what both of a couple gave to research |
| bothwell_rules | no | own the functions that policies ask |
| bothwell_loader | no | load the demonstration clinic |
"""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bothwell.running.secrets import Secrets
from bothwell.running.trouble import CannotRun, connection_trouble

OWNER, WEB, VIEWER = "bothwell_owner", "bothwell_web", "bothwell_viewer"
WORK, RULES, LOADER = "bothwell_work", "bothwell_rules", "bothwell_loader"
RESEARCH = "bothwell_research"
DATABASE = "bothwell"

SHAPES = {
    OWNER: "LOGIN NOINHERIT",
    WEB: "LOGIN NOINHERIT",
    VIEWER: "NOLOGIN",
    WORK: "LOGIN NOINHERIT",
    RESEARCH: "NOLOGIN",
    RULES: "NOLOGIN",
    LOADER: "NOLOGIN",
}
MEMBERS = ((VIEWER, WEB), (RESEARCH, WORK), (RULES, OWNER), (LOADER, OWNER))
# Any number will do, so long as every Bothwell uses the same: two that start at once take turns.
TURN = 0x426F7468


@dataclass(frozen=True)
class Logins:
    """DSNs of one database, one per login; `admin` is the one they were made with."""

    admin: str = field(repr=False)
    owner: str = field(repr=False)
    web: str = field(repr=False)
    work: str = field(repr=False)


def prepare(
    admin_dsn: str, secrets: Secrets, *, database: str | None = DATABASE, may_create_databases: bool = False
) -> Logins:
    """Make or mend roles, database and rights; run it as often as you like.

    `database=None` keeps to the database that `admin_dsn` names (an own server); otherwise it is created when
    missing. `may_create_databases` is for tests, whose owner makes a database of its own.
    Raises CannotRun when the server cannot be reached or `admin_dsn` has too few rights.
    """
    where = place(admin_dsn)
    try:
        with psycopg.connect(admin_dsn, autocommit=True, connect_timeout=10) as connection:
            connection.execute("select pg_advisory_lock(%s)", (TURN,))
            _make_roles(connection, secrets, may_create_databases)
            name = database or connection.info.dbname
            _make_database(connection, name)
        logins = logins_for(admin_dsn, secrets, database=name)
        with psycopg.connect(logins.admin, autocommit=True, connect_timeout=10) as connection:
            connection.execute("select pg_advisory_lock(%s)", (TURN,))
            _make_rights(connection, name)
    except psycopg.errors.InsufficientPrivilege:
        raise CannotRun(
            f"The user of DATABASE_URL may not prepare the database at {where}. "
            "It needs CREATEROLE and must own the database (or be a superuser)."
        ) from None
    except psycopg.errors.UndefinedFile:
        raise CannotRun(
            f"The server at {where} lacks the btree_gist extension (postgresql-contrib)."
        ) from None
    except psycopg.OperationalError as error:
        raise connection_trouble(error, where) from None
    return logins


def logins_for(admin_dsn: str, secrets: Secrets, *, database: str | None = DATABASE) -> Logins:
    """The DSNs `prepare` would return, without asking the server."""
    base: dict[str, Any] = dict(conninfo_to_dict(admin_dsn))
    if database is not None:
        base["dbname"] = database

    def dsn(user: str, password: str) -> str:
        return make_conninfo("", **{**base, "user": user, "password": password})

    return Logins(
        admin=make_conninfo("", **base),
        owner=dsn(OWNER, secrets.owner_password),
        web=dsn(WEB, secrets.web_password),
        work=dsn(WORK, secrets.work_password),
    )


def place(dsn: str) -> str:
    """Host, port and database of a DSN, fit for a message: no password. Raises CannotRun if malformed."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Not chained: the parser repeats what it was given.
        raise CannotRun(
            "DATABASE_URL is not a PostgreSQL address. It looks like postgres://user:password@host:5432/database."
        ) from None
    return f"{parts.get('host', 'this machine')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _make_roles(connection: psycopg.Connection, secrets: Secrets, may_create_databases: bool) -> None:
    superuser = connection.info.parameter_status("is_superuser") == "on"
    passwords = {OWNER: secrets.owner_password, WEB: secrets.web_password, WORK: secrets.work_password}
    known = {name for (name,) in connection.execute("select rolname from pg_roles")}
    for name, shape in SHAPES.items():
        if name not in known:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
        # Only a superuser may even say these words; for others the check below decides.
        strict = " NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION" if superuser else ""
        creating = " CREATEDB" if may_create_databases and name == OWNER else ""
        _alter(connection, name, f"{shape}{strict}{creating}", passwords.get(name))
    for role, member in MEMBERS:
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member)))
    if not superuser:
        # Needed to make objects in the owner's name and to restore a backup; a superuser needs no membership.
        for role in (OWNER, RULES, LOADER):
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    _refuse_strong_roles(connection)


def _alter(connection: psycopg.Connection, name: str, shape: str, password: str | None) -> None:
    statement = sql.SQL("alter role {} with ").format(sql.Identifier(name)) + sql.SQL(shape)
    if password is not None:
        # Hashed here: the server, and whoever reads its log, never meets the password itself.
        hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        statement += sql.SQL(" password {}").format(sql.Literal(hashed.decode()))
    connection.execute(statement)


def _refuse_strong_roles(connection: psycopg.Connection) -> None:
    strong = connection.execute(
        "select rolname from pg_roles where rolname = any(%s) and (rolsuper or rolbypassrls)", (list(SHAPES),)
    ).fetchall()
    if strong:
        names = ", ".join(name for (name,) in strong)
        raise CannotRun(
            f"{names}: may step around row-level security. Take SUPERUSER and BYPASSRLS away, then start."
        )


def _make_database(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
        return
    connection.execute(
        sql.SQL("create database {} owner {} encoding 'UTF8' template template0").format(
            sql.Identifier(name), sql.Identifier(OWNER)
        )
    )


def _make_rights(connection: psycopg.Connection, name: str) -> None:
    """In the database itself. PUBLIC may neither connect nor make temporary objects, so nor may web."""
    names = {"db": sql.Identifier(name), "owner": sql.Identifier(OWNER)}
    names |= {"web": sql.Identifier(WEB), "work": sql.Identifier(WORK)}
    for statement in (
        "revoke all on database {db} from public",
        "grant connect, create, temporary on database {db} to {owner}",
        "grant connect on database {db} to {web}, {work}",
        "revoke create on schema public from public",
        "grant usage, create on schema public to {owner}",
        "create extension if not exists btree_gist",
    ):
        connection.execute(sql.SQL(statement).format(**names))
