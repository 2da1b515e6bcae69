"""Who gets in, how long they stay, and what a request finds when it is not what a browser sends."""

import asyncio
import io
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path

from bothwell import asgi, urls
from bothwell.models import AuditEntry, Insight, Person, User
from bothwell.web import guard
from bothwell.web.following import viewer_of
from bothwell.web.sessions import SessionStore
from tests.cast import Cast, client_for, make_cast
from tests.conftest import LOGINS, loading, owning
from tests.enrolment.committed import at_once, committing  # noqa: F401 - a fixture
from tests.web.partners import wrote

PASSWORD = "correct-horse-battery"
HASHED = make_password(PASSWORD)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOO_SOON = "Too many failed login attempts"


@pytest.fixture(autouse=True)
def _nobody_tried_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def with_password(who: Person) -> str:
    """`who` may log in with PASSWORD; comes back: with which address."""
    user = User.objects.get(person_id=who.id)
    User.objects.filter(id=user.id).update(password=HASHED)
    return user.email


def as_staff(who: Person) -> User:
    """`who` needs a second factor from now on."""
    User.objects.filter(person_id=who.id).update(must_have_second_factor=True, password=HASHED)
    return User.objects.get(person_id=who.id)


def code(secret: str = SECRET) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def log_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/account/login/", {"login": email, "password": password, **more})


def is_in(client: Client) -> bool:
    return client.get("/today").status_code == 200


# ── logging in ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_login_gets_a_session_of_a_new_name(cast: Cast) -> None:
    client, email = Client(), with_password(cast.a)
    client.get("/account/login/")
    before = client.session.session_key
    assert log_in(client, email)["Location"] == "/today"
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()
    assert is_in(client)


def test_a_session_named_by_a_stranger_is_not_taken_up(cast: Cast) -> None:
    client, email = Client(), with_password(cast.a)
    client.cookies[settings.SESSION_COOKIE_NAME] = planted = "a" * 32
    log_in(client, email)
    assert client.session.session_key != planted
    assert is_in(client)


def test_five_wrong_passwords_close_one_login_for_a_while_and_no_other(cast: Cast) -> None:
    client, email, other = Client(), with_password(cast.a), with_password(cast.b)
    for _ in range(5):
        assert TOO_SOON not in log_in(client, email, "wrong").content.decode()
    assert TOO_SOON in log_in(client, email).content.decode()
    assert not is_in(client)
    assert log_in(client, other).status_code == 302


