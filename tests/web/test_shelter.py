"""Shelter: begun without a trace, and while it stands a partner's every page is as if nothing had ever been given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bothwell.models import AuditEntry, ExerciseDone, Shelter
from bothwell.privacy import door, shelter_actions
from bothwell.privacy.actions import tell_couple
from bothwell.refusal import Refused
from bothwell.web.following import may_be_told
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import gave, wrote
from tests.web.test_violence_leaves_no_trace import Counted, without_chance

PAGES = ("/today", "/us", "/insights", "/access", "/access/copy", "/access/parting", "/consents", "/how-i-am")


@pytest.fixture
def cast(db: None) -> Iterator[Cast]:
    now = timezone.now() + timedelta(seconds=1)
    unmasked = mock.patch("django.middleware.csrf._mask_cipher_secret", lambda secret: secret)
    with unmasked, mock.patch("django.utils.timezone.now", return_value=now):
        yield make_cast()


def tokenless(page: bytes) -> bytes:
    page = re.sub(rb'(csrfmiddlewaretoken" value=|X-CSRFToken": |data-leave-token=)"?[^">]*"', b"", page)
    # One's own log says which pages one opened oneself: it is left out on both sides alike.
    return re.sub(rb'<ol class="timeline">.*?</ol>', b"", page, flags=re.DOTALL)


def seen(client: Client) -> dict[str, tuple[int, bytes, int]]:
    """Each page of a partner: its answer, its bytes, and how many statements it took."""
    found = {}
    for page in PAGES:
        client.get(page)  # what is read once is read before anything is counted
        with connection.execute_wrapper(counted := Counted()):
            answer = client.get(page)
        found[page] = (answer.status_code, tokenless(without_chance(answer.content)), counted.count)
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
    gives(cast)
    dana, path = client_for(cast.couples_therapist), f"/couples/{cast.couple.id}"
    assert b"zqleak" in dana.get(f"{path}/for-both").content
    keep(cast.a)
    assert b"zqleak" not in dana.get(f"{path}/for-both").content
    assert b"zqleak" in dana.get(path).content


@pytest.mark.parametrize("was_read", [False, True])
def test_every_page_of_the_partner_is_as_if_nothing_had_ever_been_given(cast: Cast, was_read: bool) -> None:
    with loading():
        exercise(cast)
    client = client_for(cast.b)
    before = seen(client)
    if was_read:
        gives(cast)
        assert b"zqleak" in client.get("/us").content
        keep(cast.a)
    else:
        keep(cast.a)
        gives(cast)
    after = seen(client)
    for page in PAGES:
        assert after[page] == before[page], page


def test_the_fragment_an_open_page_asks_for_is_the_same_too(cast: Cast) -> None:
    with loading():
        exercise(cast)
    client = client_for(cast.b)
    client.get("/us")
    before = client.get("/us", headers={"hx-request": "true"}).content
    gives(cast)
    keep(cast.a)
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


def test_when_the_circle_ends_it_what_was_given_is_open_again(cast: Cast) -> None:
    gives(cast)
    keep(cast.a)
    with door.opened(cast.safety.id):
        shelter_actions.end_shelter(by=cast.safety, subject=cast.a, why="They live apart")
    assert b"zqleak" in client_for(cast.b).get("/us").content


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
