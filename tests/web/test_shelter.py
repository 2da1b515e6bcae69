"""Shelter: begun and ended without a trace; a partner's every page is as if nothing had been given or done meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bothwell.integration import agreement_actions, agreements, doing_actions, plan_actions, support
from bothwell.integration.checkins import Lines
from bothwell.integration.warmth import monday_of
from bothwell.messaging import message_actions
from bothwell.messaging.threads import Circle, Thread
from bothwell.models import (
    AuditEntry,
    CoupleAgreement,
    DosingSession,
    ExerciseDone,
    ExerciseGiven,
    Person,
    Shelter,
    WarningSign,
)
from bothwell.privacy import door, shelter_actions
from bothwell.privacy.models import Audience
from bothwell.privacy.sharing_actions import receive, share
from bothwell.privacy.together_actions import tell_couple
from bothwell.records import request_actions
from bothwell.refusal import Refused
from bothwell.web.following import may_be_told
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import gave, session_of, wrote
from tests.web.test_violence_leaves_no_trace import Counted, without_chance

PAGES = (
    "/today", "/us", "/us/week", "/us/agreed", "/us/plan", "/us/exercises", "/score", "/messages", "/insights", "/access",
    "/access/copy", "/access/parting", "/consents", "/how-i-am", "/appointments", "/care-plan",
)  # fmt: skip


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    now = timezone.now() + timedelta(seconds=1)
    unmasked = mock.patch("django.middleware.csrf._mask_cipher_secret", lambda secret: secret)
    with unmasked, mock.patch("django.utils.timezone.now", return_value=now):
        yield make_cast()


def tokenless(page: bytes, path: str = "") -> bytes:
    page = re.sub(rb'(csrfmiddlewaretoken" value=|X-CSRFToken": |data-leave-token=)"?[^">]*"', b"", page)
    if path != "/access":
        return page
    # One's own log says which pages one opened oneself: it is left out on both sides alike.
    return re.sub(rb'<ol class="timeline">.*?</ol>', b"", page, flags=re.DOTALL)


def seen(client: Client, *more: str) -> dict[str, tuple[int, bytes, int]]:
    """Each page of a partner: its answer, its bytes, and how many statements it took."""
    found = {}
    for page in (*PAGES, *more):
        client.get(page)  # what is read once is read before anything is counted
        with connection.execute_wrapper(counted := Counted()):
            answer = client.get(page)
        found[page] = (answer.status_code, tokenless(without_chance(answer.content), page), counted.count)
    return found


def gives(cast: Cast) -> None:
    """Amara gives words, and says that an exercise was done."""
    gave(cast.a, wrote(cast.a, "zqleak I was less afraid."))
    with loading():
        given = exercise(cast)
        ExerciseDone.objects.create(
            clinic=cast.clinic, couple=cast.couple, subject=cast.a, author=cast.a, given=given, words="zqleak"
        )


def exercise(cast: Cast) -> Any:
    from bothwell.models import ExerciseGiven

    found, _ = ExerciseGiven.objects.get_or_create(
        clinic=cast.clinic,
        couple=cast.couple,
        exercise="one_thank_you_a_day",
        defaults={"author": cast.couples_therapist},
    )
    return found


def keep(who: Any) -> bytes:
    answer = client_for(who).post("/help-now", {"do": "keep"})
    assert answer.status_code == 200
    return bytes(answer.content)


# ── as if nothing had been given ──────────────────────────────────────────────────────────────────────────


def test_the_sheet_for_both_holds_nothing_a_sheltered_person_gave(cast: Cast) -> None:
    dana, path = client_for(cast.couples_therapist), f"/couples/{cast.couple.id}"
    gives(cast)
    assert b"zqleak" in dana.get(f"{path}/for-both").content
    keep(cast.a)  # the other had not opened it
    assert b"zqleak" not in dana.get(f"{path}/for-both").content
    assert b"zqleak" in dana.get(path).content


def test_every_page_of_the_partner_is_as_if_nothing_had_been_given_since(cast: Cast) -> None:
    with loading():
        exercise(cast)
    client = client_for(cast.b)
    before = seen(client)
    keep(cast.a)
    gives(cast)
    after = seen(client)
    for page in before:
        assert after[page] == before[page], page


# ── neither its beginning nor its end can be read off a page ──────────────────────────────────────────────


def thread_of(cast: Cast) -> Thread:
    return Thread(Circle.COUPLE, None, cast.couple.id)


def pages_of(cast: Cast) -> tuple[str, ...]:
    """Pages that name a thing of the couple's."""
    with loading():
        given = exercise(cast)
    return (f"/messages/couple/{cast.couple.id}", f"/us/exercises/{given.id}")


