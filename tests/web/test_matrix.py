"""Every address × every viewer: who may, finds a page; to everyone else what is there looks like what never was.

The table is `matrix.TABLE`; an address that no row names fails here. Nothing is timed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from tests.cast import client_for
from tests.web.matrix import (
    ALL_METHODS,
    EVERYBODY,
    NEAR,
    PARTNERS,
    PUBLIC,
    PUBLIC_ACCOUNT,
    TABLE,
    THEIRS,
    Row,
)
from tests.web.matrix_world import INTIMATE_STAFF, Chart, World, make_world

INSIDE_STATUS = {"GET": {200, 302}, "POST": {200, 302, 400, 409, 422}}
FRESH_AS_LONG_AS_THE_RUN_S = 3600
GARBAGE = {
    "do": "nothing", "event": "burn", "choice": "all", "parts": "x", "version": "x", "answer": "99", "revision": "x",
    "step": "jump", "text": "x" * 20_001, "words": "x" * 20_001, "at": "yesterday", "minutes": "many", "code": "none",
    "mode": "none", "kind": "none", "aside": "x", "room": "x", "who": "x:y", "reason": "", "whose": "person:x",
    "request_id": "x", "systolic": "NaN", "weight_kg": "1e400", "device": "", "role": "king", "verdict": "maybe",
    "name": "x" * 500, "a-name_used": "x" * 500, "line-TOTAL_FORMS": "x", "number": "-1",
}  # fmt: skip


def endpoints(patterns: Any, *, of_account: bool = False) -> Iterator[URLPattern]:
    """Every address of ours; those of the login library instead when asked."""
    for each in patterns:
        is_account = str(each.pattern) == "account/"
        if isinstance(each, URLResolver):
            if is_account == of_account:
                yield from endpoints(each.url_patterns, of_account=False)
        elif not of_account:
            yield each


OURS = list(endpoints(get_resolver().url_patterns))


# ── the world, once ───────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Answer:
    """One answer as a browser has it."""

    status: int
    body: bytes
    headers: dict[str, str]
    cookies: frozenset[str]
    wrote: frozenset[str]

    @cached_property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def looks(self) -> tuple[int, bytes, dict[str, str], frozenset[str]]:
        """All that can be told from outside."""
        return self.status, self.body, self.headers, self.cookies


@dataclass
class Desk:
    """The world, and a browser for each viewer. Whatever a request does is undone after it."""

    world: World
    clients: dict[str, Client] = field(default_factory=dict)
    nothings: dict[tuple[str, str], Answer] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    is_counted: bool = False

    def client(self, viewer: str) -> Client:
        if viewer not in self.clients:
            self.is_counted = False
            client = Client(raise_request_exception=False)
            if viewer != "nobody":
                client = client_for(self.world.viewers[viewer])
                client.raise_request_exception = False
                session = client.session
                # No session is renewed and none gets its first secret in the middle of the run.
                session["seen_at"] = session["seen_at"] + FRESH_AS_LONG_AS_THE_RUN_S
                session["_csrftoken"] = "c" * 32
                session.save()
            self.clients[viewer] = client
        return self.clients[viewer]

    def ask(self, viewer: str, method: str, path: str, data: Any = None) -> Answer:
        client = self.client(viewer)
        if method != "GET" and not self.is_counted:
            self.written()
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        with transaction.atomic():
            said: HttpResponse = client.generic(method, path, **_as_form(method, data))
            wrote = frozenset() if method == "GET" else self.written()
            self.is_counted = method != "GET"
            transaction.set_rollback(True)
        client.cookies.clear()
        client.cookies.load(cookies)
        headers = {name: value for name, value in said.items() if name != "Content-Length"}
        return Answer(said.status_code, said.content, headers, frozenset(said.cookies), wrote)

    def written(self) -> frozenset[str]:
        """The tables something was written to since this was last asked, what was undone included."""
        with connection.cursor() as cursor:
            cursor.execute(
                "select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_user_tables"
                " where relname like 'bothwell\\_%' and n_tup_ins + n_tup_upd + n_tup_del > 0"
            )
            before, self.writes = self.writes, dict(cursor.fetchall())
        return frozenset(table for table, times in self.writes.items() if times != before.get(table))

    def missing(self, viewer: str, method: str, row: Row, data: Any = None) -> Answer:
        """What this viewer gets for a thing that never was, at this endpoint."""
        return self.ask(viewer, method, reverse(row.name, kwargs=row.nothing()) + row.query, data)

    def nothing(self, viewer: str, path: str) -> Answer:
        """What this viewer gets where no page is, in this part of the clinic."""
        place = path.split("/")[1]
        if (viewer, place) not in self.nothings:
            self.nothings[viewer, place] = self.ask(viewer, "GET", f"/{place}/nothing/is/here")
        return self.nothings[viewer, place]


def _as_form(method: str, data: Any) -> dict[str, Any]:
    if method == "GET":
        return {}
    return {"data": urlencode(data or {}), "content_type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    # The token of a form is masked anew on every page; unmasked, two answers can be compared to the byte.
    unmasked = mock.patch("django.middleware.csrf._mask_cipher_secret", lambda secret: secret)
    # A browser does not copy the context of every template either.
    uncopied = mock.patch("django.test.client.store_rendered_templates")
    with django_db_blocker.unblock(), unmasked, uncopied:
        with transaction.atomic():
            yield Desk(make_world())
            transaction.set_rollback(True)
        connection.close()


@pytest.fixture(autouse=True)
def _may_ask(desk: Desk, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


# ── the table is whole ────────────────────────────────────────────────────────────────────────────────────


def test_every_address_is_in_the_table() -> None:
    there = {each.name for each in OURS if each.name}
    assert there == {row.name for row in TABLE} | set(PUBLIC)
    assert [str(each.pattern) for each in OURS if not each.name] == []


def test_every_argument_of_an_address_is_tried() -> None:
    for each in OURS:
        for row in (row for row in TABLE if row.name == each.name):
            assert set(each.pattern.converters) == set(row.ids) | set(row.more), row.name


def test_every_thing_of_an_address_is_in_the_world(desk: Desk) -> None:
    for chart in (desk.world.chart, desk.world.colleagues):
        for row in TABLE:
            for case in (*row.cases, *row.others):
                assert set(row.arguments(chart, case)) == set(row.ids) | set(row.more)


# ── who finds what ────────────────────────────────────────────────────────────────────────────────────────


def tries(row: Row, chart: Chart) -> Iterator[tuple[str, str]]:
    """Each case of a row with its address."""
    for case in (*row.cases, *row.others):
        yield case, reverse(row.name, kwargs=row.arguments(chart, case)) + row.query


def given(row: Row, method: str, chart: Chart) -> list[Any]:
    """What is posted: nothing, nonsense, and where the table knows it, what a real page sends."""
    if method == "GET":
        return [None]
    sent = [{}, GARBAGE, *([row.data(chart)] if row.data else [])]
    return [each | row.always for each in sent]


def wrong(row: Row, method: str, desk: Desk) -> Iterator[str]:
    """Everything that is not as the table says, in words."""
    chart = desk.world.chart
    for number, (case, path) in enumerate(tries(row, chart)):
        for viewer in VIEWERS:
            where = f"{viewer} {method} {row.name} [{case}]"
            if row.may_open(viewer, case):
                for data in given(row, method, chart)[0 if number == 0 else -1 :]:
                    yield from unlike_a_page(
                        desk.ask(viewer, method, path, data), method, where, viewer, chart
                    )
            elif number == 0 or (viewer in NEAR and method == row.methods[0]):
                yield from shown_to_who_may_not(row, method, path, desk, viewer, where, chart)


def shown_to_who_may_not(
    row: Row, method: str, path: str, desk: Desk, viewer: str, where: str, chart: Chart
) -> Iterator[str]:
    data = given(row, method, chart)[-1]
    answer = desk.ask(viewer, method, path, data)
    if row.hidden == (404,):
        nothing = desk.nothing(viewer, path)
    else:
        nothing = desk.missing(viewer, method, row, data)
    if answer.status not in row.hidden:
        yield f"{where}: {answer.status}"
    if answer.looks != nothing.looks:
        yield f"{where}: not what nothing looks like ({answer.status}, {nothing.status})"
    if answer.wrote != nothing.wrote:
        yield f"{where}: writes {sorted(answer.wrote)}"
    if answer.cookies:
        yield f"{where}: sets {sorted(answer.cookies)}"
    yield from (f"{where}: {fault}" for fault in faults_of_headers(answer))
    yield from (f"{where}: shows {word}" for word in shown(answer, viewer, chart))


def unlike_a_page(answer: Answer, method: str, where: str, viewer: str, chart: Chart) -> Iterator[str]:
    if answer.status not in INSIDE_STATUS[method]:
        yield f"{where}: {answer.status}"
    if answer.status == 302 and not re.match(r"/(?!account/(?!reauthenticate/))", answer.headers["Location"]):
        yield f"{where}: sent to {answer.headers['Location']}"
    if not answer.cookies <= {"session"}:
        yield f"{where}: sets {sorted(answer.cookies)}"
    yield from (f"{where}: {fault}" for fault in faults_of_headers(answer))
    yield from (f"{where}: shows {word}" for word in shown(answer, viewer, chart))
    if viewer in PARTNERS and answer.status == 200 and (said := telling(answer.text)):
        yield f"{where}: the title says {said}"


def shown(answer: Answer, viewer: str, chart: Chart) -> Iterator[str]:
    """Private words on this page that this viewer may never read."""
    reader = INTIMATE_STAFF.get(viewer, viewer)
    for word, readers in chart.words.items():
        if reader not in readers and word in answer.text:
            yield word


def faults_of_headers(answer: Answer) -> Iterator[str]:
    headers = answer.headers
    if "no-store" not in headers.get("Cache-Control", ""):
        yield "may be kept"
    policy = headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "script-src 'self'" not in policy or "unsafe" in policy:
        yield f"policy {policy!r}"
    for name, value in FIXED_HEADERS.items():
        if headers.get(name) != value:
            yield f"{name} is {headers.get(name)!r}"


FIXED_HEADERS = {
    "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
}  # fmt: skip
TELLING = re.compile(
    r"ketamine|dos(e|ing)|infusion|treat|clinic|therap|session|couple|partner|bothwell|care|safety|\bmedic"
    r"|questionnaire",
    re.IGNORECASE,
)
"""What stands in a tab or a history names neither treatment, partner nor kind of clinic."""


def telling(page: str) -> str:
    """The part of a title that tells too much; empty when it tells nothing."""
    title = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    found = TELLING.search(title[1]) if title else None
    return found[0] if found else ""


VIEWERS = sorted(EVERYBODY)
CELLS = [
    pytest.param(row, method, id=f"{method} {row.name} {number}")
    for number, row in enumerate(TABLE)
    for method in row.methods
]
OF_A_CHART = [
    cell
    for cell in CELLS
    if cell.values[0].ids
    and not cell.values[0].name.startswith(("consent-text", "clinic_", "stock_", "outcome"))
]


@pytest.mark.parametrize(("row", "method"), CELLS)
def test_who_may_finds_a_page_and_nobody_else_finds_anything(row: Row, method: str, desk: Desk) -> None:
    assert sorted(wrong(row, method, desk)) == []


@pytest.mark.parametrize(("row", "method"), [cell for cell in CELLS if cell.values[0].hidden == (404,)])
def test_what_never_was_looks_like_nothing_to_all(row: Row, method: str, desk: Desk) -> None:
    if not row.ids:
        return
    path = reverse(row.name, kwargs=row.nothing())
    insider = next(viewer for viewer in VIEWERS if viewer in row.opens)
    for viewer in (insider, "partner"):
        for data in given(row, method, desk.world.chart)[-1:]:
            answer, nothing = desk.missing(viewer, method, row, data), desk.nothing(viewer, path)
            assert answer.looks == nothing.looks, (viewer, answer.status)
            assert not answer.wrote


@pytest.mark.parametrize(("row", "method"), OF_A_CHART)
def test_no_role_opens_the_chart_of_ones_own_partner(row: Row, method: str, desk: Desk) -> None:
    chart, faults = desk.world.colleagues, []
    for case, path in tries(row, chart):
        if row.others.get(case) is THEIRS["partners"]:
            continue
        for viewer in INTIMATE_STAFF:
            where = f"{viewer} {method} {row.name} [{case}]"
            faults += shown_to_who_may_not(row, method, path, desk, viewer, where, chart)
    assert faults == []


SIGHTS = (
    ("self", "insight", "insight alone", "alone"),
    ("partner", "us", "", "topartner"),
    ("ex_partner", "us", "", "readbyboth"),
    ("prescriber", "workup", "person", "finding"),
    ("nurse", "room", "session running", "alarm"),
    ("nurse", "room-events", "session over", "eventover"),
    ("prescriber", "after", "", "followupover"),
    ("nurse", "after-call", "session over", "call"),
    ("therapist_a", "workup", "person", "hold2"),
    ("couples_therapist", "couple_correct", "couple note", "progress"),
    ("coordinator", "person_contact", "person", "owntelephone"),
    ("lead", "clinic_log", "", "seen"),
    ("safety", "safety_person", "person", "saidalone"),
)


@pytest.mark.parametrize(("viewer", "name", "things", "word"), SIGHTS)
def test_the_words_stand_where_they_may_be_read(
    viewer: str, name: str, things: str, word: str, desk: Desk
) -> None:
    """Or looking for them on the pages of others would prove nothing."""
    chart = desk.world.chart
    keys = things.split() if name == "couple_correct" else [things] if things else []
    answer = desk.ask(viewer, "GET", reverse(name, args=[chart.ids[key] for key in keys]))
    assert f"zq{word}{chart.person.id.hex[-6:]}" in answer.text


def test_those_who_are_kept_out_as_partners_hold_what_lets_others_in(desk: Desk) -> None:
    """Or the test before would prove nothing: the same colleagues open the chart of anybody else."""
    ids = desk.world.chart.ids
    for viewer in INTIMATE_STAFF:
        for name, key in (("person", "person"), ("couple_admin", "couple"), ("person_team", "person")):
            path = reverse(name, args=[ids[key]])
            assert desk.ask(viewer, "GET", path).status == 200, (viewer, name)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_method_no_page_uses_tells_nothing(row: Row, desk: Desk) -> None:
    _, path = next(tries(row, desk.world.chart))
    for method in sorted(ALL_METHODS - set(row.methods)):
        answer, missing = desk.ask("partner", method, path), desk.missing("partner", method, row)
        assert answer.status == 405
        assert answer.looks == missing.looks
        assert not answer.wrote


BACK = {
    "task_acknowledge": "/tasks", "task_close": "/tasks", "safety_hold": "/safety", "safety_lift": "/safety",
    "couple_pause": "/couples",
}  # fmt: skip
"""Where staff are sent who open the address of a form, whatever it names."""


@pytest.mark.parametrize("row", [row for row in TABLE if row.name in BACK], ids=lambda row: row.name)
def test_the_address_of_a_form_leads_all_staff_back_whether_or_not_its_thing_is_there(
    row: Row, desk: Desk
) -> None:
    _, path = next(tries(row, desk.world.chart))
    for viewer in VIEWERS:
        answer, missing = desk.ask(viewer, "GET", path), desk.missing(viewer, "GET", row)
        assert answer.looks == missing.looks, viewer
        assert answer.status == (405 if viewer in PARTNERS else 302), viewer
        assert answer.headers.get("Location") == (None if viewer in PARTNERS else BACK[row.name]), viewer
        assert answer.body == b"", viewer


# ── nobody ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("row", "method"), CELLS)
def test_nobody_is_shown_the_way_to_the_login(row: Row, method: str, desk: Desk) -> None:
    _, path = next(tries(row, desk.world.chart))
    answer = desk.ask("nobody", method, path, given(row, method, desk.world.chart)[-1])
    assert answer.status == 302
    assert answer.headers["Location"].startswith("/account/login/?next=")
    assert answer.body == b""
    assert not answer.wrote
    assert not answer.cookies
    assert list(faults_of_headers(answer)) == []


@pytest.mark.parametrize("viewer", ["nobody", "self", "lead"])
def test_public_pages_are_open_and_say_nothing_of_anybody(viewer: str, desk: Desk) -> None:
    live, dead = (reverse("invitation", args=[token]) for token in (desk.world.link, "0" * 97))
    for path, status in ((reverse("home"), 200), (reverse("health"), 200), (live, 200), (dead, 404)):
        answer = desk.ask(viewer, "GET", path)
        assert answer.status == status, path
        assert not [word for word in desk.world.chart.words if word in answer.text]
        assert path == "/" or not telling(answer.text), path


def address(name: str) -> str:
    """The address of an endpoint that takes no argument; empty for one that does."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


