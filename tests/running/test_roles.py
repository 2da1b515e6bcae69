"""The web pages own nothing, nobody steps around the policies, and preparing twice changes nothing."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bothwell.running.postgres import temporary_cluster
from bothwell.running.roles import SHAPES, Logins, logins_for, place, prepare
from bothwell.running.secrets import Secrets
from bothwell.running.trouble import CannotRun

SECRETS = Secrets()


@pytest.fixture(scope="module")
def logins(admin_dsn: str) -> Logins:
    return prepare(admin_dsn, SECRETS)


def rows(dsn: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(question).fetchall()


def refuses(dsn: str, statement: str) -> None:
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_each_login_is_itself(logins: Logins) -> None:
    for dsn, name in (
        (logins.owner, "bothwell_owner"),
        (logins.web, "bothwell_web"),
        (logins.work, "bothwell_work"),
    ):
        assert rows(dsn, "select current_user, current_database()") == [(name, "bothwell")]


def test_preparing_again_changes_nothing(admin_dsn: str, logins: Logins) -> None:
    question = """
        select (select array_agg(to_jsonb(pg_roles) - 'oid' order by rolname)::text
                from pg_roles where rolname ~ '^bothwell'),
               (select array_agg((roleid::regrole, member::regrole, inherit_option, set_option))::text
                from pg_auth_members where roleid::regrole::text ~ '^bothwell'),
               (select datacl::text from pg_database where datname = 'bothwell'),
               (select nspacl::text from pg_namespace where nspname = 'public')
    """
    before = rows(logins.admin, question)
    assert prepare(admin_dsn, SECRETS) == logins
    assert rows(logins.admin, question) == before


def test_no_role_steps_around_row_level_security(logins: Logins) -> None:
    strong = (
        "select 1 from pg_roles where rolname ~ '^bothwell' and (rolsuper or rolbypassrls or rolcreaterole)"
    )
    assert rows(logins.admin, strong) == []
    assert len(rows(logins.admin, "select 1 from pg_roles where rolname ~ '^bothwell'")) == len(SHAPES)


def test_a_role_made_strong_by_hand_is_weakened_again(admin_dsn: str, logins: Logins) -> None:
    with psycopg.connect(logins.admin, autocommit=True) as connection:
        connection.execute("alter role bothwell_web with bypassrls inherit")
    prepare(admin_dsn, SECRETS)
    found = rows(logins.admin, "select rolbypassrls, rolinherit from pg_roles where rolname = 'bothwell_web'")
    assert found == [(False, False)]


def test_only_jobs_may_take_the_role_of_research(logins: Logins) -> None:
    refuses(logins.web, "set role bothwell_research")
    with psycopg.connect(logins.work) as connection:
        connection.execute("set local role bothwell_research")
    assert rows(logins.work, "select pg_has_role('bothwell_research', 'usage')") == [
        (False,)
    ]  # never by itself


def test_the_web_login_sees_only_after_setting_its_role(logins: Logins) -> None:
    with psycopg.connect(logins.owner, autocommit=True) as connection:
        connection.execute("create table seen as select 1 as one")
        connection.execute("grant select on seen to bothwell_viewer")
    try:
        refuses(logins.web, "select * from seen")
        with psycopg.connect(logins.web) as connection:
            connection.execute("set local role bothwell_viewer")
            assert connection.execute("select one from seen").fetchall() == [(1,)]
    finally:
        with psycopg.connect(logins.owner, autocommit=True) as connection:
            connection.execute("drop table seen")


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id int)",
        "create temporary table mine (id int)",
        "create function pg_temp.peek(text) returns bool language sql as 'select true'",
        "set role bothwell_owner",
        "set role bothwell_rules",
        "create role friend",
    ],
)
def test_the_web_and_work_logins_may_make_nothing(logins: Logins, statement: str) -> None:
    refuses(logins.web, statement)
    refuses(logins.work, statement)


def test_the_owner_may_hand_a_function_to_the_rules_role(logins: Logins) -> None:
    with psycopg.connect(logins.owner) as connection:
        connection.execute("create function told() returns int language sql as 'select 1'")
        connection.execute("grant create on schema public to bothwell_rules")
        connection.execute("alter function told() owner to bothwell_rules")
        connection.rollback()


def test_exclusion_constraints_over_ranges_and_keys_work(logins: Logins) -> None:
    with psycopg.connect(logins.owner) as connection:
        connection.execute("create table booked (room int, during tstzrange, exclude using gist "
                           "(room with =, during with &&))")  # fmt: skip
        connection.rollback()


def test_an_own_server_needs_no_superuser() -> None:
    with temporary_cluster() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("create role keeper login createrole password 'kept'")
            connection.execute("create database theirs owner keeper")
        url = make_conninfo(dsn, user="keeper", password="kept", dbname="theirs")
        prepare(url, SECRETS, database=None)
        logins = prepare(url, SECRETS, database=None)
        assert rows(logins.web, "select current_user, current_database()") == [("bothwell_web", "theirs")]
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("alter role bothwell_work with bypassrls")
        with pytest.raises(CannotRun, match=r"bothwell_work.*row-level security"):
            prepare(url, SECRETS, database=None)


def test_too_few_rights_are_told(admin_dsn: str, logins: Logins) -> None:
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute("create role visitor login password 'secret visit'")
        connection.execute("grant connect on database bothwell to visitor")
    url = make_conninfo(admin_dsn, user="visitor", password="secret visit", dbname="bothwell")
    with pytest.raises(CannotRun, match="CREATEROLE") as told:
        prepare(url, SECRETS, database=None)
    assert "secret visit" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "wrong-word"}, "refused the user or its password"),
        ({"dbname": "nowhere"}, "no such database"),
        ({"host": "/nonexistent", "password": "wrong-word"}, "No database answers"),
    ],
)
def test_an_address_that_does_not_work_is_told_without_its_password(
    admin_dsn: str, change: dict[str, str], told: str
) -> None:
    url = make_conninfo(admin_dsn, **change)
    with pytest.raises(CannotRun, match=told) as trouble:
        prepare(url, SECRETS, database=None)
    for word in ("wrong-word", str(conninfo_to_dict(admin_dsn)["password"])):
        assert word not in str(trouble.value)


def test_a_malformed_address_is_told_without_being_repeated() -> None:
    with pytest.raises(CannotRun, match="DATABASE_URL is not a PostgreSQL address") as told:
        place("postgres://keeper:hidden-word@[half")
    assert "hidden-word" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_place_names_neither_user_nor_password() -> None:
    assert place("postgres://keeper:hidden@db.clinic.example:6000/care") == "db.clinic.example:6000/care"


def test_encryption_settings_of_an_own_server_are_kept() -> None:
    made = logins_for("postgres://keeper:hidden@db.example/care?sslmode=verify-full", SECRETS, database=None)
    assert conninfo_to_dict(made.web)["sslmode"] == "verify-full"
    assert conninfo_to_dict(made.web)["user"] == "bothwell_web"
    assert "hidden" not in made.web
    assert SECRETS.web_password not in repr(made)