def does_everything(cast: Cast, who: Person, word: str, week: date) -> None:
    """Whatever one of the two can give the other, or do in what both read."""
    gave(who, wrote(who, f"{word} insight"))
    with loading():
        given = exercise(cast)
    with door.opened(who.id):
        doing_actions.do_exercise(by=who, given_id=given.id, words=f"{word} done", on_day=week)
        doing_actions.choose_exercise(
            by=who, code="say_it_back" if word == "zqone" else "back_to_back", way="each", request_id=uuid4()
        )
        doing_actions.send_checkin(by=who, week=week, today=week, lines=Lines(f"{word} thanks"))
        agreement_actions.propose(
            by=who, kind=agreements.Kind.OTHER, days=None, words=f"{word} agreed", request_id=uuid4()
        )
        plan_actions.name_sign(by=who, words=f"{word} sign", request_id=uuid4())
        look = plan_actions.LookBack(support.Kind.MAINTENANCE, f"{word} looks", "", week + timedelta(days=9))
        plan_actions.look_back(
            by=who, couple=cast.couple, look=look, today=week, request_id=uuid4(), session_id=uuid4()
        )
        message_actions.send(by=who, thread=thread_of(cast), text=f"{word} message", request_id=uuid4())
        request_actions.ask_for_both(
            by=who,
            couple=cast.couple,
            recipient=f"{word} office",
            purpose="x",
            signed_name="A",
            request_id=uuid4(),
        )


def undoes_everything(cast: Cast, who: Person) -> None:
    """Whatever one of the two can end of what they did before: not the gift, which is theirs to take back."""
    with door.opened(who.id):
        for given in ExerciseGiven.objects.filter(author=who):
            doing_actions.lay_aside(by=who, given_id=given.id)
        for sign in WarningSign.objects.filter(author=who):
            plan_actions.drop_sign(by=who, sign_id=sign.id)
        for row in CoupleAgreement.objects.filter(couple=cast.couple):
            agreement_actions.answer(by=who, agreement_id=row.id, said=agreements.Answer.END)


def end(cast: Cast, who: Person) -> None:
    with (
        mock.patch("django.utils.timezone.now", return_value=datetime.now(UTC)),
        door.opened(cast.safety.id),
    ):
        shelter_actions.end_shelter(by=cast.safety, subject=who, why="They live apart")


def test_nothing_goes_when_it_begins_and_nothing_comes_when_it_ends(cast: Cast) -> None:
    monday = monday_of(timezone.localdate())
    does_everything(cast, cast.a, "zqone", monday - timedelta(weeks=1))
    client, more = client_for(cast.b), pages_of(cast)
    seen(client, *more)
    before = seen(client, *more)
    told = b"".join(body for _, body, _ in before.values())
    for word in (b"insight", b"done", b"thanks", b"agreed", b"sign", b"looks", b"message", b"office"):
        assert b"zqone " + word in told, word
    keep(cast.a)
    begun = seen(client, *more)
    does_everything(cast, cast.a, "zqtwo", monday)
    undoes_everything(cast, cast.a)
    under = seen(client, *more)
    end(cast, cast.a)
    after = seen(client, *more)
    for what, found in (("begun", begun), ("under", under), ("after", after)):
        for page in before:
            assert found[page] == before[page], (what, page)


