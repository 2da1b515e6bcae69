"""The couples therapist's desk: theirs alone, each line by its own release, one sheet both may read."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bothwell.integration.actions import take_back
from bothwell.models import (
    AuditEntry,
    Consent,
    CoupleSession,
    DisclosureAgreement,
    ExerciseDone,
    ExerciseGiven,
    Insight,
    Person,
    ProcessNote,
    ProgressNote,
    SharedSummary,
)
from bothwell.privacy import door
from bothwell.privacy.circles import Relation
from tests.cast import assign, client_for, pair, person
from tests.conftest import loading
from tests.web.desks import Desk, desk, full_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def told() -> Desk:
    return full_story()


@pytest.fixture
def plain() -> Desk:
    return desk()


def dana(made: Desk) -> Client:
    return client_for(made.cast.couples_therapist)


def page(made: Desk, query: str = "", who: Person | None = None) -> str:
    response = client_for(who or made.cast.couples_therapist).get(f"/couples/{made.cast.couple.id}{query}")
    assert response.status_code == 200
    return response.content.decode()


# ----------------------------------------------------------------------------------------------- who may look


@pytest.mark.parametrize(
    "who",
    [
        "a",
        "b",
        "prescriber",
        "nurse",
        "therapist_a",
        "lead",
        "coordinator",
        "safety",
        "stranger_a",
        "other_lead",
    ],
)
def test_the_desk_exists_for_the_couples_own_therapist_only(plain: Desk, who: str) -> None:
    session = plain.session(-0.01)
    client, root = client_for(getattr(plain.cast, who)), f"/couples/{plain.cast.couple.id}"
    missing = client.get(f"/couples/{uuid4()}")
    for path in ("", "/for-both", "/exercises", "/agreement", f"/sessions/{session.id}"):
        response = client.get(root + path)
        assert response.status_code == 404
        assert len(response.content) == len(missing.content)
    for path in ("/plan", f"/sessions/{session.id}", f"/sessions/{session.id}/process"):
        assert client.post(root + path, {}).status_code == 404


def test_another_couples_therapist_finds_nothing(plain: Desk) -> None:
    with loading():
        other = person(plain.cast.clinic, "Remy", "staff", "couples_therapist")
        assign(other, "couples_therapist", couple=plain.cast.strangers)
    assert client_for(other).get(f"/couples/{plain.cast.couple.id}").status_code == 404
    listed = client_for(other).get("/couples").content.decode()
    assert "Carl" in listed
    assert "Amara" not in listed


def test_a_session_of_another_couple_is_not_found_under_this_one(plain: Desk) -> None:
    with loading():
        assign(plain.cast.couples_therapist, "couples_therapist", couple=plain.cast.strangers)
    session = plain.session(-0.01)
    response = dana(plain).get(f"/couples/{plain.cast.strangers.id}/sessions/{session.id}")
    assert response.status_code == 404


def test_an_open_desk_follows_what_is_given_and_taken_back(plain: Desk) -> None:
    client, path = dana(plain), f"/couples/{plain.cast.couple.id}"
    page = client.get(path).content.decode()
    assert f'data-live="/live/person/{plain.cast.couples_therapist.id}" data-fragment="{path}"' in page
    with loading():
        before = AuditEntry.objects.filter(actor=plain.cast.couples_therapist, action="viewed").count()
    assert b"<html" not in client.get(path, HTTP_HX_REQUEST="true").content
    with loading():
        after = AuditEntry.objects.filter(actor=plain.cast.couples_therapist, action="viewed").count()
    assert after == before


def test_each_partner_finds_the_look_in_their_own_log(told: Desk) -> None:
    page(told)
    for partner in (told.cast.a, told.cast.b):
        with door.opened(partner.id):
            seen = AuditEntry.objects.filter(actor=told.cast.couples_therapist, action="viewed")
            assert [entry.item_kind for entry in seen] == ["measure.individual"]


# -------------------------------------------------------------------------------------------------- the score


def test_both_lines_stand_with_both_releases(told: Desk) -> None:
    text = page(told)
    assert "Both reliably improved: Amara since" in text
    assert "reliable change, −7" in text
    assert "reliable change, −6" in text
    assert text.count("s-dose a") == 4
    assert text.count("s-dose b") == 4
    assert "PHQ-9 ≥ 6, GAD-7 ≥ 4 points" in text


def test_without_his_release_bens_line_is_his_own_and_nothing_of_it_stands(told: Desk) -> None:
    before = page(told)
    with loading():
        Consent.objects.filter(subject=told.cast.b).update(withdrawn_at=timezone.now())
    text = page(told)
    assert "Ben’s line is his own" in text
    for trace in ("GAD-7, 0–21", "s-dose b", "s-line b", 'id="line-b"'):
        assert trace in before
        assert trace not in text
    assert "s-line a" in text


def test_a_hidden_line_and_a_line_never_answered_look_the_same(plain: Desk) -> None:
    empty = page(plain)
    plain.answers(plain.cast.b, "gad-7", (15, 12, 8))
    assert _shape(page(plain)) == _shape(empty)


def _shape(text: str) -> str:
    """The page without what differs at every look: tokens, form numbers."""
    return re.sub(r'value="[\w:-]+"|X-CSRFToken[^}]*', "", text)


def test_each_release_opens_its_own_questionnaires(plain: Desk) -> None:
    plain.answers(plain.cast.a, "phq-9", (18, 14, 6))
    plain.answers(plain.cast.a, "csi-16", (30, 41), "measure.relationship")
    plain.release(plain.cast.a, "relationship_scores")
    text = page(plain)
    assert "CSI-16" in text
    assert "PHQ-9" not in text
    assert "PHQ-9" not in page(plain, "?a=phq-9")


def test_the_line_shown_is_chosen_side_by_side(told: Desk) -> None:
    text = page(told, "?a=csi-16")
    assert "CSI-16" in text
    assert '<option value="csi-16" selected>' in text
    assert "GAD-7, 0–21" in text


def test_dosing_stands_only_where_released(told: Desk) -> None:
    with loading():
        Consent.objects.filter(subject=told.cast.b, release_class="dosing_summary").update(
            withdrawn_at=timezone.now()
        )
    text = page(told)
    assert "s-dose a" in text
    assert "s-dose b" not in text
    assert "s-line b" in text


def test_the_mirror_is_one_tap_away_and_keeps_what_was_chosen(told: Desk) -> None:
    text = page(told, "?a=csi-16")
    assert "?a=csi-16&amp;flat=1" in text
    assert "Numbers rise upwards on both sides" in page(told, "?a=csi-16&flat=1")


def test_insights_lead_to_the_session_that_took_them_up(told: Desk) -> None:
    text = page(told)
    assert (
        text.count('class="s-link a" d="M') + text.count('class="s-link b" d="M') == 2 + 1
    )  # one in the key
    assert "taken up on" in text


def test_what_was_taken_back_is_gone_at_the_next_look(told: Desk) -> None:
    words = "On the drive home"
    assert words in page(told)
    with door.opened(told.cast.b.id):
        for insight in Insight.objects.all():
            take_back(by=told.cast.b, insight_id=insight.id)
    text = page(told)
    assert words not in text
    assert "s-link b" not in text


def test_the_page_costs_the_same_however_long_the_story(
    told: Desk, django_assert_max_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, root = dana(told), f"/couples/{told.cast.couple.id}"

    def cost(path: str) -> int:
        client.get(root + path)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(root + path).status_code == 200
        return len(asked)

    paths = ("", "/for-both", "/exercises", "/agreement")
    before = [cost(path) for path in paths] + [_list_cost(client)]
    told.answers(told.cast.a, "phq-9", tuple(range(5, 20)))
    for days in range(21, 50, 7):
        told.session(days)
        told.share(told.cast.a, f"Words {days}", Relation.COUPLES_THERAPIST)
        told.exercise("mend_it_soon", 3, (1,))
    with loading():
        assign(told.cast.couples_therapist, "couples_therapist", couple=told.cast.strangers)
    assert [cost(path) for path in paths] + [_list_cost(client)] == before


def _list_cost(client: Client) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        client.get("/couples")
    return len(asked)


# --------------------------------------------------------------------------------------------------- for both


def test_the_sheet_for_the_couple_holds_nothing_that_only_one_may_see(told: Desk) -> None:
    response = dana(told).get(f"/couples/{told.cast.couple.id}/for-both")
    text = response.content.decode()
    assert "My silence is fear" in text
    assert "Ten minutes in the evening" in text
    assert "You both saw the circle" in text
    for trace in (
        "ask for help before I am angry",
        "PHQ-9",
        "GAD-7",
        "CSI-16",
        "s-dose",
        "s-line",
        "reliabl",
        "taken up on",
        's-link b" d="M',
    ):
        assert trace not in text


def test_the_sheet_is_the_same_whatever_either_answered_or_released(told: Desk) -> None:
    path = f"/couples/{told.cast.couple.id}/for-both"
    before = _shape(dana(told).get(path).content.decode())
    with loading():
        Consent.objects.all().update(withdrawn_at=timezone.now())
    told.answers(told.cast.b, "phq-9", (20, 20, 20))
    assert _shape(dana(told).get(path).content.decode()) == before


# ----------------------------------------------------------------------------------------------------- agenda


def test_the_agenda_says_what_was_brought_promised_and_moved_for_each(told: Desk) -> None:
    text = page(told)
    assert "On the drive home" in text
    assert "Ben, Amara, Dana" in text
    assert "Amara, Dana" in text
    assert re.search(r"Ten minutes in the evening</b>: \d of 5 weeks", text)
    assert re.search(r"CSI-16.*?34 to <b>46</b>.*?reliably better", text, re.DOTALL)
    assert "PHQ-9</span><span>" not in text  # 9 to 7 is no more than measurement error
    assert "mean" not in re.sub(r"(What that|what each|mode) means?", "", text)


def test_the_list_says_who_comes_next_and_what_is_new(told: Desk) -> None:
    text = dana(told).get("/couples").content.decode()
    assert "Amara" in text
    assert "2 shared insights, 2 exercises done" in text
    assert client_for(told.cast.prescriber).get("/couples").status_code == 404


# -------------------------------------------------------------------------------------------------- recording


def post(made: Desk, path: str, **data: object) -> tuple[int, str]:
    response = dana(made).post(f"/couples/{made.cast.couple.id}{path}", data)
    return response.status_code, response.content.decode()


NOTE = {
    "modality": "eft",
    "stage": "Stage 1",
    "focus": "The cycle",
    "text": "They saw it.",
    "summary": "You saw it.",
}


def test_a_session_is_planned_once_however_often_the_button_is_pressed(plain: Desk) -> None:
    at = (timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    given = {"at": at, "minutes": 60, "place": "Room 2", "request_id": str(uuid4())}
    for _ in range(2):
        assert post(plain, "/plan", **given)[0] == 302
    with door.opened(plain.cast.a.id):
        assert CoupleSession.objects.get().place == "Room 2"


def test_the_door_of_the_video_room_is_one_for_all_three(plain: Desk) -> None:
    cast, soon = plain.cast, timezone.now() + timedelta(minutes=10)
    with loading():
        cast.clinic.video_link = "https://video.example.org/{room}"
        cast.clinic.save(update_fields=["video_link"])
        made = {"clinic": cast.clinic, "couple": cast.couple, "author": cast.couples_therapist, "at": soon}
        here = CoupleSession.objects.create(**made, number=8, place="Room 2")
        video = CoupleSession.objects.create(**made, number=9, place="Video")

    def doors(client: Client, path: str) -> list[str]:
        return re.findall(r'href="(https://video[^"]+)"', client.get(path).content.decode())

    pages = f"/couples/{cast.couple.id}/sessions"
    assert doors(dana(plain), f"{pages}/{here.id}") == []
    (door_of_hers,) = doors(dana(plain), f"{pages}/{video.id}")
    for who in (cast.a, cast.b, cast.couples_therapist):
        assert doors(client_for(who), "/appointments") == [door_of_hers]


def test_how_an_exercise_went_is_read_by_the_therapist_it_was_written_to(plain: Desk) -> None:
    given = plain.exercise("one_thank_you_a_day", days_ago=20, done=(9,))
    with loading():
        ExerciseDone.objects.create(
            clinic=plain.cast.clinic, couple=plain.cast.couple, subject=plain.cast.a, author=plain.cast.a,
            given=given, on_day=timezone.localdate() - timedelta(days=2), how="hard", words="I could not begin.",
        )  # fmt: skip
    page = " ".join(dana(plain).get(f"/couples/{plain.cast.couple.id}").content.decode().split())
    assert "How it went, as they said" in page
    assert re.search(r"Amara</span> \w+ \d+ \w+: it was hard\. I could not begin\.", page)
    assert page.count("it was hard") == 1


def test_who_meets_another_couple_then_is_told_of_it(plain: Desk) -> None:
    cast, dana = plain.cast, plain.cast.couples_therapist
    at = (timezone.localtime() + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    with loading():
        others = [person(cast.clinic, name) for name in ("Noor", "Lars")]
        theirs = pair(cast.clinic, *others)
        assign(dana, "couples_therapist", couple=theirs)
        CoupleSession.objects.create(
            clinic=cast.clinic, couple=theirs, author=dana, number=1, at=at, minutes=60
        )
    client, told = client_for(dana), "You meet Noor and Lars then as well: from 10:00, 60 minutes."
    for minutes, is_told in ((50, True), (-50, True), (60, False), (-60, False)):
        when = (at + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M")
        asked = {"at": when, "minutes": "60", "request_id": uuid4()}
        page = client.post(f"/couples/{cast.couple.id}/plan", asked, follow=True).content.decode()
        assert "Planned. Both see it" in page and (told in page) is is_told, minutes


def test_a_plan_without_a_time_is_asked_for_it_and_keeps_the_rest(plain: Desk) -> None:
    status, text = post(plain, "/plan", minutes=75, place="The garden room", request_id=str(uuid4()))
    assert status == 422
    assert "Choose a day and a time." in text
    assert "The garden room" in text


def test_times_are_the_clinics_own(plain: Desk) -> None:
    with loading():
        plain.cast.clinic.timezone = "America/Los_Angeles"
        plain.cast.clinic.save()
    post(plain, "/plan", at="2026-12-03T16:00", minutes=60, place="", request_id=str(uuid4()))
    with door.opened(plain.cast.couples_therapist.id):
        assert CoupleSession.objects.get().at.isoformat() == "2026-12-04T00:00:00+00:00"
    assert "16:00" in page(plain)


def test_a_session_that_is_over_is_next_for_nobody_and_waits_for_its_note(plain: Desk) -> None:
    status, text = post(plain, "/plan", at="2026-01-05T15:00", minutes=60, place="", request_id=str(uuid4()))
    assert status == 422 and "This time lies in the past." in text
    session = plain.session(5)
    moved = {"minutes": 60, "place": "", "request_id": str(uuid4()), "was": _was(plain, session)}
    path = f"/couples/{plain.cast.couple.id}/sessions/{session.id}/move"
    told = dana(plain).post(path, {**moved, "at": "2026-01-05T15:00"}, follow=True).content.decode()
    assert "It waits for its note" in told
    text = page(plain)
    assert "Not planned yet" in text and "Without a note" in text
    assert "Next together" not in page(plain, "/for-both")
    assert "5 January" not in client_for(plain.cast.a).get("/us").content.decode()


def test_recording_keeps_each_part_where_it_belongs_and_once(plain: Desk) -> None:
    words = plain.share(plain.cast.b, "I go quiet.", Relation.COUPLES_THERAPIST)
    session = plain.session(-0.01)
    path = f"/sessions/{session.id}"
    for _ in range(2):
        assert post(plain, path, **NOTE, discussed=[str(words.id)])[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        assert ProgressNote.objects.get().focus == "The cycle"
        assert SharedSummary.objects.get().text == "You saw it."
    text = dana(plain).get(f"/couples/{plain.cast.couple.id}{path}").content.decode()
    assert "I go quiet." in text
    assert "Only you, never exported" in text


def test_an_insight_taken_back_meanwhile_is_told_and_every_word_typed_stays(plain: Desk) -> None:
    words = plain.share(plain.cast.b, "I go quiet.", Relation.COUPLES_THERAPIST)
    session = plain.session(-0.01)
    with door.opened(plain.cast.b.id):
        take_back(by=plain.cast.b, insight_id=Insight.objects.get().id)
    status, text = post(
        plain,
        f"/sessions/{session.id}",
        **{**NOTE, "text": "Long thoughts & <b>more</b>."},
        discussed=[str(words.id)],
    )
    assert status == 422
    assert "no longer open to you" in text
    assert "Long thoughts &amp; &lt;b&gt;more&lt;/b&gt;." in text
    assert "I go quiet" not in text


def test_too_long_a_note_is_refused_and_kept_on_the_page(plain: Desk) -> None:
    session = plain.session(-0.01)
    status, text = post(plain, f"/sessions/{session.id}", **{**NOTE, "text": "y" * 20_001})
    assert status == 422
    assert "longer than 20,000 characters" in text
    assert "y" * 20_001 in text


def test_what_was_taken_up_and_taken_back_leaves_one_neutral_line(plain: Desk) -> None:
    words = plain.share(plain.cast.b, "I go quiet.", Relation.COUPLES_THERAPIST)
    session = plain.session(-0.01)
    plain.record(session, words)
    with door.opened(plain.cast.b.id):
        take_back(by=plain.cast.b, insight_id=Insight.objects.get().id)
    text = dana(plain).get(f"/couples/{plain.cast.couple.id}/sessions/{session.id}").content.decode()
    assert "I go quiet" not in text
    assert "since been taken back by its author" in text


def test_a_process_note_is_kept_apart_and_posted_once(plain: Desk) -> None:
    session = plain.session(-0.01)
    given = {"process-text": "My unease.", "process-request_id": str(uuid4())}
    for _ in range(2):
        assert post(plain, f"/sessions/{session.id}/process", **given)[0] == 302
    with door.opened(plain.cast.couples_therapist.id):
        kept = ProcessNote.objects.get()
        assert (kept.text, b"unease" in bytes(kept.sealed)) == ("", False)
    assert (
        "My unease."
        in dana(plain).get(f"/couples/{plain.cast.couple.id}/sessions/{session.id}/process").content.decode()
    )
    with loading():
        second = person(plain.cast.clinic, "Remy", "staff", "couples_therapist")
        assign(second, "couples_therapist", couple=plain.cast.couple)
    other = client_for(second).get(f"/couples/{plain.cast.couple.id}/sessions/{session.id}")
    assert other.status_code == 200
    assert b"unease" not in other.content
    assert post(plain, f"/sessions/{session.id}/process", **{**given, "process-text": " "})[0] == 422


def test_a_correction_needs_its_reason_and_stands_beside_the_old(plain: Desk) -> None:
    session = plain.session(-0.01)
    plain.record(session)
    with door.opened(plain.cast.couples_therapist.id):
        note = ProgressNote.objects.get()
    given = {"modality": "other", "stage": "", "focus": "Another focus", "text": "Mended."}
    status, text = post(plain, f"/notes/{note.id}/correct", **given, reason="")
    assert status == 422
    assert "Mended." in text
    assert post(plain, f"/notes/{note.id}/correct", **given, reason="A wrong word.")[0] == 302
    shown = dana(plain).get(f"/couples/{plain.cast.couple.id}/sessions/{session.id}").content.decode()
    assert "Another focus" in shown
    assert "A wrong word." in shown
    assert "Earlier versions (1)" in shown


def _was(made: Desk, session: CoupleSession) -> str:
    """How the page that is open now says the session stands."""
    found = re.search(r'name="was" value="([^"]+)"', page(made, f"/sessions/{session.id}"))
    assert found
    return found[1]


def test_a_page_that_is_behind_moves_and_cancels_nothing_newer(plain: Desk) -> None:
    session = plain.session(5)
    was = _was(plain, session)
    at = [(timezone.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M") for days in (9, 12)]
    move = {"minutes": 60, "request_id": str(uuid4()), "was": was}
    assert post(plain, f"/sessions/{session.id}/move", **move, at=at[0], place="Room 9")[0] == 302
    status, text = post(plain, f"/sessions/{session.id}/move", **move, at=at[1], place="Room 1")
    assert status == 422
    assert "changed its time or place since you looked" in text
    assert "Room 9" in text  # how it stands now
    assert f'value="{at[1]}"' in text and 'value="Room 1"' in text  # and what was typed
    post(plain, f"/sessions/{session.id}/cancel", was=was)
    with door.opened(plain.cast.b.id):
        row = CoupleSession.objects.get(id=session.id)
    assert (row.state, row.place) == ("planned", "Room 9")
    again = re.search(r'name="was" value="([^"]+)"', text)
    assert again
    new = {**move, "was": again[1], "at": at[1], "place": "Room 1"}
    assert post(plain, f"/sessions/{session.id}/move", **new)[0] == 302


def test_moving_cancelling_and_summing_up(plain: Desk) -> None:
    session, other = plain.session(5), plain.session(-0.01)
    at = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    new = {
        "at": at,
        "minutes": 90,
        "place": "Room 9",
        "request_id": str(uuid4()),
        "was": _was(plain, session),
    }
    assert post(plain, f"/sessions/{session.id}/move", **new)[0] == 302
    assert "Room 9" in page(plain)
    assert post(plain, f"/sessions/{session.id}/cancel", was=_was(plain, session))[0] == 302
    plain.record(other)
    given = {"summary-text": "Well done, both.", "summary-request_id": str(uuid4())}
    for _ in range(2):
        assert post(plain, f"/sessions/{other.id}/summary", **given)[0] == 302
    with door.opened(plain.cast.b.id):
        assert SharedSummary.objects.get().text == "Well done, both."
        assert CoupleSession.objects.get(id=session.id).state == "cancelled"


def test_an_exercise_is_given_and_ended(plain: Desk) -> None:
    given = {"code": "say_it_back", "words": "Slowly.", "weeks": 2, "request_id": str(uuid4())}
    for _ in range(2):
        assert post(plain, "/exercises", **given)[0] == 302
    with door.opened(plain.cast.a.id):
        row = ExerciseGiven.objects.get()
        assert row.words == "Slowly."
    assert post(plain, f"/exercises/{row.id}/end")[0] == 302
    assert "Say it back</b>" not in page(plain)
    status, text = post(plain, "/exercises", **{**given, "words": "z" * 301, "request_id": str(uuid4())})
    assert status == 422
    assert "z" * 301 in text


def test_an_agreement_is_put_before_both_once_and_says_what_it_means_first(plain: Desk) -> None:
    plain.agreement_texts()
    text = dana(plain).get(f"/couples/{plain.cast.couple.id}/agreement").content.decode()
    assert "may be brought into the room with both" in text
    assert "There is no agreement in force" in text
    for _ in range(2):
        assert post(plain, "/agreement", mode="no_secrets", after=0)[0] == 302
    with door.opened(plain.cast.a.id):
        assert DisclosureAgreement.objects.get().mode == "no_secrets"
    assert "nobody has signed yet" in page(plain)


def test_an_agreement_without_a_published_text_is_refused_in_words(plain: Desk) -> None:
    status, text = post(plain, "/agreement", mode="confidential", after=0)
    assert status == 422
    assert "no text for this agreement yet" in text


# ---------------------------------------------------------------------------------------------------- parting


def test_a_pause_stands_under_the_names_until_it_ends(plain: Desk) -> None:
    path = f"/couples/{plain.cast.couple.id}"
    client = client_for(plain.cast.couples_therapist)
    words = "Couple work is paused since"
    assert words not in client.get(path).content.decode()
    client.post(f"{path}/pause", {"do": "pause"})
    page = client.get(path).content.decode()
    assert page.count(words) == 2
    assert page.index(words) < page.index("Brought for today")
    client.post(f"{path}/pause", {"do": "resume"})
    assert words not in client.get(path).content.decode()


def test_after_parting_the_chart_says_so_and_takes_nothing(told: Desk) -> None:
    with loading():
        told.cast.couple.parted_at = timezone.now()
        told.cast.couple.save()
    text = page(told)
    assert "They parted on" in text
    assert "Amara" in text and "Ben" in text, "what is read of the two is read by name"
    assert "Partner A" not in text
    assert "Plan a session" not in text
    assert "On the drive home" not in text
    status, text = post(told, "/exercises", code="say_it_back", words="", weeks=2, request_id=str(uuid4()))
    assert status == 422
    assert "parted" in text