def test_one_address_may_not_try_everybody(cast: Cast, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    there = Client(headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"})
    answers = [log_in(there, f"nobody{n}@example.org", "wrong").content.decode() for n in range(21)]
    assert TOO_SOON in answers[-1]
    elsewhere = Client(headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.8"})
    assert TOO_SOON not in log_in(elsewhere, "nobody@example.org", "wrong").content.decode()


def shown(answer: Any) -> str:
    """A page without what differs each time."""
    text = answer.content.decode()
    return re.sub(r'(name="csrfmiddlewaretoken" value|value)="[^"]*"', "", text)


def test_a_login_page_does_not_tell_who_has_one(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    email = with_password(cast.a)
    known, unknown = (log_in(Client(), each, "wrong") for each in (email, "nobody@example.org"))
    assert (known.status_code, shown(known)) == (unknown.status_code, shown(unknown))
    hashed: list[str] = []
    real = User.set_password
    monkeypatch.setattr(User, "set_password", lambda self, word: (hashed.append(word), real(self, word)))
    log_in(Client(), "nobody@example.org", "wrong")
    assert hashed == ["wrong"], "an unknown address must take as long as a known one"


def test_a_new_password_is_asked_for_without_telling_who_has_a_login(cast: Cast) -> None:
    email = with_password(cast.a)
    client = Client()
    for each in (email, "nobody@example.org"):
        answer = client.post("/account/password/reset/", {"email": each})
        assert (answer.status_code, answer["Location"]) == (302, "/account/password/reset/done/")
    assert [each.to for each in mail.outbox] == [[email], ["nobody@example.org"]]
    for each in mail.outbox:
        said = f"{each.subject} {each.body}".lower()
        assert not {word for word in ("bothwell", "clinic", "ketamine", "amara", "sign up") if word in said}


def test_nobody_signs_up_and_no_device_left_open_changes_the_address_of_a_login(cast: Cast) -> None:
    fields = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    answer = Client().post("/account/signup/", fields)
    assert "invitation" in answer.content.decode().lower()
    assert not User.objects.filter(email="new@example.org").exists()
    with_password(cast.a)
    client = client_for(cast.a)
    added = client.post("/account/email/", {"email": "new@example.org", "action_add": ""})
    assert (added.status_code, "/account/reauthenticate/" in added["Location"]) == (302, True)
    assert not EmailAddress.objects.filter(email="new@example.org").exists()


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "/today\r\nSet-Cookie: x=y",
        "http://localhost@evil.example",
    ],
)
def test_a_login_leads_nowhere_else(cast: Cast, there: str) -> None:
    client, email = Client(), with_password(cast.a)
    answer = client.post(
        f"/account/login/?next={there}", {"login": email, "password": PASSWORD, "next": there}
    )
    assert answer.status_code == 302
    assert "evil" not in answer["Location"]
    assert "x" not in answer.cookies
    assert "evil" not in client.post("/account/logout/", {"next": there})["Location"]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost@evil.example", "localhost.evil.example", "a b", ""]
)
def test_a_name_that_is_not_ours_is_not_answered(db: None, host: str) -> None:
    answer = Client(raise_request_exception=False).get("/account/password/reset/", HTTP_HOST=host)
    assert answer.status_code == 400
    assert "not what we expected" in answer.content.decode()
    assert "evil" not in answer.content.decode()


def test_a_forwarded_name_changes_no_link(cast: Cast) -> None:
    email = with_password(cast.a)
    Client().post("/account/password/reset/", {"email": email}, headers={"X-Forwarded-Host": "evil.example"})
    assert "evil" not in mail.outbox[0].body


def test_signing_out_leaves_nothing_to_come_back_to(cast: Cast) -> None:
    client = client_for(cast.a)
    key = client.session.session_key
    assert client.get("/us")["Cache-Control"] == "no-store"
    client.post("/account/logout/")
    assert not Session.objects.filter(session_key=key).exists()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get("/us")["Location"].startswith("/account/login/")
    assert client.get("/account/logout/").status_code == 302  # nobody is in


def test_one_login_after_another_on_one_device_shares_nothing(cast: Cast) -> None:
    client = client_for(cast.a)
    session = client.session
    session["left"] = "behind"
    session.save()
    client.force_login(User.objects.get(person_id=cast.b.id))
    assert "left" not in client.session
    assert f"{cast.b.name_used}, your menu" in client.get("/today").content.decode()


# ── the idle lock ─────────────────────────────────────────────────────────────────────────────────────────


def idle(client: Client, seconds: int) -> None:
    session = client.session
    session[guard.SEEN] = int(time.time()) - seconds
    session.save()


def test_a_session_nobody_uses_locks_itself(cast: Cast) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS - 30)
    assert is_in(client)
    idle(client, settings.IDLE_LOCK_SECONDS + 5)
    key = client.session.session_key
    answer = client.get("/insights?aside=1")
    assert answer["Location"] == "/account/login/?next=%2Finsights%3Faside%3D1&idle=1"
    assert answer["Cache-Control"] == "no-store"
    assert not Session.objects.filter(session_key=key).exists()


def test_a_session_counts_from_its_login(cast: Cast) -> None:
    client = client_for(cast.a)
    assert time.time() - client.session[guard.SEEN] < 5
    session = client.session
    del session[guard.SEEN]
    session.save()
    assert not is_in(client)