def test_what_they_did_shows_on_their_own_pages_and_to_their_therapist_all_along(cast: Cast) -> None:
    monday = monday_of(timezone.localdate())
    keep(cast.a)
    does_everything(cast, cast.a, "zqone", monday)
    for page in (
        ("/us/week", b"thanks"),
        ("/us/agreed", b"agreed"),
        ("/us/plan", b"sign"),
        ("/us", b"insight"),
    ):
        assert b"zqone " + page[1] in client_for(cast.a).get(page[0]).content, page
    desk = client_for(cast.couples_therapist)
    assert b"zqone insight" in desk.get(f"/couples/{cast.couple.id}").content
    assert b"zqone message" in desk.get(f"/messages/couple/{cast.couple.id}").content


def test_words_not_opened_go_as_when_taken_back_and_come_again_only_when_given_again(cast: Cast) -> None:
    client = client_for(cast.b)
    before = seen(client)
    insight = wrote(cast.a, "zqleak I was less afraid.")
    gave(cast.a, insight)
    keep(cast.a)
    assert seen(client) == before
    end(cast, cast.a)
    assert seen(client) == before
    gave(cast.a, insight, audiences=())
    gave(cast.a, insight)
    assert b"zqleak" in client.get("/us").content


def test_words_opened_and_taken_back_under_shelter_go_with_the_line_that_always_stays(cast: Cast) -> None:
    insight, client = wrote(cast.a, "zqleak I was less afraid."), client_for(cast.b)
    gave(cast.a, insight)
    assert b"zqleak" in client.get("/us").content
    keep(cast.a)
    assert b"zqleak" in client.get("/us").content
    gave(cast.a, insight, audiences=())
    page = client.get("/us").content
    assert b"zqleak" not in page
    assert b"taken back" in page
    gave(cast.a, insight)  # again, under shelter
    assert client.get("/us").content.count(b"zqleak") == 0


@pytest.mark.parametrize("was_seen", [False, True])
def test_when_and_where_they_are_is_not_told_not_even_as_blocked_time(cast: Cast, was_seen: bool) -> None:
    session = session_of(cast, cast.a, timezone.now() + timedelta(days=2))
    with door.opened(cast.a.id):
        share(by=cast.a, item_kind="dosing.time", item=session, to=Audience.PARTNER)
    with door.opened(cast.b.id), connection.cursor() as cursor:
        if was_seen:
            receive(by=cast.b, item_kind="dosing.time", item=DosingSession.objects.get(id=session.id))
        cursor.execute("select count(*) from door.busy() where subject = %s", [cast.a.id])
        assert cursor.fetchone() == (1,)
    keep(cast.a)
    with door.opened(cast.b.id), connection.cursor() as cursor:
        assert not DosingSession.objects.filter(id=session.id).exists()
        cursor.execute("select count(*) from door.busy() where subject = %s", [cast.a.id])
        assert cursor.fetchone() == (0,)
    with door.opened(cast.nurse.id), connection.cursor() as cursor:
        cursor.execute("select count(*) from door.busy() where subject = %s", [cast.a.id])
        assert cursor.fetchone() == (1,)


def test_a_sheet_for_both_holds_what_both_find_also_afterwards(cast: Cast) -> None:
    dana, path = client_for(cast.couples_therapist), f"/couples/{cast.couple.id}/for-both"
    with loading():
        exercise(cast)
    keep(cast.a)
    gives(cast)
    end(cast, cast.a)
    assert b"zqleak" not in dana.get(path).content


def test_the_fragment_an_open_page_asks_for_is_the_same_too(cast: Cast) -> None:
    with loading():
        exercise(cast)
    client = client_for(cast.b)
    client.get("/us")
    before = client.get("/us", headers={"hx-request": "true"}).content
    keep(cast.a)
    gives(cast)
    assert without_chance(client.get("/us", headers={"hx-request": "true"}).content) == without_chance(before)


def test_their_care_team_sees_what_it_saw_before(cast: Cast) -> None:
    gives(cast)
    keep(cast.a)
    page = client_for(cast.couples_therapist).get(f"/couples/{cast.couple.id}").content
    assert b"zqleak" in page


