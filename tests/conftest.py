"""One database for the whole run, with the roles of a real clinic; most tests do not touch it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests import laid_out
from tests.conftest_postgres import start

LOGINS = start()
FROM_THE_START: list[sql.Identifier] = []


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: object) -> None:
    """Migrate as the owner, then look at everything as the web login does: owning nothing."""
    from django.core.management import call_command
    from django.db import connection
    from psycopg.conninfo import conninfo_to_dict

    from bothwell.privacy import policies

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        kept = laid_out.place()
        if laid_out.restore(kept, LOGINS.admin):
            policies.apply("default")
        else:
            call_command("migrate", verbosity=0)
            laid_out.keep(kept, LOGINS.admin)
        connection.close()
        web = conninfo_to_dict(LOGINS.web)
        connection.settings_dict |= {"USER": web["user"], "PASSWORD": web["password"]}
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        # Tests build their people on the connection that then looks at them. The web login inherits nothing
        # from this; it takes a deliberate SET ROLE (see `loading`).
        admin.execute("grant bothwell_loader, bothwell_research to bothwell_web")
        FROM_THE_START[:] = laid_out.filled(admin)


@pytest.fixture(autouse=True)
def _a_slow_test_asks_the_database_no_more_than_a_quick_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is renewed every few seconds, in three statements. Tests that count statements may take longer."""
    monkeypatch.setattr("bothwell.web.guard.RENEW_AFTER_S", 300)


@pytest.fixture(scope="module", autouse=True)
def _what_a_module_commits_goes_with_it() -> Iterator[None]:
    """Some tests must commit. None depends on what another module left, in whatever order they run."""
    yield
    if FROM_THE_START:
        with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
            laid_out.empty(admin, FROM_THE_START)


@contextmanager
def loading() -> Iterator[None]:
    """Inside: the loader of invented clinics, to lay out people and rows. Outside: the bare web login again."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("set role bothwell_loader")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("reset role")


@contextmanager
def owning() -> Iterator[None]:
    """Inside: the owner's connection, as the commands on the clinic's own machine have it. Not within a transaction."""
    from django.db import connection
    from psycopg.conninfo import conninfo_to_dict

    before = dict(connection.settings_dict)
    owner = conninfo_to_dict(LOGINS.owner)
    connection.close()
    connection.settings_dict |= {"USER": owner["user"], "PASSWORD": owner["password"]}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= {"USER": before["USER"], "PASSWORD": before["PASSWORD"]}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: once begun, the browser's event loop runs until the end, and Django refuses to share."""
    items.sort(key=lambda item: "browser" in item.path.parts)