def test_sessions_that_ran_out_go_when_somebody_comes_in(cast: Cast) -> None:
    for left in ("-1 hour", "1 hour"):
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into django_session values (%s, '', now() + %s::interval)", [left.strip("-"), left]
            )
            cursor.execute("update django_session set session_key = 'over' where expire_date < now()")
    client_for(cast.a)
    assert set(Session.objects.values_list("session_key", flat=True)) >= {"1 hour"}
    assert not Session.objects.filter(session_key="over").exists()


def test_a_part_of_a_page_is_not_replaced_by_a_login(cast: Cast) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS + 5)
    for _ in ("locked just now", "signed out since"):
        answer = client.post("/insights/new", {"text": "words"}, headers={"HX-Request": "true"})
        assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("came_from", "back_to"),
    [
        ("http://testserver/insights/new?kind=insight", "%2Finsights%2Fnew%3Fkind%3Dinsight"),
        ("http://evil.example/insights/new", "%2Ftoday"),
        ("", "%2Ftoday"),
    ],
)
def test_a_form_sent_too_late_leads_back_to_its_page(cast: Cast, came_from: str, back_to: str) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS + 5)
    answer = client.post("/insights/new", {"text": "words"}, headers={"Referer": came_from})
    assert answer["Location"] == f"/account/login/?next={back_to}&idle=1"
    assert "are kept" in client.get(answer["Location"]).content.decode()
    again = client.post("/insights/new", {"text": "words"}, headers={"Referer": came_from})
    assert again["Location"] == f"/account/login/?next={back_to}"


FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
WRITTEN = {
    "text": "Half a sentence, then",
    "next_id": "a long identifier",
    "password": "four words of it",
    "kind": "x",
}


def test_typing_puts_off_the_lock_and_never_the_end_of_a_login(cast: Cast) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS - 30)
    said = client.get("/here").json()
    assert said["who"] == str(cast.a.id)
    assert 0 < said["again_s"] < settings.IDLE_LOCK_SECONDS
    assert time.time() - client.session[guard.SEEN] < 5
    session = client.session
    session[guard.BEGUN] = int(time.time()) - settings.SESSION_COOKIE_AGE - 1
    session.save()
    ended = client.get("/here", headers={"HX-Request": "true"})
    assert (ended.status_code, ended.content) == (401, b"")
    assert not is_in(client)


def test_a_page_that_looks_again_by_itself_does_not_put_off_the_lock(cast: Cast) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS - 30)
    before = client.session[guard.SEEN]
    assert client.get("/today", headers={"HX-Request": "true", "X-By-Itself": "1"}).status_code == 200
    assert client.session[guard.SEEN] == before
    assert client.get("/today").status_code == 200
    assert client.session[guard.SEEN] > before


def test_a_login_that_has_lasted_too_long_follows_nothing(cast: Cast) -> None:
    client = client_for(cast.a)
    key = client.session.session_key
    assert key
    assert viewer_of(key) == cast.a.id
    session = client.session
    session[guard.BEGUN] = int(time.time()) - settings.SESSION_COOKIE_AGE - 1
    session.save()
    assert viewer_of(key) is None


def test_nobody_is_here_who_is_not_signed_in(cast: Cast) -> None:
    assert Client().get("/here", headers={"HX-Request": "true"}).status_code == 401
    assert client_for(cast.a).post("/here").status_code == 405


def test_words_that_come_too_late_are_shown_to_be_copied(cast: Cast) -> None:
    client = client_for(cast.a)
    idle(client, settings.IDLE_LOCK_SECONDS + 5)
    for _ in ("locked just now", "signed out since"):
        answer = client.post("/messages", WRITTEN, headers=FROM_HERE)
        page = answer.content.decode()
        assert answer.status_code == 401
        assert answer["Cache-Control"] == "no-store"
        assert "Half a sentence, then" in page
        assert "/account/login/?next=" in page
        assert "a long identifier" not in page
        assert "four words" not in page


