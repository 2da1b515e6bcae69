"""Us: what was given, what is agreed, one's own line; and no trace of what was not given."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.integration.agreement_actions import propose
from bothwell.integration.agreements import Kind
from bothwell.integration.checkins import Lines
from bothwell.integration.doing_actions import do_exercise, send_checkin
from bothwell.integration.plan_actions import name_sign
from bothwell.integration.warmth import monday_of
from bothwell.models import (
    ConsentText,
    Couple,
    CoupleSession,
    DisclosureAgreement,
    ExerciseDone,
    ExerciseGiven,
    Membership,
    Receipt,
    SharedSummary,
)
from bothwell.privacy import door
from tests.cast import Cast, client_for, make_cast
from tests.conftest import loading
from tests.web.partners import answered, asked, gave, session_of, wrote

pytestmark = pytest.mark.django_db
TOKEN = re.compile(rb"[A-Za-z0-9]{64}")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def met(cast: Cast, number: int, *, days: int, state: str = "held", summary: str = "") -> CoupleSession:
    with loading():
        session = CoupleSession.objects.create(
            clinic=cast.clinic,
            couple=cast.couple,
            author=cast.couples_therapist,
            at=timezone.now() + timedelta(days=days),
            number=number,
            state=state,
            place="Room 2",
        )
        if summary:
            SharedSummary.objects.create(
                clinic=cast.clinic,
                couple=cast.couple,
                author=cast.couples_therapist,
                session=session,
                text=summary,
            )
    return session


def exercise(cast: Cast, words: str = "Ten minutes in the evening") -> ExerciseGiven:
    with loading():
        return ExerciseGiven.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, exercise="own", words=words
        )


def test_both_see_what_is_ours(cast: Cast) -> None:
    met(cast, 1, days=-7, summary="We slow down when it gets loud.")
    met(cast, 2, days=3, state="planned")
    exercise(cast)
    gave(cast.a, wrote(cast.a, "from A"))
    gave(cast.b, wrote(cast.b, "from B"))
    for who in (cast.a, cast.b):
        page = client_for(who).get("/us").content.decode()
        for words in ("We slow down", "Room 2", "Ten minutes in the evening", "from A", "from B"):
            assert words in page
        assert "<title>Us</title>" in page
    for stranger in (cast.stranger_a, cast.other_partner):
        page = client_for(stranger).get("/us").content.decode()
        assert "We slow down" not in page
    assert client_for(cast.couples_therapist).get("/us").status_code == 404


def test_nothing_the_partner_has_not_given_changes_a_byte(cast: Cast) -> None:
    met(cast, 1, days=-7, summary="ours")
    client = client_for(cast.b)
    client.get("/us")
    pages = ("/us", "/today", "/insights", "/consents")
    before = [TOKEN.sub(b"", client.get(page).content) for page in pages]
    wrote(cast.a, "private words")
    for wave, choice in (("w1", 3), ("w2", 0)):
        answered(asked(cast, cast.a, "phq-9", wave), cast.a, choice)
        answered(asked(cast, cast.a, "csi-16", wave), cast.a, choice)
    session_of(cast, cast.a, timezone.now() + timedelta(days=2))
    assert [TOKEN.sub(b"", client.get(page).content) for page in pages] == before


def test_ones_own_line_is_drawn_and_can_be_hidden_and_the_others_is_not_there(cast: Cast) -> None:
    for wave, choice in (("w1", 2), ("w2", 1), ("w3", 0)):
        answered(asked(cast, cast.a, "phq-9", wave), cast.a, choice)
        answered(asked(cast, cast.b, "phq-9", wave), cast.b, 3)
    client = client_for(cast.a)
    page = client.get("/us").content.decode()
    assert 's-line a"' in page
    assert 's-line b"' not in page
    assert "27" not in [row.value for row in client.get("/us").context["score"].rows]
    assert "Ben’s line" in page
    hidden = client.get("/us?hide=1").content.decode()
    assert 's-line a"' not in hidden
    assert "PHQ-9" not in hidden


def test_opening_leaves_a_receipt_once(cast: Cast) -> None:
    gave(cast.a, wrote(cast.a, "from A"))
    met(cast, 1, days=-7, summary="ours")
    client = client_for(cast.b)
    client.get("/us")
    client.get("/us")
    with door.opened(cast.b.id):
        kinds = sorted(Receipt.objects.values_list("item_kind", flat=True))
    assert kinds == ["couple.shared", "couple.shared", "insight"]
    with door.opened(cast.a.id):
        assert not Receipt.objects.exists()


def test_an_exercise_is_done_with_a_word_once_a_day_and_nobody_is_counted(cast: Cast) -> None:
    given = exercise(cast)
    client = client_for(cast.a)
    for _ in range(2):
        done = client.post(f"/us/exercises/{given.id}/done", {"words": "We laughed."})
        assert done["Location"] == "/us"
    with door.opened(cast.b.id):
        assert ExerciseDone.objects.count() == 1
    page = client_for(cast.b).get("/us").content.decode()
    assert "We laughed." in page
    assert "Done today" in page
    assert not re.search(r"\d+ of (the last )?\d+", page)
    long = client.post(f"/us/exercises/{exercise(cast).id}/done", {"words": "x" * 301})
    assert long.status_code == 422
    assert "x" * 301 in long.content.decode()
    for other in (cast.stranger_a, cast.other_partner):
        refused = client_for(other).post(f"/us/exercises/{given.id}/done", {"words": ""})
        assert refused.status_code == 404


def test_a_fragment_is_the_living_part_of_the_page(cast: Cast) -> None:
    gave(cast.a, wrote(cast.a, "from A"))
    client = client_for(cast.b)
    page = client.get("/us").content
    fragment = client.get("/us", headers={"hx-request": "true"}).content
    assert b"<html" not in fragment
    assert TOKEN.sub(b"", fragment.strip()) in TOKEN.sub(b"", page)


def test_the_page_follows_the_viewer_alone(cast: Cast) -> None:
    page = client_for(cast.b).get("/us").content.decode()
    assert f'data-live="/live/person/{cast.b.id}"' in page
    assert str(cast.a.id) not in page


def test_the_agreement_waits_for_ones_own_signature(cast: Cast) -> None:
    with loading():
        text = ConsentText.objects.create(
            clinic=cast.clinic, kind="disclosure", code="no_secrets", title="No secrets", body="B", sha256="x"
        )
        agreement = DisclosureAgreement.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, mode="no_secrets",
            version=1, text=text, sha256="x",
        )  # fmt: skip
    client = client_for(cast.a)
    assert "to read and sign" in client.get("/us").content.decode()
    assert "Read and sign together" in client.get("/today").content.decode()
    client.post(f"/agreement/{agreement.id}", {"signed_name": "Amara", "read": "on"})
    assert "to read and sign" not in client.get("/us").content.decode()
    assert "Read and sign together" not in client.get("/today").content.decode()


def test_after_parting_what_both_had_read_stays_and_the_rest_is_gone(cast: Cast) -> None:
    met(cast, 1, days=-9, summary="Read by both.")
    client_for(cast.a).get("/us")
    client_for(cast.b).get("/us")
    met(cast, 2, days=-2, summary="Read by one.")
    gave(cast.a, wrote(cast.a, "from A"))
    client_for(cast.a).get("/us")
    with loading():
        cast.couple.parted_at = timezone.now()
        cast.couple.save(update_fields=["parted_at"])
        cast.couple.memberships.update(until=timezone.now())
    page = client_for(cast.b).get("/us").content.decode()
    assert "Read by both." in page
    assert "Read by one." not in page
    assert "from A" not in page
    assert "taken back" not in page


def part_them(cast: Cast) -> None:
    with loading():
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
        Couple.objects.filter(id=cast.couple.id).update(parted_at=timezone.now())


def test_after_parting_each_finds_their_own_part_and_what_they_had_read_and_nothing_else(cast: Cast) -> None:
    today = timezone.localdate()
    given = exercise(cast, "Ten minutes in the evening")
    with door.opened(cast.a.id):
        send_checkin(by=cast.a, week=monday_of(today), today=today, lines=Lines("my own line"))
        do_exercise(by=cast.a, given_id=given.id, words="I did it", on_day=today)
        name_sign(by=cast.a, words="my own sign", request_id=uuid4())
        propose(by=cast.a, kind=Kind.OTHER, days=None, words="my own wish", request_id=uuid4())
    pages = ("/us", "/us/week", "/us/agreed", "/us/plan")
    mine = ("my own line", "my own sign", "my own wish")
    of_a, of_b = client_for(cast.a), client_for(cast.b)
    for client in (of_a, of_b):
        for page in pages:
            client.get(page)
    with door.opened(cast.b.id):
        send_checkin(by=cast.b, week=monday_of(today), today=today, lines=Lines("never read"))
        name_sign(by=cast.b, words="never read either", request_id=uuid4())
    part_them(cast)

    def told(client: Client) -> str:
        return " ".join(client.get(page).content.decode() for page in pages)

    assert all(words in told(of_a) for words in (*mine, "I did it", "parted here on"))
    assert "never read" not in told(of_a)
    assert all(words in told(of_b) for words in (*mine, "I did it", "never read", "never read either"))
    for words in (told(of_a), told(of_b)):
        for way in (
            "exercise-done",
            "Send to both",
            "Propose it",
            "It no longer holds",
            "Withdraw it",
            "Take off",
        ):
            assert way not in words, "a chart that is closed offers no entry"


def test_after_parting_nothing_is_noted_any_more(cast: Cast) -> None:
    today = timezone.localdate()
    with door.opened(cast.a.id):
        send_checkin(by=cast.a, week=monday_of(today), today=today, lines=Lines("unread"))
    part_them(cast)
    for who in (cast.a, cast.b):
        for page in ("/us", "/us/week", "/us/agreed", "/us/plan"):
            assert client_for(who).get(page).status_code == 200
    with loading():
        assert not Receipt.objects.filter(clinic=cast.clinic).exists()


def test_the_number_of_statements_does_not_grow(cast: Cast) -> None:
    def statements() -> int:
        client = client_for(cast.b)
        client.get("/us")
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/us").status_code == 200
        return len(seen)

    gave(cast.a, wrote(cast.a, "one"))
    met(cast, 1, days=-7, summary="s")
    exercise(cast)
    few = statements()
    for number in range(2, 6):
        gave(cast.a, wrote(cast.a, f"more {number}"))
        gave(cast.b, wrote(cast.b, f"more {number}"))
        met(cast, number, days=-number, summary=f"s{number}")
        exercise(cast, f"e{number}")
    assert statements() <= few + 1  # one's own words appear: their versions are read too


@pytest.mark.django_db
def test_after_parting_what_both_had_read_stays_and_what_one_had_not_does_not() -> None:
    cast = make_cast()
    with loading():
        session = CoupleSession.objects.create(
            clinic=cast.clinic, couple=cast.couple, author=cast.couples_therapist, at=timezone.now(), number=1
        )
        read, unread = (
            SharedSummary.objects.create(
                clinic=cast.clinic,
                couple=cast.couple,
                author=cast.couples_therapist,
                session=session,
                text=text,
            )
            for text in ("What both had read.", "What only one had read.")
        )
        for summary, readers in ((read, (cast.a, cast.b)), (unread, (cast.b,))):
            for reader in readers:
                Receipt.objects.create(
                    clinic=cast.clinic,
                    author=reader,
                    item_kind="couple.shared",
                    item_id=summary.id,
                    couple=cast.couple,
                )
        Membership.objects.filter(couple=cast.couple).update(until=timezone.now())
        type(cast.couple).objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
    page = client_for(cast.a).get("/us").content.decode()
    assert "What both had read." in page
    assert "What only one had read." not in page
    assert "Both of you, until you parted, and your couples therapist" in page