ACCOUNT = {
    each.name: address(each.name)
    for each in endpoints(get_resolver().url_patterns, of_account=True)
    if each.name and address(each.name)
}


def test_the_login_library_opens_to_nobody_but_its_public_pages(desk: Desk) -> None:
    opened = set()
    for name, path in ACCOUNT.items():
        answer = desk.ask("nobody", "GET", path)
        assert answer.status in {200, 302, 404, 405}, name
        assert list(faults_of_headers(answer)) == [], name
        assert not telling(answer.text), name
        opened |= {name} if answer.status == 200 else set()
    assert opened == PUBLIC_ACCOUNT


def test_no_page_of_the_login_library_tells_on_a_partner(desk: Desk) -> None:
    for name, path in ACCOUNT.items():
        answer = desk.ask("partner", "GET", path)
        assert answer.status < 500, name
        assert not telling(answer.text), name


def test_nobody_breaks_the_glass_to_their_own_partners_record(desk: Desk) -> None:
    chart = desk.world.colleagues
    for viewer in INTIMATE_STAFF:
        for whose in (f"person:{chart.person.id}", f"couple:{chart.couple.id}", f"couple:{chart.old.id}"):
            data = {"whose": whose, "reason": "A reason that is long enough"}
            answer = desk.ask(viewer, "POST", reverse("clinic_glass"), data)
            assert answer.status == 422, (viewer, whose)
            assert not answer.wrote


