"""Asked alone about violence: yes, no or never asked, everybody outside the safety circle sees the same, byte for byte.

The attacker sits beside the person, with their own login and the other's unlocked telephone, a stop-watch for
statements and the browser's tools; and works in the clinic, in every role but the safety circle's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from bothwell.privacy import door
from tests.web.matrix import EX, PARTNER, SELF, TABLE, Row
from tests.web.matrix_world import make_world
from tests.web.test_asked_alone import YES, asked
from tests.web.test_matrix import Desk

INTIMATE = (SELF, PARTNER, EX, "stranger")
COLLEAGUES = (
    "prescriber", "nurse", "therapist_a", "therapist_b", "couples_therapist", "lead", "coordinator",
    "stranger_therapist", "past_nurse",
)  # fmt: skip
OUTSIDE = (*INTIMATE, *COLLEAGUES)
NAMED = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile(rb'("key": )"[A-Za-z0-9+/=]{44}"')
"""Of a draft begun on this very page: made anew whenever it is shown."""
PRINTED = re.compile(rb"Printed by [^.<]*\.")
"""The minute of a print."""
HOLD_LINE = re.compile(rb'\s*<div class="notice strong[^"]*"><p>Couple work is on hold\. [^<]*</p></div>')


# ── every page, to everybody outside ──────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    """The world of the table of pages, with the clock stopped: what differs, differs for what was said."""
    unmasked = mock.patch("django.middleware.csrf._mask_cipher_secret", lambda secret: secret)
    # A paper is compared by the page it is printed from.
    unprinted = mock.patch("bothwell.web.printed.pdf", lambda page: page.encode())
    with django_db_blocker.unblock(), unprinted:
        now = timezone.now() + timedelta(seconds=1)
        with transaction.atomic(), unmasked, mock.patch("django.utils.timezone.now", return_value=now):
            yield Desk(make_world())
            transaction.set_rollback(True)
        connection.close()


@pytest.fixture(autouse=True)
def _may_ask(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


Looks = dict[str, tuple[Any, ...]]


def without_chance(body: bytes) -> bytes:
    """The page with every identifier by its place of first appearance: forms and drafts get a new one each time."""
    places: dict[bytes, bytes] = {}
    named = NAMED.sub(lambda found: places.setdefault(found[0], b"#%d" % len(places)), body)
    return PRINTED.sub(b"", KEY.sub(rb"\1", named))


class Counted:
    """How many statements reach the database."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, *statement: Any) -> Any:
        self.count += 1
        return execute(*statement)


def looks(desk: Desk, viewer: str) -> Looks:
    """All this viewer gets at every address they may open, and how many statements each took."""
    found = {}
    desk.ask(viewer, "GET", "/today")  # what is read once in a process is read before anything is counted
    for where, path in addresses(desk, viewer):
        with connection.execute_wrapper(counted := Counted()):
            said = desk.ask(viewer, "GET", path)
        found[where] = (said.status, without_chance(said.body), said.headers, said.cookies, counted.count)
    return found


def addresses(desk: Desk, viewer: str) -> Iterator[tuple[str, str]]:
    for row in TABLE:
        if "GET" not in row.methods or row.name in ("handed",):
            continue
        for case in (*row.cases, *row.others):
            if row.may_open(viewer, case) or is_checkin(row, viewer):
                yield f"{row.name} [{case}]", _path(row, desk, case)


def _path(row: Row, desk: Desk, case: str) -> str:
    return reverse(row.name, kwargs=row.arguments(desk.world.chart, case)) + row.query


def is_checkin(row: Row, viewer: str) -> bool:
    """What was asked of the person themselves is tried to the last case, the sealed ones included."""
    return row.name.startswith("checkin") and viewer == SELF


def rows_seen(desk: Desk, viewer: str) -> dict[str, int]:
    """How many rows of each table the database shows this viewer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename like 'bothwell\\_%'"
            " and has_any_column_privilege('bothwell_viewer', quote_ident(tablename), 'select')"
        )
        tables = [name for (name,) in cursor.fetchall()]
    with door.opened(desk.world.viewers[viewer].id), connection.cursor() as cursor:
        seen = {}
        for table in tables:
            cursor.execute(f"select count(*) from {table}")
            seen[table] = cursor.fetchone()[0]
    return seen


@pytest.fixture(scope="module")
def told(desk: Desk) -> dict[str, dict[str, tuple[Looks, dict[str, int]]]]:
    """What everybody outside gets before anything was asked, after a no, and after a yes."""
    person, safety = desk.world.chart.person, desk.world.viewers["safety"]
    found = {}
    for when, answers in (("never asked", None), ("no", {}), ("yes", YES)):
        if answers is not None:
            asked(safety, person, answers)
        found[when] = {viewer: (looks(desk, viewer), rows_seen(desk, viewer)) for viewer in OUTSIDE}
    return found


def without_blank_lines(body: bytes) -> bytes:
    return re.sub(rb"\n\s*\n", b"\n", body)


@pytest.mark.parametrize("when", ["no", "yes"])
@pytest.mark.parametrize("viewer", OUTSIDE)
def test_no_page_no_header_no_statement_tells(
    told: dict[str, Any], viewer: str, when: str, desk: Desk
) -> None:
    before, after = told["never asked"][viewer][0], told[when][viewer][0]
    assert len(before) >= 3
    changed = [where for where in before if before[where] != after[where]]
    if viewer != "couples_therapist" or when == "no":
        assert changed == []
        return
    # The couple's therapist reads the one line, on the couple's pages and nowhere else.
    assert {where.split(" ")[0] for where in changed} == {
        "couple", "couple_library", "couple_session", "couple_cycle", "couple_cycle_version",
        "couple_alone", "couple_alone_correct", "couple_support",
    }  # fmt: skip
    for where in changed:
        (status, body, *rest), (status_before, body_before, *rest_before) = (
            after[where][:4],
            before[where][:4],
        )
        assert HOLD_LINE.search(body)
        assert without_blank_lines(HOLD_LINE.sub(b"", body)) == without_blank_lines(body_before)
        assert (status, rest) == (status_before, rest_before)


@pytest.mark.parametrize("viewer", OUTSIDE)
def test_the_database_shows_not_one_row_more(told: dict[str, Any], viewer: str) -> None:
    never, yes = told["never asked"][viewer][1], told["yes"][viewer][1]
    assert told["no"][viewer][1] == never
    new = {table: yes[table] - never[table] for table in never if yes[table] != never[table]}
    assert new == ({"bothwell_couplehold": 1} if viewer == "couples_therapist" else {})


def test_the_circle_itself_sees_it(told: dict[str, Any], desk: Desk) -> None:
    """Or all of the above would prove nothing."""
    page = desk.ask("safety", "GET", reverse("safety_person", args=[desk.world.chart.person.id])).text
    assert "positive screen" in page
    assert "Couple work is on hold" in page
