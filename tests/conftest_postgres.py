"""A database server for the tests, with the roles of a real clinic; started once, gone at the end.

    # in conftest.py, before Django reads its settings:
    from tests.conftest_postgres import logins, start
    LOGINS = start()          # sets BOTHWELL_DSN (owner), BOTHWELL_DSN_OWNER/_WEB/_WORK, BOTHWELL_HOME

`start` may be called from anywhere, as often as wanted: there is one server per test run. `logins` is a
session-scoped fixture with the same value. The owner may create databases here, for tests that make one.
"""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from tempfile import TemporaryDirectory

import pytest

from bothwell.running.postgres import temporary_cluster
from bothwell.running.roles import Logins, prepare
from bothwell.running.secrets import Secrets


@cache
def start() -> Logins:
    """The DSNs of a fresh database `bothwell`; puts the settings Bothwell reads into the environment."""
    stack = ExitStack()
    atexit.register(stack.close)
    secrets = Secrets()
    logins = prepare(stack.enter_context(temporary_cluster()), secrets, may_create_databases=True)
    home = stack.enter_context(TemporaryDirectory(prefix="bothwell-home-", ignore_cleanup_errors=True))
    os.environ |= {
        "BOTHWELL_HOME": home,
        "BOTHWELL_SECRET_KEY": secrets.secret_key,
        "BOTHWELL_AS": "owner",
        "BOTHWELL_DSN": logins.owner,
        "BOTHWELL_DSN_OWNER": logins.owner,
        "BOTHWELL_DSN_WEB": logins.web,
        "BOTHWELL_DSN_WORK": logins.work,
        "BOTHWELL_PLAIN_HTTP": "1",
    }
    return logins


@pytest.fixture(scope="session")
def logins() -> Logins:
    """The DSNs of the test server: `.admin`, `.owner`, `.web`, `.work`."""
    return start()