# ── who can see this ──────────────────────────────────────────────────────────────────────────────────────

ABOUT_SOMEBODY = frozenset(
    {"person_id", "couple_id", "text_id", "decision_id", "agreement_id", "contact_id", "map_id"}
)
PAGES_ABOUT = frozenset({"access", "my_contact", "tasks", "safety", "after"})
WITHOUT_A_BADGE = {
    "couple_library": "the library of the clinic; what was given stands on the page of the couple",
    "couple_process": "it says in large words that its writer alone can ever read it",
    "enrolled": "links to hand over, once",
    "safety_ask": "in the next moment it lies in the hands of whoever is asked",
    "workup_correct": "one entry of the work-up, on the way to be corrected",
}


def _pages_about_somebody() -> list[tuple[Row, str]]:
    """Each page of a person or of a couple, with a case in which somebody finds it."""
    return [
        (row, case)
        for row in TABLE
        for case in row.cases
        if "GET" in row.methods and row.others.get(case, row.opens)
        and not row.name.startswith("clinic_")
        and (row.name in PAGES_ABOUT or set(row.ids) & ABOUT_SOMEBODY)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "case"), [pytest.param(*each, id=f"{each[0].name} {each[1]}") for each in _pages_about_somebody()]
)
def test_every_page_of_a_person_or_a_couple_says_who_can_see_it(desk: Desk, row: Row, case: str) -> None:
    path = reverse(row.name, kwargs=row.arguments(desk.world.chart, case)) + row.query
    for viewer in sorted(row.others.get(case, row.opens)):
        answer = desk.ask(viewer, "GET", path)
        if answer.status == 200 and "<main" in answer.text:
            assert ("Who can see this: " in answer.text) != (row.name in WITHOUT_A_BADGE), (viewer, path)