def test_what_another_site_sends_is_put_on_no_page(cast: Cast) -> None:
    client = client_for(cast.a)
    client.handler.enforce_csrf_checks = True
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        for where in ("/insights/new", "/no/such/page"):
            answer = client.post(where, WRITTEN, headers=headers)
            assert answer.status_code in (403, 404)
            assert "Half a sentence" not in answer.content.decode()
    shown = client.post("/insights/new", WRITTEN, headers={"Origin": "http://testserver"})
    assert (shown.status_code, "Half a sentence, then" in shown.content.decode()) == (403, True)


def test_a_page_that_is_gone_gives_the_words_back(cast: Cast) -> None:
    where = f"/messages/care/{uuid4()}"
    answer = client_for(cast.a).post(where, WRITTEN | {"request_id": str(uuid4())}, headers=FROM_HERE)
    assert (answer.status_code, "Half a sentence, then" in answer.content.decode()) == (404, True)


def test_a_form_of_an_earlier_session_says_so(cast: Cast) -> None:
    client = client_for(cast.a)
    client.handler.enforce_csrf_checks = True
    answer = client.post("/insights/new", {"text": "words"})
    assert answer.status_code == 403
    assert "This page was too old" in answer.content.decode()
    assert not client.cookies.get("csrftoken")


# ── the second factor ─────────────────────────────────────────────────────────────────────────────────────