def test_ones_own_pages_show_nothing_of_it_to_whoever_holds_the_telephone(cast: Cast) -> None:
    gives(cast)
    client = client_for(cast.a)
    before = seen(client)
    keep(cast.a)
    after = seen(client)
    for page in PAGES:
        assert after[page] == before[page], page
    assert b"It is so now" not in client.get("/help-now").content


def test_asking_twice_answers_the_same_and_keeps_one(cast: Cast) -> None:
    first, second = keep(cast.a), keep(cast.a)
    assert tokenless(first) == tokenless(second)
    with loading():
        assert Shelter.objects.count() == 1


# ── who knows, and who may ────────────────────────────────────────────────────────────────────────────────


def test_nobody_but_the_circle_learns_that_it_stands(cast: Cast) -> None:
    keep(cast.a)
    for name, who in cast.everyone().items():
        with door.opened(who.id):
            knows = Shelter.objects.exists() or bool(shelter_actions.sheltered_since([cast.a.id]))
            logged = AuditEntry.objects.filter(item_kind="shelter").exists()
        assert (knows, logged) == (name == "safety", name == "safety"), name
    page = client_for(cast.safety).get("/safety").content.decode()
    assert "Shelter since" in page


def test_only_the_circle_begins_it_for_another_and_ends_it(cast: Cast) -> None:
    for name, who in cast.everyone().items():
        for act in (shelter_actions.shelter, shelter_actions.end_shelter):
            if name != "safety":
                with door.opened(who.id), pytest.raises(Refused):
                    act(by=who, subject=cast.a, why="What was heard")
    with loading():
        assert not Shelter.objects.exists()


def test_the_circle_says_why_and_only_it_reads_that(cast: Cast) -> None:
    client = client_for(cast.safety)
    refused = client.post(f"/safety/{cast.a.id}/shelter", {"why": " "})
    assert refused.status_code == 422
    assert client.post(f"/safety/{cast.a.id}/shelter", {"why": "zq heard"}).status_code == 302
    assert b"zq heard" in client.get(f"/safety/{cast.a.id}").content
    for who in (cast.a, cast.b, cast.lead):
        assert b"zq heard" not in client_for(who).get("/access").content


def test_staff_do_not_ask_for_it(cast: Cast) -> None:
    assert client_for(cast.nurse).post("/help-now", {"do": "keep"}).status_code == 404
    with door.opened(cast.nurse.id), pytest.raises(Refused):
        shelter_actions.keep_to_myself(by=cast.nurse)


# ── not even the moment ───────────────────────────────────────────────────────────────────────────────────


def heard_from(cast: Cast, who: Any) -> list[tuple[str, ...]]:
    """What `tell_couple` says to the ear when `who` acts."""
    told: list[tuple[str, ...]] = []

    def remember(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "pg_notify" in sql:
            told.append(tuple(str(params[0]).split(":")))
        return execute(sql, params, many, context)

    with door.opened(who.id), connection.execute_wrapper(remember):
        tell_couple(cast.couple)
    return told


@pytest.mark.parametrize("is_sheltered", [False, True])
def test_an_act_of_somebody_sheltered_wakes_no_page_of_their_partner(cast: Cast, is_sheltered: bool) -> None:
    if is_sheltered:
        keep(cast.a)
    told = heard_from(cast, cast.a)
    assert {about for _, about, _ in told} == {
        str(one.id) for one in (cast.a, cast.b, cast.couples_therapist)
    }
    by = {door_of for _, _, door_of in told}
    assert by == {str(cast.a.id)}
    for viewer, hears in ((cast.a, True), (cast.b, not is_sheltered), (cast.couples_therapist, True)):
        with door.opened(viewer.id):
            assert may_be_told("person", {cast.a.id}) is hears
            assert may_be_told("person", {cast.a.id, cast.couples_therapist.id})
            assert may_be_told("person", {None})


def test_beginning_it_wakes_nobody(cast: Cast) -> None:
    told: list[str] = []

    def remember(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "pg_notify" in sql or "procrastinate" in sql:
            told.append(json.dumps(params, default=str))
        return execute(sql, params, many, context)

    with door.opened(cast.a.id), connection.execute_wrapper(remember):
        shelter_actions.keep_to_myself(by=cast.a)
    assert told == []
