"""Bothwell's own settings, over a database server of the test run's own."""

from tests.conftest_postgres import start

LOGINS = start()

from bothwell.settings import *  # noqa: E402, F403 - the server must be there before settings are read

PROCESS_NOTES_KEY = "only for tests"