def addresses(patterns: Any = None, before: str = "") -> Iterator[str]:
    """Every address there is, with identifiers nobody has."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, here)
        elif isinstance(each, URLPattern):
            here = re.sub(r"<uuid:\w+>", str(uuid4()), here)
            yield "/" + re.sub(r"<(?:\w+:)?\w+>", "1", here)


BEHIND = [
    each for each in addresses() if not each.startswith(("/account/", "/invitation/", "/health", "/sw.js"))
]
"""All but what stands before the door; the keeper of check-ins at /sw.js names nobody and is the same for all."""


def test_without_a_second_factor_staff_see_nothing_at_any_address(cast: Cast) -> None:
    as_staff(cast.lead)
    client = client_for(cast.lead)
    assert len(BEHIND) > 60
    for each in [*BEHIND, "//today", "/TODAY", "/account/../today", "/health/../today", "/today/", "/live/x"]:
        for answer in (client.get(each), client.post(each, {}), client.head(each), client.put(each)):
            if each.startswith(("/account/", "/health")):
                assert answer.status_code == 404, each
            else:
                assert (answer.status_code, answer["Location"]) == (302, "/account/2fa/"), each


def test_without_a_login_there_is_only_the_public_page(cast: Cast) -> None:
    client = Client()
    for each in BEHIND:
        for answer in (client.get(each), client.post(each, {}), client.delete(each), client.options(each)):
            if each.startswith(
                "/calendar/"
            ):  # a telephone's calendar has no login: its secret is its address
                assert answer.status_code in (404, 405), each
                continue
            assert answer.status_code == 302 or each == "/", each
            assert each == "/" or answer["Location"].startswith("/account/login/"), each


@pytest.fixture
def committed(committing: None) -> Cast:  # noqa: F811 - the fixture
    with transaction.atomic():
        return make_cast()


def enrolled(committed: Cast) -> tuple[Client, User]:
    """The lead logs in for the first time and sets up an app, as the pages ask."""
    user, client = as_staff(committed.lead), Client()
    assert log_in(client, user.email)["Location"] == "/today"
    assert client.get("/today")["Location"] == "/account/2fa/"
    missing = client.get("/account/2fa/").content.decode()
    assert "One thing first" in missing and 'class="after"' not in missing, (
        "nothing leads back to where one is sent from"
    )
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/account/2fa/totp/activate/").context["form"].secret
    client.post("/account/2fa/totp/activate/", {"code": code(secret)})
    assert 'href="/today"' in client.get("/account/2fa/").content.decode().split('class="after"')[1]
    assert is_in(client)
    return client, user


def test_a_factor_opens_the_pages_and_its_end_closes_them(committed: Cast) -> None:
    client, user = enrolled(committed)
    assert client.get("/account/2fa/recovery-codes/")["Cache-Control"].count("no-store")
    client.post("/account/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=user).exists(), "recovery codes alone are no factor"
    assert client.get("/today")["Location"] == "/account/2fa/"
    assert client.post("/insights/new", {})["Location"] == "/account/2fa/"


def test_a_session_of_the_password_alone_ends_when_there_is_a_factor(committed: Cast) -> None:
    user, thief = as_staff(committed.lead), Client()
    log_in(thief, user.email)
    client, _ = enrolled(committed)
    # Not even the page where factors are taken off, for which the password would do.
    for each in ("/account/2fa/totp/deactivate/", "/account/2fa/", "/today"):
        assert thief.get(each)["Location"].startswith("/account/login/")
        log_in(thief, user.email)
    assert "/2fa/authenticate/" in log_in(thief, user.email)["Location"]
    assert thief.get("/today")["Location"].startswith("/account/login/")
    assert is_in(client)


def test_a_recovery_code_counts_once(committed: Cast) -> None:
    _, user = enrolled(committed)
    codes = RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).get_unused_codes()
    for expected in (True, False):
        client = Client()
        log_in(client, user.email)
        client.post("/account/2fa/authenticate/", {"code": codes[0]})
        assert is_in(client) is expected


def test_who_lost_every_factor_is_let_in_anew_from_the_clinics_own_machine(committed: Cast) -> None:
    client, user = enrolled(committed)
    other = client_for(committed.a)
    with owning():
        with pytest.raises(CommandError, match="Nobody logs in"):
            call_command("lost_second_factor", "nobody@example.org")
        call_command("lost_second_factor", user.email.upper(), stdout=io.StringIO())
        with pytest.raises(CommandError, match="no second factor"):
            call_command("lost_second_factor", user.email)
    assert client.get("/today")["Location"].startswith("/account/login/"), "whoever held the device is out"
    assert is_in(other)
    assert log_in(Client(), user.email, "wrong").status_code == 200, "the password is still asked for"
    anew = Client()
    log_in(anew, user.email)
    assert anew.get("/today")["Location"] == "/account/2fa/"
    with loading():
        entry = AuditEntry.objects.get(action="took away a lost second factor")
    assert entry.subject_id == committed.lead.id and entry.service and entry.actor_id is None


def test_figures_cannot_be_guessed(committed: Cast) -> None:
    user = as_staff(committed.nurse)
    totp.TOTP.activate(user, SECRET)
    client = Client()
    log_in(client, user.email)
    for _ in range(6):
        answer = client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert TOO_SOON in answer.content.decode()
    assert TOO_SOON in client.post("/account/2fa/authenticate/", {"code": code()}).content.decode()
    assert not is_in(client)


def test_the_demonstration_alone_asks_for_none(cast: Cast, settings: Any) -> None:
    as_staff(cast.lead)
    assert not is_in(client_for(cast.lead))
    settings.DEMO = True
    assert is_in(client_for(cast.lead))


# ── what every answer carries ─────────────────────────────────────────────────────────────────────────────


def test_every_answer_forbids_foreign_scripts_frames_and_keeping(cast: Cast) -> None:
    client, stranger = client_for(cast.a), Client(raise_request_exception=False)
    for answer in (
        client.get("/today"),
        client.get("/nothing"),
        client.put("/today"),
        stranger.get("/"),
        stranger.get("/today"),
        stranger.get("/account/login/"),
        stranger.get("/invitation/none"),
        stranger.get("/account/nothing"),
        stranger.get("/", HTTP_HOST="evil.example"),
        stranger.get("/static/bothwell/app.css"),
    ):
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer["X-Content-Type-Options"] == "nosniff"
        if "app.css" not in answer.request["PATH_INFO"]:
            assert "no-store" in answer["Cache-Control"], answer.request["PATH_INFO"]
            assert not answer.has_header("ETag")
        assert "frame-ancestors 'none'" in policy


def test_a_page_is_sent_whole_whatever_the_browser_says_it_has(cast: Cast) -> None:
    has = {"If-None-Match": "*", "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Range": "bytes=0-9"}
    answer = client_for(cast.a).get("/today", headers={**has, "Accept-Encoding": "gzip, br"})
    assert answer.status_code == 200
    assert not answer.has_header("Content-Encoding")


def test_methods_no_page_has_change_nothing(cast: Cast) -> None:
    client = client_for(cast.lead)
    client.raise_request_exception = False
    for each in BEHIND:
        for method in ("FROB", "DELETE", "PUT", "PATCH", "TRACE"):
            assert client.generic(method, each).status_code in (405, 404, 200 if each == "/" else 405), each


def settings_say(expression: str, **environment: str) -> str:
    """What a fresh process with this environment reads from the settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOTHWELL_")}
    run = subprocess.run(
        [sys.executable, "-c", f"from bothwell import settings as s; print({expression})"],
        env=kept | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.strip()


def test_only_this_machine_alone_goes_without_encryption() -> None:
    asked = (
        "s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_NAME, s.SECURE_HSTS_SECONDS > 3e7, "
        "s.SECURE_PROXY_SSL_HEADER, s.ALLAUTH_TRUSTED_PROXY_COUNT"
    )
    proxied = ("HTTP_X_FORWARDED_PROTO", "https")
    assert settings_say(asked) == f"True __Host-session True {proxied} 1"
    assert settings_say(asked, BOTHWELL_PLAIN_HTTP="1") == "False session False None 0"


def test_behind_encryption_the_browser_is_told_to_stay_there(cast: Cast, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS, settings.SESSION_COOKIE_SECURE = 31_536_000, True
    answer = log_in(Client(headers={"X-Forwarded-Proto": "https"}), with_password(cast.a))
    assert answer["Strict-Transport-Security"] == "max-age=31536000"
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["max-age"]) == ("Lax", "/", "", "")


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ({"BOTHWELL_DEMO": "1"}, "bothwell.E002"),
        ({"BOTHWELL_DEMO": "0"}, "bothwell.E004"),
        ({"BOTHWELL_HOSTS": "*"}, "bothwell.E006"),
    ],
)
def test_a_start_that_would_be_too_open_stops(
    committed: Cast,  # of an invented clinic
    environment: dict[str, str],
    refused: str,
) -> None:
    told = {"BOTHWELL_AS": "web", "BOTHWELL_DSN": LOGINS.web, "DJANGO_SETTINGS_MODULE": "bothwell.settings"}
    words = ("check", "--deploy", "--database", "default", "--fail-level", "ERROR")
    run = subprocess.run(
        [sys.executable, "-m", "bothwell", *words],
        env={**os.environ, "BOTHWELL_PLAIN_HTTP": "", **told, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode != 0
    assert refused in run.stderr


# ── what no browser sends ─────────────────────────────────────────────────────────────────────────────────

SORRY = "That was too much at once, or not what we expected"


@pytest.mark.parametrize(
    "fields",
    [{"text": "x" * 10_000_000}, {f"field{number}": "" for number in range(401)}],
    ids=["ten megabytes", "four hundred fields"],
)
def test_too_much_at_once_is_answered_with_a_sentence(cast: Cast, fields: dict[str, str]) -> None:
    client = client_for(cast.a)
    client.raise_request_exception = False
    for where in ("/insights/new", "/account/login/"):
        answer = client.post(where, fields)
        assert answer.status_code == 400, where
        assert SORRY in answer.content.decode()
    client.get("/insights/new")
    client.handler.enforce_csrf_checks = True  # now the form is read before any view
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    answer = client.post("/insights/new", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert SORRY in answer.content.decode()


def test_a_nul_is_no_breakdown(cast: Cast) -> None:
    client = client_for(cast.lead)
    client.raise_request_exception = False
    answer = client.get("/people?q=a%00b")
    assert answer.status_code == 400
    assert SORRY in answer.content.decode()
    for where in ("/account/login/?next=%00", "/invitation/%00", "/people/%00"):
        assert Client(raise_request_exception=False).get(where).status_code < 500
    answer = log_in(Client(raise_request_exception=False), "a\0@example.org", "\0")
    assert answer.status_code < 500
    assert client.post("/account/password/reset/", {"email": "a\0@example.org"}).status_code < 500


@pytest.mark.parametrize(
    "value", ['"aaaaaaaaaaaa\\000"', "aaaaaaaaaaaaaaaa%00", "é" * 20, "a" * 5000, "'; --aaaaaaa"]
)
def test_a_cookie_that_is_no_session_is_none(db: None, value: str) -> None:
    client = Client(raise_request_exception=False)
    cookie = f"{settings.SESSION_COOKIE_NAME}={value}"
    assert client.get("/today", HTTP_COOKIE=cookie)["Location"].startswith("/account/login/")
    assert client.get("/account/login/", HTTP_COOKIE=cookie).status_code == 200


def test_bytes_that_are_no_text_are_read_as_best_they_can(cast: Cast) -> None:
    client = client_for(cast.a)
    client.raise_request_exception = False
    plain = "application/x-www-form-urlencoded"
    for body in (b"text=%ff%fe", b"text=\xff", b"text=%ED%A0%80", b"%ff=%00&text=a", b"text"):
        assert client.post("/insights/new", body, content_type=plain).status_code < 500
    for kind in (
        f"{plain}; charset=frob",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/json",
    ):
        assert client.generic("POST", "/insights/new", b"text=x", content_type=kind).status_code < 500


@pytest.mark.parametrize("wrong", ["not-one", "00000000-0000-0000-0000", "%00", "1", "{x}", "a" * 3000])
def test_an_identifier_that_is_none_is_nothing(cast: Cast, wrong: str) -> None:
    client = client_for(cast.lead)
    for where in ("/people/{}", "/couples/{}", "/room/{}", "/people/{}/workup"):
        assert client.get(where.format(wrong)).status_code == 404


# ── the door ──────────────────────────────────────────────────────────────────────────────────────────────


def with_pages(*views: Any) -> ModuleType:
    """The addresses of Bothwell and `/x/<name>` for each of these views."""
    module = ModuleType("pages_of_a_test")
    module.urlpatterns = [*(path(f"x/{view.__name__}", view) for view in views), *urls.urlpatterns]  # type: ignore[attr-defined]
    for name in ("handler400", "handler404", "handler500"):
        setattr(module, name, getattr(urls, name))
    return module


def insights(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("select current_user, door.me()")
        who, me = cursor.fetchone()
    texts = sorted(Insight.objects.values_list("author_id", flat=True).distinct())
    return HttpResponse(f"{who} {me} {','.join(map(str, texts))}")


def breaks(request: HttpRequest) -> HttpResponse:
    AuditEntry.objects.create(
        clinic_id=request.viewer.clinic_id,
        actor=request.viewer,
        action="must not stay",  # type: ignore[attr-defined]
    )
    messages.success(request, "Kept.")
    raise ValueError(f"could not keep {request.POST.get('text')}")


def breaks_at_commit(request: HttpRequest) -> HttpResponse:
    """What is written refers to somebody who does not exist: found out only when all is done."""
    AuditEntry.objects.create(
        clinic_id=request.viewer.clinic_id,
        actor=request.viewer,
        action="must not stay",
        subject_id=uuid4(),  # type: ignore[attr-defined]
    )
    messages.success(request, "Kept.")
    return HttpResponse("Kept.")


def stands() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_user, current_setting('bothwell.viewer', true)")
        return " ".join(each or "" for each in cursor.fetchone()).strip()


def kept(action: str, clinic: Any) -> int:
    with transaction.atomic(), loading():
        return AuditEntry.objects.filter(action=action, clinic=clinic).count()


def test_two_people_on_the_same_connections_see_their_own(committed: Cast, settings: Any) -> None:
    settings.ROOT_URLCONF = with_pages(insights, breaks, breaks_at_commit)
    both = (committed.a, committed.b)
    for who in both:
        wrote(who, "Words.")
    cookies = [client_for(who).cookies for who in both]

    def visit(number: int) -> list[str]:
        client, seen = Client(raise_request_exception=False), []
        for turn in range(12):
            client.cookies = cookies[(number + turn) % 2]
            if turn % 3 == 2:
                assert client.post("/x/breaks").status_code == 500
            if turn % 4 == 3:
                assert client.post("/x/breaks_at_commit").status_code == 500
            me = both[(number + turn) % 2].id
            said = client.get("/x/insights").content.decode()
            seen += [] if said == f"bothwell_viewer {me} {me}" else [said]
            assert Client(raise_request_exception=False).get("/health").content == b"ok"
            assert stands() == "bothwell_web"
        return seen

    assert at_once(4, visit) == [[], [], [], []]


def test_a_page_that_breaks_leaves_nothing_and_the_connection_bare(committed: Cast, settings: Any) -> None:
    settings.ROOT_URLCONF = with_pages(breaks)
    client = client_for(committed.a)
    client.raise_request_exception = False
    answer = client.post("/x/breaks", {"text": "secret"})
    assert answer.status_code == 500
    assert "It was our side" in answer.content.decode()
    assert "secret" not in answer.content.decode()
    assert committed.a.name_used not in answer.content.decode()
    assert stands() == "bothwell_web"
    assert kept("must not stay", committed.clinic) == 0
    assert "Kept." not in client.get("/today").content.decode()


def test_what_fails_at_the_very_end_is_not_called_done(committed: Cast, settings: Any) -> None:
    settings.ROOT_URLCONF = with_pages(breaks_at_commit)
    client = client_for(committed.a)
    client.raise_request_exception = False
    answer = client.post("/x/breaks_at_commit")
    assert answer.status_code == 500
    assert "Kept." not in answer.content.decode()
    assert kept("must not stay", committed.clinic) == 0
    assert "Kept." not in client.get("/today").content.decode()
    assert stands() == "bothwell_web"


def test_a_log_names_the_place_and_no_words(committed: Cast, settings: Any) -> None:
    settings.ROOT_URLCONF = with_pages(breaks, breaks_at_commit)
    client = client_for(committed.a)
    client.raise_request_exception = False
    written, handler = io.StringIO(), logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    # Whatever captured the output before may be closed by now: it is put aside, not flushed.
    real, handler.stream = handler.stream, written
    try:
        client.post("/x/breaks?q=whisper", {"text": "my secret words"})
        client.post("/x/breaks_at_commit")
        client.get("/", HTTP_HOST="secret.example")
    finally:
        handler.stream = real
    lines = written.getvalue()
    assert "ValueError at test_sessions.py:" in lines
    assert "IntegrityError at" in lines
    assert "DisallowedHost at" in lines
    for word in ("secret", "whisper", "could not keep", str(committed.a.id), "must not stay"):
        assert word not in lines


def test_without_a_database_there_is_still_a_page(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("connection to server failed")

    monkeypatch.setattr(SessionStore, "load", gone)
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    answer = client.get("/today")
    assert answer.status_code == 500
    assert "It was our side" in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_what_nobody_caught_is_answered_and_logged_without_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a secret")

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    monkeypatch.setattr(asgi, "_answer", broken)
    written, handler = io.StringIO(), logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    real, handler.stream = handler.stream, written
    try:
        asyncio.run(asgi.application({"type": "http"}, send, send))  # type: ignore[arg-type]
    finally:
        handler.stream = real
    assert [each["type"] for each in said] == ["http.response.start", "http.response.body"]
    assert said[0]["status"] == 500
    assert b"secret" not in said[1]["body"]
    assert "ValueError at test_sessions.py:" in written.getvalue()
    assert "secret" not in written.getvalue()
