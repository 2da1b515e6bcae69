"""The command that begins a clinic, on an empty database of its own."""

import os
import subprocess
import sys

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bothwell.enrolment import link
from tests.conftest import LOGINS

NAME = "beginning"


@pytest.fixture(scope="module")
def begun() -> dict[str, str]:
    """The environment of a migrated database in which nobody is."""
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(f"create database {NAME} owner bothwell_owner")
    with psycopg.connect(make_conninfo(LOGINS.admin, dbname=NAME), autocommit=True) as admin:
        admin.execute("create extension if not exists btree_gist")
    told = {
        **os.environ,
        "BOTHWELL_AS": "owner",
        "BOTHWELL_DSN": make_conninfo(LOGINS.owner, dbname=NAME),
        "DJANGO_SETTINGS_MODULE": "bothwell.settings",
    }
    bothwell(told, "migrate", "--no-input", "-v", "0")
    return told


def bothwell(told: dict[str, str], *words: str) -> str:
    run = [sys.executable, "-m", "bothwell", *words]
    done = subprocess.run(run, env=told, timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(make_conninfo(LOGINS.admin, dbname=NAME)) as admin:
        return admin.execute(query).fetchall()


def test_it_begins_one_clinic_and_gives_a_new_link_until_the_lead_has_a_login(begun: dict[str, str]) -> None:
    first, second = (bothwell(begun, "found", "--clinic", "North", "--lead", "Nina") for _ in range(2))
    tokens = [text.rpartition("/invitation/")[2].strip() for text in (first, second)]
    keys = [link.is_genuine(token, begun["BOTHWELL_SECRET_KEY"]) for token in tokens]
    assert None not in keys
    assert len(set(keys)) == 2
    assert rows("select name, is_demo, set_up_at from bothwell_clinic") == [("North", False, None)]
    held = rows(
        "select p.name_used, r.role from bothwell_staffrole r join bothwell_person p on p.id = person_id"
    )
    assert sorted(held) == [("Nina", "coordinator"), ("Nina", "lead")]


def test_it_says_nothing_and_begins_no_second_clinic_once_the_first_is_set_up(begun: dict[str, str]) -> None:
    bothwell(begun, "found")
    with psycopg.connect(make_conninfo(LOGINS.admin, dbname=NAME)) as admin:
        admin.execute("update bothwell_clinic set set_up_at = now()")
    assert bothwell(begun, "found") == ""
    assert rows("select count(*) from bothwell_clinic") == [(1,)]
