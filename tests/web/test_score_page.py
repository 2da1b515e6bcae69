"""The score on its own page: one's own and what was given for a partner, by release for the therapist, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from bothwell.integration import agreement_actions
from bothwell.integration.actions import take_back
from bothwell.integration.agreements import Answer, Kind
from bothwell.integration.library import exercises
from bothwell.models import (
    AuditEntry,
    Consent,
    CoupleCheckin,
    DosingSession,
    Grant,
    InsightVersion,
    Person,
    Receipt,
    Response,
    Shelter,
)
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import client_for, make_cast
from tests.conftest import loading
from tests.web.desks import GAD, PHQ, Desk, desk, full_story
from tests.web.long_story import lay_out

pytestmark = pytest.mark.django_db
CODE = next(iter(exercises())).code
TOKEN = re.compile(rb"[A-Za-z0-9]{64}")
VIEWS = (
    "",
    "?zoom=all",
    "?zoom=year",
    "?zoom=quarter",
    "?zoom=month",
    "?hide=1",
    "?zoom=month&until=2026-01-05",
)


@pytest.fixture
def told() -> Desk:
    return full_story()


def bare(content: bytes) -> bytes:
    return TOKEN.sub(b"", content)


def seen(who: Person, path: str = "/score") -> str:
    response = client_for(who).get(path)
    assert response.status_code == 200
    return response.content.decode()


def desk_page(made: Desk, query: str = "") -> str:
    return seen(made.cast.couples_therapist, f"/couples/{made.cast.couple.id}/score{query}")


def checkin(made: Desk, who: Person, days_ago: int) -> CoupleCheckin:
    at = timezone.now() - timedelta(days=days_ago)
    with loading():
        return CoupleCheckin.objects.create(
            clinic=made.cast.clinic, couple=made.cast.couple, subject=who, author=who, appreciated="x",
            week=(at - timedelta(days=at.weekday())).date(), recorded_at=at,
        )  # fmt: skip


# ── one of the two ───────────────────────────────────────────────────────────────────────────────


def test_a_partner_sees_their_own_line_and_what_is_ours(told: Desk) -> None:
    checkin(told, told.cast.b, 5)
    page = seen(told.cast.a)
    for words in (
        "s-line a",
        "Mood",
        "Couples session",
        "Insight shared",
        "A week’s lines",
        "How did we get here?",
    ):
        assert words in page
    assert "s-line b" not in page
    assert "line stays with" in page
    assert "<title>Us</title>" in page


def long_answers(made: Desk) -> None:
    """Five years of them: they would stretch the axis."""
    made.answers(made.cast.a, "gad-7", (3,) * 260)
    made.answers(made.cast.a, "phq-9", tuple(27 - n % 9 for n in range(30)))
    made.answers(made.cast.a, "dass-21", (9, 8, 7))


def a_dose_long_ago(made: Desk) -> None:
    course = made.course(made.cast.a)
    for number in range(1, 5):
        made.dose(made.cast.a, course, number, -400 + number * 20)


def what_was_signed(made: Desk) -> None:
    released = made.release(made.cast.a, "suicide_reason")
    made.release(made.cast.a, "individual_scores", to="individual_therapist")
    with loading():
        Consent.objects.filter(id=released.id).update(
            recorded_at=timezone.now() - timedelta(days=900),
            withdrawn_at=timezone.now() - timedelta(days=800),
        )


def words_for_oneself(made: Desk) -> None:
    made.share(made.cast.a, "for the therapist alone", Relation.COUPLES_THERAPIST, days_ago=300)


@pytest.mark.parametrize("hidden", [long_answers, a_dose_long_ago, what_was_signed, words_for_oneself])
def test_nothing_the_other_has_not_given_changes_a_byte(hidden: Callable[[Desk], None]) -> None:
    made = desk()
    made.answers(made.cast.b, "gad-7", GAD)
    made.session(-20)
    client = client_for(made.cast.b)
    client.get("/score")
    before = [bare(client.get("/score" + view).content) for view in VIEWS]
    hidden(made)
    assert [bare(client.get("/score" + view).content) for view in VIEWS] == before


def test_what_a_sheltered_partner_wrote_changes_a_byte_for_nobody() -> None:
    made = desk()
    made.answers(made.cast.b, "gad-7", GAD)
    with loading():
        Shelter.objects.create(
            clinic=made.cast.clinic,
            subject=made.cast.a,
            author=made.cast.safety,
            recorded_at=timezone.now() - timedelta(days=800),
        )
    client = client_for(made.cast.b)
    before = [bare(client.get("/score" + view).content) for view in VIEWS]
    checkin(made, made.cast.a, 700)
    made.share(made.cast.a, "given, and sheltered", Relation.PARTNER, days_ago=500)
    assert [bare(client.get("/score" + view).content) for view in VIEWS] == before


def test_looking_together_nothing_of_ones_own_changes_a_byte() -> None:
    made = desk()
    made.session(-20)
    client = client_for(made.cast.a)
    client.get("/score?hide=1")
    before = bare(client.get("/score?hide=1").content)
    for hidden in (long_answers, a_dose_long_ago, what_was_signed):
        hidden(made)
    after = bare(client.get("/score?hide=1").content)
    assert after == before
    assert b"PHQ" not in after
    assert b"Mood" not in after


def test_a_total_and_a_session_that_were_given_stand_alone_without_line_number_or_verdict(told: Desk) -> None:
    cast = told.cast
    with loading():
        rows = list(Response.objects.filter(subject=cast.a, instrument="phq-9").order_by("sent_at"))
        course = DosingSession.objects.filter(subject=cast.a).first()
        given = [rows[3], rows[7], *([course] if course else [])]
        for row in given:
            kind = row.kind if isinstance(row, Response) else "dosing.time"
            Grant.objects.create(
                clinic=cast.clinic, subject=cast.a, author=cast.a, couple=cast.couple, item_kind=kind,
                item_id=row.id, audience="partner", opens_at=timezone.now() - timedelta(days=1),
            )  # fmt: skip
    page = seen(cast.b)
    assert "Amara: Mood, 17\n" in page or "Amara: Mood, 17<" in page
    assert "s-line a" not in page
    rows_shown = client_for(cast.b).get("/score").context["wide"].rows
    of_a = [row for row in rows_shown if row.side == "a" and row.what in ("Mood", "Dosing session")]
    assert [row.value for row in of_a if row.what == "Mood"] == [str(PHQ[3]), str(PHQ[7])]
    assert all(row.value == "" for row in of_a if row.what == "Dosing session")
    assert "reliable" not in page
    assert "s-ring a" not in page


def test_words_taken_back_are_gone_with_the_next_look(told: Desk) -> None:
    cast = told.cast
    assert "My silence is fear" in seen(cast.a)
    with door.opened(cast.a.id):
        assert Receipt.objects.filter(author=cast.a, item_kind="insight").exists()
    with door.opened(cast.b.id):
        version = InsightVersion.objects.filter(text__startswith="My silence").latest("recorded_at")
        take_back(by=cast.b, insight_id=version.insight_id, audience=Relation.PARTNER)
    assert "My silence is fear" not in seen(cast.a)
    assert "My silence is fear" not in seen(cast.a, "/score?living=1")


def test_a_week_not_done_is_no_fact_for_the_two(told: Desk) -> None:
    told.exercise(CODE, 30, (29,))
    rows = client_for(told.cast.a).get("/score?zoom=all").context["wide"].rows
    assert not [row for row in rows if row.value == "missed"]
    assert "missed" in desk_page(told, "?zoom=all")


def test_an_agreement_stands_once_both_said_yes(told: Desk) -> None:
    cast = told.cast
    with door.opened(cast.a.id):
        agreement = agreement_actions.propose(
            by=cast.a, kind=Kind.NO_BIG_DECISIONS, days=2, words="", request_id=uuid4()
        )
    for who in (cast.a, cast.b):
        assert "no big decisions" not in seen(who)
    with door.opened(cast.b.id):
        agreement_actions.answer(by=cast.b, agreement_id=agreement.id, said=Answer.YES)
    for page in (seen(cast.a), seen(cast.b), desk_page(told)):
        assert "Agreed: no big decisions for 2 days after a session" in page


def test_a_partner_chooses_among_their_own_scores_by_plain_names(told: Desk) -> None:
    page = seen(told.cast.a, "/score?a=csi-16")
    assert re.search(r'<option value="csi-16-[\w-]+" selected>', page)
    for jargon in ("PHQ-9", "CSI-16", "moderately severe", "reliable change"):
        assert jargon not in page


def test_who_is_in_no_couple_is_shown_the_way_to_their_own_line(told: Desk) -> None:
    page = seen(told.cast.other_partner)
    assert "How I am" in page
    assert 'class="score' not in page


# ── the couples therapist ────────────────────────────────────────────────────────────────────────


def test_the_therapist_sees_each_line_by_its_own_release(told: Desk) -> None:
    page = desk_page(told)
    assert "s-line a" in page
    assert "s-line b" in page
    assert "Released to you" in page
    with loading():
        Consent.objects.filter(subject=told.cast.b).update(withdrawn_at=timezone.now())
    page = desk_page(told)
    assert "s-line b" not in page
    assert "Ben’s line is his own" in page
    assert "Release to you ended" in page


def test_without_a_release_nothing_of_it_changes_a_byte() -> None:
    made = desk()
    made.session(-20)
    client, path = client_for(made.cast.couples_therapist), f"/couples/{made.cast.couple.id}/score"
    before = [bare(client.get(path + view).content) for view in VIEWS]
    long_answers(made)
    a_dose_long_ago(made)
    assert [bare(client.get(path + view).content) for view in VIEWS] == before


@pytest.mark.parametrize("who", ["a", "b", "prescriber", "nurse", "therapist_a", "lead", "stranger_a"])
def test_it_exists_for_their_own_therapist_only(told: Desk, who: str) -> None:
    client = client_for(getattr(told.cast, who))
    for end in ("score", "score.pdf"):
        found = client.get(f"/couples/{told.cast.couple.id}/{end}")
        assert found.status_code == 404
        assert len(found.content) == len(client.get(f"/couples/{uuid4()}/{end}").content)


def test_each_of_the_two_finds_the_look_in_their_own_log(told: Desk) -> None:
    desk_page(told)
    for who in (told.cast.a, told.cast.b):
        with loading():
            entry = AuditEntry.objects.filter(subject=who, action="viewed").latest("at")
        assert entry.actor_id == told.cast.couples_therapist.id


# ── near and far ─────────────────────────────────────────────────────────────────────────────────


def test_a_part_of_the_story_leads_to_the_parts_beside_it(told: Desk) -> None:
    client = client_for(told.cast.a)
    month = client.get("/score?zoom=month").context
    assert month["earlier"].href
    assert [link.key for link in month["zooms"] if link.is_chosen] == ["month"]
    before = client.get("/score" + month["earlier"].href).context
    assert before["later"].href
    assert before["wide"].title != month["wide"].title
    assert client.get("/score?zoom=all").context["earlier"].href == ""


@pytest.mark.parametrize(
    "query",
    ["?zoom=decade", "?until=tomorrow", "?a=nothing&b=%00x", "?flat=9", "?zoom=month&until=0001-01-01"],
)
def test_an_address_that_means_nothing_shows_the_usual(told: Desk, query: str) -> None:
    assert "s-line a" in seen(told.cast.a, "/score" + query) or "zoom=month" in query
    assert "The same as a table" in desk_page(told, query)


def test_marks_say_what_the_table_says(told: Desk) -> None:
    context = client_for(told.cast.a).get("/score?zoom=all").context
    told_by_marks = {row for hit in context["wide"].hits for row in hit.rows}
    assert told_by_marks == set(context["wide"].rows)
    upright = {row for hit in context["upright"].hits for row in hit.rows}
    assert upright == set(context["upright"].rows)


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("weeks", [12, 156])
def test_it_prints_on_one_page_lying(weeks: int) -> None:
    cast = make_cast()
    lay_out(cast, weeks)
    pages = (
        (cast.a, "/score.pdf"),
        (cast.couples_therapist, f"/couples/{cast.couple.id}/score.pdf?zoom=all"),
    )
    for who, path in pages:
        answer = client_for(who).get(path)
        assert answer.headers["Content-Type"] == "application/pdf"
        reader = PdfReader(BytesIO(answer.content))
        assert len(reader.pages) == 1
        assert reader.pages[0].mediabox.width > reader.pages[0].mediabox.height
        assert "couples session" in reader.pages[0].extract_text()


# ── three years ──────────────────────────────────────────────────────────────────────────────────


def test_statements_and_marks_do_not_grow_with_the_years() -> None:
    counts: list[tuple[int, int]] = []
    for weeks in (13, 156):
        cast = make_cast()
        lay_out(cast, weeks)
        for who, path in ((cast.a, "/score"), (cast.couples_therapist, f"/couples/{cast.couple.id}/score")):
            client = client_for(who)
            client.get(path + "?zoom=all")
            with CaptureQueriesContext(connection) as taken:
                page = client.get(path + "?zoom=all")
            counts.append((len(taken), page.content.count(b'class="hit')))
    (few, some), (desk_few, _), (many, more), (desk_many, _) = counts
    assert many <= few
    assert desk_many <= desk_few
    assert some < more < 900
